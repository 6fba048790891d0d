//! A margin around an area, exact on the ellipsoid.
//!
//! Every edge gets a capsule: the hull of the geodesic circles around its ends. The capsules are
//! laid over the polygons as further polygons, since a cover takes polygons that overlap. Long
//! edges are divided first, because a straight line in Mercator bends on the globe.

use std::{fmt, str::FromStr};

use geo::{
    ConvexHull, Coord, Destination, Geodesic, LineString, MultiPoint, MultiPolygon, Point, Polygon,
};

use super::{Area, AreaError, Shape, antimeridian};
use crate::tiles::{
    LonLat, TilePosition,
    mercator::{self, LAT_MAX},
};

/// The widest margin: up to here no circle around a place on the map reaches a pole.
const METRES_MAX: f64 = 500_000.0;
/// Edges longer than this, in degrees, are divided.
const EDGE_MAX_DEG: f64 = 0.5;
/// Corners of a circle. It is drawn outside the true one and 0.5 % too wide at most.
const CIRCLE_CORNERS: usize = 32;

/// A distance on the ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance(f64);

impl Distance {
    #[must_use]
    pub fn metres(self) -> f64 {
        self.0
    }
}

impl FromStr for Distance {
    type Err = AreaError;

    /// Reads `2km`, `1.5 km`, `500m`.
    fn from_str(text: &str) -> Result<Self, AreaError> {
        let invalid = || AreaError::InvalidBuffer {
            got: text.to_owned(),
        };
        let plain = text.trim().to_ascii_lowercase();
        let (number, factor) = if let Some(number) = plain.strip_suffix("km") {
            (number, 1_000.0)
        } else if let Some(number) = plain.strip_suffix('m') {
            (number, 1.0)
        } else {
            return Err(invalid());
        };
        let metres = number.trim().parse::<f64>().map_err(|_| invalid())? * factor;
        // Written so that a NaN is refused as well.
        if metres > 0.0 && metres <= METRES_MAX {
            Ok(Self(metres))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1_000.0 {
            write!(f, "{} km", self.0 / 1_000.0)
        } else {
            write!(f, "{} m", self.0)
        }
    }
}

impl Area {
    /// The area with a margin around it. Tiles stay as they are: they have no outline to widen.
    #[must_use]
    pub fn widened(mut self, margin: Distance) -> Self {
        if let Shape::Polygons(polygons) = &mut self.shape {
            widen(polygons, &[], margin);
            self.buffer = Some(margin);
        }
        self
    }
}

/// Adds a margin around polygons, and around lines, of which one of a single point is a place.
pub(super) fn widen(polygons: &mut MultiPolygon<f64>, lines: &[LineString<f64>], margin: Distance) {
    let mut capsules = Vec::new();
    for polygon in polygons.iter() {
        push_capsules(&mut capsules, polygon.exterior(), margin);
        for hole in polygon.interiors() {
            push_capsules(&mut capsules, hole, margin);
        }
    }
    for line in lines {
        push_capsules(&mut capsules, line, margin);
    }
    polygons.0.extend(capsules);
}

fn push_capsules(capsules: &mut Vec<Polygon<f64>>, line: &LineString<f64>, margin: Distance) {
    let Some(&first) = line.0.first() else {
        return;
    };
    let mut from = circle(first, margin);
    if line.0.len() == 1 {
        push_hull(capsules, from);
        return;
    }
    for edge in line.lines() {
        let pieces = (edge.dx().hypot(edge.dy()) / EDGE_MAX_DEG).ceil().max(1.0) as u32;
        for piece in 1..=pieces {
            let to = circle(between(edge.start, edge.end, piece, pieces), margin);
            push_hull(capsules, [from, to.clone()].concat());
            from = to;
        }
    }
}

/// A place on an edge, which is straight in Mercator.
fn between(start: Coord<f64>, end: Coord<f64>, piece: u32, pieces: u32) -> Coord<f64> {
    if piece == pieces {
        return end;
    }
    let share = f64::from(piece) / f64::from(pieces);
    let [y_start, y_end] = [start, end].map(|end| mercator::lon_lat_to_tile(end.into(), 0).y);
    let y = y_start + share * (y_end - y_start);
    Coord {
        x: start.x + share * (end.x - start.x),
        y: mercator::tile_to_lon_lat(TilePosition { x: 0.0, y }, 0).lat,
    }
}

/// Corners around a true circle, in Mercator tile units of zoom 0; x goes on past the antimeridian.
fn circle(centre: Coord<f64>, margin: Distance) -> Vec<Coord<f64>> {
    let centre = Coord {
        x: centre.x,
        y: centre.y.clamp(-LAT_MAX, LAT_MAX),
    };
    let corner_m = margin.metres() / (std::f64::consts::PI / CIRCLE_CORNERS as f64).cos();
    (0..CIRCLE_CORNERS)
        .map(|corner| {
            let bearing = 360.0 * corner as f64 / CIRCLE_CORNERS as f64;
            let at = Geodesic.destination(Point(centre), bearing, corner_m);
            let turns = ((centre.x - at.x()) / 360.0).round();
            let place = LonLat {
                lon: at.x() + 360.0 * turns,
                lat: at.y(),
            };
            mercator::lon_lat_to_tile(place, 0).into()
        })
        .collect()
}

/// Adds the hull of some corners, split at the antimeridian.
fn push_hull(capsules: &mut Vec<Polygon<f64>>, corners: Vec<Coord<f64>>) {
    let hull = MultiPoint::from(corners).convex_hull();
    let ring: LineString<f64> = hull
        .exterior()
        .coords()
        .map(|at| mercator::tile_to_lon_lat((*at).into(), 0))
        .collect();
    capsules.extend(antimeridian::split(ring, vec![]));
}

#[cfg(test)]
mod tests {
    use geo::{Distance as _, Intersects, polygon};
    use proptest::prelude::*;

