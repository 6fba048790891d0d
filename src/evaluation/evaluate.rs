//! How good a run is against known towers, tile by tile and tower by tower.
//!
//! In: a run's detections and the towers of its area. Out: an [`Evaluation`]. A scored tile that
//! holds a tower is positive, every other scored tile negative; so precision is that of the run's
//! own base rate. Memory grows with the towers alone: a country's scores are read twice, once for
//! the positives and once to count the negatives between them, which is exact.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

use serde::Serialize;

use super::reported::{Reported, reported};
use crate::{
    detections::{Detections, DetectionsError, distance_m, grid::merged},
    ledger::LedgerError,
    tiles::{LonLat, TILE_SIZE_PX, TileCoord, TilePosition, mercator},
};

/// Points of the precision-recall and ROC curves, at most.
const CURVE_POINTS_MAX: usize = 200;
/// Bins of the scores' reliability, at most.
const RELIABILITY_BINS: usize = 12;
/// Recalls at which the evaluation tells what they cost.
const RECALLS: [f64; 5] = [0.99, 0.95, 0.9, 0.8, 0.5];
/// False-positive rates at which it tells what they find.
const FALSE_POSITIVE_RATES: [f64; 4] = [1e-2, 1e-3, 2e-4, 1e-4];

/// What counts as right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvaluationSettings {
    /// Score from which a tile counts as found.
    pub threshold: f32,
    /// Tiles that hold no tower, but have one within that many pixels of their edge, are left out:
    /// a tile that shows part of a tower is neither right nor wrong. 0 leaves out none.
    pub ignore_margin_px: f64,
}

/// How good a run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    pub truth: TruthCounts,
    pub tiles: TileCounts,
    /// Share of scored tiles that hold a tower.
    pub base_rate: Option<f64>,
    /// Chance that a positive tile scores above a negative one; equal scores count half.
    pub auc: Option<f64>,
    /// At the threshold that was asked for.
    pub at_threshold: Operation,
    /// At the highest thresholds that still reach certain recalls, falling.
    pub at_recall: Vec<Target>,
    /// At the lowest thresholds that stay within certain false-positive rates, falling; those that
    /// no threshold meets are left out.
    pub at_false_positive_rate: Vec<Target>,
    /// Precision, recall and false-positive rate by falling threshold.
    pub curve: Vec<Operation>,
    /// The share of tiles that hold a tower, by falling score: what a score is worth at the run's
    /// base rate.
    pub reliability: Vec<ReliabilityBin>,
    /// How far true detections at the threshold lie from the nearest tower.
    pub location: Option<Location>,
    /// What became of the known towers at the threshold, all together and then by how many share a
    /// tile; empty where none stands in a scored tile, or the threshold lies below what the run kept.
    pub reported: Vec<Reported>,
}

/// Where the known towers lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TruthCounts {
    pub points: u64,
    pub in_scored_tiles: u64,
    /// In tiles that were visited, but have no score: no imagery, blank, unreadable or failed.
    pub in_tiles_without_score: u64,
    /// In tiles that were not visited.
    pub elsewhere: u64,
}

/// The scored tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TileCounts {
    pub positive: u64,
    pub negative: u64,
    /// Left out for the margin.
    pub ignored: u64,
}

/// What a threshold gives. A ratio is `None` where its denominator is zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Operation {
    pub threshold: f32,
    pub true_positives: u64,
    pub false_positives: u64,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub false_positive_rate: Option<f64>,
}

/// Tiles of about the same score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReliabilityBin {
    pub score_min: f32,
    /// Below the bin before, or 1.
    pub score_max: f32,
    pub tiles: u64,
    /// The share of them that hold a tower.
    pub share: f64,
}

/// The threshold that meets a target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Target {
    pub target: f64,
    #[serde(flatten)]
    pub operation: Operation,
}

/// Distances in metres from true detections to the nearest tower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Location {
    pub detections: u64,
    /// How many of them the model placed within the tile.
    pub located: u64,
    pub median_m: f64,
    pub p90_m: f64,
    /// The same if every detection lay at its tile's centre.
    pub tile_centre_median_m: f64,
    pub tile_centre_p90_m: f64,
}

