//! Rings that cross the antimeridian, and how they are split there.
//!
//! A ring is first unrolled, so that its longitudes go on past ±180° instead of jumping to the
//! other side of the map, and then cut at every odd multiple of 180° and moved back.

use geo::{Coord, LineString, Polygon};

use crate::tiles::{TilePosition, mercator};

/// How a ring lies on the globe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It never jumps.
    Plain,
    /// It jumps from one side of the map to the other and back.
    Crosses,
    /// It runs once around the world, and so around a pole.
    AroundPole,
}

/// Unrolls a closed ring so that neighbouring points are never more than 180° of longitude apart.
///
/// A ring around a pole is closed through the pole, the one nearer to it. A ring whose only jumps
/// are from exactly ±180° to exactly ∓180° may be a box around the whole world: it is left alone
/// where unrolling would leave nothing of it.
pub(super) fn unroll(ring: &LineString<f64>) -> (LineString<f64>, Course) {
    let points = &ring.0;
    let jumps = points
        .windows(2)
        .filter(|p| (p[1].x - p[0].x).abs() > 180.0);
    if jumps.clone().count() == 0 {
        return (ring.clone(), Course::Plain);
    }
    let only_edge_jumps = jumps.clone().all(|p| (p[1].x - p[0].x).abs() == 360.0);

    let mut unrolled: Vec<Coord<f64>> = Vec::with_capacity(points.len() + 3);
    for &point in points {
        let x = match unrolled.last() {
            Some(last) => point.x + 360.0 * ((last.x - point.x) / 360.0).round(),
            None => point.x,
        };
        unrolled.push(Coord { x, y: point.y });
    }
    let (first, last) = (unrolled[0], unrolled[unrolled.len() - 1]);
    let closes = first.x == last.x;
    if only_edge_jumps && (!closes || doubled_area(&unrolled) == 0.0) {
        return (ring.clone(), Course::Plain);
    }
    if closes {
        return (LineString(unrolled), Course::Crosses);
    }
    let mean_lat = points.iter().map(|p| p.y).sum::<f64>() / points.len() as f64;
    let pole = 90f64.copysign(mean_lat);
    unrolled.push(Coord { x: last.x, y: pole });
    unrolled.push(Coord {
        x: first.x,
        y: pole,
    });
    unrolled.push(first);
    (LineString(unrolled), Course::AroundPole)
}

/// Twice the signed area of a closed ring in the plane of its coordinates.
pub(super) fn doubled_area(ring: &[Coord<f64>]) -> f64 {
    // Taken from the first point, so that a small ring far from 0°, 0° keeps its digits.
    let Some(&origin) = ring.first() else {
        return 0.0;
    };
    ring.windows(2)
        .map(|p| (p[0] - origin, p[1] - origin))
        .map(|(a, b)| a.x * b.y - b.x * a.y)
        .sum()
}

/// Cuts a polygon of unrolled rings at the antimeridian; holes are first moved, by whole turns,
/// to where the exterior is.
pub(super) fn split(exterior: LineString<f64>, holes: Vec<LineString<f64>>) -> Vec<Polygon<f64>> {
    let (west, east) = extent(&exterior);
    let holes: Vec<_> = holes
        .into_iter()
        .map(|hole| {
            let (hole_west, hole_east) = extent(&hole);
            let apart = (west + east - hole_west - hole_east) / 2.0;
            let turn = 360.0 * (apart / 360.0).round();
            // Only a hole that lies outside is moved: within a ring that is wider than half the
            // world the centres may be far apart.
            if hole_west < west || hole_east > east {
                shifted(hole, turn)
            } else {
                hole
            }
        })
        .collect();
    let first_turn = ((west + 180.0) / 360.0).floor() as i64;
    let last_turn = ((east + 180.0) / 360.0).ceil() as i64 - 1;
    if first_turn == 0 && last_turn <= 0 {
        return vec![Polygon::new(exterior, holes)];
    }
    (first_turn..=last_turn)
        .filter_map(|turn| {
            let middle = 360.0 * turn as f64;
            let window = |ring: &LineString<f64>| -> Option<LineString<f64>> {
                let cut = cut(&ring.0, middle - 180.0, Side::East);
                let cut = self::cut(&cut, middle + 180.0, Side::West);
                (doubled_area(&cut) != 0.0).then(|| shifted(LineString(cut), -middle))
            };
            let exterior = window(&exterior)?;
            Some(Polygon::new(
                exterior,
                holes.iter().filter_map(window).collect(),
            ))
        })
        .collect()
}

