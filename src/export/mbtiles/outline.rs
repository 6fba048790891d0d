//! Outlines of regions of square cells.

/// A closed ring of corners, the last one not repeated. Exterior rings run clockwise as drawn (y
/// down), which is a positive area; holes run the other way.
pub(super) type Ring = Vec<(i32, i32)>;

/// The outlines of all regions of a square grid, corners counted in cells times `scale`. Cells
/// belong together where they share an edge. Each exterior ring is followed by its holes.
///
/// Rings are simple: where a region touches itself at a corner, two rings meet there, but none
/// passes twice.
pub(super) fn outlines(
    side: usize,
    filled: impl Fn(usize, usize) -> bool,
    scale: i32,
) -> Vec<Ring> {
    let mut rings = Vec::new();
    let mut edges = Edges::new(side);
    let mut seen = vec![false; side * side];
    let mut stack = Vec::new();
    for start in 0..side * side {
        if seen[start] || !filled(start % side, start / side) {
            continue;
        }
        seen[start] = true;
        stack.push(start);
        while let Some(cell) = stack.pop() {
            let (x, y) = (cell % side, cell / side);
            let mut border = |inside: bool, neighbour: usize, edge: (usize, usize, Heading)| {
                if !inside || !filled(neighbour % side, neighbour / side) {
                    edges.insert(edge);
                } else if !seen[neighbour] {
                    seen[neighbour] = true;
                    stack.push(neighbour);
                }
            };
            border(y > 0, cell.wrapping_sub(side), (x, y, EAST));
            border(x + 1 < side, cell + 1, (x + 1, y, SOUTH));
            border(y + 1 < side, cell + side, (x + 1, y + 1, WEST));
            border(x > 0, cell.wrapping_sub(1), (x, y + 1, NORTH));
        }
        // The exterior ring's north-western corner comes before any hole's.
        edges.take_rings(scale, &mut rings);
    }
    rings
}

/// A direction along the grid, clockwise from east.
type Heading = u8;
const EAST: Heading = 0;
const SOUTH: Heading = 1;
const WEST: Heading = 2;
const NORTH: Heading = 3;

/// The border edges of one region, each with the region on its right, by the corner they leave.
struct Edges {
    corners_per_side: usize,
    /// For each corner one bit a heading.
    leaving: Vec<u8>,
    /// The corners that were given edges, in no order.
    touched: Vec<usize>,
}

impl Edges {
    fn new(side: usize) -> Self {
        let corners_per_side = side + 1;
        Self {
            corners_per_side,
            leaving: vec![0; corners_per_side * corners_per_side],
            touched: Vec::new(),
        }
    }

    fn insert(&mut self, (x, y, heading): (usize, usize, Heading)) {
        let corner = y * self.corners_per_side + x;
        self.leaving[corner] |= 1 << heading;
        self.touched.push(corner);
    }

    /// Walks along all edges and leaves none.
    fn take_rings(&mut self, scale: i32, rings: &mut Vec<Ring>) {
        let mut starts = std::mem::take(&mut self.touched);
        starts.sort_unstable();
        for start in starts {
            // The first corner left in reading order is one where its ring turns.
            while self.leaving[start] != 0 {
                rings.push(self.walk(start, scale));
            }
        }
    }

    fn walk(&mut self, start: usize, scale: i32) -> Ring {
        let mut ring = Ring::new();
        let mut corner = start;
        let mut heading = self.leaving[start].trailing_zeros() as Heading;
        let mut came = None;
        loop {
            if came != Some(heading) {
                let (x, y) = (
                    corner % self.corners_per_side,
                    corner / self.corners_per_side,
                );
                ring.push((x as i32 * scale, y as i32 * scale));
            }
            self.leaving[corner] &= !(1 << heading);
            corner = match heading {
                EAST => corner + 1,
                SOUTH => corner + self.corners_per_side,
                WEST => corner - 1,
                _ => corner - self.corners_per_side,
            };
            if corner == start {
                return ring;
            }
            came = Some(heading);
            heading = self.turn(corner, heading);
        }
    }

    /// Where a walk goes on. Two edges leave a corner at which the region touches itself: turning
    /// left there keeps the two rings apart that meet in it.
    fn turn(&self, corner: usize, heading: Heading) -> Heading {
        let left = (heading + 3) % 4;
        let leaving = self.leaving[corner];
        if leaving >> left & 1 == 1 {
            left
        } else {
            leaving.trailing_zeros() as Heading
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Twice the signed area (surveyor's formula).
    fn double_area(ring: &Ring) -> i32 {
        let next = ring.iter().cycle().skip(1);
        ring.iter()
            .zip(next)
            .map(|(a, b)| a.0 * b.1 - b.0 * a.1)
            .sum()
    }

    fn drawn(rows: &[&str]) -> Vec<Ring> {
        outlines(rows.len(), |x, y| rows[y].as_bytes()[x] == b'#', 1)
    }

    #[test]
    fn a_square_has_four_corners_clockwise_as_drawn() {
        let rings = drawn(&["....", ".##.", ".##.", "...."]);
        assert_eq!(rings, [vec![(1, 1), (3, 1), (3, 3), (1, 3)]]);
        assert!(double_area(&rings[0]) > 0);
    }

    #[test]
    fn a_hole_follows_its_exterior_ring_the_other_way_round() {
        let rings = drawn(&["###.", "#.#.", "###.", "...#"]);
        assert_eq!(rings.len(), 3);
        assert_eq!(
            rings.iter().map(double_area).collect::<Vec<_>>(),
            [18, -2, 2]
        );
    }

    #[test]
    fn a_region_that_touches_itself_at_a_corner_keeps_simple_rings() {
        let rings = drawn(&["####", "#..#", "#.#.", "###."]);
        for ring in &rings {
            assert_eq!(
                ring.iter().collect::<HashSet<_>>().len(),
                ring.len(),
                "{ring:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn rings_enclose_as_many_cells_as_are_filled(cells in proptest::collection::vec(any::<bool>(), 144)) {
            let rings = outlines(12, |x, y| cells[y * 12 + x], 1);
            let area: i32 = rings.iter().map(double_area).sum();
            prop_assert_eq!(area, 2 * cells.iter().filter(|&&filled| filled).count() as i32);
            let mut exterior_seen = false;
            for ring in &rings {
                exterior_seen |= double_area(ring) > 0;
                prop_assert!(exterior_seen, "a hole before any exterior ring");
                prop_assert_eq!(ring.iter().collect::<HashSet<_>>().len(), ring.len());
            }
        }
    }
}