/// Measures a run against known towers.
///
/// # Errors
/// When the ledger cannot be read, or an attribution grid does not fit the model's map.
pub fn evaluate(
    detections: &Detections<'_>,
    towers: &[LonLat],
    settings: EvaluationSettings,
) -> Result<Evaluation, DetectionsError> {
    let ground = Ground::new(
        towers,
        detections.manifest().zoom,
        settings.ignore_margin_px,
    );
    let mut truth = TruthCounts {
        points: towers.len() as u64,
        ..TruthCounts::default()
    };
    let mut tiles = TileCounts::default();
    let mut positives = Vec::new();
    let mut with_towers = HashSet::new();
    for_each_tile(detections, |tile, score| {
        let held = ground.towers_in(tile).len() as u64;
        match (score, held) {
            (None, _) => truth.in_tiles_without_score += held,
            (Some(_), 0) if ground.is_ignored(tile) => tiles.ignored += 1,
            (Some(_), 0) => tiles.negative += 1,
            (Some(score), _) => {
                truth.in_scored_tiles += held;
                tiles.positive += 1;
                positives.push(score);
                with_towers.insert(tile);
            }
        }
    })?;
    truth.elsewhere = truth.points - truth.in_scored_tiles - truth.in_tiles_without_score;

    let mut scores = Scores::new(positives, settings.threshold);
    for_each_tile(detections, |tile, score| {
        if let Some(score) = score
            && ground.towers_in(tile).is_empty()
            && !ground.is_ignored(tile)
        {
            scores.add_negative(score);
        }
    })?;

    let manifest = detections.manifest();
    let reported = if settings.threshold < manifest.keep_threshold {
        Vec::new()
    } else {
        let (hints, _) = merged(detections, settings.threshold)?;
        reported(&hints, towers, manifest.zoom, |tile| {
            with_towers.contains(&tile)
        })
    };
    let operations = scores.operations();
    let at_threshold = scores.operation(settings.threshold);
    let scored = tiles.positive + tiles.negative + tiles.ignored;
    Ok(Evaluation {
        truth,
        tiles,
        base_rate: ratio(tiles.positive, scored),
        auc: scores.auc(),
        at_threshold,
        at_recall: targets(&RECALLS, |target| {
            operations.iter().find(|o| o.recall >= Some(target))
        }),
        at_false_positive_rate: targets(&FALSE_POSITIVE_RATES, |target| {
            let within = |o: &&Operation| o.false_positive_rate.is_some_and(|rate| rate <= target);
            operations.iter().rfind(within)
        }),
        curve: thinned(&operations),
        reliability: reliability(&operations),
        location: locations(detections, &ground, settings.threshold)?,
        reported,
    })
}

/// Visits every tile that has an outcome, with its score; placeholders have none.
fn for_each_tile(
    detections: &Detections<'_>,
    mut visit: impl FnMut(TileCoord, Option<f32>),
) -> Result<(), LedgerError> {
    detections.ledger().outcomes(|outcome| {
        for (tile, state) in outcome.iter() {
            let hidden = detections.placeholders().contains(tile);
            visit(tile, state.score().filter(|_| !hidden));
        }
        Ok::<_, LedgerError>(ControlFlow::Continue(()))
    })
}

/// The known towers by tile.
struct Ground {
    towers: HashMap<TileCoord, Vec<LonLat>>,
    /// Tiles without a tower that show part of one.
    ignored: HashSet<TileCoord>,
}

impl Ground {
    fn new(towers: &[LonLat], zoom: u8, margin_px: f64) -> Self {
        let mut by_tile: HashMap<TileCoord, Vec<LonLat>> = HashMap::new();
        for &tower in towers {
            by_tile
                .entry(mercator::tile_at(tower, zoom))
                .or_default()
                .push(tower);
        }
        let mut ignored = HashSet::new();
        if margin_px > 0.0 {
            for &tower in towers {
                let position = mercator::lon_lat_to_tile(tower, zoom);
                ignored.extend(tiles_within(position, zoom, margin_px));
            }
            ignored.retain(|tile| !by_tile.contains_key(tile));
        }
        Self {
            towers: by_tile,
            ignored,
        }
    }

    fn towers_in(&self, tile: TileCoord) -> &[LonLat] {
        self.towers.get(&tile).map_or(&[], Vec::as_slice)
    }

    fn is_ignored(&self, tile: TileCoord) -> bool {
        self.ignored.contains(&tile)
    }

    /// Distance to the nearest tower in a tile or its neighbours.
    fn nearest_m(&self, tile: TileCoord, place: LonLat) -> Option<f64> {
        neighbours(tile, 1)
            .flat_map(|near| self.towers_in(near))
            .map(|&tower| distance_m(place, tower))
            .min_by(f64::total_cmp)
    }
}

