//! Which of the edges are taken.

use super::{
    Edge,
    graph::{cos, span},
    sphere::Vector,
    weights,
};

/// A branch needs so much support behind its first tower, in nats,
const BRANCH_SUPPORT_MIN: f32 = 22.0;
/// starts with a span no longer than this,
const BRANCH_M_MAX: f32 = 800.0;
/// leaves at least 23° beside the other edges,
const BRANCH_COS_MAX: f32 = 0.92;
/// and a tower has so many edges at the most.
const EDGES_MAX: usize = 6;
/// A swap has to gain so much, in nats.
const GAIN_MIN: f32 = 0.1;
/// Two edges that no line would have both, in nats.
const WORTH_MIN: f32 = -6.0;
/// How often the edges that were left are tried again.
const REFINEMENTS_MAX: usize = 4;

/// Edges between places. Each has two numbers, one for each direction: the edge of index `i` is
/// `2 i` from its first end to its second, and `2 i + 1` back.
pub(super) struct Net<'a> {
    pub(super) at: &'a [Vector],
    /// Unrelated places a square metre.
    pub(super) density: &'a [f32],
    /// By their ends.
    pub(super) edges: &'a [Edge],
}

/// The other way along an edge.
pub(super) fn reverse(edge: u32) -> u32 {
    edge ^ 1
}

impl Net<'_> {
    pub(super) fn from(&self, edge: u32) -> u32 {
        self.edges[(edge >> 1) as usize].ends[(edge & 1) as usize]
    }

    pub(super) fn to(&self, edge: u32) -> u32 {
        self.from(reverse(edge))
    }

    /// The best sum of weights behind an edge, in nats.
    fn ahead(&self, edge: u32) -> f32 {
        self.edges[(edge >> 1) as usize].ahead[(edge & 1) as usize]
    }

    fn span(&self, edge: u32) -> (f32, [f32; 3]) {
        let [a, b] = [self.from(edge), self.to(edge)].map(|place| self.at[place as usize]);
        span(a, b)
    }

    /// The cosine of the angle between two edges.
    pub(super) fn cos(&self, a: u32, b: u32) -> f32 {
        cos(self.span(a).1, self.span(b).1)
    }

    fn weight(&self, edge: u32) -> f32 {
        let [a, b] = [self.from(edge), self.to(edge)].map(|place| self.density[place as usize]);
        weights::alone(self.span(edge).0, a.min(b))
    }

    fn weight_after(&self, before: u32, edge: u32) -> Option<f32> {
        let ((first, a), (second, b)) = (self.span(before), self.span(edge));
        let density = self.density[self.to(before) as usize];
        weights::behind(first, second, cos(a, b), density)
    }

    /// The edge between two places, from the first to the second.
    fn between(&self, from: u32, to: u32) -> Option<u32> {
        let ends = [from.min(to), from.max(to)];
        let found = self.edges.binary_search_by_key(&ends, |edge| edge.ends);
        found.ok().map(|i| 2 * i as u32 + u32::from(from > to))
    }
}

/// The edges that leave a place and are taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    count: u8,
    edges: [u32; EDGES_MAX],
}

impl Taken {
    pub(super) fn edges(&self) -> &[u32] {
        &self.edges[..usize::from(self.count)]
    }

    fn push(&mut self, edge: u32) {
        self.edges[usize::from(self.count)] = edge;
        self.count += 1;
    }

    fn remove(&mut self, edge: u32) {
        if let Some(i) = self.edges().iter().position(|&own| own == edge) {
            let count = usize::from(self.count);
            self.edges.copy_within(i + 1..count, i);
            self.count -= 1;
        }
    }
}

/// The edges that leave each place and are taken.
pub(super) fn choose(net: &Net<'_>) -> Vec<Taken> {
    let mut left: Vec<u32> = (0..net.edges.len() as u32).collect();
    sort(net, &mut left);
    let mut choice = Choice {
        net,
        taken: vec![Taken::default(); net.at.len()],
        stirred: vec![true; net.at.len()],
    };
    left.retain(|&i| !choice.take_with_room(2 * i));
    for _ in 0..REFINEMENTS_MAX {
        if !choice.refine(&mut left) {
            break;
        }
    }
    choice.branch(&left);
    choice.taken
}

