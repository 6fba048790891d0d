//! An executor that knows where the towers are and only pretends to look.
//!
//! In: work units. Out: outcomes of a detector with a given recall and false-positive rate. Never:
//! imagery, a model, or a different answer for the same tile: misses and false positives are drawn
//! from the seed and the tile alone, so that a tile visited twice, or in another order, answers
//! the same.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use super::{Executor, PipelineError};
use crate::tiles::{BlockCoord, BlockOutcome, Candidate, TileCoord, TileOutcome, WorkUnit};

/// Units held at once. They are answered at once, so a few are enough to keep the loop going.
const UNITS_HELD_MAX: usize = 16;

/// A detector whose errors are independent from tile to tile.
#[derive(Clone, Debug)]
pub struct SimulatedDetector {
    /// The tiles that hold a tower.
    pub positives: HashSet<TileCoord>,
    /// Probability that a tile with a tower is a hit, 0 to 1.
    pub recall: f64,
    /// Probability that a tile without one is a hit, 0 to 1.
    pub false_positive_rate: f64,
    pub seed: u64,
}

impl SimulatedDetector {
    /// Whether the detector takes a tile for one with a tower.
    #[must_use]
    pub fn hits(&self, tile: TileCoord) -> bool {
        let probability = if self.positives.contains(&tile) {
            self.recall
        } else {
            self.false_positive_rate
        };
        uniform(self.seed, tile) < probability
    }
}

/// A number from [0, 1) that depends on the seed and the tile alone.
fn uniform(seed: u64, tile: TileCoord) -> f64 {
    let key = u64::from(tile.y) << 32 | u64::from(tile.x);
    let bits = mix(mix(seed ^ u64::from(tile.z) << 56).wrapping_add(key));
    // The upper 53 bits are a double's worth.
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64's output function (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

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
                    attribution: None,
                    // No two tiles share their content.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detector_errs_as_often_as_it_was_told_and_always_on_the_same_tiles() {
        let tile = |x: u32| TileCoord { z: 18, x, y: 9 };
        let detector = SimulatedDetector {
            positives: (0..10_000).map(tile).collect(),
            recall: 0.9,
            false_positive_rate: 0.01,
            seed: 5,
        };
        let hits = |range: std::ops::Range<u32>| range.filter(|&x| detector.hits(tile(x))).count();
        // Five standard deviations of the binomial distribution around the mean.
        assert!(hits(0..10_000).abs_diff(9_000) < 150);
        assert!(hits(10_000..110_000).abs_diff(1_000) < 158);
        let again = detector.clone();
        assert!((0..1_000).all(|x| detector.hits(tile(x)) == again.hits(tile(x))));
        let other = SimulatedDetector {
            seed: 6,
            ..detector.clone()
        };
        assert!((0..1_000).any(|x| detector.hits(tile(x)) != other.hits(tile(x))));
    }
}
