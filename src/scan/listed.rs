//! A scan of given units, for retries.

use std::vec;

use super::{Next, Scan};
use crate::tiles::{BlockOutcome, WorkUnit};

/// Asks for the units of a list, which keep their numbers.
pub struct Listed {
    units: vec::IntoIter<WorkUnit>,
    planned: u64,
}

impl Listed {
    /// A scan of `units` out of an area of `planned` tiles.
    #[must_use]
    pub fn new(units: Vec<WorkUnit>, planned: u64) -> Self {
        Self {
            units: units.into_iter(),
            planned,
        }
    }
}

impl Scan for Listed {
    fn name(&self) -> &'static str {
        "retry"
    }

    fn planned(&self) -> u64 {
        self.planned
    }

    fn window(&self) -> Option<u64> {
        None
    }

    fn next(&mut self) -> Next {
        self.units.next().map_or(Next::Finished, Next::Unit)
    }

    fn learn(&mut self, _outcome: &BlockOutcome) {}
}