/// Sorts edges by falling saliency.
fn sort(net: &Net<'_>, edges: &mut [u32]) {
    let saliency = |i: u32| net.edges[i as usize].saliency;
    edges.sort_unstable_by(|&a, &b| saliency(b).total_cmp(&saliency(a)).then(a.cmp(&b)));
}

struct Choice<'a> {
    net: &'a Net<'a>,
    taken: Vec<Taken>,
    /// Whether something changed at a place, or beside it, since its edges were last refined.
    stirred: Vec<bool>,
}

/// Edges that go, and edges that come.
struct Swap {
    /// By how much it makes the whole likelier, in nats.
    gain: f32,
    out: Vec<u32>,
    into: Vec<u32>,
}

/// What it takes to give an edge a side at one of its ends.
struct Side {
    /// The edge that goes, if one has to.
    out: Option<u32>,
    /// What that changes at this end, and where the edge that goes leads to, in nats.
    gain: f32,
}

impl Choice<'_> {
    fn at(&self, place: u32) -> &[u32] {
        self.taken[place as usize].edges()
    }

    fn add(&mut self, edge: u32) {
        for edge in [edge, reverse(edge)] {
            self.taken[self.net.from(edge) as usize].push(edge);
        }
    }

    fn remove(&mut self, edge: u32) {
        for edge in [edge, reverse(edge)] {
            self.taken[self.net.from(edge) as usize].remove(edge);
        }
    }

    /// Takes an edge if both of its ends have a side free.
    fn take_with_room(&mut self, edge: u32) -> bool {
        let has_room =
            [edge, reverse(edge)]
                .iter()
                .all(|&edge| match *self.at(self.net.from(edge)) {
                    [] => true,
                    [other] => self.net.cos(edge, other) < 0.0,
                    _ => false,
                });
        if has_room {
            self.add(edge);
        }
        has_room
    }

    /// How likely a place's edges are together, in nats; `None` where they cannot be one line's.
    fn worth(&self, edges: &[u32]) -> Option<f32> {
        match *edges {
            [] => Some(0.0),
            // A line's first span counts for itself, half at either end of the line.
            [end] => Some(self.net.weight(end) / 2.0),
            [a, b] => {
                let there = self.net.weight_after(reverse(a), b)?;
                let back = self.net.weight_after(reverse(b), a)?;
                Some(f32::midpoint(there, back))
            }
            _ => None,
        }
    }

    /// The same for a place's edges as they are.
    fn worth_now(&self, place: u32) -> f32 {
        self.worth(self.at(place)).unwrap_or(WORTH_MIN)
    }

    /// Puts edges that were left in the place of others where that makes the whole likelier, and
    /// answers whether any was.
    fn refine(&mut self, left: &mut Vec<u32>) -> bool {
        let mut dropped = Vec::new();
        let mut stirred = vec![false; self.stirred.len()];
        for &i in left.iter() {
            let edge = 2 * i;
            let ends = [self.net.from(edge), self.net.to(edge)];
            let is_stirred = |place: u32| self.stirred[place as usize] || stirred[place as usize];
            if !ends.iter().any(|&end| is_stirred(end)) || self.at(ends[0]).contains(&edge) {
                continue;
            }
            let Some(swap) = self.best_swap(edge) else {
                continue;
            };
            for &out in &swap.out {
                self.remove(out);
                dropped.push(out >> 1);
            }
            for &into in &swap.into {
                self.add(into);
            }
            for &edge in swap.out.iter().chain(&swap.into) {
                for place in [self.net.from(edge), self.net.to(edge)] {
                    stirred[place as usize] = true;
                    for &beside in self.at(place) {
                        stirred[self.net.to(beside) as usize] = true;
                    }
                }
            }
        }
        self.stirred = stirred;
        let changed = !dropped.is_empty() || self.stirred.contains(&true);
        left.extend(dropped);
        left.retain(|&i| !self.at(self.net.from(2 * i)).contains(&(2 * i)));
        sort(self.net, left);
        left.dedup();
        changed
    }

    /// The swap that takes an edge and gains most, if one gains enough.
    fn best_swap(&self, edge: u32) -> Option<Swap> {
        let sides = [self.sides(edge), self.sides(reverse(edge))];
        let mut best: Option<Swap> = None;
        let mut try_swap = |out: &[u32], into: Vec<u32>| {
            let mut swap = Swap {
                gain: 0.0,
                out: out.to_vec(),
                into,
            };
            if let Some(gain) = self.gain(&swap)
                && gain > best.as_ref().map_or(GAIN_MIN, |best| best.gain)
            {
                swap.gain = gain;
                best = Some(swap);
            }
        };
        for first in &sides[0] {
            for second in &sides[1] {
                let out: Vec<u32> = [first.out, second.out].into_iter().flatten().collect();
                if first.gain + second.gain > GAIN_MIN {
                    try_swap(&out, vec![edge]);
                }
                // What two edges leave loose may go together.
                if let [a, b] = out[..]
                    && let Some(other) = self.net.between(self.net.to(a), self.net.to(b))
                    && !self.at(self.net.to(a)).contains(&other)
                {
                    try_swap(&out, vec![edge, other]);
                }
            }
        }
        best
    }

    /// How an edge can get a side at the place it leaves: those ways that a line can go.
    fn sides(&self, edge: u32) -> Vec<Side> {
        let place = self.net.from(edge);
        let own = self.at(place);
        let now = self.worth_now(place);
        let mut sides = Vec::new();
        if own.len() < 2 {
            let all: Vec<u32> = own.iter().copied().chain([edge]).collect();
            if let Some(worth) = self.worth(&all) {
                sides.push(Side {
                    out: None,
                    gain: worth - now,
                });
            }
        }
        for &out in own {
            let others = |edges: &[u32], gone: u32| -> Vec<u32> {
                edges.iter().copied().filter(|&edge| edge != gone).collect()
            };
            let mut kept = others(own, out);
            kept.push(edge);
            let Some(worth) = self.worth(&kept) else {
                continue;
            };
            let loose = self.net.to(out);
            let left = self.worth(&others(self.at(loose), reverse(out)));
            let gain = worth - now + left.unwrap_or(WORTH_MIN) - self.worth_now(loose);
            sides.push(Side {
                out: Some(out),
                gain,
            });
        }
        sides
    }

    /// By how much a swap makes the whole likelier, in nats; `None` where no line can go so.
    fn gain(&self, swap: &Swap) -> Option<f32> {
        let edges = swap.out.iter().chain(&swap.into);
        let mut places: Vec<u32> = edges
            .flat_map(|&edge| [self.net.from(edge), self.net.to(edge)])
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut gain = 0.0;
        for place in places {
            let own = self.at(place).iter().copied();
            let goes = |edge: &u32| swap.out.iter().any(|out| out >> 1 == edge >> 1);
            let comes = swap.into.iter().flat_map(|&edge| [edge, reverse(edge)]);
            let after: Vec<u32> = own
                .filter(|edge| !goes(edge))
                .chain(comes.filter(|&edge| self.net.from(edge) == place))
                .collect();
            gain += self.worth(&after)? - self.worth_now(place);
        }
        Some(gain)
    }

    /// Adds edges that leave a line as the first of a branch.
    fn branch(&mut self, left: &[u32]) {
        let net = self.net;
        // The branches that run on most evenly first: of two towers of the stem, the one ahead.
        let mut branches: Vec<(f32, u32)> = left
            .iter()
            .flat_map(|&i| [2 * i, 2 * i + 1])
            .filter_map(|out| {
                let [onward] = *self.at(net.to(out)) else {
                    return None;
                };
                Some((net.weight_after(reverse(onward), reverse(out))?, out))
            })
            .collect();
        branches.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, out) in branches {
            if self.may_branch(out) {
                self.add(out);
            }
        }
    }

    fn may_branch(&self, edge: u32) -> bool {
        let net = self.net;
        let stem = self.at(net.from(edge));
        let goes_on = match *self.at(net.to(edge)) {
            [onward] => net.cos(reverse(edge), onward) < -0.5,
            _ => false,
        };
        goes_on
            && (2..EDGES_MAX).contains(&stem.len())
            && net.ahead(edge) >= BRANCH_SUPPORT_MIN
            && net.span(edge).0 <= BRANCH_M_MAX
            && stem
                .iter()
                .all(|&other| net.cos(edge, other) <= BRANCH_COS_MAX)
    }
}
