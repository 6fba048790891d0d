//! Detections against what OpenStreetMap knows.
//!
//! Each detection is matched with one support at most, and each support with one detection, the
//! nearest pairs first. What counts:
//! - towers, portals and terminals, in use, under construction or disused: a hint there is
//!   `mapped`. Only towers count for recall;
//! - poles on an overhead line of high voltage are treated as towers are, but not for recall;
//!   other poles are of low voltage and explain nothing;
//! - catenary masts explain nothing: they are no part of the grid;
//! - overhead lines that stand make a hint `line_without_tower` or `near_line`; cables, minor
//!   lines and busbars do not;
//! - what is planned or gone is left out: imagery does not show it.

use rstar::{PointDistance, RTree, RTreeObject, primitives::GeomWithData};
use serde::Serialize;

use super::{
    Detection, Detections, DetectionsError,
    sphere::{Vector, dot, minus, on_sphere},
};
use crate::{
    ledger::LedgerError,
    osm::{PowerFeatures, SupportKind},
    tiles::{LonLat, TileCoord, mercator},
};

/// How far a mapped support may lie from a detection, in metres, unless it is said otherwise: the
/// imagery that it was traced on may be off by more than 10.
pub const MATCH_M: f64 = 40.0;
/// A detection so near to a line is near it, in metres: a parallel line, or one drawn coarsely.
pub const NEAR_LINE_M: f64 = 150.0;

/// What OpenStreetMap has at a detection's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OsmStatus {
    /// The tower itself.
    Mapped,
    /// A line through it, but no tower.
    LineWithoutTower,
    /// A line beside it.
    NearLine,
    /// Nothing of the kind.
    New,
}

impl OsmStatus {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::LineWithoutTower => "line_without_tower",
            Self::NearLine => "near_line",
            Self::New => "new",
        }
    }
}

/// A run against OpenStreetMap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    pub radius_m: f64,
    pub mapped: u64,
    pub line_without_tower: u64,
    pub near_line: u64,
    pub new: u64,
    /// OpenStreetMap's towers in tiles that were scored.
    pub towers_in_scanned_tiles: u64,
    /// Those that a detection was matched with.
    pub towers_found: u64,
    /// Its towers elsewhere.
    pub towers_elsewhere: u64,
}

impl Comparison {
    /// The share of mapped towers in scanned tiles that were found. An estimate that takes
    /// OpenStreetMap for right and of the imagery's date.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        let towers = self.towers_in_scanned_tiles;
        (towers > 0).then(|| self.towers_found as f64 / towers as f64)
    }

    /// Whether the file knows of nothing that the run could have found.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.towers_in_scanned_tiles == 0
            && self.mapped + self.line_without_tower + self.near_line == 0
    }
}

