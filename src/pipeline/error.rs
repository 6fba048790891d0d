//! What stops a run.

use std::fmt;

use crate::{imagery::ImageryError, ledger::LedgerError, predict::PredictError, tiles::TileCoord};

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
    #[error("the scan asked in unit {sequence} for {asked}, and {answerer} answers {answered}")]
    OtherUnit {
        sequence: u64,
        answerer: Answerer,
        /// The tiles in words.
        asked: String,
        answered: String,
    },
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    #[error("a {stage} thread died: {message}")]
    ThreadDied {
        stage: &'static str,
        message: String,
    },
}

/// Who told what became of a unit's tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// The executor that just worked on it.
    Executor,
    /// The ledger, for a run that goes on.
    Ledger,
}

impl fmt::Display for Answerer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Executor => "what works for the run",
            Self::Ledger => "the run's ledger",
        })
    }
}
