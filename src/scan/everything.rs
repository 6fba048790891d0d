//! The full scan: every tile of the area, block by block.

use std::collections::VecDeque;

use super::{Next, Scan};
use crate::tiles::{BlockCoord, BlockOutcome, TileMask, VisitReason, WorkUnit};

/// Visits every tile once, in the order of the blocks it is given.
pub struct Everything<B> {
    blocks: B,
    planned: u64,
    unit_tiles_max: usize,
    first_sequence: u64,
    sequence: u64,
    /// What is left of the block begun last.
    pending: VecDeque<(BlockCoord, TileMask)>,
}

impl<B: Iterator<Item = (BlockCoord, TileMask)> + Send> Everything<B> {
    /// A scan of `blocks`, which hold `planned` tiles together, in units of at most
    /// `unit_tiles_max` tiles.
    ///
    /// # Panics
    /// When `unit_tiles_max` is 0.
    pub fn new(blocks: B, planned: u64, unit_tiles_max: usize) -> Self {
        assert!(unit_tiles_max > 0, "a unit holds at least one tile");
        Self {
            blocks,
            planned,
            unit_tiles_max,
            first_sequence: 0,
            sequence: 0,
            pending: VecDeque::new(),
        }
    }

    /// Numbers the units from `first_sequence` on.
    #[must_use]
    pub fn starting_at(self, first_sequence: u64) -> Self {
        Self {
            first_sequence,
            sequence: first_sequence,
            ..self
        }
    }
}

impl<B: Iterator<Item = (BlockCoord, TileMask)> + Send> Scan for Everything<B> {
    fn name(&self) -> &'static str {
        "everything"
    }

    fn planned(&self) -> u64 {
        self.planned
    }

    fn window(&self) -> Option<u64> {
        None
    }

    fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    fn next(&mut self) -> Next {
        while self.pending.is_empty() {
            let Some((block, mask)) = self.blocks.next() else {
                return Next::Finished;
            };
            self.pending
                .extend(split(&mask, self.unit_tiles_max).map(|part| (block, part)));
        }
        let Some((block, wanted)) = self.pending.pop_front() else {
            return Next::Finished;
        };
        let sequence = self.sequence;
        self.sequence += 1;
        Next::Unit(WorkUnit {
            sequence,
            block,
            wanted,
            reason: VisitReason::Everything,
        })
    }

    fn learn(&mut self, _outcome: &BlockOutcome) {}
}

/// Cuts a mask into parts of at most `tiles_max` tiles, row by row, so that a part is a band of
/// neighbouring rows: what a raster or an MBTiles file reads fastest.
fn split(mask: &TileMask, tiles_max: usize) -> impl Iterator<Item = TileMask> + '_ {
    let mut indices = mask.iter().peekable();
    std::iter::from_fn(move || {
        indices.peek()?;
        Some(indices.by_ref().take(tiles_max).collect())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(x: u32) -> BlockCoord {
        BlockCoord { z: 18, x, y: 0 }
    }

    proptest! {
        #[test]
        fn every_tile_is_asked_for_exactly_once_in_units_within_the_bound(
            blocks in proptest::collection::vec(
                proptest::collection::btree_set(0u16..4096, 0..1500), 0..4),
            tiles_max in 1usize..600,
        ) {
            let blocks: Vec<(BlockCoord, TileMask)> = blocks
                .iter()
                .enumerate()
                .map(|(x, set)| (block(x as u32), set.iter().copied().collect()))
                .collect();
            let planned = blocks.iter().map(|(_, mask)| mask.count() as u64).sum();
            let mut scan = Everything::new(blocks.clone().into_iter(), planned, tiles_max);
            let mut seen = std::collections::BTreeSet::new();
            let mut sequence = 0;
            while let Next::Unit(unit) = scan.next() {
                prop_assert_eq!(unit.sequence, sequence);
                sequence += 1;
                prop_assert!(unit.wanted.count() <= tiles_max && !unit.wanted.is_empty());
                for tile in unit.tiles() {
                    prop_assert!(seen.insert(tile));
                }
            }
            prop_assert_eq!(seen.len() as u64, planned);
            prop_assert_eq!(scan.next(), Next::Finished);
        }
    }
}
