//! What is known of the area, tile by tile and block by block.

use rustc_hash::FxHashMap;

use super::place::{Answers, CELL_SHAPE, Place, RATE_SHAPE};
use crate::tiles::{BLOCK_SIDE, BlockCoord, Cover, TileCoord, TileMask};

/// Tiles by which the rate of the whole area is known before anything was seen.
const RATE_TILES: f32 = 20_000.0;

/// Side of a cell in tiles, and cells along the side of a block.
const CELL_SIDE: i64 = 16;
const CELLS: usize = BLOCK_SIDE as usize / CELL_SIDE as usize;
/// The same of the cells by which hits of lines are counted, and how many of those away is near.
const LINKED_SIDE: i64 = 8;
const LINKED_REACH: i64 = 2;
const LINKED_CELLS: usize = BLOCK_SIDE as usize / LINKED_SIDE as usize;

/// What is known of one block.
pub(super) struct Block {
    pub(super) coord: BlockCoord,
    /// Its tiles in the area.
    pub(super) area: TileMask,
    /// Number of those.
    pub(super) tiles: u32,
    /// Tiles that were asked for, now or by an earlier scan.
    pub(super) asked: TileMask,
    /// Those of them that were answered.
    pub(super) answered: TileMask,
    pub(super) hits: TileMask,
    /// Tracks that wish for a tile here, and some that no longer do.
    pub(super) tracks: Vec<u32>,
    /// Hits that belong to a line.
    pub(super) linked: u32,
    /// The same of each of its cells of 8 tiles, row by row, and of the cells near that one.
    linked_near: [u8; LINKED_CELLS * LINKED_CELLS],
    /// What was answered here, and what the block is like by that.
    answers: Answers,
    place: Place,
    /// The same of its cells, row by row, from the first answer in the block on.
    cells: Vec<(Answers, Place)>,
    /// Tiles beside hits that were answered, and hits among them.
    pub(super) beside_tiles: f32,
    pub(super) beside_hits: f32,
    /// The next level of the net.
    pub(super) level: u8,
}

/// The blocks of an area.
pub(super) struct Grid<'a> {
    cover: &'a Cover,
    pub(super) blocks: Vec<Block>,
    index: FxHashMap<(u32, u32), u32>,
    /// Answered tiles, and the false hits believed among them.
    tiles_answered: f32,
    false_hits: f32,
}

