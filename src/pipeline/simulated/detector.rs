//! The pretended detector: what it sees, and how it errs.

use std::collections::HashSet;

use super::{field, mix, unit_interval};
use crate::tiles::{Cover, TileCoord};

/// Deviation of the logarithm of a clustered false-positive rate.
const CLUSTERED_DEVIATION: f64 = 1.5;
/// No tile is a false positive with a higher chance than this.
const CLUSTERED_MAX: f64 = 0.5;
/// Tiles by which the mean of a clustered rate is measured.
const SAMPLES: u64 = 100_000;

/// How a detector errs.
#[derive(Clone, Copy, Debug)]
pub struct DetectorErrors {
    /// Probability that a tile with a tower is a hit, 0 to 1.
    pub recall: f64,
    /// Mean probability that a tile without one is a hit, 0 to 1.
    pub false_positive_rate: f64,
    /// Whether false positives come in clusters: a log-normal field of the terrain, some 60 tiles
    /// wide, with σ of the logarithm 1.5, clipped at ±3σ and at 0.5 a tile.
    pub clustered: bool,
    /// Share of the area, in regions some 60 tiles wide, where every tower is missed: bad imagery.
    pub missing: f64,
    /// Another seed, other errors.
    pub seed: u64,
}

/// A detector whose answer depends on the tile and its seed alone, so that a tile visited twice, or
/// in another order, answers the same.
#[derive(Clone, Debug)]
pub struct SimulatedDetector {
    /// The tiles that hold a tower.
    pub positives: HashSet<TileCoord>,
    errors: DetectorErrors,
    /// What the field is multiplied with to have the mean that was asked for.
    scale: f64,
    /// Value of the field below which towers are missed.
    missing_below: f64,
}

impl SimulatedDetector {
    /// A detector for an area, with the tiles that hold a tower.
    #[must_use]
    pub fn new(positives: HashSet<TileCoord>, cover: &Cover, errors: DetectorErrors) -> Self {
        let step = (cover.count() / SAMPLES).max(1);
        let sample = || {
            (0..cover.count())
                .step_by(step as usize)
                .filter_map(|at| cover.nth(at))
        };
        let scale = if errors.clustered {
            let mean = sample().map(|tile| hill(errors.seed, tile)).sum::<f64>()
                / sample().count().max(1) as f64;
            errors.false_positive_rate / mean
        } else {
            0.0
        };
        let missing_below = if errors.missing > 0.0 {
            let mut values: Vec<f64> = sample()
                .map(|tile| field::value(mix(errors.seed ^ 2), tile))
                .collect();
            values.sort_by(f64::total_cmp);
            let at = (errors.missing * values.len() as f64) as usize;
            values.get(at).copied().unwrap_or(f64::INFINITY)
        } else {
            f64::NEG_INFINITY
        };
        Self {
            positives,
            errors,
            scale,
            missing_below,
        }
    }

    /// Whether the detector takes a tile for one with a tower.
    #[must_use]
    pub fn hits(&self, tile: TileCoord) -> bool {
        let DetectorErrors {
            recall,
            false_positive_rate,
            clustered,
            missing,
            seed,
        } = self.errors;
        let probability = if self.positives.contains(&tile) {
            let missed = missing > 0.0 && field::value(mix(seed ^ 2), tile) < self.missing_below;
            if missed { 0.0 } else { recall }
        } else if clustered {
            (self.scale * hill(seed, tile)).min(CLUSTERED_MAX)
        } else {
            false_positive_rate
        };
        uniform(seed, tile) < probability
    }
}

/// The recall of a detector whose scores are normally distributed, of equal deviation, with towers
/// and without (the binormal model; Hanley 1988, doi:10.1177/0272989X8800800308), with an area
/// under the ROC curve of `auc`, at a threshold of a false-positive rate.
#[must_use]
pub fn binormal_recall(auc: f64, false_positive_rate: f64) -> f64 {
    let apart = std::f64::consts::SQRT_2 * normal_quantile(auc);
    normal_cdf(apart + normal_quantile(false_positive_rate))
}

