//! The pretended detector: what it sees, and how it errs.

use std::{collections::HashMap, f64::consts::TAU};

use half::f16;

use super::field;
use crate::{
    random::{hash, unit_f64},
    tiles::{AttributionGrid, Cover, PixelPosition, TILE_SIZE_PX, TileCoord},
};

/// Deviation of the logarithm of a clustered false-positive rate.
const CLUSTERED_DEVIATION: f64 = 1.5;
/// No tile is a false positive with a higher chance than this.
const CLUSTERED_MAX: f64 = 0.5;
/// Tiles by which the mean of a clustered rate is measured.
const SAMPLES: u64 = 100_000;
/// Side of a cell of a pretended attribution grid, in pixels.
const GRID_PX: i32 = 32;

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
    /// The detector says where in the tile it saw a tower, too, with a normal error of this
    /// deviation along each axis, in pixels; for a false positive anywhere.
    pub location_px: Option<f64>,
    /// Another seed, other errors.
    pub seed: u64,
}

/// A detector whose answer depends on the tile and its seed alone, so that a tile visited twice, or
/// in another order, answers the same.
#[derive(Clone, Debug)]
pub struct SimulatedDetector {
    /// The tiles that hold a tower, each with where in it one stands.
    pub positives: HashMap<TileCoord, PixelPosition>,
    errors: DetectorErrors,
    /// What the field is multiplied with to have the mean that was asked for.
    scale: f64,
    /// Value of the field below which towers are missed.
    missing_below: f64,
}

impl SimulatedDetector {
    /// A detector for an area, with the tiles that hold a tower.
    #[must_use]
    pub fn new(
        positives: HashMap<TileCoord, PixelPosition>,
        cover: &Cover,
        errors: DetectorErrors,
    ) -> Self {
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
                .map(|tile| field::value(hash(errors.seed ^ 2), tile))
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

    /// The grid that says where in a tile the detector sees its tower, if it says so: a paraboloid
    /// whose summit is the place.
    #[must_use]
    pub fn attribution(&self, tile: TileCoord) -> Option<AttributionGrid> {
        let deviation = self.errors.location_px?;
        let side = f64::from(TILE_SIZE_PX);
        let draw = |number: u64| uniform(hash(self.errors.seed ^ (3 + number)), tile);
        let (x, y) = match self.positives.get(&tile) {
            Some(tower) => {
                // Box and Muller's two normal numbers.
                let far = deviation * (-2.0 * (1.0 - draw(0)).ln()).sqrt();
                let (sin, cos) = (TAU * draw(1)).sin_cos();
                // In single precision, as simulations have always had it: the same seed goes on
                // giving the same answers to the last bit.
                let single = |px: f64| f64::from(px as f32);
                (
                    single(tower.x_px) + far * cos,
                    single(tower.y_px) + far * sin,
                )
            }
            None => (side * draw(0), side * draw(1)),
        };
        let (x, y) = (x.clamp(0.0, side), y.clamp(0.0, side));
        let at = grid_px();
        let fall = |from: f32, to: f64| ((f64::from(from) - to) / side).powi(2);
        let cells = at
            .iter()
            .flat_map(|&row| at.iter().map(move |&column| (column, row)))
            .map(|(column, row)| f16::from_f64(1.0 - fall(column, x) - fall(row, y)))
            .collect();
        Some(AttributionGrid {
            width: at.len() as u16,
            height: at.len() as u16,
            cells,
        })
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
            location_px: _,
        } = self.errors;
        let probability = if self.positives.contains_key(&tile) {
            let missed = missing > 0.0 && field::value(hash(seed ^ 2), tile) < self.missing_below;
            if missed { 0.0 } else { recall }
        } else if clustered {
            (self.scale * hill(seed, tile)).min(CLUSTERED_MAX)
        } else {
            false_positive_rate
        };
        uniform(seed, tile) < probability
    }
}

/// Where the cells of a pretended attribution grid lie, along both axes, in pixels; one more
/// than the tile on each side, so that the highest cell has two neighbours but at the very edge.
#[must_use]
pub fn grid_px() -> Vec<f32> {
    (-1..=8)
        .map(|at| (at * GRID_PX + GRID_PX / 2) as f32)
        .collect()
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
    (CLUSTERED_DEVIATION * field::value(hash(seed ^ 1), tile)).exp()
}

/// A number from [0, 1) that depends on the seed and the tile alone.
fn uniform(seed: u64, tile: TileCoord) -> f64 {
    let key = u64::from(tile.y) << 32 | u64::from(tile.x);
    unit_f64(hash(hash(seed ^ u64::from(tile.z) << 56).wrapping_add(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detections::locate, predict::AttributionMap};

    fn errors() -> DetectorErrors {
        DetectorErrors {
            recall: 0.9,
            false_positive_rate: 0.01,
            clustered: false,
            missing: 0.0,
            location_px: None,
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
        let positives: HashMap<TileCoord, PixelPosition> = cover
            .iter()
            .take(10_000)
            .map(|tile| (tile, PixelPosition::CENTRE))
            .collect();
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
    fn a_detector_that_locates_puts_the_summit_of_its_grid_where_the_tower_is() {
        let cover = cover();
        // Far from the edges, at which places are cut off.
        let places = |tile: TileCoord| PixelPosition {
            x_px: f64::from(50 + tile.x % 150),
            y_px: f64::from(50 + tile.y % 150),
        };
        let positives: HashMap<TileCoord, PixelPosition> = cover
            .iter()
            .take(2_000)
            .map(|tile| (tile, places(tile)))
            .collect();
        let locating = |location_px| {
            let errors = DetectorErrors {
                location_px,
                ..errors()
            };
            SimulatedDetector::new(positives.clone(), &cover, errors)
        };
        let map = AttributionMap {
            columns_px: grid_px(),
            rows_px: grid_px(),
        };
        let off = |detector: &SimulatedDetector, tile: TileCoord| {
            let grid = detector.attribution(tile).unwrap();
            let peak = locate(tile, &grid, &map).unwrap()[0].pixel;
            let tower = places(tile);
            (peak.x_px - tower.x_px).hypot(peak.y_px - tower.y_px)
        };
        let exact = locating(Some(0.0));
        for tile in cover.iter().take(2_000) {
            let off = off(&exact, tile);
            assert!(off < 1.5, "{tile}: {off} px");
        }
        // The median distance of a normal error along each axis is 1.177 of its deviation.
        let rough = locating(Some(6.0));
        let mut distances: Vec<f64> = cover.iter().take(2_000).map(|t| off(&rough, t)).collect();
        distances.sort_by(f64::total_cmp);
        assert!((distances[1_000] - 7.1).abs() < 0.7, "{}", distances[1_000]);
        let silent = locating(None);
        assert!(
            silent
                .attribution(TileCoord { z: 18, x: 1, y: 1 })
                .is_none()
        );
    }

    #[test]
    fn clustered_false_positives_keep_their_mean_and_crowd() {
        let cover = cover();
        let clustered = DetectorErrors {
            clustered: true,
            ..errors()
        };
        let detector = SimulatedDetector::new(HashMap::new(), &cover, clustered);
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
        let detector = SimulatedDetector::new(
            cover
                .iter()
                .map(|tile| (tile, PixelPosition::default()))
                .collect(),
            &cover,
            missing,
        );
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
