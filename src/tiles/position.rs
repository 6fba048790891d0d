//! Places: on the Earth, on the grid of a zoom, and inside a tile.
//!
//! Three pairs of numbers that are easily taken for one another have a type each.

use serde::{Deserialize, Serialize};

/// A place on the Earth: degrees, EPSG:4326.
///
/// Serializes as GeoJSON's positions do: `[lon, lat]`.
///
/// ```
/// use hvmap::tiles::LonLat;
///
/// let place = LonLat { lon: 12.45, lat: 43.94 };
/// assert_eq!(serde_json::to_string(&place).unwrap(), "[12.45,43.94]");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "(f64, f64)", into = "(f64, f64)")]
pub struct LonLat {
    /// Degrees east of Greenwich.
    pub lon: f64,
    /// Degrees north of the equator.
    pub lat: f64,
}

/// A position on the grid of tiles of one zoom, in tiles from its north-western corner: `x`
/// eastward and `y` southward, 0 to 2^zoom. The whole parts are a tile's column and row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TilePosition {
    pub x: f64,
    pub y: f64,
}

/// A position in a tile, in pixels from its north-western corner, 0 to 256: the middle of the first
/// pixel is at 0.5.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PixelPosition {
    pub x_px: f64,
    pub y_px: f64,
}

impl From<(f64, f64)> for LonLat {
    fn from((lon, lat): (f64, f64)) -> Self {
        Self { lon, lat }
    }
}

impl From<LonLat> for (f64, f64) {
    fn from(place: LonLat) -> Self {
        (place.lon, place.lat)
    }
}
