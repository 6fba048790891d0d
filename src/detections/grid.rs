//! One detection for one tower, strung into lines and ranked.
//!
//! In: the peaks of all candidates above a threshold. Out: a [`LikelyGrid`]. It is held in memory, some
//! hundreds of bytes a detection, since a tower's line may cross the whole country.

use std::cmp::Ordering;

use rstar::{RTree, primitives::GeomWithData};

use super::{
    Comparison, Detection, Detections, DetectionsError,
    chain::chain,
    compare::{self, Yards},
    distance_m,
    sphere::on_sphere,
};
use crate::osm::PowerFeatures;

/// Detections of different tiles that lie no farther apart are one tower: it stands at the border,
/// and each tile shows a part of it. Less than parallel lines are apart, more than both locations
/// are off.
pub const MERGE_M: f64 = 30.0;
/// Nats of support from which on a detection is chained as well as can be, and only its score
/// tells its rank.
const SUPPORT_RANKED_MAX: f32 = 30.0;

/// A run's likely towers and lines.
#[derive(Clone, Debug, Default)]
pub struct LikelyGrid {
    /// By rank.
    towers: Vec<Detection>,
    /// The longest first, which is the order of their numbers.
    lines: Vec<LikelyLine>,
    merged: u64,
    comparison: Option<Comparison>,
}

/// A probable line.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelyLine {
    /// Counted from 1.
    pub number: u32,
    /// Indices of its towers, from one end to the other.
    pub towers: Vec<u32>,
    /// How well its towers line up, 0 to 1: the mean of their support, as a share of the most that
    /// counts.
    pub confidence: f32,
    pub length_m: f64,
}

impl LikelyGrid {
    /// The detections that score at least `score_min`, merged, chained and ranked; compared with
    /// what OpenStreetMap knows where that is given.
    ///
    /// # Errors
    /// When the ledger cannot be read, or an attribution grid does not fit the model's map.
    pub fn of(
        detections: &Detections<'_>,
        score_min: f32,
        osm: Option<(&PowerFeatures, f64)>,
    ) -> Result<Self, DetectionsError> {
        let (mut towers, merged) = merged(detections, score_min)?;
        let places: Vec<_> = towers.iter().map(|tower| tower.at).collect();
        let yards = osm.map(|(features, _)| Yards::of(features));
        let chains = chain(&places, |i| {
            yards.as_ref().is_some_and(|yards| yards.contain(places[i]))
        });
        for (tower, &support) in towers.iter_mut().zip(&chains.support) {
            tower.support = support;
        }
        let mut order: Vec<u32> = (0..towers.len() as u32).collect();
        order.sort_by(|&a, &b| by_rank(&towers[a as usize], &towers[b as usize]));
        let mut index = vec![0u32; towers.len()];
        for (rank, &old) in order.iter().enumerate() {
            index[old as usize] = rank as u32;
            towers[old as usize].rank = rank as u64 + 1;
        }
        towers.sort_unstable_by_key(|tower| tower.rank);
        let mut grid = Self {
            towers,
            merged,
            ..Self::default()
        };
        for line in chains.chains {
            grid.add_chain(line.iter().map(|&old| index[old as usize]).collect());
        }
        if let Some((features, radius_m)) = osm {
            grid.comparison = Some(compare::compare(
                detections,
                &mut grid.towers,
                features,
                radius_m,
            )?);
        }
        Ok(grid)
    }

    /// Its best ranked `count` detections alone. Chains lose the others, and keep their numbers.
    pub fn truncate(&mut self, count: usize) {
        self.towers.truncate(count);
        for line in &mut self.lines {
            line.towers.retain(|&tower| (tower as usize) < count);
        }
    }

    /// The same, to put people's labels on them; their order is fixed.
    pub(crate) fn towers_mut(&mut self) -> &mut [Detection] {
        &mut self.towers
    }

    /// By rank.
    #[must_use]
    pub fn towers(&self) -> &[Detection] {
        &self.towers
    }

    #[must_use]
    pub fn lines(&self) -> &[LikelyLine] {
        &self.lines
    }

    /// Detections that were another tile's view of the same tower.
    #[must_use]
    pub fn merged(&self) -> u64 {
        self.merged
    }