/// Tiles that come within a margin of a position on the grid of a zoom.
fn tiles_within(
    TilePosition { x, y }: TilePosition,
    zoom: u8,
    margin_px: f64,
) -> impl Iterator<Item = TileCoord> {
    let margin = margin_px / f64::from(TILE_SIZE_PX);
    let side = i64::from(mercator::tiles_per_side(zoom));
    let columns = (x - margin).floor() as i64..=(x + margin).floor() as i64;
    let rows = (y - margin).floor().max(0.0) as i64..=((y + margin).floor() as i64).min(side - 1);
    columns.flat_map(move |x| {
        rows.clone().map(move |y| TileCoord {
            z: zoom,
            x: x.rem_euclid(side) as u32,
            y: y as u32,
        })
    })
}

/// The tiles at most that many steps away, the tile itself among them.
fn neighbours(tile: TileCoord, steps: u32) -> impl Iterator<Item = TileCoord> {
    let corner = tile.corner();
    let centre = TilePosition {
        x: corner.x + 0.5,
        y: corner.y + 0.5,
    };
    tiles_within(centre, tile.z, f64::from(steps * TILE_SIZE_PX))
}

/// The scores of positive tiles, and how many negatives lie between them.
struct Scores {
    /// Rising, distinct: the positives' scores and the threshold asked for.
    steps: Vec<f32>,
    /// Positives that score exactly as the step.
    positives: Vec<u64>,
    /// Negatives that score exactly as the step.
    negatives_at: Vec<u64>,
    /// Negatives below the first step, then those above each step and below the next.
    negatives_above: Vec<u64>,
}

impl Scores {
    fn new(positives: Vec<f32>, threshold: f32) -> Self {
        let mut steps = positives.clone();
        steps.push(threshold);
        steps.sort_unstable_by(f32::total_cmp);
        steps.dedup();
        let mut scores = Self {
            positives: vec![0; steps.len()],
            negatives_at: vec![0; steps.len()],
            negatives_above: vec![0; steps.len() + 1],
            steps,
        };
        for score in positives {
            let step = scores.steps.partition_point(|&step| step < score);
            scores.positives[step] += 1;
        }
        scores
    }

    fn add_negative(&mut self, score: f32) {
        let below = self.steps.partition_point(|&step| step < score);
        if self.steps.get(below) == Some(&score) {
            self.negatives_at[below] += 1;
        } else {
            self.negatives_above[below] += 1;
        }
    }

    fn totals(&self) -> (u64, u64) {
        let negatives: u64 = self.negatives_at.iter().chain(&self.negatives_above).sum();
        (self.positives.iter().sum(), negatives)
    }

    /// One operation a step, by falling threshold.
    fn operations(&self) -> Vec<Operation> {
        let (positives, negatives) = self.totals();
        let (mut true_positives, mut false_positives) = (0, 0);
        let mut operations = Vec::with_capacity(self.steps.len());
        for step in (0..self.steps.len()).rev() {
            true_positives += self.positives[step];
            false_positives += self.negatives_at[step] + self.negatives_above[step + 1];
            operations.push(Operation {
                threshold: self.steps[step],
                true_positives,
                false_positives,
                precision: ratio(true_positives, true_positives + false_positives),
                recall: ratio(true_positives, positives),
                false_positive_rate: ratio(false_positives, negatives),
            });
        }
        operations
    }

    /// The operation at the threshold the scores were made with.
    fn operation(&self, threshold: f32) -> Operation {
        let operations = self.operations();
        let at = operations.partition_point(|operation| operation.threshold > threshold);
        operations[at]
    }

