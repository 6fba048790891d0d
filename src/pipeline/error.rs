//! What stops a run.

use crate::{
    imagery::ImageryError,
    ledger::LedgerError,
    predict::PredictError,
    tiles::{BlockCoord, TileCoord},
};

/// Trouble that ends a run before its plan is done. What was committed stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    #[error("the imagery source cannot go on")]
    Imagery(#[from] ImageryError),
    #[error("the model cannot go on")]
    Predict(#[from] PredictError),
    #[error("the run's ledger cannot go on")]
    Ledger(#[from] LedgerError),
    #[error(
        "{count} images in a row could not be classified, the last one of tile {tile}: {reason}"
    )]
    ClassifierDown {
        count: usize,
        tile: TileCoord,
        reason: String,
    },
    #[error(
        "the scan asked in unit {sequence} for {asked} tiles of block {}/{}/{}, and {answerer} \
         answers {answered} of block {}/{}/{}",
        asked_of.z, asked_of.x, asked_of.y, answered_of.z, answered_of.x, answered_of.y
    )]
    OtherUnit {
        sequence: u64,
        answerer: &'static str,
        asked: usize,
        asked_of: BlockCoord,
        answered: usize,
        answered_of: BlockCoord,
    },
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    #[error("a {stage} thread died: {message}")]
    ThreadDied {
        stage: &'static str,
        message: String,
    },
}
