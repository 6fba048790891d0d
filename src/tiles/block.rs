//! Blocks: the aligned squares in which work is planned and stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TileCoord;

/// Tiles along the side of a block. At zoom 18 a block is one tile of zoom 12.
pub const BLOCK_SIDE: u32 = 64;
/// Tiles in a block.
pub const BLOCK_TILES: usize = (BLOCK_SIDE * BLOCK_SIDE) as usize;

/// The address of an aligned square of 64×64 tiles of zoom `z`: tile coordinates divided by 64.
///
/// Ordered by zoom, then row, then column.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockCoord {
    /// The zoom of the tiles in the block, not of the block's own square.
    pub z: u8,
    pub x: u32,
    pub y: u32,
}

impl BlockCoord {
    /// The block that holds a tile.
    #[must_use]
    pub fn of(tile: TileCoord) -> Self {
        Self {
            z: tile.z,
            x: tile.x / BLOCK_SIDE,
            y: tile.y / BLOCK_SIDE,
        }
    }

    /// The tile at a row-major index (0 to 4,095) in the block.
    #[must_use]
    pub fn tile(self, index: u16) -> TileCoord {
        debug_assert!(usize::from(index) < BLOCK_TILES);
        let index = u32::from(index);
        TileCoord {
            z: self.z,
            x: self.x * BLOCK_SIDE + index % BLOCK_SIDE,
            y: self.y * BLOCK_SIDE + index / BLOCK_SIDE,
        }
    }

    /// The row-major index of a tile in its block.
    #[must_use]
    pub fn index_of(tile: TileCoord) -> u16 {
        ((tile.y % BLOCK_SIDE) * BLOCK_SIDE + tile.x % BLOCK_SIDE) as u16
    }
}

impl Ord for BlockCoord {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.z, self.y, self.x).cmp(&(other.z, other.y, other.x))
    }
}

impl PartialOrd for BlockCoord {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for BlockCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockCoord({}/{}/{})", self.z, self.x, self.y)
    }
}

/// A set of tiles of one block: 4,096 bits, one word a row, bit 0 the westernmost tile.
#[derive(Clone, PartialEq, Eq)]
pub struct TileMask([u64; BLOCK_SIDE as usize]);

impl TileMask {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; BLOCK_SIDE as usize])
    }

    /// The set from its rows, northernmost first.
    #[must_use]
    pub const fn from_rows(rows: [u64; BLOCK_SIDE as usize]) -> Self {
        Self(rows)
    }

    /// The rows, northernmost first.
    #[must_use]
    pub const fn rows(&self) -> &[u64; BLOCK_SIDE as usize] {
        &self.0
    }

    pub fn insert(&mut self, index: u16) {
        self.0[usize::from(index / 64)] |= 1 << (index % 64);
    }

    pub fn remove(&mut self, index: u16) {
        self.0[usize::from(index / 64)] &= !(1 << (index % 64));
    }

    #[must_use]
    pub fn contains(&self, index: u16) -> bool {
        self.0[usize::from(index / 64)] >> (index % 64) & 1 == 1
    }

    /// Adds the tiles of another set.
    pub fn extend(&mut self, other: &Self) {
        for (row, other) in self.0.iter_mut().zip(other.0) {
            *row |= other;
        }
    }

    /// The tiles of this set that are not in another.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|row| self.0[row] & !other.0[row]))
    }

    /// Number of tiles in the set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(|row| row.count_ones() as usize).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&row| row == 0)
    }

    /// The indices in rising (row-major) order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().enumerate().flat_map(|(row, &bits)| {
            std::iter::successors((bits != 0).then_some(bits), |bits| {
                let rest = bits & (bits - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |bits| (row * 64) as u16 + bits.trailing_zeros() as u16)
        })
    }

    /// The position of an index among the set's indices in rising order, if it is in the set.
    #[must_use]
    pub fn rank(&self, index: u16) -> Option<usize> {
        if !self.contains(index) {
            return None;
        }
        let row = usize::from(index / 64);
        let before: usize = self.0[..row].iter().map(|r| r.count_ones() as usize).sum();
        let below = self.0[row] & ((1u64 << (index % 64)) - 1);
        Some(before + below.count_ones() as usize)
    }

    /// The rows as 512 bytes, little-endian words, northernmost first.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; BLOCK_TILES / 8] {
        let mut bytes = [0; BLOCK_TILES / 8];
        for (chunk, row) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&row.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`TileMask::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; BLOCK_TILES / 8]) -> Self {
        let mut rows = [0; BLOCK_SIDE as usize];
        for (row, chunk) in rows.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            *row = u64::from_le_bytes(word);
        }
        Self(rows)
    }
}

impl Default for TileMask {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<u16> for TileMask {
    fn from_iter<I: IntoIterator<Item = u16>>(indices: I) -> Self {
        let mut mask = Self::new();
        for index in indices {
            mask.insert(index);
        }
        mask
    }
}

impl fmt::Debug for TileMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TileMask({} tiles)", self.count())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mask_is_the_set_of_its_indices(set in proptest::collection::btree_set(0u16..4096, 0..200)) {
            let mask: TileMask = set.iter().copied().collect();
            prop_assert_eq!(mask.count(), set.len());
            prop_assert_eq!(mask.iter().collect::<BTreeSet<_>>(), set.clone());
            for (position, &index) in set.iter().enumerate() {
                prop_assert_eq!(mask.rank(index), Some(position));
            }
            prop_assert_eq!(TileMask::from_bytes(&mask.to_bytes()), mask);
        }

        #[test]
        fn a_tile_is_found_again_through_its_block(x in 0u32..(1 << 18), y in 0u32..(1 << 18)) {
            let tile = TileCoord { z: 18, x, y };
            prop_assert_eq!(BlockCoord::of(tile).tile(BlockCoord::index_of(tile)), tile);
        }
    }
}
