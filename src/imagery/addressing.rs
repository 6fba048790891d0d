//! Which images of a store cover a unit's tiles, and their way from there to the tiles.
//!
//! Most stores hold one 256-pixel image a tile. Some hold 512-pixel images (`@2x`): one of zoom
//! *z* − 1 covers four tiles of zoom *z* and is asked for once a unit.

use std::ops::ControlFlow;

use super::{Emit, Fetched};
use crate::{
    image::{RgbTile, decode_double, size_of},
    tiles::{BlockCoord, TILE_SIZE_PX, TileCoord, WorkUnit},
};

/// The size of the images in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageSize {
    /// 256 pixels: one image a tile.
    Single,
    /// 512 pixels: one image for four tiles of the next zoom.
    Double,
}

impl ImageSize {
    /// The size of the images that a payload is an example of; `None` if it cannot be told.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let size = size_of(payload).ok()?;
        match (size.width, size.height) {
            (TILE_SIZE_PX, TILE_SIZE_PX) => Some(Self::Single),
            (w, h) if w == 2 * TILE_SIZE_PX && h == w => Some(Self::Double),
            _ => None,
        }
    }

    /// How many zooms above the tiles the images are addressed.
    pub(super) fn zooms_above(self) -> u8 {
        match self {
            Self::Single => 0,
            Self::Double => 1,
        }
    }

    /// The addresses of the images that cover a unit's tiles, each once, column by column, which is
    /// how MBTiles files and folder trees lie on disk. Empty for double images of zoom 0, which
    /// cannot be.
    pub(super) fn addresses(self, unit: &WorkUnit) -> Vec<TileCoord> {
        let above = self.zooms_above();
        let Some(z) = unit.block.z.checked_sub(above) else {
            return Vec::new();
        };
        let mut addresses: Vec<_> = unit
            .tiles()
            .map(|tile| TileCoord {
                z,
                x: tile.x >> above,
                y: tile.y >> above,
            })
            .collect();
        addresses.sort_unstable_by_key(|tile| (tile.x, tile.y));
        addresses.dedup();
        addresses
    }

    /// Hands what was found at an address to the unit's tiles that it covers.
    pub(super) fn deliver(
        self,
        unit: &WorkUnit,
        address: TileCoord,
        found: Fetched,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
        if self == Self::Single {
            return emit(address, found);
        }
        let mut quarters = match found {
            Fetched::Payload(payload) => match decode_double(&payload) {
                Ok(tiles) => Quarters::Images(tiles),
                Err(error) => Quarters::Undecodable(error.reason()),
            },
            Fetched::NoImagery => Quarters::NoImagery,
            Fetched::Undecodable(reason) => Quarters::Undecodable(reason),
            Fetched::Failed(failure) => Quarters::Failed(failure),
            Fetched::Pixels(_) => Quarters::Undecodable("pixels of one tile for four".to_owned()),
        };
        for quarter in 0..4 {
            let tile = TileCoord {
                z: address.z + 1,
                x: 2 * address.x + quarter % 2,
                y: 2 * address.y + quarter / 2,
            };
            let wanted = BlockCoord::of(tile) == unit.block
                && unit.wanted.contains(BlockCoord::index_of(tile));
            if wanted {
                emit(tile, quarters.take(quarter as usize))?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// What a double image holds for its four tiles.
enum Quarters {
    Images([RgbTile; 4]),
    NoImagery,
    Undecodable(String),
    Failed(super::FetchFailure),
}

impl Quarters {
    fn take(&mut self, quarter: usize) -> Fetched {
        match self {
            Self::Images(tiles) => Fetched::Pixels(std::mem::take(&mut tiles[quarter])),
            Self::NoImagery => Fetched::NoImagery,
            Self::Undecodable(reason) => Fetched::Undecodable(reason.clone()),
            Self::Failed(failure) => Fetched::Failed(failure.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::{TileMask, VisitReason};

    fn unit(indices: impl IntoIterator<Item = u16>) -> WorkUnit {
        WorkUnit {
            sequence: 0,
            block: BlockCoord { z: 18, x: 2, y: 1 },
            wanted: TileMask::from_iter(indices),
            reason: VisitReason::Everything,
        }
    }

    #[test]
    fn each_double_image_is_asked_for_once_and_feeds_only_wanted_tiles() {
        // Tiles (0,0), (1,0) and (1,1) share a parent; (2,0) has another.
        let unit = unit([0, 1, 65, 2]);
        let addresses = ImageSize::Double.addresses(&unit);
        assert_eq!(
            addresses,
            [
                TileCoord {
                    z: 17,
                    x: 64,
                    y: 32
                },
                TileCoord {
                    z: 17,
                    x: 65,
                    y: 32
                }
            ]
        );
        let mut emitted = Vec::new();
        for address in addresses {
            let flow =
                ImageSize::Double.deliver(&unit, address, Fetched::NoImagery, &mut |tile, _| {
                    emitted.push(tile);
                    ControlFlow::Continue(())
                });
            assert!(flow.is_continue());
        }
        emitted.sort_unstable();
        assert_eq!(emitted, unit.tiles().collect::<Vec<_>>());
    }

    #[test]
    fn single_images_are_the_tiles_column_by_column() {
        let unit = unit([0, 1, 64]);
        let columns: Vec<_> = ImageSize::Single
            .addresses(&unit)
            .iter()
            .map(|tile| (tile.x, tile.y))
            .collect();
        assert_eq!(columns, [(128, 64), (128, 65), (129, 64)]);
    }
}
