//! Towers strung into lines.
//!
//! In: places. Out: the edges between consecutive towers of probable lines, chains of them, and a
//! support for every place. Never: an edge longer than [`SPAN_MAX_M`], or one within a yard, where
//! many places crowd together. Chance, order of insertion and scores play no part.
//!
//! **The method** is the saliency network of Shashua & Ullman, "Structural saliency: the detection
//! of globally salient structures using a locally connected network" (ICCV 1988). Its weights are
//! log-likelihood ratios, as in multiple-hypothesis tracking (Reid, "An algorithm for tracking
//! multiple targets", IEEE Transactions on Automatic Control 24(6), 1979): how much likelier the
//! next tower stands at this distance and turn on a line than among unrelated places of the local
//! density. Support is therefore counted in nats.
//!
//! 1. *Candidate edges.* Each place is joined to the nearest [`PER_SECTOR`] places in each of
//!    [`SECTORS`] directions (a Yao graph; Yao, SIAM Journal on Computing 11(4), 1982), so that a
//!    long span stays a candidate beside a parallel line, and edges grow linearly. An edge that
//!    passes over a place skips a tower and is dropped.
//! 2. *Saliency.* For each directed edge the best sum of weights over any continuation of up to
//!    [`ROUNDS`] further spans, by dynamic programming: a round a span.
//! 3. *Choice.* Edges by falling saliency of both directions together, each taken while its ends
//!    have a side free; then branches, which need support of their own behind them. Long spans
//!    need well-chained sides.
//! 4. *Chains.* Where three or more edges meet, the straightest pair goes through and the others
//!    end. Fewer than [`TOWERS_MIN`] towers together are no line.
//!
//! Time is near-linear: neighbour queries are logarithmic, and all else is bounded by the edges of
//! a place. The span and turn distributions are mixtures with heavy tails, since a median of 300 m
//! goes with spans above 1 km, missed towers double a span, and lines bend.

use std::f64::consts::{PI, TAU};

use rstar::{RTree, primitives::GeomWithData};

use super::sphere::{Vector, dot, midpoint, minus, on_sphere, towards};

/// A line's longest span: rivers and valleys.
pub const SPAN_MAX_M: f64 = 2_000.0;
/// Fewer towers are no line.
pub const TOWERS_MIN: usize = 3;

/// Nearer places are one tower, or a yard's.
const SPAN_MIN_M: f64 = 25.0;
/// Directions that are told apart when candidates are chosen: 15° each.
const SECTORS: usize = 24;
/// Candidates in each direction.
const PER_SECTOR: usize = 2;
/// Neighbours that are looked at, the nearest first.
const LOOKED_AT_MAX: usize = 64;
/// An edge skips a place that lies within this distance and share of its length from its middle
/// part.
const SKIP_M: f64 = 12.0;
const SKIP_SHARE: f64 = 0.02;
/// The share of an edge at each end that skips nothing.
const SKIP_END_SHARE: f64 = 0.12;
/// How many spans ahead support counts.
const ROUNDS: usize = 8;
/// The sharpest turn of a line, as a cosine: 75°.
const COS_TURN_MIN: f64 = 0.26;
/// How far a place lies from its tower, in metres, along each axis: one standard deviation.
const PLACE_NOISE_M: f64 = 7.0;
/// Transitions that weigh less are not kept, in nats.
const WEIGHT_MIN: f64 = -6.0;
/// Edges of less saliency are not taken, in nats.
const SALIENCY_MIN: f32 = 3.0;
/// From this length on, in metres, a span needs [`LONG_SUPPORT_MIN`] on both sides.
const LONG_M: f32 = 1_000.0;
const LONG_SUPPORT_MIN: f32 = 8.0;
/// What a line's last span has to weigh, in nats: else every place near its end would lengthen it.
const LAST_WEIGHT_MIN: f32 = 1.0;
/// A branch needs so much support behind its first tower, in nats,
const BRANCH_SUPPORT_MIN: f32 = 9.0;
/// starts with a span no longer than this,
const BRANCH_M_MAX: f32 = 800.0;
/// leaves at least 23° beside the other edges,
const BRANCH_COS_MAX: f32 = 0.92;
/// and a tower has so many edges at the most.
const EDGES_MAX: usize = 6;
/// A place with as many others within [`YARD_M`] stands in a yard, as in a substation.
const YARD_NEIGHBOURS: u16 = 6;
const YARD_M: f64 = 110.0;
/// Limits of the density of unrelated places, in places a square metre.
const DENSITY_LIMITS: (f64, f64) = (1.5e-7, 1e-5);
/// The share of the places around that are taken for unrelated.
const UNRELATED_SHARE: f64 = 0.4;
/// More support than this says no more, in nats.
const SUPPORT_MAX: f32 = 60.0;

