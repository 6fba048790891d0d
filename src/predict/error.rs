//! What can be wrong with a model or an engine.

/// Trouble with loading a model or running it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    #[error("model {model} cannot be used: {reason}")]
    Unusable { model: String, reason: String },
    #[error(
        "the classifier gave {got_scores} scores and {got_cells} attribution cells, expected \
         {expected_scores} and {expected_cells}"
    )]
    AnswerShape {
        expected_scores: usize,
        got_scores: usize,
        expected_cells: usize,
        got_cells: usize,
    },
}
