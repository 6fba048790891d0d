//! What chaining makes of a known grid.
//!
//! A tenth of the towers is dropped, the others are moved, and false ones are strewn over their
//! bounds. True edges join the towers left that follow each other along a line. The kind of a true
//! edge is told among the true ones, that of a chained edge among the chained ones.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use hvmap::{
    detections::{chain, distance_m},
    osm::PowerFeatures,
    random::SplitMix64,
    tiles::LonLat,
};

type Edge = (u32, u32);

const DROPPED: f64 = 0.1;
const METRES_PER_DEGREE: f64 = 111_195.0;

/// Places to chain.
pub struct Field {
    /// The towers, then the false ones.
    pub places: Vec<LonLat>,
    pub towers: usize,
    index: HashMap<(i64, i64), u32>,
}

/// A place in millionths of a degree, which tells the towers of a file apart.
fn key(place: LonLat) -> (i64, i64) {
    let millionths = |degrees: f64| (degrees * 1e6).round() as i64;
    (millionths(place.lon), millionths(place.lat))
}

impl Field {
    /// The towers of a grid, moved by so many metres an axis (one standard deviation), with so many
    /// false ones. Without any tower there are no false ones either.
    pub fn strewn(features: &PowerFeatures, false_towers: usize, noise_m: f64) -> Self {
        let mut chance = SplitMix64::new(7);
        let mut field = Self {
            places: Vec::new(),
            towers: 0,
            index: HashMap::new(),
        };
        let mut known = HashSet::new();
        for tower in features.towers() {
            if !known.insert(key(tower)) || chance.unit_f64() < DROPPED {
                continue;
            }
            let number = field.places.len() as u32;
            field.index.insert(key(tower), number);
            let off = |chance: &mut SplitMix64| noise_m * chance.normal_f64() / METRES_PER_DEGREE;
            let (east, north) = (off(&mut chance), off(&mut chance));
            field.places.push(LonLat {
                lon: tower.lon + east / tower.lat.to_radians().cos(),
                lat: tower.lat + north,
            });
        }
        field.towers = field.places.len();
        let fold = |pick: fn(f64, f64) -> f64| {
            let places = field.places.iter().copied();
            places.reduce(|a, b| LonLat {
                lon: pick(a.lon, b.lon),
                lat: pick(a.lat, b.lat),
            })
        };
        if let (Some(low), Some(high)) = (fold(f64::min), fold(f64::max)) {
            for _ in 0..false_towers {
                field.places.push(LonLat {
                    lon: low.lon + chance.unit_f64() * (high.lon - low.lon),
                    lat: low.lat + chance.unit_f64() * (high.lat - low.lat),
                });
            }
        }
        field
    }
}

/// Edges that are known, that were chained, and that are both.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edges {
    pub known: u32,
    pub found: u32,
    pub said: u32,
    pub right: u32,
}

impl Edges {
    pub fn recall(&self) -> f64 {
        f64::from(self.found) / f64::from(self.known)
    }

    pub fn precision(&self) -> f64 {
        f64::from(self.right) / f64::from(self.said)
    }
}

/// How well it went.
pub struct Measured {
    pub chains: usize,
    pub edges: Edges,
    /// An edge may be of several kinds.
    pub kinds: BTreeMap<&'static str, Edges>,
    /// The share of true towers that rank before nine tenths of the false ones.
    pub ranked: f64,
    pub elapsed: Duration,
}

/// Chains the places, and compares with the grid's lines.
pub fn measure(features: &PowerFeatures, field: &Field) -> Measured {
    let Field {
        places,
        towers,
        index,
    } = field;
    let mut truth: BTreeMap<Edge, bool> = BTreeMap::new();
    let mut ends = HashSet::new();
    for line in features.overhead_lines() {
        let own: Vec<u32> = line
            .path
            .iter()
            .filter_map(|&at| index.get(&key(at)).copied())
            .collect();
        ends.extend([own.first(), own.last()].into_iter().flatten().copied());
        for pair in own.windows(2).filter(|pair| pair[0] != pair[1]) {
            truth.insert((pair[0].min(pair[1]), pair[0].max(pair[1])), false);
        }
    }

    let start = Instant::now();
    let found = chain(places, |_| false);
    let elapsed = start.elapsed();
    let mut said: BTreeMap<Edge, bool> = BTreeMap::new();
    for edge in &found.edges {
        let known = truth.get_mut(edge);
        said.insert(*edge, known.is_some());
        if let Some(seen) = known {
            *seen = true;
        }
    }
    let said_ends = found
        .chains
        .iter()
        .flat_map(|chain| [chain.first(), chain.last()]);
    let said_ends = said_ends.flatten().copied().collect();
    let outlines = features.substations.iter().flat_map(|yard| &yard.outlines);
    let substations: Vec<LonLat> = outlines.flatten().copied().collect();

    let mut by_kind: BTreeMap<&'static str, Edges> = BTreeMap::new();
    for (kind, (known, found)) in kinds(places, &truth, &ends, &substations) {
        let edges = by_kind.entry(kind).or_default();
        (edges.known, edges.found) = (known, found);
    }
    for (kind, (said, right)) in kinds(places, &said, &said_ends, &substations) {
        let edges = by_kind.entry(kind).or_default();
        (edges.said, edges.right) = (said, right);
    }
    let right = said.values().filter(|right| **right).count() as u32;
    Measured {
        chains: found.chains.len(),
        edges: Edges {
            known: truth.len() as u32,
            found: right,
            said: said.len() as u32,
            right,
        },
        kinds: by_kind,
        ranked: ranked(&found.support, *towers),
        elapsed,
    }
}

