//! How reliable a place is: its rate of false positives, and how far its tracks are to be trusted.
//!
//! A tile in which tracks predict a hit with a chance *p* is one with the chance *λp + r*: *r* is
//! the rate of false positives, and *λ* how often what was predicted is there at all. Lines give
//! hits where they were predicted; where hits come as often in other tiles, *r* explains them, and
//! chains of them with it. Both are fitted to what was seen by expectation and maximisation
//! (Dempster, Laird and Rubin 1977), for hits may have either cause.

/// Predicted chances are told apart by powers of two, from 1 down to 2⁻⁸, and what is below.
const BINS: usize = 9;
/// Steps of the fit, from where it stood before.
const STEPS: usize = 3;
/// False positives that a place is believed to have before anything was seen there, counted as if
/// seen: the shape of the gamma distribution from which the rates of places are drawn. Small,
/// since rates differ greatly from place to place.
pub(super) const RATE_SHAPE: f32 = 0.4;
/// The same for a cell of a place, whose rate is drawn around that of the place.
pub(super) const CELL_SHAPE: f32 = 0.5;
/// No place is believed to be cleaner than this share of the area's mean.
const RATE_FLOOR: f32 = 0.3;
/// Predicted hits, all of which came true, that a place is believed to have before.
const TRUST_PRIOR: f32 = 4.0;

/// Answered tiles by what was predicted for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    bins: [Bin; BINS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    tiles: f32,
    predicted: f32,
    hits: f32,
}

impl Answers {
    /// Counts a tile in which a hit was predicted with a chance.
    pub(super) fn count(&mut self, predicted: f32, hit: bool) {
        let bin = (-predicted.max(1e-6).log2()) as usize;
        let bin = &mut self.bins[bin.min(BINS - 1)];
        bin.tiles += 1.0;
        bin.predicted += predicted;
        bin.hits += f32::from(hit);
    }

    /// Adds what was seen elsewhere, with a weight.
    pub(super) fn add(&mut self, other: &Self, weight: f32) {
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.tiles += weight * other.tiles;
            bin.predicted += weight * other.predicted;
            bin.hits += weight * other.hits;
        }
    }
}

/// What hits and tracks of a place are worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reliability {
    /// Chance that a tile without a tower is a hit.
    pub(super) rate: f32,
    /// How often what tracks predict is there, from 0 to 1.
    pub(super) trust: f32,
    /// Tiles by which the rate is known, those believed before among them.
    pub(super) tiles: f32,
}

impl Reliability {
    /// A place of which nothing was seen, in an area with a mean rate.
    pub(super) fn unseen(mean: f32) -> Self {
        Self {
            rate: mean,
            trust: 1.0,
            tiles: RATE_SHAPE / mean,
        }
    }

    /// The rate without what `own` hits tell of it.
    pub(super) fn rate_without(&self, own: f32) -> f32 {
        (self.rate - own / self.tiles).max(RATE_FLOOR * self.rate)
    }

    /// Fits the place to what was seen there; `mean` is the rate of its surroundings, known from
    /// `shape` false positives, so to say, and `trusted` what they tell of tracks.
    pub(super) fn fit(&mut self, seen: &Answers, mean: f32, shape: f32, trusted: f32) {
        for _ in 0..STEPS {
            let (mut tiles, mut false_hits) = (shape / mean, shape);
            let (mut predicted, mut found) = (TRUST_PRIOR, TRUST_PRIOR * trusted);
            for bin in seen.bins.iter().filter(|bin| bin.tiles > 0.0) {
                let chance = self.trust * bin.predicted / bin.tiles;
                let by_chance = self.rate / (self.rate + chance);
                tiles += bin.tiles;
                false_hits += bin.hits * by_chance;
                predicted += bin.predicted;
                found += bin.hits * (1.0 - by_chance);
            }
            self.tiles = tiles;
            self.rate = (false_hits / tiles).clamp(RATE_FLOOR * mean, 0.7);
            self.trust = (found / predicted).min(1.0);
        }
    }
}
