//! What is known of the area, tile by tile and block by block.

use std::collections::HashMap;

use crate::tiles::{BLOCK_SIDE, BlockCoord, Cover, TileCoord, TileMask};

/// False positives that a place is believed to have before anything was seen there, counted as if
/// seen: the shape of the gamma distribution from which the rates of places are drawn. Small,
/// since rates differ greatly from place to place.
const RATE_SHAPE: f32 = 0.4;
/// The same for the whole area, in tiles.
const RATE_TILES: f32 = 20_000.0;
/// No place is believed to be cleaner than this share of the area's mean.
const RATE_FLOOR: f32 = 0.3;

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
    /// Answered tiles in which next to nothing was expected.
    plain_tiles: f32,
    /// Hits among them less those expected.
    plain_hits: f32,
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
    index: HashMap<(u32, u32), u32>,
    rate_prior: f32,
    plain_tiles: f32,
    plain_hits: f32,
}

impl<'a> Grid<'a> {
    pub(super) fn new(cover: &'a Cover, rate_prior: f32) -> Self {
        let mut index = HashMap::new();
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
                    plain_tiles: 0.0,
                    plain_hits: 0.0,
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
            rate_prior,
            plain_tiles: RATE_TILES,
            plain_hits: RATE_TILES * rate_prior,
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

    /// The block `dx`, `dy` blocks away.
    fn beside(&self, block: u32, dx: i64, dy: i64) -> Option<&Block> {
        let coord = self.blocks[block as usize].coord;
        let x = u32::try_from(i64::from(coord.x) + dx).ok()?;
        let y = u32::try_from(i64::from(coord.y) + dy).ok()?;
        self.index.get(&(x, y)).map(|&at| &self.blocks[at as usize])
    }

    /// The blocks within `reach` blocks, the block itself among them.
    pub(super) fn around(&self, block: u32, reach: i64) -> impl Iterator<Item = &Block> + '_ {
        (-reach..=reach)
            .flat_map(move |dy| (-reach..=reach).filter_map(move |dx| self.beside(block, dx, dy)))
    }

    /// Chance that a tile of a block without a tower is a hit. `own` hits of those counted there
    /// are left out: a hit must not testify against itself.
    pub(super) fn rate(&self, block: u32, own: f32) -> f32 {
        let mean = self.plain_hits.max(RATE_TILES * self.rate_prior * 0.1) / self.plain_tiles;
        let (mut tiles, mut hits) = (0.0, -own);
        for beside in self.around(block, 1) {
            let weight = if beside.coord == self.blocks[block as usize].coord {
                1.0
            } else {
                0.5
            };
            tiles += weight * beside.plain_tiles;
            hits += weight * beside.plain_hits;
        }
        let prior_tiles = RATE_SHAPE / mean;
        let rate = (hits.max(0.0) + RATE_SHAPE) / (tiles + prior_tiles);
        rate.clamp(mean * RATE_FLOOR, 0.7)
    }

    /// Counts an answered tile in which a hit was expected with a small chance.
    pub(super) fn count_plain(&mut self, block: u32, expected: f32, hit: bool) {
        let hits = f32::from(hit) - expected;
        let block = &mut self.blocks[block as usize];
        block.plain_tiles += 1.0;
        block.plain_hits += hits;
        self.plain_tiles += 1.0;
        self.plain_hits += hits;
    }

    /// Takes a hit out of those that count as false: it belongs to a line.
    pub(super) fn vindicate(&mut self, block: u32) {
        self.blocks[block as usize].plain_hits -= 1.0;
        self.plain_hits -= 1.0;
    }

    pub(super) fn tile(&self, block: u32, index: u16) -> TileCoord {
        self.blocks[block as usize].coord.tile(index)
    }
}

/// The index in its block of a tile.
pub(super) fn index_of(x: i64, y: i64) -> u16 {
    let side = i64::from(BLOCK_SIDE);
    ((y % side) * side + x % side) as u16
}
