//! What can be wrong with a frame.

/// Why bytes are no frame, or a frame cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    #[error("an outcome of {got} bytes, more than the {max} that one can have")]
    TooLong { got: usize, max: usize },
    #[error("an outcome cannot be decompressed")]
    Decompress(#[source] std::io::Error),
    #[error("an outcome cannot be compressed")]
    Compress(#[source] std::io::Error),
    #[error("an outcome carries no checksum")]
    NoChecksum,
    #[error("an outcome is followed by {got} other bytes")]
    Followed { got: usize },
    #[error("an outcome of version {got} (expected {expected})")]
    Version { got: u8, expected: u8 },
    #[error("an outcome has unknown flags ({got:#010b})")]
    Flags { got: u8 },
    #[error("an outcome is too short for its {part}")]
    Short { part: &'static str },
    #[error("an outcome has {got} bytes too many")]
    Long { got: usize },
    #[error("an outcome holds the state number {number}")]
    State { number: u8 },
    #[error("an outcome tells stages of tiles that it does not hold")]
    StrayStages,
    #[error("an outcome of {expected} tiles has {got} {list}")]
    Lengths {
        list: &'static str,
        got: usize,
        expected: usize,
    },
    #[error("version 1 of outcomes holds no {what}")]
    NotInVersion1 { what: &'static str },
}
