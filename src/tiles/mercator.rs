//! Web Mercator (EPSG:3857): between places and positions on the grid of a zoom.
//!
//! Formulas: <https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames>. Positions at zoom
//! `z` run from 0 to `2^z`, x eastward from the antimeridian, y southward from [`LAT_MAX`].

use std::f64::consts::PI;

pub use super::zoom::tiles_per_side;
use super::{LonLat, TileCoord, TilePosition};

/// Latitude at which Web Mercator's square ends, in degrees.
pub const LAT_MAX: f64 = 85.051_128_779_806_59;
/// Half the side of Web Mercator's square, in metres: π times the WGS 84 equatorial radius.
pub const HALF_SIDE_M: f64 = 20_037_508.342_789_244;
/// Equatorial circumference of WGS 84, in metres.
pub const CIRCUMFERENCE_M: f64 = 2.0 * HALF_SIDE_M;
/// Mean radius of the Earth (IUGG), in metres, for distances on the sphere.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Where a place lies on the grid of a zoom. Latitudes beyond [`LAT_MAX`] are clamped.
#[must_use]
pub fn lon_lat_to_tile(place: LonLat, zoom: u8) -> TilePosition {
    let side = f64::from(tiles_per_side(zoom));
    let x = (place.lon + 180.0) / 360.0 * side;
    let lat = place.lat.clamp(-LAT_MAX, LAT_MAX).to_radians();
    let y = (1.0 - lat.tan().asinh() / PI) / 2.0 * side;
    TilePosition { x, y }
}

/// The place of a position on the grid of a zoom.
#[must_use]
pub fn tile_to_lon_lat(position: TilePosition, zoom: u8) -> LonLat {
    let side = f64::from(tiles_per_side(zoom));
    let lon = position.x / side * 360.0 - 180.0;
    let lat = (PI * (1.0 - 2.0 * position.y / side))
        .sinh()
        .atan()
        .to_degrees();
    LonLat { lon, lat }
}

/// The tile that holds a place; places on the far edges of the world fall into the last tile.
#[must_use]
pub fn tile_at(place: LonLat, zoom: u8) -> TileCoord {
    let TilePosition { x, y } = lon_lat_to_tile(place, zoom);
    let last = tiles_per_side(zoom) - 1;
    let index = |v: f64| (v.floor().max(0.0) as u32).min(last);
    TileCoord {
        z: zoom,
        x: index(x),
        y: index(y),
    }
}

/// Ground size of a pixel (1/256 of a tile) at a latitude, in metres.
#[must_use]
pub fn metres_per_px(lat: f64, zoom: u8) -> f64 {
    CIRCUMFERENCE_M * lat.to_radians().cos()
        / (f64::from(tiles_per_side(zoom)) * f64::from(super::TILE_SIZE_PX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_at_zoom_18_on_the_equator_is_0_597_metres() {
        assert!((metres_per_px(0.0, 18) - 0.597_164).abs() < 1e-6);
    }

    #[test]
    fn known_places_fall_into_known_tiles() {
        // Independent values from mercantile 1.2.1: mercantile.tile(lon, lat, zoom).
        let tile = |lon, lat| tile_at(LonLat { lon, lat }, 18).to_string();
        assert_eq!(tile(12.4578, 43.9424), "18/140143/95379");
        assert_eq!(tile(-180.0, 85.06), "18/0/0");
        assert_eq!(tile(180.0, -90.0), "18/262143/262143");
    }
}