fn extent(ring: &LineString<f64>) -> (f64, f64) {
    ring.coords()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(west, east), at| {
            (west.min(at.x), east.max(at.x))
        })
}

fn shifted(mut ring: LineString<f64>, by: f64) -> LineString<f64> {
    for at in ring.coords_mut() {
        at.x += by;
    }
    ring
}

#[derive(Clone, Copy)]
enum Side {
    East,
    West,
}

/// What of a closed ring lies on one side of a meridian (Sutherland and Hodgman's algorithm).
///
/// Pieces of one ring stay joined by edges along the meridian, which have no area.
fn cut(ring: &[Coord<f64>], lon: f64, keep: Side) -> Vec<Coord<f64>> {
    let kept = |at: Coord<f64>| match keep {
        Side::East => at.x >= lon,
        Side::West => at.x <= lon,
    };
    let mut out = Vec::with_capacity(ring.len() + 4);
    for pair in ring.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if kept(a) {
            out.push(a);
        }
        if kept(a) != kept(b) && a.x != lon && b.x != lon {
            out.push(Coord {
                x: lon,
                y: lat_between(a, b, lon),
            });
        }
    }
    if let Some(&first) = out.first() {
        out.push(first);
    }
    out
}

/// The latitude at which an edge meets a meridian; edges are straight in Web Mercator.
fn lat_between(a: Coord<f64>, b: Coord<f64>, lon: f64) -> f64 {
    let share = (lon - a.x) / (b.x - a.x);
    let [ya, yb] = [a, b].map(|end| mercator::lon_lat_to_tile(end.into(), 0).y);
    let y = ya + share * (yb - ya);
    mercator::tile_to_lon_lat(TilePosition { x: 0.0, y }, 0).lat
}

#[cfg(test)]
mod tests {
    use geo::line_string;

    use super::*;

    fn parts_of(ring: LineString<f64>) -> (Vec<Polygon<f64>>, Course) {
        let (ring, course) = unroll(&ring);
        (split(ring, vec![]), course)
    }

    #[test]
    fn a_ring_that_jumps_is_split_in_two() {
        let ring = line_string![
            (x: 178.0, y: -17.0), (x: -178.0, y: -17.0), (x: -178.0, y: -16.0),
            (x: 178.0, y: -16.0), (x: 178.0, y: -17.0),
        ];
        let (parts, course) = parts_of(ring);
        assert_eq!(course, Course::Crosses);
        assert_eq!(parts.len(), 2);
        assert_eq!(extent(parts[0].exterior()), (178.0, 180.0));
        assert_eq!(extent(parts[1].exterior()), (-180.0, -178.0));
    }

    #[test]
    fn a_ring_that_touches_the_antimeridian_with_the_wrong_sign_stays_whole() {
        let ring = line_string![
            (x: -180.0, y: -16.0), (x: -179.0, y: -16.0), (x: -179.0, y: -17.0),
            (x: 180.0, y: -17.0), (x: -180.0, y: -16.0),
        ];
        let (parts, _) = parts_of(ring);
        assert_eq!(parts.len(), 1);
        assert_eq!(extent(parts[0].exterior()), (-180.0, -179.0));
    }

    #[test]
    fn a_box_around_the_world_stays_one() {
        let ring = line_string![
            (x: -180.0, y: -60.0), (x: 180.0, y: -60.0), (x: 180.0, y: 70.0),
            (x: -180.0, y: 70.0), (x: -180.0, y: -60.0),
        ];
        let (parts, course) = parts_of(ring.clone());
        assert_eq!(course, Course::Plain);
        assert_eq!(parts, [Polygon::new(ring, vec![])]);
    }

    #[test]
    fn a_ring_around_a_pole_takes_the_pole_in() {
        let ring = line_string![
            (x: 0.0, y: -70.0), (x: 90.0, y: -75.0), (x: 179.0, y: -70.0), (x: -90.0, y: -75.0),
            (x: 0.0, y: -70.0),
        ];
        let (parts, course) = parts_of(ring);
        assert_eq!(course, Course::AroundPole);
        let lats = parts.iter().flat_map(|part| part.exterior().coords());
        assert_eq!(lats.map(|at| at.y).fold(0.0, f64::min), -90.0);
    }

    #[test]
    fn longitudes_that_go_on_past_180_are_moved_back() {
        let ring = line_string![
            (x: 179.0, y: 0.0), (x: 182.0, y: 0.0), (x: 182.0, y: 1.0), (x: 179.0, y: 0.0),
        ];
        let (parts, course) = parts_of(ring);
        assert_eq!(course, Course::Plain);
        assert_eq!(extent(parts[1].exterior()), (-180.0, -178.0));
    }
}
