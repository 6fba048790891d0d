//! Measures how towers are strung into lines, against a grid that is known.
//!
//! ```text
//! hvmap synth truth --bbox 4,44,8,48 --seed 5 -o synthetic.geojson
//! cargo run --release --example chaining -- synthetic.geojson 12200 5
//! cargo run --release --example chaining -- pakistan.geojson.gz 50000 0
//! ```
//!
//! Arguments: a file with towers and lines that `hvmap export --osm` reads; how many false towers
//! are strewn evenly over the towers' bounds; by how many metres the towers are off, one standard
//! deviation an axis. A tenth of the towers is dropped. True edges join the towers left that
//! follow each other along a line. It prints precision and recall of the edges, recall by kind of
//! edge, and how many true towers rank before nine tenths of the false ones.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    time::Instant,
};

use hvmap::{
    detections::{chain, distance_m},
    osm::read_power,
};

type Edge = (u32, u32);

const DROPPED: f64 = 0.1;
const METRES_PER_DEGREE: f64 = 111_195.0;

/// Chance that is the same every time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normally distributed (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, false_towers, noise_m] = arguments.as_slice() else {
        return Err("expected FILE FALSE_TOWERS NOISE_M".into());
    };
    let (false_towers, noise_m): (usize, f64) = (false_towers.parse()?, noise_m.parse()?);
    let features = read_power(Path::new(file))?;
    let mut chance = Chance(7);

    let key = |(lon, lat): (f64, f64)| ((lon * 1e6).round() as i64, (lat * 1e6).round() as i64);
    let mut places: Vec<(f64, f64)> = Vec::new();
    let mut index = HashMap::new();
    let mut known = HashSet::new();
    for (lon, lat) in features.towers() {
        if !known.insert(key((lon, lat))) || chance.unit() < DROPPED {
            continue;
        }
        index.insert(key((lon, lat)), places.len() as u32);
        let off = |chance: &mut Chance| noise_m * chance.normal() / METRES_PER_DEGREE;
        let (east, north) = (off(&mut chance), off(&mut chance));
        places.push((lon + east / lat.to_radians().cos(), lat + north));
    }
    let towers = places.len();
    let fold = |pick: fn(f64, f64) -> f64| {
        places
            .iter()
            .copied()
            .reduce(|a, b| (pick(a.0, b.0), pick(a.1, b.1)))
    };
    let (low, high) = (
        fold(f64::min).ok_or("no towers")?,
        fold(f64::max).ok_or("no towers")?,
    );
    for _ in 0..false_towers {
        places.push((
            low.0 + chance.unit() * (high.0 - low.0),
            low.1 + chance.unit() * (high.1 - low.1),
        ));
    }

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
    let found = chain(&places, |_| false);
    println!(
        "{} places ({towers} towers), {} chains, {} edges in {:.2} s",
        places.len(),
        found.chains.len(),
        found.edges.len(),
        start.elapsed().as_secs_f64()
    );
    let mut right = 0;
    for edge in &found.edges {
        if let Some(seen) = truth.get_mut(edge) {
            *seen = true;
            right += 1;
        }
    }
    println!(
        "edges: precision {:.3}, recall {:.3}",
        f64::from(right) / found.edges.len() as f64,
        f64::from(right) / truth.len() as f64
    );
    for (kind, (all, seen)) in kinds(&places, &truth, &ends) {
        println!(
            "  {kind:<9} {all:>7} edges, recall {:.3}",
            f64::from(seen) / f64::from(all)
        );
    }

    let mut order: Vec<usize> = (0..places.len()).collect();
    // Of equals the false ones come first, so that a tie never flatters.
    order.sort_by(|&a, &b| {
        found.support[b]
            .total_cmp(&found.support[a])
            .then(b.cmp(&a))
    });
    let mut misplaced = 0;
    let before = order
        .iter()
        .take_while(|&&place| {
            misplaced += usize::from(place >= towers);
            misplaced * 10 <= false_towers
        })
        .filter(|&&place| place < towers)
        .count();
    println!(
        "true towers before nine tenths of the false ones: {:.3}",
        before as f64 / towers as f64
    );
    Ok(())
}

/// Edges, and those found, by kind; an edge may be of several.
fn kinds(
    places: &[(f64, f64)],
    truth: &BTreeMap<Edge, bool>,
    ends: &HashSet<u32>,
) -> BTreeMap<&'static str, (u32, u32)> {
    let plane = |place: u32| {
        let (lon, lat) = places[place as usize];
        let scale = places[0].1.to_radians().cos();
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
