//! An executor that knows where the towers are and only pretends to look.
//!
//! In: work units. Out: outcomes of a detector with a given recall and false-positive rate. Never:
//! imagery, a model, or a different answer for the same tile: misses and false positives are drawn
//! from the seed and the tile alone, so that a tile visited twice, or in another order, answers
//! the same.

mod detector;
mod field;

use std::{collections::VecDeque, time::Duration};

pub use self::detector::{DetectorErrors, SimulatedDetector, binormal_recall, grid_px};
use super::{Executor, PipelineError};
use crate::tiles::{BlockCoord, BlockOutcome, Candidate, TileOutcome, UnitImages, WorkUnit};

/// Units held at once. They are answered at once, so a few are enough to keep the loop going.
const UNITS_HELD_MAX: usize = 16;

/// The executor. A hit scores 1, everything else 0.
pub struct Simulated {
    detector: SimulatedDetector,
    answered: VecDeque<BlockOutcome>,
}

impl Simulated {
    #[must_use]
    pub fn new(detector: SimulatedDetector) -> Self {
        Self {
            detector,
            answered: VecDeque::with_capacity(UNITS_HELD_MAX),
        }
    }

    fn answer(&self, unit: WorkUnit) -> BlockOutcome {
        let mut candidates = Vec::new();
        let tiles = unit
            .tiles()
            .map(|tile| {
                if !self.detector.hits(tile) {
                    return TileOutcome::Scored(0.0);
                }
                candidates.push(Candidate {
                    index: BlockCoord::index_of(tile),
                    score: 1.0,
                    attribution: self.detector.attribution(tile),
                    // No two tiles share their content.
                    boxes: Vec::new(),
                    content_hash: u64::from(tile.y) << 32 | u64::from(tile.x),
                    payload: None,
                });
                TileOutcome::Scored(1.0)
            })
            .collect();
        BlockOutcome {
            sequence: unit.sequence,
            block: unit.block,
            wanted: unit.wanted,
            tiles,
            candidates,
            low_contrast: Vec::new(),
            stages: Vec::new(),
            images: UnitImages::default(),
        }
    }
}

impl Executor for Simulated {
    fn capacity(&self) -> usize {
        UNITS_HELD_MAX
    }

    fn submit(&mut self, unit: WorkUnit) -> Result<(), PipelineError> {
        let outcome = self.answer(unit);
        self.answered.push_back(outcome);
        Ok(())
    }

    fn next_outcome(&mut self, _patience: Duration) -> Result<Option<BlockOutcome>, PipelineError> {
        Ok(self.answered.pop_front())
    }
}