/// Gives each detection its status.
pub(super) fn compare(
    detections: &Detections<'_>,
    towers: &mut [Detection],
    features: &PowerFeatures,
    radius_m: f64,
) -> Result<Comparison, DetectionsError> {
    let spans = spans(features);
    let supports: Vec<_> = features
        .supports
        .iter()
        .filter(|support| support.lifecycle.stands())
        .map(|support| (support, on_sphere(support.at)))
        .filter(|(support, at)| match support.kind {
            SupportKind::Tower | SupportKind::Portal | SupportKind::Terminal => true,
            // A pole of the line is one of its vertices.
            SupportKind::Pole => spans.locate_within_distance(*at, 1.0).next().is_some(),
            SupportKind::CatenaryMast => false,
        })
        .collect();
    let points = supports.iter().enumerate();
    let tree = RTree::bulk_load(
        points
            .map(|(i, (_, at))| GeomWithData::new(*at, i))
            .collect(),
    );
    let mut pairs = Vec::new();
    for (i, tower) in towers.iter().enumerate() {
        let at = on_sphere(tower.at);
        for near in tree.locate_within_distance(at, radius_m * radius_m) {
            let off = minus(*near.geom(), at);
            pairs.push((dot(off, off).sqrt(), i, near.data));
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut matched = vec![false; supports.len()];
    for (distance_m, tower, support) in pairs {
        if towers[tower].osm_status.is_none() && !matched[support] {
            matched[support] = true;
            towers[tower].osm_status = Some(OsmStatus::Mapped);
            towers[tower].osm_id.clone_from(&supports[support].0.osm_id);
            towers[tower].osm_distance_m = Some(distance_m);
        }
    }
    let mut comparison = Comparison {
        radius_m,
        ..Comparison::default()
    };
    for tower in towers.iter_mut() {
        let status = tower.osm_status.unwrap_or_else(|| {
            let at = on_sphere(tower.at);
            let reach = NEAR_LINE_M.max(radius_m);
            let nearest = spans
                .locate_within_distance(at, reach * reach)
                .map(|span| span.distance_2(&at).sqrt())
                .min_by(f64::total_cmp);
            match nearest {
                Some(distance_m) => {
                    tower.osm_distance_m = Some(distance_m);
                    if distance_m <= radius_m {
                        OsmStatus::LineWithoutTower
                    } else {
                        OsmStatus::NearLine
                    }
                }
                None => OsmStatus::New,
            }
        });
        tower.osm_status = Some(status);
        *match status {
            OsmStatus::Mapped => &mut comparison.mapped,
            OsmStatus::LineWithoutTower => &mut comparison.line_without_tower,
            OsmStatus::NearLine => &mut comparison.near_line,
            OsmStatus::New => &mut comparison.new,
        } += 1;
    }
    let zoom = detections.manifest().zoom;
    let mut known: Vec<(TileCoord, bool)> = supports
        .iter()
        .zip(&matched)
        .filter(|((support, _), _)| support.kind == SupportKind::Tower)
        .map(|((support, _), &found)| (mercator::tile_at(support.at, zoom), found))
        .collect();
    known.sort_unstable_by_key(|(tile, _)| (tile.y, tile.x));
    detections.for_each_scored(|tile| {
        let key = |known: &(TileCoord, bool)| (known.0.y, known.0.x);
        let first = known.partition_point(|entry| key(entry) < (tile.y, tile.x));
        for (_, found) in known[first..].iter().take_while(|entry| entry.0 == tile) {
            comparison.towers_in_scanned_tiles += 1;
            comparison.towers_found += u64::from(*found);
        }
        Ok::<_, LedgerError>(())
    })?;
    comparison.towers_elsewhere = known.len() as u64 - comparison.towers_in_scanned_tiles;
    Ok(comparison)
}

/// A straight piece of a line.
struct Span {
    a: Vector,
    b: Vector,
}

impl RTreeObject for Span {
    type Envelope = rstar::AABB<Vector>;

    fn envelope(&self) -> Self::Envelope {
        rstar::AABB::from_corners(self.a, self.b)
    }
}

impl PointDistance for Span {
    fn distance_2(&self, point: &Vector) -> f64 {
        let along = minus(self.b, self.a);
        let share = dot(minus(*point, self.a), along) / dot(along, along).max(f64::MIN_POSITIVE);
        let share = share.clamp(0.0, 1.0);
        let foot = [0, 1, 2].map(|axis| self.a[axis] + share * along[axis]);
        let off = minus(*point, foot);
        dot(off, off)
    }
}

/// A chord sinks below the ground by a metre in 7 km: longer pieces are divided.
const SPAN_M_MAX: f64 = 5_000.0;

fn spans(features: &PowerFeatures) -> RTree<Span> {
    let mut spans = Vec::new();
    for line in features.overhead_lines() {
        for pair in line.path.windows(2) {
            let (from, mut to) = (pair[0], pair[1]);
            // The short way round where the piece crosses the antimeridian.
            to.lon -= ((to.lon - from.lon) / 360.0).round() * 360.0;
            let off = minus(on_sphere(to), on_sphere(from));
            let pieces = (dot(off, off).sqrt() / SPAN_M_MAX).ceil().max(1.0);
            let at = |piece: f64| {
                let share = piece / pieces;
                on_sphere(LonLat {
                    lon: from.lon + share * (to.lon - from.lon),
                    lat: from.lat + share * (to.lat - from.lat),
                })
            };
            spans.extend((0..pieces as u32).map(|piece| Span {
                a: at(f64::from(piece)),
                b: at(f64::from(piece) + 1.0),
            }));
        }
    }
    RTree::bulk_load(spans)
}

/// The areas of substations, to look up places in.
pub(super) struct Yards {
    rings: RTree<Ring>,
}

struct Ring {
    points: Vec<LonLat>,
    envelope: rstar::AABB<[f64; 2]>,
}

impl RTreeObject for Ring {
    type Envelope = rstar::AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

impl Yards {
    pub(super) fn of(features: &PowerFeatures) -> Self {
        let standing = features
            .substations
            .iter()
            .filter(|yard| yard.lifecycle.stands());
        let rings = standing
            .flat_map(|yard| &yard.outlines)
            .filter(|ring| ring.len() > 3)
            .map(|ring| {
                let corners: Vec<_> = ring.iter().map(|at| [at.lon, at.lat]).collect();
                Ring {
                    points: ring.clone(),
                    envelope: rstar::AABB::from_points(&corners),
                }
            });
        Self {
            rings: RTree::bulk_load(rings.collect()),
        }
    }

    /// Whether a place lies in a substation.
    pub(super) fn contain(&self, place: LonLat) -> bool {
        let at = rstar::AABB::from_point([place.lon, place.lat]);
        self.rings
            .locate_in_envelope_intersecting(&at)
            .any(|ring| ring.contains(place))
    }
}

impl Ring {
    /// By the number of edges that a ray to the east crosses.
    fn contains(&self, LonLat { lon, lat }: LonLat) -> bool {
        let crossed = self.points.windows(2).filter(|edge| {
            let (a, b) = (edge[0], edge[1]);
            (a.lat > lat) != (b.lat > lat)
                && lon < a.lon + (lat - a.lat) / (b.lat - a.lat) * (b.lon - a.lon)
        });
        crossed.count() % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detections::{LikelyGrid, testing::TestRun},
        osm::{Lifecycle, Line, LineKind, Substation, Support},
        tiles::PixelPosition,
    };

    const Y: u32 = 95_508;

    fn tile(x: u32) -> TileCoord {
        TileCoord { z: 18, x, y: Y }
    }

    fn support(kind: SupportKind, lifecycle: Lifecycle, at: LonLat) -> Support {
        Support {
            kind,
            lifecycle,
            at,
            osm_id: Some("node/1".into()),
        }
    }

    /// Detections at the centres of these tiles against the features.
    fn compared(xs: &[u32], features: &PowerFeatures) -> (Vec<OsmStatus>, Comparison) {
        let mut run = TestRun::default();
        for (i, &x) in xs.iter().enumerate() {
            run.add(tile(x), 0.9 - i as f32 / 100.0, i as u64);
        }
        let ledger = run.ledger();
        let detections = Detections::of(&ledger).unwrap();
        let grid = LikelyGrid::of(&detections, 0.5, Some((features, MATCH_M))).unwrap();
        let status = |x: &u32| {
            let at = grid
                .towers()
                .iter()
                .find(|tower| tower.tile.x == *x)
                .unwrap();
            at.osm_status.unwrap()
        };
        (xs.iter().map(status).collect(), *grid.comparison().unwrap())
    }

    #[test]
    fn kinds_and_lifecycles_are_told_apart() {
        use Lifecycle::{Disused, Gone, InUse, Planned};
        use SupportKind::{CatenaryMast, Pole, Portal, Tower};
        let kinds = [
            (Tower, InUse, OsmStatus::Mapped),
            (Tower, Disused, OsmStatus::Mapped),
            (Tower, Gone, OsmStatus::New),
            (Tower, Planned, OsmStatus::New),
            (Portal, InUse, OsmStatus::Mapped),
            (Pole, InUse, OsmStatus::New),
            (CatenaryMast, InUse, OsmStatus::New),
        ];
        let xs: Vec<u32> = (0..kinds.len() as u32).map(|i| 140_000 + 10 * i).collect();
        let features = PowerFeatures {
            supports: kinds
                .iter()
                .zip(&xs)
                .map(|(&(kind, lifecycle, _), &x)| support(kind, lifecycle, tile(x).centre()))
                .collect(),
            ..PowerFeatures::default()
        };
        let (found, comparison) = compared(&xs, &features);
        let expected: Vec<_> = kinds.iter().map(|&(.., status)| status).collect();
        assert_eq!(found, expected);
        assert_eq!(comparison.towers_in_scanned_tiles, 2);
        assert_eq!(comparison.recall(), Some(1.0));
    }

    #[test]
    fn only_standing_overhead_lines_explain_a_hint() {
        let line = |kind, lifecycle, x: u32, aside_px: f64| Line {
            kind,
            lifecycle,
            path: [-900.0, 1_100.0]
                .map(|y_px| {
                    tile(x).lon_lat_at(PixelPosition {
                        x_px: 128.0 + aside_px,
                        y_px,
                    })
                })
                .to_vec(),
            voltage_v: None,
            osm_id: None,
        };
        use Lifecycle::{Gone, InUse};
        let features = PowerFeatures {
            lines: vec![
                line(LineKind::Line, InUse, 140_000, 20.0),
                line(LineKind::Line, InUse, 140_010, 200.0),
                line(LineKind::Line, InUse, 140_020, 900.0),
                line(LineKind::MinorLine, InUse, 140_030, 0.0),
                line(LineKind::Cable, InUse, 140_040, 0.0),
                line(LineKind::Line, Gone, 140_050, 0.0),
            ],
            ..PowerFeatures::default()
        };
        let xs = [140_000, 140_010, 140_020, 140_030, 140_040, 140_050];
        let (found, _) = compared(&xs, &features);
        use OsmStatus::{LineWithoutTower, NearLine, New};
        assert_eq!(found, [LineWithoutTower, NearLine, New, New, New, New]);
    }

    #[test]
    fn a_mapped_tower_explains_one_detection_only() {
        let between = tile(140_000).lon_lat_at(PixelPosition {
            x_px: 256.0,
            y_px: 128.0,
        });
        let features = PowerFeatures {
            supports: vec![support(SupportKind::Tower, Lifecycle::InUse, between)],
            ..PowerFeatures::default()
        };
        let mut run = TestRun::default();
        run.add(tile(140_000), 0.9, 1);
        run.add(tile(140_001), 0.8, 2);
        let ledger = run.ledger();
        let detections = Detections::of(&ledger).unwrap();
        let grid = LikelyGrid::of(&detections, 0.5, Some((&features, 90.0))).unwrap();
        assert_eq!(grid.comparison().unwrap().mapped, 1);
        assert_eq!(grid.comparison().unwrap().new, 1);
    }

    #[test]
    fn a_place_in_a_substation_is_found_there() {
        let features = PowerFeatures {
            substations: vec![Substation {
                lifecycle: Lifecycle::InUse,
                outlines: vec![
                    [(1.0, 1.0), (3.0, 1.0), (1.0, 3.0), (1.0, 1.0)]
                        .map(LonLat::from)
                        .to_vec(),
                ],
                osm_id: None,
            }],
            ..PowerFeatures::default()
        };
        let yards = Yards::of(&features);
        assert!(yards.contain((1.5, 1.5).into()));
        assert!(!yards.contain((2.5, 2.5).into()));
    }
}
