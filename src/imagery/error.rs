//! What makes an imagery source unusable.

/// Trouble that stops a run, as opposed to trouble with one tile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageryError {
    #[error("{origin} is not an imagery source: {reason}")]
    InvalidSource { origin: String, reason: String },
}