    /// The comparison with OpenStreetMap, if it was asked for.
    #[must_use]
    pub fn comparison(&self) -> Option<&Comparison> {
        self.comparison.as_ref()
    }

    /// The order in which a person looks at them with the least travel: line by line, each from
    /// its end that is nearer to where the last one ended, and then what is lonely by rank.
    #[must_use]
    pub fn along_lines(&self) -> Vec<&Detection> {
        let mut order = Vec::with_capacity(self.towers.len());
        let mut placed = vec![false; self.towers.len()];
        for line in &self.lines {
            let own = |tower: &&u32| self.towers[**tower as usize].line == Some(line.number);
            for &tower in line.towers.iter().filter(own) {
                if !std::mem::replace(&mut placed[tower as usize], true) {
                    order.push(&self.towers[tower as usize]);
                }
            }
        }
        let lonely = self.towers.iter().zip(placed).filter(|(_, placed)| !placed);
        order.extend(lonely.map(|(tower, _)| tower));
        order
    }

    fn add_chain(&mut self, line: Vec<u32>) {
        let number = self.lines.len() as u32 + 1;
        let mut support = 0.0;
        for (place, &tower) in line.iter().enumerate() {
            let tower = &mut self.towers[tower as usize];
            support += tower.support.min(SUPPORT_RANKED_MAX);
            // Where lines meet, the tower belongs to the longest.
            if tower.line.is_none() {
                (tower.line, tower.line_position) = (Some(number), Some(place as u32 + 1));
            }
        }
        let at = |tower: u32| self.towers[tower as usize].at;
        let length_m = line
            .windows(2)
            .map(|pair| distance_m(at(pair[0]), at(pair[1])));
        self.lines.push(LikelyLine {
            number,
            confidence: support / (SUPPORT_RANKED_MAX * line.len() as f32),
            length_m: length_m.sum(),
            towers: line,
        });
    }
}

/// How many towers a run's [`LikelyGrid`] has: merged, but not chained, which takes a fraction of the
/// time.
///
/// # Errors
/// As for [`LikelyGrid::of`].
pub fn count_towers(detections: &Detections<'_>, score_min: f32) -> Result<u64, DetectionsError> {
    let (towers, _) = merged(detections, score_min)?;
    Ok(towers.len() as u64)
}

/// One detection a tower, by falling score, and how many further views of them there were.
pub(crate) fn merged(
    detections: &Detections<'_>,
    score_min: f32,
) -> Result<(Vec<Detection>, u64), DetectionsError> {
    let mut hits = Vec::new();
    detections.for_each_peak(score_min, |hit| {
        hits.push(hit);
        Ok::<_, DetectionsError>(())
    })?;
    let found = hits.len();
    let mut towers = merge(hits);
    towers.shrink_to_fit();
    let merged = (found - towers.len()) as u64;
    Ok((towers, merged))
}

/// Well-chained ones first, then by score, then by tile.
fn by_rank(a: &Detection, b: &Detection) -> Ordering {
    let support = |tower: &Detection| tower.support.min(SUPPORT_RANKED_MAX);
    let place = |tower: &Detection| (tower.tile.y, tower.tile.x);
    support(b)
        .total_cmp(&support(a))
        .then(b.score.total_cmp(&a.score))
        .then_with(|| place(a).cmp(&place(b)))
        .then(a.number.cmp(&b.number))
}

