//! Places: on the Earth, on the grid of a zoom, and inside a tile.
//!
//! Three pairs of numbers that are easily taken for one another have a type each.

use geo::Coord;
use serde::{Deserialize, Serialize};

use super::TILE_SIZE_PX;

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

/// A position in a tile, in pixels from its north-western corner: `x_px` eastward and `y_px`
/// southward, 0 to 256 in the tile, less or more beyond its edges. The middle of the first pixel is
/// at 0.5.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PixelPosition {
    pub x_px: f64,
    pub y_px: f64,
}

impl PixelPosition {
    /// The centre of a tile.
    pub const CENTRE: Self = Self {
        x_px: TILE_SIZE_PX as f64 / 2.0,
        y_px: TILE_SIZE_PX as f64 / 2.0,
    };
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

// `geo` reckons in both planes with one type.

impl From<Coord<f64>> for LonLat {
    fn from(at: Coord<f64>) -> Self {
        Self {
            lon: at.x,
            lat: at.y,
        }
    }
}

impl From<LonLat> for Coord<f64> {
    fn from(place: LonLat) -> Self {
        Self {
            x: place.lon,
            y: place.lat,
        }
    }
}

impl From<Coord<f64>> for TilePosition {
    fn from(Coord { x, y }: Coord<f64>) -> Self {
        Self { x, y }
    }
}

impl From<TilePosition> for Coord<f64> {
    fn from(TilePosition { x, y }: TilePosition) -> Self {
        Self { x, y }
    }
}
