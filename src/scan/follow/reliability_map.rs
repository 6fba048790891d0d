//! How reliable hits and tracks are, place by place: by blocks of 64 tiles and, in those that were
//! looked into, by cells of 16.
//!
//! In: answered tiles, with what tracks predicted for them. Out: the rate of false positives near a
//! tile, and how far tracks are to be trusted there (`reliability`).

use super::{
    blocks::Blocks,
    reliability::{Answers, CELL_SHAPE, RATE_SHAPE, Reliability},
};
use crate::tiles::{BLOCK_SIDE, TileMask};

/// Tiles by which the rate of the whole area is known before anything was seen.
const RATE_TILES: f32 = 20_000.0;
/// Side of a cell in tiles, and cells along the side of a block.
const CELL_SIDE: i64 = 16;
const CELLS: usize = BLOCK_SIDE as usize / CELL_SIDE as usize;

/// What was answered in a block, and how reliable it is by that.
struct BlockAnswers {
    answers: Answers,
    reliability: Reliability,
    /// The same of its cells, row by row, from the first answer in the block on.
    cells: Vec<(Answers, Reliability)>,
}

/// See the module.
pub(super) struct ReliabilityMap {
    /// By number of the block.
    blocks: Vec<BlockAnswers>,
    /// Answered tiles, and the false hits believed among them.
    tiles_answered: f32,
    false_hits: f32,
}

impl ReliabilityMap {
    /// A map of so many blocks, with the rate of false positives that is believed at first.
    pub(super) fn new(blocks: usize, rate_prior: f32) -> Self {
        let unseen = || BlockAnswers {
            answers: Answers::default(),
            reliability: Reliability::unseen(rate_prior),
            cells: Vec::new(),
        };
        Self {
            blocks: std::iter::repeat_with(unseen).take(blocks).collect(),
            tiles_answered: RATE_TILES,
            false_hits: RATE_TILES * rate_prior,
        }
    }

    /// What the cell of a tile is like, or its block where nothing was answered yet.
    fn at(&self, blocks: &Blocks<'_>, x: i64, y: i64) -> Option<&Reliability> {
        let block = &self.blocks[blocks.block_of(x, y)? as usize];
        let cell = block.cells.get(cell_of(x, y));
        Some(cell.map_or(&block.reliability, |(_, reliability)| reliability))
    }

    /// Chance that a tile near one, without a tower, is a hit. `own` hits of those counted there
    /// are left out: a hit must not testify against itself.
    pub(super) fn rate(&self, blocks: &Blocks<'_>, x: i64, y: i64, own: f32) -> f32 {
        self.at(blocks, x, y)
            .map_or(self.mean_rate(), |reliability| {
                reliability.rate_without(own)
            })
    }

    fn mean_rate(&self) -> f32 {
        self.false_hits / self.tiles_answered
    }

    /// How often what tracks predict near a tile is there, from 0 to 1.
    pub(super) fn trust(&self, blocks: &Blocks<'_>, x: i64, y: i64) -> f32 {
        self.at(blocks, x, y)
            .map_or(1.0, |reliability| reliability.trust)
    }

    /// Counts an answered tile in which a hit was expected with a chance, of tracks that are fully
    /// trusted.
    pub(super) fn count(&mut self, blocks: &Blocks<'_>, x: i64, y: i64, expected: f32, hit: bool) {
        let (trust, rate) = (self.trust(blocks, x, y), self.rate(blocks, x, y, 0.0));
        let Some(block) = blocks.block_of(x, y) else {
            return;
        };
        let block = &mut self.blocks[block as usize];
        block.answers.count(expected, hit);
        if block.cells.is_empty() {
            block.cells = vec![(Answers::default(), block.reliability); CELLS * CELLS];
        }
        block.cells[cell_of(x, y)].0.count(expected, hit);
        self.tiles_answered += 1.0;
        if hit {
            self.false_hits += rate / (rate + trust * expected);
        }
    }

    /// Fits the blocks around a block, and the cells around tiles of it, to what was answered.
    pub(super) fn fit_around(&mut self, blocks: &Blocks<'_>, block: u32, tiles: &TileMask) {
        let mean = self.mean_rate();
        for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
            let Some(at) = blocks.beside(block, dx, dy) else {
                continue;
            };
            let mut seen = Answers::default();
            for beside in blocks.around(at, 1) {
                let weight = if beside == at { 1.0 } else { 0.5 };
                seen.add(&self.blocks[beside as usize].answers, weight);
            }
            self.blocks[at as usize]
                .reliability
                .fit(&seen, mean, RATE_SHAPE, 1.0);
        }
        let mut near: Vec<(i64, i64)> = tiles
            .iter()
            .flat_map(|index| {
                let tile = blocks.tile(block, index);
                let (x, y) = (i64::from(tile.x) / CELL_SIDE, i64::from(tile.y) / CELL_SIDE);
                (-1..=1).flat_map(move |dy| (-1..=1).map(move |dx| (x + dx, y + dy)))
            })
            .collect();
        near.sort_unstable();
        near.dedup();
        for (x, y) in near {
            self.fit_cell(blocks, x, y);
        }
    }

    /// Fits the cell in a column and row of cells.
    fn fit_cell(&mut self, blocks: &Blocks<'_>, x: i64, y: i64) {
        let middle = |at: i64| at * CELL_SIDE + CELL_SIDE / 2;
        let Some(block) = blocks.block_of(middle(x), middle(y)) else {
            return;
        };
        let mut seen = Answers::default();
        for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
            let (x, y) = (middle(x + dx), middle(y + dy));
            let Some(beside) = blocks.block_of(x, y) else {
                continue;
            };
            if let Some((answers, _)) = self.blocks[beside as usize].cells.get(cell_of(x, y)) {
                seen.add(answers, if (dx, dy) == (0, 0) { 1.0 } else { 0.5 });
            }
        }
        let block = &mut self.blocks[block as usize];
        let around = block.reliability;
        if let Some((_, reliability)) = block.cells.get_mut(cell_of(middle(x), middle(y))) {
            reliability.fit(&seen, around.rate, CELL_SHAPE, around.trust);
        }
    }
}

/// The position of a tile's cell in its block.
fn cell_of(x: i64, y: i64) -> usize {
    let cells = CELLS as i64;
    ((y / CELL_SIDE % cells) * cells + x / CELL_SIDE % cells) as usize
}