fn ranked(support: &[f32], towers: usize) -> f64 {
    let mut order: Vec<usize> = (0..support.len()).collect();
    // Of equals the false ones come first, so that a tie never flatters.
    order.sort_by(|&a, &b| support[b].total_cmp(&support[a]).then(b.cmp(&a)));
    let false_towers = support.len() - towers;
    let mut misplaced = 0;
    let before = order
        .iter()
        .take_while(|&&place| {
            misplaced += usize::from(place >= towers);
            misplaced * 10 <= false_towers
        })
        .filter(|&&place| place < towers)
        .count();
    before as f64 / towers as f64
}

/// A square of about 200 m: towers in it or beside it stand at a substation whose outline goes
/// through it.
fn yard(place: LonLat) -> (i64, i64) {
    let side = |degrees: f64| (degrees / 0.002).floor() as i64;
    (side(place.lon), side(place.lat))
}

/// Edges, and those of them that hold, by kind; an edge may be of several.
fn kinds(
    places: &[LonLat],
    truth: &BTreeMap<Edge, bool>,
    ends: &HashSet<u32>,
    substations: &[LonLat],
) -> BTreeMap<&'static str, (u32, u32)> {
    // Metres to the east and to the north.
    let plane = |place: u32| {
        let LonLat { lon, lat } = places[place as usize];
        let scale = places[0].lat.to_radians().cos();
        (lon * scale * METRES_PER_DEGREE, lat * METRES_PER_DEGREE)
    };
    let cell = |(x, y): (f64, f64)| ((x / 1_000.0).floor() as i64, (y / 1_000.0).floor() as i64);
    let middle = |&(a, b): &Edge| {
        let (a, b) = (plane(a), plane(b));
        (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1))
    };
    let mut cells: HashMap<_, Vec<Edge>> = HashMap::new();
    let mut joined: HashMap<u32, Vec<u32>> = HashMap::new();
    for edge in truth.keys() {
        cells.entry(cell(middle(edge))).or_default().push(*edge);
        joined.entry(edge.0).or_default().push(edge.1);
        joined.entry(edge.1).or_default().push(edge.0);
    }
    let yards: HashSet<(i64, i64)> = substations
        .iter()
        .flat_map(|&place| {
            let (i, j) = yard(place);
            (-1..=1).flat_map(move |x| (-1..=1).map(move |y| (i + x, j + y)))
        })
        .collect();
    let side = |a: (f64, f64), b: (f64, f64), c: (f64, f64)| {
        (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0) > 0.0
    };
    let mut counts: BTreeMap<&'static str, (u32, u32)> = BTreeMap::new();
    for (edge, &seen) in truth {
        let (a, b) = (plane(edge.0), plane(edge.1));
        let along = (b.0 - a.0, b.1 - a.1);
        let (column, row) = cell(middle(edge));
        let near = (-1..=1).flat_map(|i| (-1..=1).map(move |j| (column + i, row + j)));
        let (mut parallel, mut crossing) = (false, false);
        for other in near.filter_map(|cell| cells.get(&cell)).flatten() {
            if [other.0, other.1]
                .iter()
                .any(|end| [edge.0, edge.1].contains(end))
            {
                continue;
            }
            let (c, d) = (plane(other.0), plane(other.1));
            crossing |= side(a, b, c) != side(a, b, d) && side(c, d, a) != side(c, d, b);
            let beside = (d.0 - c.0, d.1 - c.1);
            let lengths = along.0.hypot(along.1) * beside.0.hypot(beside.1);
            let cos = (along.0 * beside.0 + along.1 * beside.1).abs() / lengths;
            let (m, n) = (middle(edge), middle(other));
            parallel |= cos > 0.96 && (m.0 - n.0).hypot(m.1 - n.1) < 150.0;
        }
        let bends = [(edge.0, edge.1), (edge.1, edge.0)]
            .iter()
            .any(|&(here, there)| match joined[&here].as_slice() {
                &[x, y] => {
                    let other = plane(if x == there { y } else { x });
                    let (here, there) = (plane(here), plane(there));
                    let (u, v) = (
                        (here.0 - there.0, here.1 - there.1),
                        (other.0 - here.0, other.1 - here.1),
                    );
                    let cos = (u.0 * v.0 + u.1 * v.1) / (u.0.hypot(u.1) * v.0.hypot(v.1));
                    cos < 15f64.to_radians().cos()
                }
                _ => false,
            });
        let mut of = Vec::new();
        for (kind, is) in [
            ("parallel", parallel),
            ("crossing", crossing),
            (
                "branch",
                [edge.0, edge.1].iter().any(|end| joined[end].len() > 2),
            ),
            (
                "river",
                distance_m(places[edge.0 as usize], places[edge.1 as usize]) > 800.0,
            ),
            (
                "line end",
                [edge.0, edge.1].iter().any(|end| ends.contains(end)),
            ),
            ("bend", bends),
            (
                "substation",
                [edge.0, edge.1]
                    .iter()
                    .any(|&end| yards.contains(&yard(places[end as usize]))),
            ),
        ] {
            if is {
                of.push(kind);
            }
        }
        if of.is_empty() {
            of.push("plain");
        }
        for kind in of {
            let count = counts.entry(kind).or_default();
            count.0 += 1;
            count.1 += u32::from(seen);
        }
    }
    counts
}