/// What became of the places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chains {
    /// Consecutive towers, as pairs of indices, the smaller first, rising.
    pub edges: Vec<(u32, u32)>,
    /// For each place the saliency of the best edge it keeps, in nats, 0 without any.
    pub support: Vec<f32>,
    /// Each chain's places from one end to the other; longest first. A place where lines meet
    /// may stand in several.
    pub chains: Vec<Vec<u32>>,
}

/// Strings places (longitude, latitude) into lines. `in_yard` says which are known to stand
/// within a substation: nothing is chained between two of those.
#[must_use]
pub fn chain(places: &[(f64, f64)], in_yard: impl Fn(usize) -> bool) -> Chains {
    let at: Vec<Vector> = places.iter().map(|&place| on_sphere(place)).collect();
    let points = at.iter().enumerate();
    let tree = RTree::bulk_load(
        points
            .map(|(i, &p)| GeomWithData::new(p, i as u32))
            .collect(),
    );
    let surroundings = surroundings(places, &at, &tree);
    let graph = Graph::new(
        &at,
        skipless(surroundings.pairs, &at, &tree),
        surroundings.density,
    );
    let saliency = Saliency::of(&graph);
    let yard = |i: u32| surroundings.crowded[i as usize] || in_yard(i as usize);
    let taken = saliency.choose(&graph, &yard);
    collect(&graph, &saliency, &taken, places.len())
}

type Tree = RTree<GeomWithData<Vector, u32>>;

struct Surroundings {
    /// Candidate edges, the smaller index first, rising.
    pairs: Vec<(u32, u32)>,
    /// Unrelated places a square metre.
    density: Vec<f32>,
    crowded: Vec<bool>,
}

fn surroundings(places: &[(f64, f64)], at: &[Vector], tree: &Tree) -> Surroundings {
    let mut found = Surroundings {
        pairs: Vec::new(),
        density: Vec::with_capacity(at.len()),
        crowded: Vec::with_capacity(at.len()),
    };
    for (i, here) in at.iter().enumerate() {
        let mut in_sector = [0usize; SECTORS];
        let (mut seen, mut reach_m, mut close) = (0, SPAN_MAX_M, 0);
        for (near, square) in tree.nearest_neighbor_iter_with_distance_2(here) {
            let (j, distance_m) = (near.data as usize, square.sqrt());
            if distance_m > SPAN_MAX_M {
                break;
            }
            if j == i {
                continue;
            }
            seen += 1;
            close += u16::from(distance_m < YARD_M);
            if distance_m >= SPAN_MIN_M {
                let (east, north) = towards(places[i], minus(at[j], *here));
                let turn = east.atan2(north) / TAU + 0.5;
                let sector = ((turn * SECTORS as f64) as usize).min(SECTORS - 1);
                if in_sector[sector] < PER_SECTOR {
                    in_sector[sector] += 1;
                    found.pairs.push((i.min(j) as u32, i.max(j) as u32));
                }
            }
            if seen == LOOKED_AT_MAX {
                reach_m = distance_m.max(1.0);
                break;
            }
        }
        let around = seen as f64 / (PI * reach_m * reach_m);
        let (least, most) = DENSITY_LIMITS;
        found
            .density
            .push((UNRELATED_SHARE * around).clamp(least, most) as f32);
        found.crowded.push(close >= YARD_NEIGHBOURS);
    }
    found.pairs.sort_unstable();
    found.pairs.dedup();
    found
}

/// The pairs that pass over no place.
fn skipless(mut pairs: Vec<(u32, u32)>, at: &[Vector], tree: &Tree) -> Vec<(u32, u32)> {
    pairs.retain(|&(a, b)| {
        let (a, b) = (at[a as usize], at[b as usize]);
        let along = minus(b, a);
        let length = dot(along, along).sqrt();
        let half = length * (0.5 - SKIP_END_SHARE);
        let aside_max = SKIP_M + SKIP_SHARE * length;
        let reach = half.hypot(aside_max);
        !tree
            .locate_within_distance(midpoint(a, b), reach * reach)
            .any(|place| {
                let from = minus(*place.geom(), a);
                let forward = dot(from, along) / length;
                let aside = (dot(from, from) - forward * forward).max(0.0).sqrt();
                (forward - length / 2.0).abs() < half && aside < aside_max
            })
    });
    pairs.shrink_to_fit();
    pairs
}

