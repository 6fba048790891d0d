//! Where on Earth a tile lies.

use super::{Bounds, LonLat, PixelPosition, TileCoord, TilePosition, mercator};

impl TileCoord {
    /// The tile's extent in degrees. Tiles are half-open: the eastern and southern edges belong
    /// to the neighbours.
    #[must_use]
    pub fn bounds(self) -> Bounds {
        let TilePosition { x, y } = self.corner();
        let north_west = mercator::tile_to_lon_lat(TilePosition { x, y }, self.z);
        let south_east = mercator::tile_to_lon_lat(
            TilePosition {
                x: x + 1.0,
                y: y + 1.0,
            },
            self.z,
        );
        Bounds {
            west: north_west.lon,
            south: south_east.lat,
            east: south_east.lon,
            north: north_west.lat,
        }
    }

    /// The place of a position in the tile, or of one beyond its edges.
    #[must_use]
    pub fn lon_lat_at(self, pixel: PixelPosition) -> LonLat {
        let side = f64::from(super::TILE_SIZE_PX);
        let corner = self.corner();
        mercator::tile_to_lon_lat(
            TilePosition {
                x: corner.x + pixel.x_px / side,
                y: corner.y + pixel.y_px / side,
            },
            self.z,
        )
    }

    /// The place of the tile's centre.
    #[must_use]
    pub fn centre(self) -> LonLat {
        self.lon_lat_at(PixelPosition::CENTRE)
    }
}
