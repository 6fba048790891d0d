//! Distances on the ground.

use crate::tiles::mercator::EARTH_RADIUS_M;

/// Great-circle distance between two points in degrees (lon, lat), in metres.
///
/// The haversine formula on a sphere of the Earth's mean radius: within 0.6 % of the ellipsoid's
/// geodesic, and stable for short distances.
#[must_use]
pub fn distance_m(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (lat_from, lat_to) = (from.1.to_radians(), to.1.to_radians());
    let half_lat = ((lat_to - lat_from) / 2.0).sin();
    let half_lon = ((to.0 - from.0).to_radians() / 2.0).sin();
    let chord = half_lat * half_lat + lat_from.cos() * lat_to.cos() * half_lon * half_lon;
    2.0 * EARTH_RADIUS_M * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_111_kilometres() {
        assert!((distance_m((10.0, 50.0), (10.0, 51.0)) - 111_195.0).abs() < 1.0);
    }

    #[test]
    fn the_antimeridian_is_no_distance() {
        assert!(distance_m((179.9999, 0.0), (-179.9999, 0.0)) < 25.0);
    }
}