/// The candidate edges in both directions, those that leave a place next to each other.
struct Graph {
    /// Where each place's edges start; one more than places.
    start: Vec<u32>,
    to: Vec<u32>,
    /// The same edge the other way.
    reverse: Vec<u32>,
    length_m: Vec<f32>,
    /// Unit vectors.
    direction: Vec<[f32; 3]>,
    density: Vec<f32>,
}

impl Graph {
    fn new(at: &[Vector], pairs: Vec<(u32, u32)>, density: Vec<f32>) -> Self {
        let mut start = vec![0u32; at.len() + 1];
        for &(a, b) in &pairs {
            start[a as usize + 1] += 1;
            start[b as usize + 1] += 1;
        }
        for i in 0..at.len() {
            start[i + 1] += start[i];
        }
        let count = 2 * pairs.len();
        let mut next = start.clone();
        let mut graph = Self {
            start,
            to: vec![0; count],
            reverse: vec![0; count],
            length_m: vec![0.0; count],
            direction: vec![[0.0; 3]; count],
            density,
        };
        for (a, b) in pairs {
            let mut place = |i: u32| {
                let edge = next[i as usize];
                next[i as usize] += 1;
                edge
            };
            let (there, back) = (place(a), place(b));
            let along = minus(at[b as usize], at[a as usize]);
            let length = dot(along, along).sqrt();
            for (edge, reverse, to, sign) in [(there, back, b, 1.0), (back, there, a, -1.0)] {
                let edge = edge as usize;
                graph.to[edge] = to;
                graph.reverse[edge] = reverse;
                graph.length_m[edge] = length as f32;
                graph.direction[edge] = along.map(|axis| (sign * axis / length) as f32);
            }
        }
        graph
    }

    fn edges(&self) -> usize {
        self.to.len()
    }

    fn from(&self, edge: u32) -> u32 {
        self.to[self.reverse[edge as usize] as usize]
    }

    /// The edges that leave a place.
    fn leaving(&self, place: u32) -> std::ops::Range<u32> {
        self.start[place as usize]..self.start[place as usize + 1]
    }

    /// The cosine of the angle between two edges.
    fn cos(&self, a: u32, b: u32) -> f32 {
        let (a, b) = (self.direction[a as usize], self.direction[b as usize]);
        a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    }

    /// How much likelier an edge is between towers than between unrelated places, in nats.
    fn weight(&self, edge: u32) -> f32 {
        let length = f64::from(self.length_m[edge as usize]);
        let density = |place: u32| self.density[place as usize];
        let density = density(self.from(edge)).min(density(self.to[edge as usize]));
        (any_span(length) / (TAU * f64::from(density) * length)).ln() as f32
    }

    /// The same for an edge that goes on from another.
    fn weight_after(&self, before: u32, edge: u32) -> Option<f32> {
        let cos = f64::from(self.cos(before, edge));
        if cos < COS_TURN_MIN || edge == self.reverse[before as usize] {
            return None;
        }
        let length = |edge: u32| f64::from(self.length_m[edge as usize]);
        let (first, second) = (length(before), length(edge));
        let density = f64::from(self.density[self.to[before as usize] as usize]);
        let likely = next_span(second, first) * turn(cos, first, second);
        let weight = (likely / (density * second)).ln();
        (weight > WEIGHT_MIN).then_some(weight as f32)
    }
}

/// Density of the log-normal distribution.
fn log_normal(value: f64, median: f64, sigma: f64) -> f64 {
    let z = (value / median).ln() / sigma;
    (-0.5 * z * z).exp() / (value * sigma * TAU.sqrt())
}

/// Density of a line's spans, a metre.
fn any_span(length: f64) -> f64 {
    0.93 * log_normal(length, 300.0, 0.42) + 0.07 * log_normal(length, 600.0, 0.6)
}

/// Density of a span behind another: much the same, any, or one where a tower was missed.
fn next_span(length: f64, before: f64) -> f64 {
    0.72 * log_normal(length, before, 0.28)
        + 0.20 * any_span(length)
        + 0.08 * log_normal(length, 600.0, 0.5)
}