impl<'a> Grid<'a> {
    pub(super) fn new(cover: &'a Cover, rate_prior: f32) -> Self {
        let mut index = FxHashMap::default();
        let blocks: Vec<Block> = cover
            .blocks()
            .enumerate()
            .map(|(at, (coord, area))| {
                index.insert((coord.x, coord.y), at as u32);
                Block {
                    coord,
                    tiles: area.count() as u32,
                    area,
                    asked: TileMask::new(),
                    answered: TileMask::new(),
                    hits: TileMask::new(),
                    tracks: Vec::new(),
                    linked: 0,
                    linked_near: [0; LINKED_CELLS * LINKED_CELLS],
                    answers: Answers::default(),
                    place: Place::unseen(rate_prior),
                    cells: Vec::new(),
                    beside_tiles: 0.0,
                    beside_hits: 0.0,
                    level: 0,
                }
            })
            .collect();
        Self {
            cover,
            blocks,
            index,
            tiles_answered: RATE_TILES,
            false_hits: RATE_TILES * rate_prior,
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

    pub(super) fn tiles(&self) -> u64 {
        self.cover.count()
    }

    /// The number of the block that holds a tile, if it touches the area.
    pub(super) fn block_of(&self, x: i64, y: i64) -> Option<u32> {
        let side = i64::from(BLOCK_SIDE);
        if x < 0 || y < 0 {
            return None;
        }
        self.index
            .get(&((x / side) as u32, (y / side) as u32))
            .copied()
    }

    /// Whether a tile was looked at and is no hit.
    pub(super) fn was_miss(&self, x: i64, y: i64) -> bool {
        self.block_of(x, y).is_some_and(|block| {
            let block = &self.blocks[block as usize];
            let index = index_of(x, y);
            block.answered.contains(index) && !block.hits.contains(index)
        })
    }

    /// The number of a block, if it touches the area.
    pub(super) fn number(&self, coord: BlockCoord) -> Option<u32> {
        self.index.get(&(coord.x, coord.y)).copied()
    }

    /// The number of the block `dx`, `dy` blocks away.
    fn number_beside(&self, block: u32, dx: i64, dy: i64) -> Option<u32> {
        let coord = self.blocks[block as usize].coord;
        let x = u32::try_from(i64::from(coord.x) + dx).ok()?;
        let y = u32::try_from(i64::from(coord.y) + dy).ok()?;
        self.index.get(&(x, y)).copied()
    }

    /// The block `dx`, `dy` blocks away.
    fn beside(&self, block: u32, dx: i64, dy: i64) -> Option<&Block> {
        self.number_beside(block, dx, dy)
            .map(|at| &self.blocks[at as usize])
    }

    /// The blocks within `reach` blocks, the block itself among them.
    pub(super) fn around(&self, block: u32, reach: i64) -> impl Iterator<Item = &Block> + '_ {
        (-reach..=reach)
            .flat_map(move |dy| (-reach..=reach).filter_map(move |dx| self.beside(block, dx, dy)))
    }

    /// Counts a hit that belongs to a line.
    pub(super) fn count_linked(&mut self, x: i64, y: i64) {
        if let Some(block) = self.block_of(x, y) {
            self.blocks[block as usize].linked += 1;
        }
        let reach = -LINKED_REACH..=LINKED_REACH;
        for (dx, dy) in reach
            .clone()
            .flat_map(|dy| reach.clone().map(move |dx| (dx, dy)))
        {
            let (x, y) = (x + dx * LINKED_SIDE, y + dy * LINKED_SIDE);
            if let Some(block) = self.block_of(x, y) {
                let near = &mut self.blocks[block as usize].linked_near[linked_cell_of(x, y)];
                *near = near.saturating_add(1);
            }
        }
    }

    /// Hits of lines near a tile: in its cell of 8 tiles, and up to two cells away. Counted up to
    /// 255.
    pub(super) fn linked_near(&self, x: i64, y: i64) -> u8 {
        self.block_of(x, y).map_or(0, |block| {
            self.blocks[block as usize].linked_near[linked_cell_of(x, y)]
        })
    }

    /// What the cell of a tile is like, or its block where nothing was answered yet.
    fn place_at(&self, x: i64, y: i64) -> Option<&Place> {
        let block = &self.blocks[self.block_of(x, y)? as usize];
        let cell = block.cells.get(cell_of(x, y));
        Some(cell.map_or(&block.place, |(_, place)| place))
    }

    /// Chance that a tile near one, without a tower, is a hit. `own` hits of those counted there
    /// are left out: a hit must not testify against itself.
    pub(super) fn rate(&self, x: i64, y: i64, own: f32) -> f32 {
        self.place_at(x, y)
            .map_or(self.mean_rate(), |place| place.rate_without(own))
    }

    fn mean_rate(&self) -> f32 {
        self.false_hits / self.tiles_answered
    }

    /// How often what tracks predict near a tile is there.
    pub(super) fn trust(&self, x: i64, y: i64) -> f32 {
        self.place_at(x, y).map_or(1.0, |place| place.trust)
    }

    /// Counts an answered tile in which a hit was expected with a chance, of tracks that are fully
    /// trusted.
    pub(super) fn count(&mut self, x: i64, y: i64, expected: f32, hit: bool) {
        let (trust, rate) = (self.trust(x, y), self.rate(x, y, 0.0));
        let Some(block) = self.block_of(x, y) else {
            return;
        };
        let block = &mut self.blocks[block as usize];
        block.answers.count(expected, hit);
        if block.cells.is_empty() {
            block.cells = vec![(Answers::default(), block.place); CELLS * CELLS];
        }
        block.cells[cell_of(x, y)].0.count(expected, hit);
        self.tiles_answered += 1.0;
        if hit {
            self.false_hits += rate / (rate + trust * expected);
        }
    }

    /// Fits the blocks around a block, and the cells around tiles of it, to what was answered.
    pub(super) fn fit_around(&mut self, block: u32, tiles: &TileMask) {
        let mean = self.mean_rate();
        for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
            let Some(at) = self.number_beside(block, dx, dy) else {
                continue;
            };
            let mut seen = Answers::default();
            for beside in self.around(at, 1) {
                let weight = if beside.coord == self.blocks[at as usize].coord {
                    1.0
                } else {
                    0.5
                };
                seen.add(&beside.answers, weight);
            }
            self.blocks[at as usize]
                .place
                .fit(&seen, mean, RATE_SHAPE, 1.0);
        }
        let mut near: Vec<(i64, i64)> = tiles
            .iter()
            .flat_map(|index| {
                let tile = self.tile(block, index);
                let (x, y) = (i64::from(tile.x) / CELL_SIDE, i64::from(tile.y) / CELL_SIDE);
                (-1..=1).flat_map(move |dy| (-1..=1).map(move |dx| (x + dx, y + dy)))
            })
            .collect();
        near.sort_unstable();
        near.dedup();
        for (x, y) in near {
            self.fit_cell(x, y);
        }
    }

    /// Fits the cell in a column and row of cells.
    fn fit_cell(&mut self, x: i64, y: i64) {
        let middle = |at: i64| at * CELL_SIDE + CELL_SIDE / 2;
        let Some(block) = self.block_of(middle(x), middle(y)) else {
            return;
        };
        let mut seen = Answers::default();
        for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
            let (x, y) = (middle(x + dx), middle(y + dy));
            let Some(beside) = self.block_of(x, y) else {
                continue;
            };
            if let Some((answers, _)) = self.blocks[beside as usize].cells.get(cell_of(x, y)) {
                seen.add(answers, if (dx, dy) == (0, 0) { 1.0 } else { 0.5 });
            }
        }
        let block = &mut self.blocks[block as usize];
        let around = block.place;
        if let Some((_, place)) = block.cells.get_mut(cell_of(middle(x), middle(y))) {
            place.fit(&seen, around.rate, CELL_SHAPE, around.trust);
        }
    }

    pub(super) fn tile(&self, block: u32, index: u16) -> TileCoord {
        self.blocks[block as usize].coord.tile(index)
    }
}

/// The position of a tile's cell in its block.
fn cell_of(x: i64, y: i64) -> usize {
    let cells = CELLS as i64;
    ((y / CELL_SIDE % cells) * cells + x / CELL_SIDE % cells) as usize
}

/// The position in its block of a tile's cell by which hits of lines are counted.
fn linked_cell_of(x: i64, y: i64) -> usize {
    let cells = LINKED_CELLS as i64;
    ((y / LINKED_SIDE % cells) * cells + x / LINKED_SIDE % cells) as usize
}

/// The index in its block of a tile.
pub(super) fn index_of(x: i64, y: i64) -> u16 {
    let side = i64::from(BLOCK_SIDE);
    ((y % side) * side + x % side) as u16
}
