//! What can be wrong with an encoded image.

/// Why a payload gave no pixels. Each is trouble with one image, never with a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The bytes are something else, such as a web page that reports an error.
    #[error("{found}, not an image")]
    NotAnImage { found: &'static str },
    #[error("image of {width}×{height} pixels (expected {expected}×{expected})")]
    WrongSize {
        width: u32,
        height: u32,
        expected: u32,
    },
    #[error("truncated {format}: {reason}")]
    Truncated {
        format: &'static str,
        reason: &'static str,
    },
    #[error("unsupported {format}: {reason}")]
    Unsupported {
        format: &'static str,
        reason: &'static str,
    },
    #[error("corrupt {format}")]
    Corrupt {
        format: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ImageError {
    /// The error with its causes in one clause, for a tile's reason.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Corrupt { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}