/// Density of turns, a radian: straight but for the places' noise, a bend, or anything.
fn turn(cos: f64, first: f64, second: f64) -> f64 {
    let angle = cos.clamp(-1.0, 1.0).acos();
    let (a, b) = (PLACE_NOISE_M / first, PLACE_NOISE_M / second);
    let sigma = (0.025f64.powi(2) + a * a + b * b + a * b).sqrt();
    let z = angle / sigma;
    0.84 * (-0.5 * z * z).exp() / (sigma * TAU.sqrt())
        + 0.11 * (-angle / 0.35).exp() / 0.7
        + 0.05 / PI
}

/// How well each directed edge goes on.
struct Saliency {
    /// The best sum of weights behind the edge, in nats.
    ahead: Vec<f32>,
    /// The weight of the first of them.
    next: Vec<f32>,
}

impl Saliency {
    fn of(graph: &Graph) -> Self {
        let edges = graph.edges();
        let mut first = Vec::with_capacity(edges + 1);
        let mut transitions = Vec::new();
        first.push(0);
        for edge in 0..edges as u32 {
            let onward = graph.leaving(graph.to[edge as usize]);
            transitions
                .extend(onward.filter_map(|next| Some((next, graph.weight_after(edge, next)?))));
            first.push(transitions.len());
        }
        let mut ahead = vec![0f32; edges];
        let mut next = vec![0f32; edges];
        for _ in 0..ROUNDS {
            let mut further = vec![0f32; edges];
            for edge in 0..edges {
                let mut best = (0f32, 0f32);
                for &(onward, weight) in &transitions[first[edge]..first[edge + 1]] {
                    let sum = weight + ahead[onward as usize];
                    if sum > best.0 {
                        best = (sum, weight);
                    }
                }
                (further[edge], next[edge]) = best;
            }
            ahead = further;
        }
        Self { ahead, next }
    }

    fn both(&self, graph: &Graph, edge: u32) -> f32 {
        self.ahead[edge as usize] + self.ahead[graph.reverse[edge as usize] as usize]
    }

    /// The edges that leave each place and are kept.
    fn choose(&self, graph: &Graph, yard: &dyn Fn(u32) -> bool) -> Vec<Vec<u32>> {
        let each = (0..graph.edges() as u32).filter(|&edge| edge < graph.reverse[edge as usize]);
        let mut order: Vec<(f32, u32)> = each
            .map(|edge| (self.both(graph, edge) + graph.weight(edge), edge))
            .filter(|&(saliency, edge)| saliency > SALIENCY_MIN && self.may_end(graph, edge))
            .filter(|&(_, edge)| !(yard(graph.from(edge)) && yard(graph.to[edge as usize])))
            .collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut taken: Vec<Vec<u32>> = vec![Vec::new(); graph.start.len() - 1];
        let mut left = Vec::new();
        for (_, edge) in order {
            let reverse = graph.reverse[edge as usize];
            let ends = [(edge, graph.from(edge)), (reverse, graph.to[edge as usize])];
            let has_room = ends
                .iter()
                .all(|&(edge, place)| match *taken[place as usize] {
                    [] => true,
                    [other] => graph.cos(edge, other) < 0.0,
                    _ => false,
                });
            if has_room {
                for (edge, place) in ends {
                    taken[place as usize].push(edge);
                }
            } else {
                left.push(edge);
            }
        }
        // The branches that run on most evenly first: of two towers of the stem, the one ahead.
        let mut branches: Vec<(f32, u32)> = left
            .into_iter()
            .flat_map(|edge| [edge, graph.reverse[edge as usize]])
            .filter_map(|out| {
                let [onward] = *taken[graph.to[out as usize] as usize] else {
                    return None;
                };
                let (inward, back) = (graph.reverse[onward as usize], graph.reverse[out as usize]);
                Some((graph.weight_after(inward, back)?, out))
            })
            .collect();
        branches.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, out) in branches {
            if self.branches(graph, &taken, out) {
                taken[graph.from(out) as usize].push(out);
                taken[graph.to[out as usize] as usize].push(graph.reverse[out as usize]);
            }
        }
        taken
    }

    /// Whether an edge's sides carry it: a long span needs both, a line's last span its own fit.
    fn may_end(&self, graph: &Graph, edge: u32) -> bool {
        let sides = [edge, graph.reverse[edge as usize]].map(|e| self.ahead[e as usize]);
        let (weak, inward) = if sides[0] < sides[1] {
            (sides[0], graph.reverse[edge as usize])
        } else {
            (sides[1], edge)
        };
        if graph.length_m[edge as usize] > LONG_M {
            return weak >= LONG_SUPPORT_MIN;
        }
        weak > 0.0 || self.next[inward as usize] >= LAST_WEIGHT_MIN
    }

    /// Whether an edge leaves a line as the first of a branch.
    fn branches(&self, graph: &Graph, taken: &[Vec<u32>], edge: u32) -> bool {
        let stem = &taken[graph.from(edge) as usize];
        let reverse = graph.reverse[edge as usize];
        let goes_on = match *taken[graph.to[edge as usize] as usize] {
            [onward] => graph.cos(reverse, onward) < -0.5,
            _ => false,
        };
        goes_on
            && (2..EDGES_MAX).contains(&stem.len())
            && self.ahead[edge as usize] >= BRANCH_SUPPORT_MIN
            && graph.length_m[edge as usize] <= BRANCH_M_MAX
            && stem
                .iter()
                .all(|&other| graph.cos(edge, other) <= BRANCH_COS_MAX)
    }
}

