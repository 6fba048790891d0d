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
//!    have a side free. Long spans need well-chained sides.
//! 4. *Exchange.* An edge that was left takes the place of others where that makes the whole
//!    likelier, in the manner of Lin & Kernighan ("An effective heuristic algorithm for the
//!    traveling-salesman problem", Operations Research 21(2), 1973): saliency sums over what lies
//!    far ahead, so where lines of short and of long spans cross it lets them swap; what counts
//!    here are the spans and turns at the towers that change.
//! 5. *Branches* need support of their own behind them.
//! 6. *Chains.* Where three or more edges meet, the straightest pair goes through and the others
//!    end. Fewer than [`TOWERS_MIN`] towers together are no line.
//!
//! Steps 1 and 2 go by region ([`regions`]), which bounds their memory and changes nothing.
//!
//! Time is near-linear: neighbour queries are logarithmic, and all else is bounded by the edges of
//! a place. The span and turn distributions are mixtures with heavy tails, since a median of 300 m
//! goes with spans above 1 km, missed towers double a span, and lines bend.

mod choice;
mod graph;
mod regions;
mod trace;
mod weights;

use rstar::{RTree, primitives::GeomWithData};

use super::sphere::{self, Vector, on_sphere};
use crate::tiles::LonLat;

/// A line's longest span: rivers and valleys.
pub const SPAN_MAX_M: f64 = 2_000.0;
/// Fewer towers are no line.
pub const TOWERS_MIN: usize = 3;

/// Places whose candidates are in memory at a time, without those around them.
const REGION_PLACES_MAX: usize = 50_000;

/// What became of the places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chains {
    /// Consecutive towers, as pairs of indices, the smaller first, rising.
    pub edges: Vec<(u32, u32)>,
    /// For each place the saliency of the best edge it keeps, in nats, or a share of that of one
    /// that was left; 0 where no line comes near.
    pub support: Vec<f32>,
    /// Each chain's places from one end to the other; longest first. A place where lines meet
    /// may stand in several.
    pub chains: Vec<Vec<u32>>,
}

/// An edge that may be part of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edge {
    /// The smaller index first.
    ends: [u32; 2],
    /// The best sum of weights behind it, in nats: beyond the second end, and beyond the first.
    ahead: [f32; 2],
    /// Both, and its own weight.
    saliency: f32,
}

type Tree = RTree<GeomWithData<Vector, u32>>;

/// Strings places into lines. `in_yard` says which are known to stand
/// within a substation: nothing is chained between two of those.
#[must_use]
pub fn chain(places: &[LonLat], in_yard: impl Fn(usize) -> bool) -> Chains {
    chain_by_regions(places, REGION_PLACES_MAX, &in_yard)
}

fn chain_by_regions(
    places: &[LonLat],
    region_places_max: usize,
    in_yard: &dyn Fn(usize) -> bool,
) -> Chains {
    let at: Vec<Vector> = places.iter().map(|&place| on_sphere(place)).collect();
    let found = {
        let points = at.iter().enumerate();
        let points = points.map(|(i, &p)| GeomWithData::new(p, i as u32));
        let tree = RTree::bulk_load(points.collect());
        regions::weigh(places, &at, &tree, region_places_max, in_yard)
    };
    let net = choice::Net {
        at: &at,
        density: &found.density,
        edges: &found.edges,
    };
    let taken = choice::choose(&net);
    trace::trace(&net, &taken)
}

#[cfg(test)]
mod tests;
