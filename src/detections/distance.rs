//! Distances on the ground.

use crate::tiles::{LonLat, mercator::EARTH_RADIUS_M};

/// Great-circle distance between two places, in metres.
///
/// The haversine formula on a sphere of the Earth's mean radius: within 0.6 % of the ellipsoid's
/// geodesic, and stable for short distances.
#[must_use]
pub fn distance_m(from: LonLat, to: LonLat) -> f64 {
    let (lat_from, lat_to) = (from.lat.to_radians(), to.lat.to_radians());
    let half_lat = ((lat_to - lat_from) / 2.0).sin();
    let half_lon = ((to.lon - from.lon).to_radians() / 2.0).sin();
    let chord = half_lat * half_lat + lat_from.cos() * lat_to.cos() * half_lon * half_lon;
    2.0 * EARTH_RADIUS_M * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_111_kilometres() {
        let [south, north] = [50.0, 51.0].map(|lat| LonLat { lon: 10.0, lat });
        assert!((distance_m(south, north) - 111_195.0).abs() < 1.0);
    }

    #[test]
    fn the_antimeridian_is_no_distance() {
        let [east, west] = [179.9999, -179.9999].map(|lon| LonLat { lon, lat: 0.0 });
        assert!(distance_m(east, west) < 25.0);
    }
}
