//! The address of one tile in the Web Mercator quadtree.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PixelPosition, TilePosition, TilesError, ZOOM_MAX, zoom::tiles_per_side};

/// The address of a tile in the XYZ scheme: `x` grows eastward from the antimeridian and `y`
/// southward from Web Mercator's northern limit.
///
/// Ordered by zoom, then row, then column.
///
/// ```
/// use hvmap::tiles::{LonLat, TileCoord, mercator};
///
/// let lahore = LonLat { lon: 74.35, lat: 31.55 };
/// let tile = mercator::tile_at(lahore, 18);
/// let bounds = tile.bounds();
/// assert!(bounds.west <= lahore.lon && lahore.lon < bounds.east);
/// assert!(bounds.south < lahore.lat && lahore.lat <= bounds.north);
/// assert_eq!(tile, TileCoord::new(18, tile.x, tile.y)?);
/// # Ok::<_, hvmap::tiles::TilesError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TileCoord {
    pub z: u8,
    pub x: u32,
    pub y: u32,
}

impl TileCoord {
    /// The tile `z/x/y`.
    ///
    /// # Errors
    /// When the zoom is above [`ZOOM_MAX`], or `x` or `y` is not below `2^z`.
    pub fn new(z: u8, x: u32, y: u32) -> Result<Self, TilesError> {
        if z > ZOOM_MAX {
            return Err(TilesError::ZoomOutOfRange { got: z.into() });
        }
        let max = tiles_per_side(z) - 1;
        if x > max || y > max {
            return Err(TilesError::TileOutOfRange { z, x, y, max });
        }
        Ok(Self { z, x, y })
    }

    /// The row counted from the south, as TMS and MBTiles do.
    #[must_use]
    pub fn tms_y(self) -> u32 {
        tiles_per_side(self.z) - 1 - self.y
    }

    /// The north-western corner.
    #[must_use]
    pub fn corner(self) -> TilePosition {
        TilePosition {
            x: f64::from(self.x),
            y: f64::from(self.y),
        }
    }

    /// Where in the tile a position on the grid of its zoom lies.
    #[must_use]
    pub fn pixel(self, position: TilePosition) -> PixelPosition {
        let side = f64::from(super::TILE_SIZE_PX);
        let corner = self.corner();
        PixelPosition {
            x_px: (position.x - corner.x) * side,
            y_px: (position.y - corner.y) * side,
        }
    }

    /// Bing's quadkey: one base-4 digit a zoom level, the row's bit being the high one
    /// (<https://learn.microsoft.com/bingmaps/articles/bing-maps-tile-system>).
    #[must_use]
    pub fn quadkey(self) -> String {
        (0..self.z)
            .rev()
            .map(|bit| {
                let digit = ((self.x >> bit) & 1) + 2 * ((self.y >> bit) & 1);
                char::from(b'0' + digit as u8)
            })
            .collect()
    }
}

impl Ord for TileCoord {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.z, self.y, self.x).cmp(&(other.z, other.y, other.x))
    }
}

impl PartialOrd for TileCoord {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for TileCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.z, self.x, self.y)
    }
}

impl fmt::Debug for TileCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TileCoord({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tiles::mercator;

    fn any_tile() -> impl Strategy<Value = TileCoord> {
        (0..=ZOOM_MAX).prop_flat_map(|z| {
            let side = tiles_per_side(z);
            (Just(z), 0..side, 0..side).prop_map(|(z, x, y)| TileCoord { z, x, y })
        })
    }

    #[test]
    fn quadkey_matches_the_published_example() {
        assert_eq!(TileCoord::new(3, 3, 5).unwrap().quadkey(), "213");
        assert_eq!(TileCoord::new(0, 0, 0).unwrap().quadkey(), "");
    }

    #[test]
    fn a_tile_outside_the_quadtree_is_refused_with_its_limits() {
        let error = TileCoord::new(2, 4, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tile 2/4/0 does not exist (at zoom 2, x and y are 0 to 3)"
        );
    }

    proptest! {
        #[test]
        fn the_centre_of_a_tile_lies_in_the_tile(tile in any_tile()) {
            prop_assert_eq!(mercator::tile_at(tile.centre(), tile.z), tile);
        }

        #[test]
        fn the_tms_flip_is_its_own_inverse(tile in any_tile()) {
            let flipped = TileCoord { y: tile.tms_y(), ..tile };
            prop_assert_eq!(flipped.tms_y(), tile.y);
        }
    }
}
