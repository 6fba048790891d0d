//! How often what was predicted came true.

use super::track::{Kind, Track};

/// Hits of a line that are told apart.
const LENGTHS: usize = 4;
/// Predicted chances are told apart by powers of two, from 1 down to 2⁻⁹.
const BINS: usize = 10;
/// Tracks are told apart by how likely what was answered so far was, by factors of 1.6.
const AGES: usize = 5;
/// Predicted hits that a bin holds before anything was seen, all of which came true.
const PRIOR_HITS: f32 = 8.0;

/// Predicted and seen hits by [`Class`].
pub(super) struct Calibration {
    bins: Vec<Bin>,
}

#[derive(Clone, Default)]
struct Bin {
    predicted: f32,
    seen: f32,
}

impl Calibration {
    pub(super) fn new() -> Self {
        Self {
            bins: vec![Bin::default(); Kind::COUNT * LENGTHS * AGES * BINS],
        }
    }

    /// What to multiply a predicted chance with.
    pub(super) fn factor(&self, class: Class) -> f32 {
        let bin = &self.bins[class.index()];
        (bin.seen + PRIOR_HITS) / (bin.predicted + PRIOR_HITS)
    }

    /// Counts an answered tile for which a class predicted a hit, of which it saw a share: none
    /// without a hit.
    pub(super) fn count(&mut self, class: Class, seen: f32) {
        let bin = &mut self.bins[class.index()];
        bin.predicted += class.chance;
        bin.seen += seen;
    }
}

/// Predictions that are judged together, and one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) kind: Kind,
    length: usize,
    age: usize,
    chance: f32,
}

impl Class {
    /// The class of what a track predicts with a chance.
    pub(super) fn of(track: &Track, chance: f32) -> Self {
        let age = (-1.5 * track.total.log2()).max(0.0) as usize;
        Self {
            kind: track.kind,
            length: usize::from(track.hits).clamp(1, LENGTHS) - 1,
            age: age.min(AGES - 1),
            chance,
        }
    }

    fn index(self) -> usize {
        let bin = (-self.chance.max(1e-6).log2()) as usize;
        ((self.kind as usize * LENGTHS + self.length) * AGES + self.age) * BINS + bin.min(BINS - 1)
    }
}
