//! Tiles numbered along the Z-order curve: a tile's four children follow one another, and so do
//! all their descendants.

use crate::tiles::TileCoord;

/// The number of a tile among those of its zoom: the bits of `y` and `x` interleaved.
pub(super) fn number(tile: TileCoord) -> u64 {
    spread(tile.x) | spread(tile.y) << 1
}

/// The tile with a number.
pub(super) fn tile(zoom: u8, number: u64) -> TileCoord {
    TileCoord {
        z: zoom,
        x: gather(number),
        y: gather(number >> 1),
    }
}

/// Puts a zero above each bit.
fn spread(value: u32) -> u64 {
    (0..32).fold(0, |bits, i| bits | u64::from(value >> i & 1) << (2 * i))
}

/// Takes every second bit.
fn gather(bits: u64) -> u32 {
    (0..32).fold(0, |value, i| value | ((bits >> (2 * i) & 1) as u32) << i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_of_a_tile_are_numbered_in_a_row() {
        let parent = TileCoord {
            z: 17,
            x: 70_071,
            y: 47_754,
        };
        let children = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| TileCoord {
            z: 18,
            x: 2 * parent.x + x,
            y: 2 * parent.y + y,
        });
        for (i, child) in children.into_iter().enumerate() {
            assert_eq!(number(child), 4 * number(parent) + i as u64);
            assert_eq!(tile(18, number(child)), child);
        }
    }
}
