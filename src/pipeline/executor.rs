//! The seam between a run and whatever works for it.

use std::time::Duration;

use super::PipelineError;
use crate::tiles::{BlockOutcome, WorkUnit};

/// Takes work units and gives back their outcomes, in any order.
pub trait Executor {
    /// How many units it holds at once; the run never submits more than that.
    fn capacity(&self) -> usize;

    /// Takes a unit.
    ///
    /// # Errors
    /// When it cannot work any more.
    fn submit(&mut self, unit: WorkUnit) -> Result<(), PipelineError>;

    /// The next outcome, or `None` when there is none within `patience`.
    ///
    /// # Errors
    /// When it cannot work any more.
    fn next_outcome(&mut self, patience: Duration) -> Result<Option<BlockOutcome>, PipelineError>;
}
