//! Places as points of a sphere in three dimensions: chords stand for distances of a few
//! kilometres, and neither the antimeridian nor the poles are special.

use crate::tiles::mercator::EARTH_RADIUS_M;

/// Metres along three axes.
pub(crate) type Vector = [f64; 3];

/// The point of a longitude and latitude in degrees.
pub(crate) fn on_sphere((lon, lat): (f64, f64)) -> Vector {
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

/// A short vector's metres to the east and to the north, as seen from a longitude and latitude.
pub(crate) fn towards((lon, lat): (f64, f64), vector: Vector) -> (f64, f64) {
    let ((sin_lat, cos_lat), (sin_lon, cos_lon)) =
        (lat.to_radians().sin_cos(), lon.to_radians().sin_cos());
    let east = [-sin_lon, cos_lon, 0.0];
    let north = [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat];
    (dot(vector, east), dot(vector, north))
}
