//! A country cut into regions, so that the candidates of one are in memory at a time.
//!
//! What an edge's saliency depends on lies within [`HALO_M`], so each region looks so far beyond
//! its own places. The cut changes nothing in the result.

use super::{
    Edge, SPAN_MAX_M, Tree,
    graph::{Graph, ROUNDS, Saliency, Surroundings, skips},
    sphere::Vector,
};
use crate::tiles::LonLat;

/// Metres from a place to the farthest that its edges' saliency depends on: the edge itself, and
/// [`ROUNDS`] spans behind it.
const HALO_M: f64 = (ROUNDS + 1) as f64 * SPAN_MAX_M;
/// Edges of less saliency are not taken, in nats.
const SALIENCY_MIN: f32 = 3.0;
/// From this length on, in metres, a span needs [`LONG_SUPPORT_MIN`] on both sides.
const LONG_M: f32 = 1_000.0;
const LONG_SUPPORT_MIN: f32 = 8.0;
/// What a line's last span has to weigh, in nats: else every place near its end would lengthen it.
const LAST_WEIGHT_MIN: f32 = 1.0;

/// What the regions found, place by place and edge by edge.
pub(super) struct Found {
    /// The edges that may be part of a line, by their ends.
    pub(super) edges: Vec<Edge>,
    /// Unrelated places a square metre.
    pub(super) density: Vec<f32>,
}

/// Weighs the edges of all places, in regions of so many places at the most. `in_yard` says which
/// places are known to stand within a substation.
pub(super) fn weigh(
    places: &[LonLat],
    at: &[Vector],
    tree: &Tree,
    region_places_max: usize,
    in_yard: &dyn Fn(usize) -> bool,
) -> Found {
    let mut order: Vec<u32> = (0..at.len() as u32).collect();
    let mut found = Found {
        edges: Vec::new(),
        density: vec![0.0; at.len()],
    };
    cut(&mut order, at, region_places_max.max(1), &mut |core| {
        core.sort_unstable();
        Region::of(core, places, at, tree).weigh(at, tree, in_yard, &mut found);
    });
    found.edges.sort_unstable_by_key(|edge| edge.ends);
    found.edges.shrink_to_fit();
    found
}

/// Halves the places along the longest side of their box until they are few enough.
fn cut(order: &mut [u32], at: &[Vector], few: usize, visit: &mut dyn FnMut(&mut [u32])) {
    if order.is_empty() {
        return;
    }
    if order.len() <= few {
        return visit(order);
    }
    let bounds = Bounds::of(order, at);
    let side = |axis: &usize| bounds.high[*axis] - bounds.low[*axis];
    let longest = (0..3)
        .max_by(|a, b| side(a).total_cmp(&side(b)))
        .unwrap_or(0);
    let half = order.len() / 2;
    order.select_nth_unstable_by(half, |&a, &b| {
        let along = |i: u32| at[i as usize][longest];
        along(a).total_cmp(&along(b)).then(a.cmp(&b))
    });
    let (low, high) = order.split_at_mut(half);
    cut(low, at, few, visit);
    cut(high, at, few, visit);
}

/// A box around places.
struct Bounds {
    low: Vector,
    high: Vector,
}

impl Bounds {
    fn of(places: &[u32], at: &[Vector]) -> Self {
        let mut bounds = Self {
            low: [f64::INFINITY; 3],
            high: [f64::NEG_INFINITY; 3],
        };
        for &place in places {
            for (axis, &along) in at[place as usize].iter().enumerate() {
                bounds.low[axis] = bounds.low[axis].min(along);
                bounds.high[axis] = bounds.high[axis].max(along);
            }
        }
        bounds
    }
}

/// A region's places, and those around it.
struct Region<'a> {
    /// Rising.
    core: &'a [u32],
    /// The core and the halo, rising; the region counts them from 0.
    places: Vec<u32>,
    /// Of each of them.
    surroundings: Vec<Surroundings>,
}

impl<'a> Region<'a> {
    fn of(core: &'a [u32], places: &[LonLat], at: &[Vector], tree: &Tree) -> Self {
        let bounds = Bounds::of(core, at);
        let around = rstar::AABB::from_corners(
            bounds.low.map(|axis| axis - HALO_M),
            bounds.high.map(|axis| axis + HALO_M),
        );
        let within = tree.locate_in_envelope(&around);
        let mut own: Vec<u32> = within.map(|place| place.data).collect();
        own.sort_unstable();
        let surroundings = own
            .iter()
            .map(|&i| Surroundings::of(i, places, at, tree))
            .collect();
        Self {
            core,
            places: own,
            surroundings,
        }
    }

    fn number(&self, place: u32) -> Option<u32> {
        let found = self.places.binary_search(&place);
        found.ok().map(|number| number as u32)
    }

    /// The picks of its places as pairs of their numbers, the smaller first, rising.
    fn pairs(&self, at: &[Vector], tree: &Tree) -> Vec<(u32, u32)> {
        let mut pairs = Vec::new();
        for (i, around) in self.surroundings.iter().enumerate() {
            let i = i as u32;
            let picks = around.picks.iter().filter_map(|&pick| self.number(pick));
            pairs.extend(picks.map(|j| (i.min(j), i.max(j))));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let at = |i: u32| at[self.places[i as usize] as usize];
        pairs.retain(|&(a, b)| !skips(at(a), at(b), tree));
        pairs
    }

    /// Adds the edges whose first place is the region's own.
    fn weigh(
        &self,
        at: &[Vector],
        tree: &Tree,
        in_yard: &dyn Fn(usize) -> bool,
        found: &mut Found,
    ) {
        let own_at: Vec<Vector> = self.places.iter().map(|&i| at[i as usize]).collect();
        let pairs = self.pairs(at, tree);
        let densities = self.surroundings.iter().map(|around| around.density);
        let graph = Graph::new(&own_at, &pairs, densities.collect());
        drop(pairs);
        let saliency = Saliency::of(&graph);
        for (&place, around) in self.places.iter().zip(&self.surroundings) {
            if self.core.binary_search(&place).is_ok() {
                found.density[place as usize] = around.density;
            }
        }
        let yard = |number: u32| {
            let is_crowded = self.surroundings[number as usize].is_crowded;
            is_crowded || in_yard(self.places[number as usize] as usize)
        };
        for edge in graph.edges() {
            let (a, b) = (graph.from(edge), graph.to(edge));
            let ends = [a, b].map(|number| self.places[number as usize]);
            if a > b || self.core.binary_search(&ends[0]).is_err() || yard(a) && yard(b) {
                continue;
            }
            let sides = [edge, graph.reverse(edge)];
            let ahead = sides.map(|side| saliency.ahead[side as usize]);
            let total = ahead[0] + ahead[1] + graph.weight(edge);
            if total > SALIENCY_MIN
                && may_end(
                    graph.length_m(edge),
                    ahead,
                    sides.map(|side| saliency.next[side as usize]),
                )
            {
                found.edges.push(Edge {
                    ends,
                    ahead,
                    saliency: total,
                });
            }
        }
    }
}

/// Whether an edge's sides carry it: a long span needs both, a line's last span its own fit.
fn may_end(length_m: f32, ahead: [f32; 2], next: [f32; 2]) -> bool {
    let (weak, inward) = if ahead[0] < ahead[1] {
        (ahead[0], next[1])
    } else {
        (ahead[1], next[0])
    };
    if length_m > LONG_M {
        return weak >= LONG_SUPPORT_MIN;
    }
    weak > 0.0 || inward >= LAST_WEIGHT_MIN
}
