//! A cover block by block.

use super::spans::{Rows, Span};
use crate::tiles::{BLOCK_SIDE, BlockCoord, TileMask};

/// The blocks of a cover, row by row, each with its tiles; holds one cursor for each of a block's
/// 64 rows and nothing else.
pub struct Blocks<'a> {
    zoom: u8,
    rows: &'a Rows,
    /// Position among the cover's rows of the first row below the current block row.
    next_row: usize,
    /// Row of blocks at hand.
    block_y: u32,
    /// What is left of each row of the block row, northernmost first.
    left: [&'a [Span]; BLOCK_SIDE as usize],
    /// First column not handed out yet.
    from_x: u32,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(zoom: u8, rows: &'a Rows) -> Self {
        Self {
            zoom,
            rows,
            next_row: 0,
            block_y: 0,
            left: [&[]; BLOCK_SIDE as usize],
            from_x: 0,
        }
    }

    /// Moves to the next row of blocks that holds a tile.
    fn next_block_row(&mut self) -> Option<()> {
        let rows = &self.rows.rows;
        let first = rows.get(self.next_row)?;
        self.block_y = first.y / BLOCK_SIDE;
        self.from_x = 0;
        self.left = [&[]; BLOCK_SIDE as usize];
        while let Some(row) = rows.get(self.next_row)
            && row.y / BLOCK_SIDE == self.block_y
        {
            self.left[(row.y % BLOCK_SIDE) as usize] = self.rows.spans_of(self.next_row);
            self.next_row += 1;
        }
        Some(())
    }

    /// The westernmost column not handed out yet.
    fn westernmost(&self) -> Option<u32> {
        self.left
            .iter()
            .filter_map(|spans| spans.first())
            .map(|span| span.start.max(self.from_x))
            .min()
    }
}

impl Iterator for Blocks<'_> {
    type Item = (BlockCoord, TileMask);

    fn next(&mut self) -> Option<Self::Item> {
        let west = loop {
            match self.westernmost() {
                Some(x) => break x / BLOCK_SIDE * BLOCK_SIDE,
                None => self.next_block_row()?,
            }
        };
        let east = west + BLOCK_SIDE;
        let mut mask = [0; BLOCK_SIDE as usize];
        for (word, spans) in mask.iter_mut().zip(&mut self.left) {
            while let Some(&span) = spans.first()
                && span.start < east
            {
                *word |= bits_of(span, west);
                if span.end > east {
                    break;
                }
                *spans = &spans[1..];
            }
        }
        self.from_x = east;
        let block = BlockCoord {
            z: self.zoom,
            x: west / BLOCK_SIDE,
            y: self.block_y,
        };
        Some((block, TileMask::from_rows(mask)))
    }
}

/// The columns of a span that lie in the block beginning at column `west`, as bits.
pub(super) fn bits_of(span: Span, west: u32) -> u64 {
    let start = span.start.max(west);
    let end = span.end.min(west + BLOCK_SIDE);
    if start >= end {
        return 0;
    }
    let width = end - start;
    (u64::MAX >> (BLOCK_SIDE - width)) << (start - west)
}
