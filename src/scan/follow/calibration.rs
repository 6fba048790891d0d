//! How often what was predicted came true.

use super::track::Kind;

/// Hits of a line that are told apart.
const LENGTHS: usize = 4;
/// Predicted chances are told apart by powers of two, from 1 down to 2⁻⁹.
const BINS: usize = 10;
/// Predicted hits that a bin holds before anything was seen, all of which came true.
const PRIOR_HITS: f32 = 8.0;

/// Predicted and seen hits by kind of track, length of its line and predicted chance.
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
            bins: vec![Bin::default(); Kind::COUNT * LENGTHS * BINS],
        }
    }

    fn index(kind: Kind, hits: u8, chance: f32) -> usize {
        let length = usize::from(hits).clamp(1, LENGTHS) - 1;
        let bin = (-chance.max(1e-6).log2()) as usize;
        (kind as usize * LENGTHS + length) * BINS + bin.min(BINS - 1)
    }

    /// What to multiply a predicted chance with.
    pub(super) fn factor(&self, kind: Kind, hits: u8, chance: f32) -> f32 {
        let bin = &self.bins[Self::index(kind, hits, chance)];
        (bin.seen + PRIOR_HITS) / (bin.predicted + PRIOR_HITS)
    }

    /// Counts an answered tile in which a hit was predicted.
    pub(super) fn count(&mut self, kind: Kind, hits: u8, chance: f32, hit: bool) {
        let bin = &mut self.bins[Self::index(kind, hits, chance)];
        bin.predicted += chance;
        bin.seen += f32::from(hit);
    }
}