/// Of hits by falling score, the strongest of those that are one tower.
fn merge(hits: Vec<Detection>) -> Vec<Detection> {
    let at: Vec<_> = hits.iter().map(|hit| on_sphere(hit.at)).collect();
    let points = at.iter().enumerate();
    let tree = RTree::bulk_load(points.map(|(i, &p)| GeomWithData::new(p, i)).collect());
    let mut absorbed = vec![false; hits.len()];
    for i in 0..hits.len() {
        if absorbed[i] {
            continue;
        }
        for near in tree.locate_within_distance(at[i], MERGE_M * MERGE_M) {
            if near.data > i && hits[near.data].tile != hits[i].tile {
                absorbed[near.data] = true;
            }
        }
    }
    let kept = hits
        .into_iter()
        .zip(absorbed)
        .filter(|(_, absorbed)| !absorbed);
    kept.map(|(hit, _)| hit).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use half::f16;

    use super::*;
    use crate::{
        detections::testing::TestRun,
        random::SplitMix64,
        synthetic::{StyleChoice, World},
        tiles::{
            AttributionGrid, Bounds, LonLat, PixelPosition, TileCoord, TilePosition, mercator,
        },
    };

    /// A grid of 16×16 cells with peaks at these cells, each falling off over its neighbours.
    fn peaks(at: &[(i32, i32)]) -> AttributionGrid {
        let cell = |i: i32| {
            let (x, y) = (i % 16, i / 16);
            let near = |&(px, py): &(i32, i32)| {
                let square = (x - px).pow(2) + (y - py).pow(2);
                4.0 * (-f64::from(square) / 2.0).exp()
            };
            f16::from_f64(at.iter().map(near).sum())
        };
        AttributionGrid {
            width: 16,
            height: 16,
            cells: (0..256).map(cell).collect(),
        }
    }

    /// A tile's column and row, its score and its peaks' cells.
    type Hit<'a> = (u32, u32, f32, &'a [(i32, i32)]);

    fn grid(hits: &[Hit<'_>]) -> LikelyGrid {
        let mut run = TestRun::default();
        let cells: Vec<f32> = (0..16).map(|i| i as f32 * 16.0 + 8.0).collect();
        run.manifest.model.attribution_columns_px = Some(cells.clone());
        run.manifest.model.attribution_rows_px = Some(cells);
        for (i, &(x, y, score, at)) in hits.iter().enumerate() {
            run.add(TileCoord { z: 18, x, y }, score, i as u64);
            run.candidates[i].attribution = Some(peaks(at));
        }
        let ledger = run.ledger();
        LikelyGrid::of(&Detections::of(&ledger).unwrap(), 0.5, None).unwrap()
    }

    #[test]
    fn a_tower_at_a_tile_border_is_reported_once() {
        let grid = grid(&[
            (140_143, 95_508, 0.7, &[(15, 8)]),
            (140_144, 95_508, 0.9, &[(0, 8)]),
            (140_145, 95_508, 0.8, &[(8, 8)]),
        ]);
        assert_eq!((grid.towers().len(), grid.merged()), (2, 1));
        assert_eq!(grid.towers()[0].id(), "18-140144-95508-1");
    }

    #[test]
    fn two_towers_in_one_tile_are_two() {
        let grid = grid(&[(140_143, 95_508, 0.7, &[(3, 3), (12, 11)])]);
        let ids: Vec<_> = grid.towers().iter().map(Detection::id).collect();
        assert_eq!(ids, ["18-140143-95508-1", "18-140143-95508-2"]);
    }

    #[test]
    fn chained_detections_come_before_a_lonely_one_that_scores_more() {
        let mut hits: Vec<Hit<'_>> = (0..8)
            .map(|i| (140_100 + 3 * i, 95_508, 0.6, &[(8, 8)][..]))
            .collect();
        hits.push((140_110, 95_600, 0.99, &[(8, 8)]));
        let grid = grid(&hits);
        assert_eq!(grid.lines().len(), 1);
        let lonely = grid.towers().last().unwrap();
        assert_eq!((lonely.rank, lonely.line, lonely.score), (9, None, 0.99));
        let mut places: Vec<_> = grid
            .towers()
            .iter()
            .filter_map(|tower| tower.line_position)
            .collect();
        places.sort_unstable();
        assert_eq!(places, (1..=8).collect::<Vec<_>>());
        let along: Vec<_> = grid
            .along_lines()
            .iter()
            .map(|tower| tower.tile.x)
            .collect();
        assert!(
            along[..8].is_sorted() || along[..8].iter().rev().is_sorted(),
            "{along:?}"
        );
    }

    #[test]
    fn a_detected_tower_of_the_synthetic_world_is_reported_once() {
        let bounds: Bounds = "4,44,5,45".parse().unwrap();
        let towers = World::new(5, StyleChoice::Mosaic).towers_in(bounds);
        let mut chance = SplitMix64::new(11);
        let mut seen: BTreeMap<(u32, u32), Vec<PixelPosition>> = BTreeMap::new();
        let mut detected = Vec::new();
        for tower in &towers {
            if chance.unit_f64() >= 0.9 {
                continue;
            }
            detected.push(tower.at);
            let TilePosition { x, y } = mercator::lon_lat_to_tile(tower.at, 18);
            // The tile of its base shows it, and often those beside it that its body reaches into,
            // whose peak lies as near to it as it can.
            for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
                let tile = (x.floor() + f64::from(dx), y.floor() + f64::from(dy));
                let off = [(x - tile.0) * 256.0, (y - tile.1) * 256.0];
                let near = off.iter().all(|px| (-32.0..288.0).contains(px));
                if near && ((dx, dy) == (0, 0) || chance.unit_f64() < 0.7) {
                    let [x_px, y_px] =
                        off.map(|px| (px + 8.0 * chance.unit_f64() - 4.0).clamp(8.0, 248.0));
                    let tile = (tile.0 as u32, tile.1 as u32);
                    let peaks = seen.entry(tile).or_default();
                    peaks.push(PixelPosition { x_px, y_px });
                }
            }
        }
        let mut run = TestRun::default();
        let cells_px: Vec<f32> = (0..16).map(|i| i as f32 * 16.0 + 8.0).collect();
        run.manifest.model.attribution_columns_px = Some(cells_px.clone());
        run.manifest.model.attribution_rows_px = Some(cells_px);
        let corner = |lon, lat| mercator::tile_at(LonLat { lon, lat }, 18);
        let (first, last) = (corner(4.0, 45.0), corner(5.0, 44.0));
        let (columns, rows) = (last.x - first.x, last.y - first.y);
        for _ in 0..columns * rows / 1_000 {
            let within =
                |chance: &mut SplitMix64, count: u32| (chance.unit_f64() * f64::from(count)) as u32;
            let at = (
                first.x + within(&mut chance, columns),
                first.y + within(&mut chance, rows),
            );
            let peak = PixelPosition {
                x_px: 256.0 * chance.unit_f64(),
                y_px: 256.0 * chance.unit_f64(),
            };
            seen.entry(at).or_insert_with(|| vec![peak]);
        }
        for (i, (&(x, y), peaks)) in seen.iter().enumerate() {
            let score = 0.5 + 0.5 * chance.unit_f64() as f32;
            run.add(TileCoord { z: 18, x, y }, score, i as u64);
            let cell = |i: i32| {
                let at = PixelPosition {
                    x_px: f64::from(i % 16) * 16.0 + 8.0,
                    y_px: f64::from(i / 16) * 16.0 + 8.0,
                };
                let near = |peak: &PixelPosition| {
                    let square = (at.x_px - peak.x_px).powi(2) + (at.y_px - peak.y_px).powi(2);
                    4.0 * (-square / (2.0 * 14.0f64.powi(2))).exp()
                };
                f16::from_f64(peaks.iter().map(near).sum())
            };
            run.candidates[i].attribution = Some(AttributionGrid {
                width: 16,
                height: 16,
                cells: (0..256).map(cell).collect(),
            });
        }
        let ledger = run.ledger();
        let grid = LikelyGrid::of(&Detections::of(&ledger).unwrap(), 0.5, None).unwrap();
        assert!(grid.merged() > 50, "{}", grid.merged());

        let mut reports = vec![0u32; detected.len()];
        for hint in grid.towers() {
            let distance = |i: &usize| distance_m(hint.at, detected[*i]);
            let nearest = (0..detected.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
            if let Some(nearest) = nearest.filter(|nearest| distance(nearest) < MERGE_M) {
                reports[nearest] += 1;
            }
        }
        let share = |times: std::ops::RangeInclusive<u32>| {
            let such = reports.iter().filter(|reports| times.contains(reports));
            such.count() as f64 / reports.len() as f64
        };
        let (once, more) = (share(1..=1), share(2..=u32::MAX));
        assert!(
            once >= 0.97 && more < 0.01,
            "{once} once, {more} more often"
        );
    }
}
