//! Whether a polygon's rings cross.

use geo::{
    Coord, Line, LineString,
    line_intersection::{LineIntersection, line_intersection},
};

/// A place where two edges of a polygon's rings cross, if there is one.
///
/// Rings may touch, and edges may lie on one another: coarse boundaries are full of spikes, which
/// change nothing about what is inside.
pub(super) fn find_crossing(rings: &[LineString<f64>]) -> Option<Coord<f64>> {
    let mut edges: Vec<Line<f64>> = rings
        .iter()
        .flat_map(LineString::lines)
        .filter(|edge| edge.start != edge.end)
        .collect();
    // A sweep from west to east: an edge can only meet those that begin before it ends.
    let west = |edge: &Line<f64>| edge.start.x.min(edge.end.x);
    let east = |edge: &Line<f64>| edge.start.x.max(edge.end.x);
    let south = |edge: &Line<f64>| edge.start.y.min(edge.end.y);
    let north = |edge: &Line<f64>| edge.start.y.max(edge.end.y);
    edges.sort_unstable_by(|a, b| west(a).total_cmp(&west(b)));
    for (index, edge) in edges.iter().enumerate() {
        for other in &edges[index + 1..] {
            if west(other) > east(edge) {
                break;
            }
            if south(other) > north(edge) || north(other) < south(edge) {
                continue;
            }
            if let Some(LineIntersection::SinglePoint {
                intersection,
                is_proper: true,
            }) = line_intersection(*edge, *other)
            {
                return Some(intersection);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use geo::line_string;

    use super::*;

    #[test]
    fn a_bow_tie_crosses_in_its_middle() {
        let bow = line_string![(x: 0.0, y: 0.0), (x: 2.0, y: 2.0), (x: 2.0, y: 0.0), (x: 0.0, y: 2.0), (x: 0.0, y: 0.0)];
        assert_eq!(find_crossing(&[bow]), Some(Coord { x: 1.0, y: 1.0 }));
    }

    #[test]
    fn a_plain_ring_and_rings_that_touch_do_not_cross() {
        let square = line_string![(x: 0.0, y: 0.0), (x: 2.0, y: 0.0), (x: 2.0, y: 2.0), (x: 0.0, y: 2.0), (x: 0.0, y: 0.0)];
        let hole =
            line_string![(x: 0.0, y: 0.0), (x: 1.0, y: 0.5), (x: 0.5, y: 1.0), (x: 0.0, y: 0.0)];
        assert_eq!(find_crossing(&[square, hole]), None);
    }

    #[test]
    fn a_spike_does_not_cross() {
        let spiked = line_string![(x: 0.0, y: 0.0), (x: 2.0, y: 0.0), (x: 2.0, y: 2.0), (x: 1.0, y: 2.0), (x: 1.0, y: 5.0), (x: 1.0, y: 2.0), (x: 0.0, y: 2.0), (x: 0.0, y: 0.0)];
        assert_eq!(find_crossing(&[spiked]), None);
    }
}
