//! The candidate edges among some places, and how well each goes on.

use std::f64::consts::{PI, TAU};

use super::{
    SPAN_MAX_M, Tree,
    sphere::{Vector, dot, midpoint, minus, towards},
    weights,
};
use crate::tiles::LonLat;

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
pub(super) const ROUNDS: usize = 8;
/// A place with as many others within [`YARD_M`] stands in a yard, as in a substation.
const YARD_NEIGHBOURS: u16 = 6;
const YARD_M: f64 = 110.0;
/// Limits of the density of unrelated places, in places a square metre.
const DENSITY_LIMITS: (f64, f64) = (1.5e-7, 1e-5);
/// The share of the places around that are taken for unrelated.
const UNRELATED_SHARE: f64 = 0.4;

/// What stands around a place.
pub(super) struct Surroundings {
    /// The places that it picks as neighbours.
    pub(super) picks: Vec<u32>,
    /// Unrelated places a square metre.
    pub(super) density: f32,
    pub(super) is_crowded: bool,
}

impl Surroundings {
    pub(super) fn of(i: u32, places: &[LonLat], at: &[Vector], tree: &Tree) -> Self {
        let here = at[i as usize];
        let mut picks = Vec::new();
        let mut in_sector = [0usize; SECTORS];
        let (mut seen, mut reach_m, mut close) = (0, SPAN_MAX_M, 0);
        for (near, square) in tree.nearest_neighbor_iter_with_distance_2(&here) {
            let distance_m = square.sqrt();
            if distance_m > SPAN_MAX_M {
                break;
            }
            if near.data == i {
                continue;
            }
            seen += 1;
            close += u16::from(distance_m < YARD_M);
            if distance_m >= SPAN_MIN_M {
                let way = towards(places[i as usize], minus(*near.geom(), here));
                let turn = way.east_m.atan2(way.north_m) / TAU + 0.5;
                let sector = ((turn * SECTORS as f64) as usize).min(SECTORS - 1);
                if in_sector[sector] < PER_SECTOR {
                    in_sector[sector] += 1;
                    picks.push(near.data);
                }
            }
            if seen == LOOKED_AT_MAX {
                reach_m = distance_m.max(1.0);
                break;
            }
        }
        let around = f64::from(seen as u32) / (PI * reach_m * reach_m);
        let (least, most) = DENSITY_LIMITS;
        Self {
            picks,
            density: (UNRELATED_SHARE * around).clamp(least, most) as f32,
            is_crowded: close >= YARD_NEIGHBOURS,
        }
    }
}

/// Whether an edge passes over a place: it then skips a tower.
pub(super) fn skips(a: Vector, b: Vector, tree: &Tree) -> bool {
    let along = minus(b, a);
    let length = dot(along, along).sqrt();
    let half = length * (0.5 - SKIP_END_SHARE);
    let aside_max = SKIP_M + SKIP_SHARE * length;
    let reach = half.hypot(aside_max);
    tree.locate_within_distance(midpoint(a, b), reach * reach)
        .any(|place| {
            let from = minus(*place.geom(), a);
            let forward = dot(from, along) / length;
            let aside = (dot(from, from) - forward * forward).max(0.0).sqrt();
            (forward - length / 2.0).abs() < half && aside < aside_max
        })
}

/// Edges in both directions, those that leave a place next to each other. Places are counted from
/// 0 within the graph.
pub(super) struct Graph {
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
    /// The graph of pairs of places, the smaller first, rising.
    pub(super) fn new(at: &[Vector], pairs: &[(u32, u32)], density: Vec<f32>) -> Self {
        let mut start = vec![0u32; at.len() + 1];
        for &(a, b) in pairs {
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
        for &(a, b) in pairs {
            let mut place = |i: u32| {
                let edge = next[i as usize];
                next[i as usize] += 1;
                edge
            };
            let (there, back) = (place(a), place(b));
            let (length_m, direction) = span(at[a as usize], at[b as usize]);
            for (edge, reverse, to, sign) in [(there, back, b, 1.0), (back, there, a, -1.0)] {
                let edge = edge as usize;
                graph.to[edge] = to;
                graph.reverse[edge] = reverse;
                graph.length_m[edge] = length_m;
                graph.direction[edge] = direction.map(|axis| sign * axis);
            }
        }
        graph
    }

    pub(super) fn edges(&self) -> std::ops::Range<u32> {
        0..self.to.len() as u32
    }

    pub(super) fn from(&self, edge: u32) -> u32 {
        self.to[self.reverse[edge as usize] as usize]
    }

    pub(super) fn to(&self, edge: u32) -> u32 {
        self.to[edge as usize]
    }

    pub(super) fn reverse(&self, edge: u32) -> u32 {
        self.reverse[edge as usize]
    }

    pub(super) fn length_m(&self, edge: u32) -> f32 {
        self.length_m[edge as usize]
    }

    /// The edges that leave a place.
    fn leaving(&self, place: u32) -> std::ops::Range<u32> {
        self.start[place as usize]..self.start[place as usize + 1]
    }

    /// How much likelier an edge is between towers than between unrelated places, in nats.
    pub(super) fn weight(&self, edge: u32) -> f32 {
        let density = |place: u32| self.density[place as usize];
        let density = density(self.from(edge)).min(density(self.to(edge)));
        weights::alone(self.length_m(edge), density)
    }

    /// The same for an edge that goes on from another.
    fn weight_after(&self, before: u32, edge: u32) -> Option<f32> {
        let [a, b] = [before, edge].map(|edge| self.direction[edge as usize]);
        if edge == self.reverse(before) {
            return None;
        }
        let density = self.density[self.to(before) as usize];
        weights::behind(
            self.length_m(before),
            self.length_m(edge),
            cos(a, b),
            density,
        )
    }
}

/// Length in metres and unit vector of the way from one place to another.
pub(super) fn span(from: Vector, to: Vector) -> (f32, [f32; 3]) {
    let along = minus(to, from);
    let length = dot(along, along).sqrt();
    (length as f32, along.map(|axis| (axis / length) as f32))
}

/// The cosine of the angle between two unit vectors.
pub(super) fn cos(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// How well each directed edge goes on.
pub(super) struct Saliency {
    /// The best sum of weights behind the edge, in nats.
    pub(super) ahead: Vec<f32>,
    /// The weight of the first of them.
    pub(super) next: Vec<f32>,
}

impl Saliency {
    pub(super) fn of(graph: &Graph) -> Self {
        let edges = graph.edges().len();
        let mut first = Vec::with_capacity(edges + 1);
        let mut transitions = Vec::new();
        first.push(0);
        for edge in graph.edges() {
            let onward = graph.leaving(graph.to(edge));
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
}