    fn auc(&self) -> Option<f64> {
        let (positives, negatives) = self.totals();
        let mut below = self.negatives_above[0];
        let mut won = 0.0;
        for step in 0..self.steps.len() {
            let beaten = below as f64 + self.negatives_at[step] as f64 / 2.0;
            won += self.positives[step] as f64 * beaten;
            below += self.negatives_at[step] + self.negatives_above[step + 1];
        }
        (positives > 0 && negatives > 0).then(|| won / (positives as f64 * negatives as f64))
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn targets<'a>(targets: &[f64], find: impl Fn(f64) -> Option<&'a Operation>) -> Vec<Target> {
    targets
        .iter()
        .filter_map(|&target| find(target).map(|&operation| Target { target, operation }))
        .collect()
}

/// At most [`CURVE_POINTS_MAX`] of the operations, evenly spread, the last one always.
fn thinned(operations: &[Operation]) -> Vec<Operation> {
    let count = operations.len().min(CURVE_POINTS_MAX);
    (1..=count)
        .map(|i| operations[i * operations.len() / count - 1])
        .collect()
}

/// At most [`RELIABILITY_BINS`], with about as many positives each.
fn reliability(operations: &[Operation]) -> Vec<ReliabilityBin> {
    let count = operations.len().min(RELIABILITY_BINS);
    let (mut bins, mut before, mut score_max) = (Vec::new(), (0, 0), 1.0);
    for i in 1..=count {
        let last = &operations[i * operations.len() / count - 1];
        let positives = last.true_positives - before.0;
        let tiles = positives + last.false_positives - before.1;
        if let Some(share) = ratio(positives, tiles) {
            bins.push(ReliabilityBin {
                score_min: last.threshold,
                score_max,
                tiles,
                share,
            });
        }
        before = (last.true_positives, last.false_positives);
        score_max = last.threshold;
    }
    bins
}

fn locations(
    detections: &Detections<'_>,
    ground: &Ground,
    threshold: f32,
) -> Result<Option<Location>, DetectionsError> {
    let (mut found_m, mut centre_m) = (Vec::new(), Vec::new());
    let mut located = 0;
    detections.for_each(threshold, |detection| {
        if ground.towers_in(detection.tile).is_empty() {
            return Ok::<_, DetectionsError>(());
        }
        located += u64::from(detection.located);
        found_m.extend(ground.nearest_m(detection.tile, detection.at));
        centre_m.extend(ground.nearest_m(detection.tile, detection.tile.centre()));
        Ok(())
    })?;
    if found_m.is_empty() {
        return Ok(None);
    }
    found_m.sort_unstable_by(f64::total_cmp);
    centre_m.sort_unstable_by(f64::total_cmp);
    Ok(Some(Location {
        detections: found_m.len() as u64,
        located,
        median_m: quantile(&found_m, 0.5),
        p90_m: quantile(&found_m, 0.9),
        tile_centre_median_m: quantile(&centre_m, 0.5),
        tile_centre_p90_m: quantile(&centre_m, 0.9),
    }))
}

/// The smallest of the rising values that at least a share of them does not exceed.
fn quantile(rising: &[f64], share: f64) -> f64 {
    let rank = (share * rising.len() as f64).ceil() as usize;
    rising[rank.clamp(1, rising.len()) - 1]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        detections::testing::TestRun,
        tiles::{PixelPosition, TileOutcome},
    };

    const Z: u8 = 18;

    fn tile(x: u32, y: u32) -> TileCoord {
        TileCoord { z: Z, x, y }
    }

    fn at(tile: TileCoord, x_px: f64, y_px: f64) -> LonLat {
        tile.lon_lat_at(PixelPosition { x_px, y_px })
    }

    fn measured(run: &TestRun, towers: &[LonLat], ignore_margin_px: f64) -> Evaluation {
        let ledger = run.ledger();
        let settings = EvaluationSettings {
            threshold: 0.5,
            ignore_margin_px,
        };
        evaluate(&Detections::of(&ledger).unwrap(), towers, settings).unwrap()
    }

    /// Four towers: found, missed, without imagery, and never visited. One false alarm beside the
    /// first, one far away, and a hundred quiet tiles.
    fn small_run() -> (TestRun, Vec<LonLat>) {
        let mut run = TestRun::default();
        run.add(tile(1_000, 1_000), 0.9, 1);
        run.add(tile(1_001, 1_000), 0.8, 2);
        run.add(tile(1_040, 1_000), 0.95, 3);
        run.others
            .push((tile(1_010, 1_000), TileOutcome::Scored(0.2)));
        run.others
            .push((tile(1_020, 1_000), TileOutcome::NoImagery));
        run.others
            .extend((0..100).map(|x| (tile(x, 2_000), TileOutcome::Scored(0.01))));
        let towers = vec![
            at(tile(1_000, 1_000), 250.0, 128.0),
            tile(1_010, 1_000).centre(),
            tile(1_020, 1_000).centre(),
            tile(5_000, 5_000).centre(),
        ];
        (run, towers)
    }

    #[test]
    fn each_tower_is_counted_where_it_lies() {
        let (run, towers) = small_run();
        let truth = measured(&run, &towers, 0.0).truth;
        assert_eq!(
            truth,
            TruthCounts {
                points: 4,
                in_scored_tiles: 2,
                in_tiles_without_score: 1,
                elsewhere: 1
            }
        );
    }