    use super::*;

    fn widened(mut polygons: MultiPolygon<f64>, metres: f64) -> MultiPolygon<f64> {
        widen(&mut polygons, &[], Distance(metres));
        polygons
    }

    #[test]
    fn distances_are_read_with_their_unit() {
        assert_eq!("2km".parse::<Distance>().unwrap().metres(), 2_000.0);
        assert_eq!("1.5 KM".parse::<Distance>().unwrap().metres(), 1_500.0);
        assert_eq!("500m".parse::<Distance>().unwrap().metres(), 500.0);
        for wrong in ["", "2", "km", "-1km", "0m", "nan m", "501km", "2 miles"] {
            assert!(wrong.parse::<Distance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_margin_reaches_over_the_antimeridian() {
        let square = polygon![(x: 179.9, y: 0.0), (x: 179.99, y: 0.0), (x: 179.99, y: 0.1), (x: 179.9, y: 0.0)];
        let wide = widened(MultiPolygon(vec![square]), 5_000.0);
        assert!(wide.intersects(&Point::new(-179.98, 0.05)));
        assert!(
            wide.iter()
                .all(|part| part.exterior().coords().all(|at| at.x.abs() <= 180.0))
        );
    }

    proptest! {
        #[test]
        fn a_margin_is_as_wide_as_asked_in_every_direction(
            lon in -179.0..179.0f64,
            lat in -80.0..80.0f64,
            bearing in 0.0..360.0f64,
            metres in 100.0..50_000.0f64,
        ) {
            let mut polygons = MultiPolygon(vec![]);
            widen(&mut polygons, &[LineString(vec![Coord { x: lon, y: lat }])], Distance(metres));
            let centre = Point::new(lon, lat);
            let inside = Geodesic.destination(centre, bearing, metres * 0.999);
            let outside = Geodesic.destination(centre, bearing, metres * 1.01);
            prop_assert!((Geodesic.distance(centre, inside) - metres * 0.999).abs() < 1.0);
            prop_assert!(polygons.intersects(&inside));
            prop_assert!(!polygons.intersects(&outside));
        }
    }
}
