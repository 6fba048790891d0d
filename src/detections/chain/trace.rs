//! From the edges that were taken to chains of places.

use super::{
    Chains, TOWERS_MIN,
    choice::{Net, Taken, reverse},
    weights::COS_TURN_MIN,
};

/// More support than this says no more, in nats.
const SUPPORT_MAX: f32 = 60.0;
/// What support of an edge that was not taken is worth: a place may be off its line too far to be
/// chained, and is likelier a tower than one far from any line.
const LEFT_SHARE: f32 = 0.25;

/// Which edge goes on from each edge, through the place it leads to.
fn through(net: &Net<'_>, taken: &[Taken], edge: u32) -> Option<u32> {
    let here = reverse(edge);
    // The straightest pair of the place's edges, then the straightest of the rest, and so on.
    let mut free = taken[net.to(edge) as usize].edges().to_vec();
    while free.len() > 1 {
        let pairs = (1..free.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let (a, b) = pairs.min_by(|&(a, b), &(c, d)| {
            let cos = |a: usize, b: usize| net.cos(free[a], free[b]);
            cos(a, b).total_cmp(&cos(c, d))
        })?;
        let pair = [free[a], free[b]];
        if net.cos(pair[0], pair[1]) > -(COS_TURN_MIN as f32) {
            return None;
        }
        if pair.contains(&here) {
            return Some(if pair[0] == here { pair[1] } else { pair[0] });
        }
        free.retain(|edge| !pair.contains(edge));
    }
    None
}

pub(super) fn trace(net: &Net<'_>, taken: &[Taken]) -> Chains {
    let places = net.at.len();
    let mut found = Chains {
        support: vec![0.0; places],
        ..Chains::default()
    };
    let mut walked = vec![false; net.edges.len()];
    // Ends first, so that only rings are left to be cut anywhere.
    for ends_only in [true, false] {
        for &edge in taken.iter().flat_map(Taken::edges) {
            let is_walked = |edge: u32, walked: &[bool]| walked[(edge >> 1) as usize];
            if is_walked(edge, &walked) || ends_only && through(net, taken, reverse(edge)).is_some()
            {
                continue;
            }
            let mut line = vec![net.from(edge)];
            let mut next = Some(edge);
            while let Some(edge) = next.filter(|&edge| !is_walked(edge, &walked)) {
                walked[(edge >> 1) as usize] = true;
                line.push(net.to(edge));
                next = through(net, taken, edge);
            }
            line.shrink_to_fit();
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
    for edge in net.edges {
        let support = LEFT_SHARE * edge.ahead.iter().sum::<f32>();
        for place in edge.ends {
            let best = &mut found.support[place as usize];
            *best = best.max(support.clamp(0.0, SUPPORT_MAX));
        }
    }
    for &(a, b) in &found.edges {
        let edge = net.edges.binary_search_by_key(&[a, b], |edge| edge.ends);
        let support = edge.map_or(0.0, |i| net.edges[i].ahead.iter().sum());
        for place in [a, b] {
            let best = &mut found.support[place as usize];
            *best = best.max(support.clamp(0.1, SUPPORT_MAX));
        }
    }
    found
}
