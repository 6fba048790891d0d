//! How often what was predicted came true.

use super::track::{Kind, Track};

/// Hits of a line that are told apart.
const LENGTHS: usize = 4;
/// Predicted chances are told apart by powers of two, from 1 down to 2⁻⁹.
const BINS: usize = 10;
/// Tracks are told apart by how likely what was answered so far was, by factors of 1.6.
const AGES: usize = 5;
/// Predicted hits by which a class is believed to be like its kind, before anything was seen of it,
/// and a kind to be right.
const PRIOR_HITS: f32 = 8.0;
const PRIOR_HITS_OF_KIND: f32 = 4.0;

/// Predicted and seen hits by [`Class`] and chance, and the same of all classes of a kind together.
pub(super) struct Calibration {
    bins: Vec<Bin>,
    of_kinds: Vec<Bin>,
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
            of_kinds: vec![Bin::default(); Kind::COUNT * BINS],
        }
    }

    /// What to multiply a chance with that a class predicted.
    pub(super) fn factor(&self, class: Class, chance: f32) -> f32 {
        let (of_kind, bin) = class.indices(chance);
        let kind = &self.of_kinds[of_kind];
        let of_kind = (kind.seen + PRIOR_HITS_OF_KIND) / (kind.predicted + PRIOR_HITS_OF_KIND);
        let bin = &self.bins[bin];
        (bin.seen + PRIOR_HITS * of_kind) / (bin.predicted + PRIOR_HITS)
    }

    /// Counts an answered tile for which a class predicted a hit with a chance, and saw a share of
    /// one: none without a hit.
    pub(super) fn count(&mut self, class: Class, chance: f32, seen: f32) {
        let (of_kind, bin) = class.indices(chance);
        for bin in [&mut self.of_kinds[of_kind], &mut self.bins[bin]] {
            bin.predicted += chance;
            bin.seen += seen;
        }
    }
}

/// Tracks whose predictions are judged together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) kind: Kind,
    length: usize,
    age: usize,
}

impl Class {
    pub(super) fn of(track: &Track) -> Self {
        let age = (-1.5 * track.total.log2()).max(0.0) as usize;
        Self {
            kind: track.kind,
            length: usize::from(track.hits).clamp(1, LENGTHS) - 1,
            age: age.min(AGES - 1),
        }
    }

    /// Positions of a chance's bins among those of kinds, and among all.
    fn indices(self, chance: f32) -> (usize, usize) {
        // The exponent of a number from 0 to 1, counted down from that of 1.
        let bin = 127u32.saturating_sub(chance.to_bits() >> 23) as usize;
        let bin = bin.saturating_sub(1).min(BINS - 1);
        let kind = self.kind as usize;
        (
            kind * BINS + bin,
            ((kind * LENGTHS + self.length) * AGES + self.age) * BINS + bin,
        )
    }
}
