//! How many hits of lines are near: what tells a crowd of lines from open land.
//!
//! In: hits as they are found to belong to a line. Out: how many of them a block holds, and how many
//! are near a tile.

use super::blocks::Blocks;
use crate::tiles::BLOCK_SIDE;

/// Side in tiles of the cells by which hits of lines are counted, and how many of those away is
/// near.
const CELL_SIDE: i64 = 8;
const REACH: i64 = 2;
/// Cells along the side of a block.
const CELLS: usize = BLOCK_SIDE as usize / CELL_SIDE as usize;

/// Hits of lines, counted.
pub(super) struct LinkedHits {
    /// By number of the block.
    in_blocks: Vec<u32>,
    /// For each cell of each block, row by row: the hits in it and in the cells near it.
    near: Vec<[u8; CELLS * CELLS]>,
}

impl LinkedHits {
    pub(super) fn new(blocks: usize) -> Self {
        Self {
            in_blocks: vec![0; blocks],
            near: vec![[0; CELLS * CELLS]; blocks],
        }
    }

    /// Counts a hit that belongs to a line.
    pub(super) fn count(&mut self, blocks: &Blocks<'_>, x: i64, y: i64) {
        if let Some(block) = blocks.block_of(x, y) {
            self.in_blocks[block as usize] += 1;
        }
        let reach = -REACH..=REACH;
        for (dx, dy) in reach
            .clone()
            .flat_map(|dy| reach.clone().map(move |dx| (dx, dy)))
        {
            let (x, y) = (x + dx * CELL_SIDE, y + dy * CELL_SIDE);
            if let Some(block) = blocks.block_of(x, y) {
                let near = &mut self.near[block as usize][cell_of(x, y)];
                *near = near.saturating_add(1);
            }
        }
    }

    /// Hits of lines in a block.
    pub(super) fn in_block(&self, block: u32) -> u32 {
        self.in_blocks[block as usize]
    }

    /// Hits of lines near a tile: in its cell of 8 tiles, and up to two cells away. Counted up to
    /// 255.
    pub(super) fn near(&self, blocks: &Blocks<'_>, x: i64, y: i64) -> u8 {
        blocks
            .block_of(x, y)
            .map_or(0, |block| self.near[block as usize][cell_of(x, y)])
    }
}

/// The position of a tile's cell in its block.
fn cell_of(x: i64, y: i64) -> usize {
    let cells = CELLS as i64;
    ((y / CELL_SIDE % cells) * cells + x / CELL_SIDE % cells) as usize
}