    #[test]
    fn precision_and_recall_are_those_of_the_scored_tiles() {
        let (run, towers) = small_run();
        let at = measured(&run, &towers, 0.0).at_threshold;
        assert_eq!((at.true_positives, at.false_positives), (1, 2));
        assert_eq!((at.precision, at.recall), (Some(1.0 / 3.0), Some(0.5)));
        assert_eq!(at.false_positive_rate, Some(2.0 / 102.0));
    }

    #[test]
    fn reliability_counts_every_tile_down_to_the_lowest_positive() {
        let (run, towers) = small_run();
        let evaluation = measured(&run, &towers, 0.0);
        let bins = &evaluation.reliability;
        // The hundred quiet tiles score below the missed tower.
        assert_eq!(bins.iter().map(|bin| bin.tiles).sum::<u64>(), 4);
        let positives: f64 = bins.iter().map(|bin| bin.share * bin.tiles as f64).sum();
        assert!((positives - 2.0).abs() < 1e-9);
        assert!(bins.is_sorted_by(|a, b| a.score_min > b.score_min));
    }

    #[test]
    fn tiles_within_the_margin_of_a_neighbours_tower_are_left_out() {
        let (run, towers) = small_run();
        // The tower stands 6 pixels from the false alarm's edge.
        assert_eq!(measured(&run, &towers, 5.0).tiles.ignored, 0);
        let evaluation = measured(&run, &towers, 7.0);
        assert_eq!(evaluation.tiles.ignored, 1);
        assert_eq!(evaluation.at_threshold.false_positives, 1);
    }

    #[test]
    fn the_distance_is_to_the_nearest_tower_even_across_a_tile_border() {
        let (run, mut towers) = small_run();
        let place = tile(1_000, 1_000).centre();
        let location = measured(&run, &towers, 0.0).location.unwrap();
        assert_eq!((location.detections, location.located), (1, 0));
        assert!((location.median_m - distance_m(place, towers[0])).abs() < 1e-9);
        towers.push(at(tile(1_000, 999), 128.0, 255.0));
        let location = measured(&run, &towers, 0.0).location.unwrap();
        assert!((location.median_m - distance_m(place, towers[4])).abs() > 1e-9);
        towers.push(at(tile(1_000, 1_001), 128.0, -100.0));
        let location = measured(&run, &towers, 0.0).location.unwrap();
        assert!((location.median_m - distance_m(place, towers[5])).abs() < 1e-9);
    }

    #[test]
    fn a_margin_reaches_across_the_antimeridian() {
        let reached: HashSet<_> = tiles_within(
            TilePosition {
                x: 0.01,
                y: 1_000.5,
            },
            Z,
            10.0,
        )
        .collect();
        let last = mercator::tiles_per_side(Z) - 1;
        assert_eq!(reached, HashSet::from([tile(0, 1_000), tile(last, 1_000)]));
    }

    #[test]
    fn a_run_without_any_tower_has_no_ratios() {
        let (run, _) = small_run();
        let evaluation = measured(&run, &[tile(9, 9).centre()], 0.0);
        assert_eq!(evaluation.auc, None);
        assert_eq!(evaluation.at_threshold.recall, None);
        assert_eq!(evaluation.location, None);
    }

    proptest! {
        #[test]
        fn the_auc_is_the_share_of_pairs_in_the_right_order(
            positives in proptest::collection::vec(0u8..20, 1..30),
            negatives in proptest::collection::vec(0u8..20, 1..30),
        ) {
            let score = |&step: &u8| f32::from(step) / 20.0;
            let mut scores = Scores::new(positives.iter().map(score).collect(), 0.5);
            negatives.iter().for_each(|negative| scores.add_negative(score(negative)));
            let pairs = positives.iter().flat_map(|p| negatives.iter().map(move |n| (p, n)));
            let won: f64 = pairs
                .map(|(p, n)| match p.cmp(n) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                })
                .sum();
            let expected = won / (positives.len() * negatives.len()) as f64;
            prop_assert!((scores.auc().unwrap() - expected).abs() < 1e-12);

            for operation in scores.operations() {
                let reach = |all: &[u8]| {
                    all.iter().filter(|s| score(s) >= operation.threshold).count() as u64
                };
                prop_assert_eq!(operation.true_positives, reach(&positives));
                prop_assert_eq!(operation.false_positives, reach(&negatives));
            }
        }
    }
}
