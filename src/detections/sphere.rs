//! Places as points of a sphere in three dimensions: chords stand for distances of a few
//! kilometres, and neither the antimeridian nor the poles are special.

use crate::tiles::{LonLat, mercator::EARTH_RADIUS_M};

/// Metres along three axes.
pub(crate) type Vector = [f64; 3];

/// The point of a place.
pub(crate) fn on_sphere(LonLat { lon, lat }: LonLat) -> Vector {
    let ((sin_lat, cos_lat), (sin_lon, cos_lon)) =
        (lat.to_radians().sin_cos(), lon.to_radians().sin_cos());
    [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat].map(|axis| EARTH_RADIUS_M * axis)
}

pub(crate) fn minus(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn midpoint(a: Vector, b: Vector) -> Vector {
    [0, 1, 2].map(|axis| f64::midpoint(a[axis], b[axis]))
}

pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A short way on the ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Offset {
    pub(crate) east_m: f64,
    pub(crate) north_m: f64,
}

/// A short vector as seen from a place.
pub(crate) fn towards(LonLat { lon, lat }: LonLat, vector: Vector) -> Offset {
    let ((sin_lat, cos_lat), (sin_lon, cos_lon)) =
        (lat.to_radians().sin_cos(), lon.to_radians().sin_cos());
    let east = [-sin_lon, cos_lon, 0.0];
    let north = [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat];
    Offset {
        east_m: dot(vector, east),
        north_m: dot(vector, north),
    }
}
