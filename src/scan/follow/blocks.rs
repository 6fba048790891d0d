//! The blocks of an area, and which of their tiles were asked for and answered.
//!
//! In: a cover, then tiles as they are asked for and answered. Out: the block of a tile, the blocks
//! around one, and whether a tile is still open. Never: what the answers mean.

use rustc_hash::FxHashMap;

use crate::tiles::{BLOCK_SIDE, BlockCoord, Cover, TileCoord, TileMask};

/// The tiles of one block.
pub(super) struct Block {
    pub(super) coord: BlockCoord,
    /// Those in the area.
    pub(super) area: TileMask,
    /// Number of those.
    pub(super) tiles: u32,
    /// Tiles that were asked for, now or by an earlier scan.
    pub(super) asked: TileMask,
    /// Those of them that were answered.
    answered: TileMask,
    hits: TileMask,
}

/// What is known of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TileState {
    /// Not asked for yet.
    Open,
    /// Asked for and not answered.
    Out,
    /// Answered, and no hit.
    Miss,
    Hit,
}

/// The blocks that touch an area, by number.
pub(super) struct Blocks<'a> {
    cover: &'a Cover,
    blocks: Vec<Block>,
    numbers: FxHashMap<(u32, u32), u32>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(cover: &'a Cover) -> Self {
        let mut numbers = FxHashMap::default();
        let blocks = cover
            .blocks()
            .enumerate()
            .map(|(number, (coord, area))| {
                numbers.insert((coord.x, coord.y), number as u32);
                Block {
                    coord,
                    tiles: area.count() as u32,
                    area,
                    asked: TileMask::new(),
                    answered: TileMask::new(),
                    hits: TileMask::new(),
                }
            })
            .collect();
        Self {
            cover,
            blocks,
            numbers,
        }
    }

    pub(super) fn zoom(&self) -> u8 {
        self.cover.zoom()
    }

    /// The longer side of the box around the area, in tiles.
    pub(super) fn extent(&self) -> u32 {
        let (mut west, mut east, mut north, mut south) = (u32::MAX, 0, u32::MAX, 0);
        for (y, span) in self.cover.iter_spans() {
            west = west.min(span.start);
            east = east.max(span.end);
            north = north.min(y);
            south = south.max(y + 1);
        }
        east.saturating_sub(west).max(south.saturating_sub(north))
    }

    /// Number of tiles in the area.
    pub(super) fn tiles(&self) -> u64 {
        self.cover.count()
    }

    /// Number of blocks.
    pub(super) fn count(&self) -> usize {
        self.blocks.len()
    }

    /// All blocks, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Block)> {
        (0..).zip(&self.blocks)
    }

    pub(super) fn get(&self, number: u32) -> &Block {
        &self.blocks[number as usize]
    }

    /// The number of the block that holds a tile, if it touches the area.
    pub(super) fn block_of(&self, x: i64, y: i64) -> Option<u32> {
        let side = i64::from(BLOCK_SIDE);
        if x < 0 || y < 0 {
            return None;
        }
        self.numbers
            .get(&((x / side) as u32, (y / side) as u32))
            .copied()
    }

    /// The number of a block, if it touches the area.
    pub(super) fn number(&self, coord: BlockCoord) -> Option<u32> {
        self.numbers.get(&(coord.x, coord.y)).copied()
    }

    /// The number of the block `dx`, `dy` blocks away.
    pub(super) fn beside(&self, number: u32, dx: i64, dy: i64) -> Option<u32> {
        let coord = self.get(number).coord;
        let x = u32::try_from(i64::from(coord.x) + dx).ok()?;
        let y = u32::try_from(i64::from(coord.y) + dy).ok()?;
        self.numbers.get(&(x, y)).copied()
    }

    /// The numbers of the blocks within `reach` blocks, the block itself among them.
    pub(super) fn around(&self, number: u32, reach: i64) -> impl Iterator<Item = u32> + '_ {
        (-reach..=reach)
            .flat_map(move |dy| (-reach..=reach).filter_map(move |dx| self.beside(number, dx, dy)))
    }

    pub(super) fn tile(&self, number: u32, index: u16) -> TileCoord {
        self.get(number).coord.tile(index)
    }

    /// What is known of a tile; nothing of one outside of the area.
    pub(super) fn state(&self, x: i64, y: i64) -> Option<TileState> {
        let block = self.get(self.block_of(x, y)?);
        let index = index_of(x, y);
        if !block.area.contains(index) {
            return None;
        }
        Some(if block.hits.contains(index) {
            TileState::Hit
        } else if block.answered.contains(index) {
            TileState::Miss
        } else if block.asked.contains(index) {
            TileState::Out
        } else {
            TileState::Open
        })
    }

    /// Whether a tile was looked at and is no hit.
    pub(super) fn was_miss(&self, x: i64, y: i64) -> bool {
        self.block_of(x, y).is_some_and(|number| {
            let block = self.get(number);
            let index = index_of(x, y);
            block.answered.contains(index) && !block.hits.contains(index)
        })
    }

    /// Whether a tile of a block was answered.
    pub(super) fn was_answered(&self, number: u32, index: u16) -> bool {
        self.get(number).answered.contains(index)
    }

    /// A tile is asked for.
    pub(super) fn ask(&mut self, number: u32, index: u16) {
        self.blocks[number as usize].asked.insert(index);
    }

    /// A tile was answered, by whatever scan asked for it.
    pub(super) fn answer(&mut self, number: u32, index: u16) {
        let block = &mut self.blocks[number as usize];
        block.asked.insert(index);
        block.answered.insert(index);
    }

    /// An answered tile is a hit.
    pub(super) fn hit(&mut self, number: u32, index: u16) {
        self.blocks[number as usize].hits.insert(index);
    }
}

/// The index in its block of a tile.
pub(super) fn index_of(x: i64, y: i64) -> u16 {
    let side = i64::from(BLOCK_SIDE);
    ((y % side) * side + x % side) as u16
}