/// The standard normal distribution function, by numerical integration: Simpson's rule.
fn normal_cdf(z: f64) -> f64 {
    const STEPS: u32 = 400;
    let z = z.clamp(-8.0, 8.0);
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let step = z / f64::from(STEPS);
    let inner: f64 = (1..STEPS)
        .map(|i| density(f64::from(i) * step) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    0.5 + step / 3.0 * (density(0.0) + inner + density(z))
}

/// Its inverse, by bisection.
fn normal_quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

fn hill(seed: u64, tile: TileCoord) -> f64 {
    (CLUSTERED_DEVIATION * field::value(mix(seed ^ 1), tile)).exp()
}

/// A number from [0, 1) that depends on the seed and the tile alone.
fn uniform(seed: u64, tile: TileCoord) -> f64 {
    let key = u64::from(tile.y) << 32 | u64::from(tile.x);
    unit_interval(mix(mix(seed ^ u64::from(tile.z) << 56).wrapping_add(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors() -> DetectorErrors {
        DetectorErrors {
            recall: 0.9,
            false_positive_rate: 0.01,
            clustered: false,
            missing: 0.0,
            seed: 5,
        }
    }

    fn cover() -> Cover {
        let tiles = (0..600).flat_map(|y| (0..600).map(move |x| TileCoord { z: 18, x, y }));
        Cover::from_tiles(tiles).unwrap()
    }

    fn hits(detector: &SimulatedDetector, tiles: impl Iterator<Item = TileCoord>) -> usize {
        tiles.filter(|&tile| detector.hits(tile)).count()
    }

    #[test]
    fn a_detector_errs_as_often_as_it_was_told_and_always_on_the_same_tiles() {
        let cover = cover();
        let positives: HashSet<TileCoord> = cover.iter().take(10_000).collect();
        let detector = SimulatedDetector::new(positives.clone(), &cover, errors());
        // Five standard deviations of the binomial distribution around the mean.
        assert!(hits(&detector, cover.iter().take(10_000)).abs_diff(9_000) < 150);
        assert!(hits(&detector, cover.iter().skip(10_000).take(100_000)).abs_diff(1_000) < 158);
        let again = detector.clone();
        assert!(
            cover
                .iter()
                .take(1_000)
                .all(|tile| detector.hits(tile) == again.hits(tile))
        );
        let other = SimulatedDetector::new(
            positives,
            &cover,
            DetectorErrors {
                seed: 6,
                ..errors()
            },
        );
        assert!(
            cover
                .iter()
                .take(1_000)
                .any(|tile| detector.hits(tile) != other.hits(tile))
        );
    }

    #[test]
    fn clustered_false_positives_keep_their_mean_and_crowd() {
        let cover = cover();
        let clustered = DetectorErrors {
            clustered: true,
            ..errors()
        };
        let detector = SimulatedDetector::new(HashSet::new(), &cover, clustered);
        let total = hits(&detector, cover.iter());
        assert!(total.abs_diff(3_600) < 400, "{total}");
        // The fullest tenth of 36 squares would hold a tenth of them if they were spread evenly.
        let mut squares: Vec<usize> = (0..36)
            .map(|square| {
                let (left, top) = (square % 6 * 100, square / 6 * 100);
                let inside = cover
                    .iter()
                    .filter(|tile| tile.x / 100 * 100 == left && tile.y / 100 * 100 == top);
                hits(&detector, inside)
            })
            .collect();
        squares.sort_unstable_by(|a, b| b.cmp(a));
        assert!(
            squares[..4].iter().sum::<usize>() > total / 5,
            "{squares:?}"
        );
    }

    #[test]
    fn towers_are_missed_in_the_share_of_the_area_that_was_asked_for() {
        let cover = cover();
        let missing = DetectorErrors {
            recall: 1.0,
            missing: 0.2,
            ..errors()
        };
        let detector = SimulatedDetector::new(cover.iter().collect(), &cover, missing);
        assert!(hits(&detector, cover.iter()).abs_diff(288_000) < 7_200);
    }

    #[test]
    fn the_binormal_model_agrees_with_known_points() {
        // A threshold half way between two distributions one deviation apart.
        assert!((binormal_recall(0.760_249_9, 0.308_537_5) - 0.691_462_5).abs() < 1e-5);
        assert!((binormal_recall(0.5, 0.2) - 0.2).abs() < 1e-6);
        assert!(binormal_recall(0.999, 0.001) > 0.89);
    }
}
