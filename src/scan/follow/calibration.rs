//! How often what was predicted came true.
//!
//! Three kinds of experience correct a chance, as factors: that of tracks of the same kind, length
//! and age, of tiles on the same side of where the track begins, and of tracks among as many other
//! towers. What each has to explain is what the other two leave.

use super::{
    side::{Crowd, Side},
    track::{Track, TrackKind},
};

/// Tracks are told apart by the hits of their line, up to these numbers.
const LENGTHS: [u8; 6] = [1, 2, 3, 5, 9, 19];
const LENGTHS_COUNT: usize = LENGTHS.len() + 1;
/// Predicted chances are told apart by powers of two, from 1 down to 2⁻⁹.
const BINS: usize = 10;
/// Tracks are told apart by how likely what was answered so far was, by factors of 1.6.
const AGES: usize = 5;
/// Predicted hits by which a class is believed to be like its kind, before anything was seen of it,
/// and a side or a crowd to be like all.
const PRIOR_HITS: f32 = 8.0;
/// The same for a kind to be right.
const PRIOR_HITS_OF_KIND: f32 = 4.0;

/// Predicted and seen hits by [`Class`] and chance, the same of all classes of a kind together, and
/// of each kind by [`Side`] and by [`Crowd`].
pub(super) struct Calibration {
    bins: Vec<Bin>,
    of_kinds: Vec<Bin>,
    of_sides: Vec<Bin>,
    of_crowds: Vec<Bin>,
}

#[derive(Clone, Default)]
struct Bin {
    predicted: f32,
    seen: f32,
}

impl Bin {
    /// Seen for predicted, where `before` was believed, by as much as `prior` predicted hits tell.
    fn factor(&self, prior: f32, before: f32) -> f32 {
        (self.seen + prior * before) / (self.predicted + prior)
    }

    fn count(&mut self, predicted: f32, seen: f32) {
        self.predicted += predicted.min(1.0);
        self.seen += seen;
    }
}

impl Calibration {
    pub(super) fn new() -> Self {
        let bins = |count| vec![Bin::default(); TrackKind::COUNT * count];
        Self {
            bins: bins(LENGTHS_COUNT * AGES * BINS),
            of_kinds: bins(BINS),
            of_sides: bins(Side::COUNT),
            of_crowds: bins(Crowd::COUNT),
        }
    }

    /// What to multiply a chance with that a class predicted for a side.
    pub(super) fn factor(&self, class: Class, side: Side, chance: f32) -> f32 {
        let [of_class, of_side, of_crowd] = self.factors(class, side, chance);
        of_class * of_side * of_crowd
    }

    fn factors(&self, class: Class, side: Side, chance: f32) -> [f32; 3] {
        let (of_kind, bin) = class.indices(chance);
        let of_kind = self.of_kinds[of_kind].factor(PRIOR_HITS_OF_KIND, 1.0);
        [
            self.bins[bin].factor(PRIOR_HITS, of_kind),
            self.of_sides[class.index_of(side)].factor(PRIOR_HITS, 1.0),
            self.of_crowds[class.index_of_crowd()].factor(PRIOR_HITS, 1.0),
        ]
    }

    /// Counts an answered tile for which a class predicted a hit with a chance, and saw a share of
    /// one: none without a hit.
    pub(super) fn count(&mut self, class: Class, side: Side, chance: f32, seen: f32) {
        let [of_class, of_side, of_crowd] = self.factors(class, side, chance);
        let (of_kind, bin) = class.indices(chance);
        for bin in [&mut self.of_kinds[of_kind], &mut self.bins[bin]] {
            bin.count(chance * of_side * of_crowd, seen);
        }
        self.of_sides[class.index_of(side)].count(chance * of_class * of_crowd, seen);
        self.of_crowds[class.index_of_crowd()].count(chance * of_class * of_side, seen);
    }
}

/// Tracks whose predictions are judged together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) kind: TrackKind,
    length: usize,
    age: usize,
    crowd: Crowd,
}

impl Class {
    pub(super) fn of(track: &Track, crowd: Crowd) -> Self {
        let age = (-1.5 * track.total.log2()).max(0.0) as usize;
        Self {
            kind: track.kind,
            length: LENGTHS.partition_point(|&hits| track.hits > hits),
            age: age.min(AGES - 1),
            crowd,
        }
    }

    fn index_of(self, side: Side) -> usize {
        self.kind as usize * Side::COUNT + side.index()
    }

    fn index_of_crowd(self) -> usize {
        self.kind as usize * Crowd::COUNT + self.crowd.index()
    }

    /// Positions of a chance's bins among those of kinds, and among all.
    fn indices(self, chance: f32) -> (usize, usize) {
        // The exponent of a number from 0 to 1, counted down from that of 1.
        let bin = 127u32.saturating_sub(chance.to_bits() >> 23) as usize;
        let bin = bin.saturating_sub(1).min(BINS - 1);
        let kind = self.kind as usize;
        (
            kind * BINS + bin,
            ((kind * LENGTHS_COUNT + self.length) * AGES + self.age) * BINS + bin,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_on_which_nothing_comes_true_is_expected_less_and_others_are_not() {
        let mut calibration = Calibration::new();
        let class = Class {
            kind: TrackKind::Ahead,
            length: 3,
            age: 0,
            crowd: Crowd::of(4),
        };
        let (ahead, aside) = (Side::of(3.0, 0.0, Some(0.0)), Side::of(0.0, 3.0, Some(0.0)));
        for _ in 0..2_000 {
            // As often as was predicted, but all of them ahead.
            calibration.count(class, ahead, 0.2, 0.4);
            calibration.count(class, aside, 0.2, 0.0);
        }
        let of = |side| calibration.factor(class, side, 0.2);
        assert!((1.8..2.2).contains(&of(ahead)), "{}", of(ahead));
        assert!(of(aside) < 0.1, "{}", of(aside));
        let other = Class {
            kind: TrackKind::Far,
            ..class
        };
        assert!((calibration.factor(other, aside, 0.2) - 1.0).abs() < 1e-6);
    }
}