/// Which edge goes on from each edge, through the place it leads to.
fn through(graph: &Graph, taken: &[Vec<u32>], edge: u32) -> Option<u32> {
    let place = graph.to[edge as usize];
    let here = graph.reverse[edge as usize];
    // The straightest pair of the place's edges, then the straightest of the rest, and so on.
    let mut free = taken[place as usize].clone();
    while free.len() > 1 {
        let pairs = (1..free.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let (a, b) = pairs.min_by(|&(a, b), &(c, d)| {
            let cos = |a: usize, b: usize| graph.cos(free[a], free[b]);
            cos(a, b).total_cmp(&cos(c, d))
        })?;
        let pair = [free[a], free[b]];
        if graph.cos(pair[0], pair[1]) > -(COS_TURN_MIN as f32) {
            return None;
        }
        if pair.contains(&here) {
            return Some(if pair[0] == here { pair[1] } else { pair[0] });
        }
        free.retain(|edge| !pair.contains(edge));
    }
    None
}

fn collect(graph: &Graph, saliency: &Saliency, taken: &[Vec<u32>], places: usize) -> Chains {
    let mut found = Chains {
        support: vec![0.0; places],
        ..Chains::default()
    };
    let mut walked = vec![false; graph.edges()];
    // Ends first, so that only rings are left to be cut anywhere.
    for ends_only in [true, false] {
        for edge in taken.iter().flatten().copied() {
            let back = graph.reverse[edge as usize];
            if walked[edge as usize] || ends_only && through(graph, taken, back).is_some() {
                continue;
            }
            let mut line = vec![graph.from(edge)];
            let mut next = Some(edge);
            while let Some(edge) = next.filter(|&edge| !walked[edge as usize]) {
                walked[edge as usize] = true;
                walked[graph.reverse[edge as usize] as usize] = true;
                line.push(graph.to[edge as usize]);
                next = through(graph, taken, edge);
            }
            found.chains.push(line);
        }
    }
    // What hangs on a longer line may be short; what stands alone may not.
    let mut joined = vec![0u32; places];
    for line in &found.chains {
        for &place in line {
            joined[place as usize] += 1;
        }
    }
    found.chains.retain(|line| {
        line.len() >= TOWERS_MIN || line.iter().any(|&place| joined[place as usize] > 1)
    });
    found
        .chains
        .sort_by(|a, b| b.len().cmp(&a.len()).then(a[0].cmp(&b[0])));
    for line in &found.chains {
        for pair in line.windows(2) {
            found
                .edges
                .push((pair[0].min(pair[1]), pair[0].max(pair[1])));
        }
    }
    found.edges.sort_unstable();
    for &(a, b) in &found.edges {
        let edge = taken[a as usize]
            .iter()
            .find(|&&edge| graph.to[edge as usize] == b);
        let support = edge.map_or(0.0, |&edge| saliency.both(graph, edge));
        for place in [a, b] {
            let best = &mut found.support[place as usize];
            *best = best.max(support.clamp(0.1, SUPPORT_MAX));
        }
    }
    found
}

#[cfg(test)]
mod tests;
