//! What can be wrong with a model or an engine.

/// Trouble with loading a model or running it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    #[error("model {model} cannot be used: {reason}")]
    Unusable { model: String, reason: String },
}
