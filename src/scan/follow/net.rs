//! The net: rows and columns of tiles that lines cross.
//!
//! The widest net is laid over the whole area. Between its lines, half way each time, others are
//! laid block by block, where the lines that are known make more of them likely.

use super::grid::{Block, Grid};
use crate::tiles::{BLOCK_SIDE, TileMask};

/// Distance between the lines of the widest net, in tiles; half of that and so on in areas that are
/// less than twice as wide, down to the second number.
const WIDEST: u32 = 320;
const WIDEST_MIN: u32 = 20;
/// Levels with lines: 320, 160, 80, 40, 20, 10, 5; the level after them is all tiles that are left.
const LEVELS: usize = 7;
/// Hits that a tile laid leads to, for each linked hit a tile of its surroundings: what is believed
/// of the levels 160 and 80, and of narrower ones, before anything was seen.
const YIELD: f32 = 20.0;
const YIELD_NARROW: f32 = 1.0;
/// How much that belief weighs, in linked hits.
const YIELD_PRIOR: f32 = 15.0;
/// Pieces laid before their worth is estimated again.
const PIECES: usize = 64;
/// Their worth is estimated again, too, when the hits of lines have become more by this share of
/// them and this number: the first estimate is made before the net's first answers have come.
const OUTDATED: f32 = 0.05;
const OUTDATED_HITS: f32 = 10.0;

pub(super) struct Net {
    widest: u32,
    /// Where the lines lie: added to a tile's row and column.
    offset: u32,
    /// What is left of the widest net, the next one last.
    base: Vec<u32>,
    /// Blocks by the worth of their next level, the best last, and when that was estimated.
    best: Vec<(f32, u32)>,
    laid: usize,
    /// Hits of lines that were known then.
    estimated_by: f32,
    /// For each level: hits that lines found by it have, and those expected for a yield of 1.
    pub(super) found: [f32; LEVELS + 1],
    pub(super) expected: [f32; LEVELS + 1],
}

impl Net {
    pub(super) fn new(grid: &Grid<'_>, seed: u64) -> Self {
        let extent = grid.extent();
        let mut widest = WIDEST;
        while widest > WIDEST_MIN && 2 * widest > extent {
            widest /= 2;
        }
        let offset = (seed.wrapping_mul(0x9e37_79b9) % u64::from(widest)) as u32;
        let mut net = Self {
            widest,
            offset,
            base: Vec::new(),
            best: Vec::new(),
            laid: PIECES,
            estimated_by: 0.0,
            found: [0.0; LEVELS + 1],
            expected: [0.0; LEVELS + 1],
        };
        let mut base: Vec<(u32, u32)> = grid
            .blocks
            .iter()
            .enumerate()
            .filter(|(_, block)| !net.piece(block, 0).is_empty())
            .map(|(at, block)| (net.rank(block), at as u32))
            .collect();
        // Every eighth line first, so that a scan that is cut short has seen all of the area.
        base.sort_by_key(|&(rank, at)| std::cmp::Reverse((rank, at)));
        net.base = base.into_iter().map(|(_, at)| at).collect();
        net
    }

    /// Tiles of a block on the lines of a level that were not asked for yet.
    pub(super) fn piece(&self, block: &Block, level: usize) -> TileMask {
        let on_line = |at: u32| {
            let at = at + self.offset;
            match level {
                0 => at % self.widest == self.widest / 2,
                1 => at.is_multiple_of(self.widest),
                LEVELS.. => true,
                _ => {
                    let half = (self.widest >> level).max(1);
                    at % (2 * half) == half
                }
            }
        };
        let columns = (0..BLOCK_SIDE)
            .filter(|x| on_line(block.coord.x * BLOCK_SIDE + x))
            .fold(0u64, |bits, x| bits | 1 << x);
        let mut rows = *block.area.rows();
        for ((row, asked), y) in rows
            .iter_mut()
            .zip(block.asked.rows())
            .zip(block.coord.y * BLOCK_SIDE..)
        {
            *row &= !asked & if on_line(y) { u64::MAX } else { columns };
        }
        TileMask::from_rows(rows)
    }

    /// 0 for the lines that come first, then 1, 2 and 3.
    fn rank(&self, block: &Block) -> u32 {
        let first = |from: u32| {
            let from = from * BLOCK_SIDE + self.offset;
            (from..from + BLOCK_SIDE)
                .find(|at| at % self.widest == self.widest / 2)
                .map_or(3, |at| 3 - (at / self.widest).trailing_zeros().min(3))
        };
        first(block.coord.x).min(first(block.coord.y))
    }

    /// Counts a hit of a line that a level found.
    pub(super) fn count_found(&mut self, level: u8) {
        self.found[usize::from(level).min(LEVELS)] += 1.0;
    }

    /// Hits a tile of the net finds, for each linked hit a tile around it.
    fn yield_of(&self, level: usize) -> f32 {
        let before = if level < 3 { YIELD } else { YIELD_NARROW };
        (self.found[level] + before * YIELD_PRIOR) / (self.expected[level] + YIELD_PRIOR)
    }

    /// The next piece and its worth in towers a tile: of the widest net while there is some.
    ///
    /// `last` says that nothing else is worth a visit any more: then no old estimate may decide.
    pub(super) fn next(&mut self, grid: &Grid<'_>, last: bool) -> Option<(f32, u32)> {
        if let Some(&block) = self.base.last() {
            return Some((f32::INFINITY, block));
        }
        let learnt = self.hits() - self.estimated_by;
        let outdated = learnt > OUTDATED * self.estimated_by + OUTDATED_HITS;
        if self.laid >= PIECES || self.best.is_empty() || outdated || (last && learnt > 0.0) {
            self.estimate(grid);
        }
        self.best.last().copied()
    }

    /// Hits of lines, all levels together.
    fn hits(&self) -> f32 {
        self.found.iter().sum()
    }

    fn estimate(&mut self, grid: &Grid<'_>) {
        self.laid = 0;
        self.estimated_by = self.hits();
        self.best.clear();
        for (at, block) in grid.blocks.iter().enumerate() {
            let level = usize::from(block.level);
            if level > LEVELS {
                continue;
            }
            let density = density(grid, at as u32);
            self.best
                .push((density * self.yield_of(level.max(1)), at as u32));
        }
        self.best
            .sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let few = self.best.len().saturating_sub(PIECES);
        self.best.drain(..few);
    }

    /// Takes at most `tiles_max` tiles of the piece that was next, which may hold none; the others
    /// stay the block's next.
    pub(super) fn lay(&mut self, grid: &mut Grid<'_>, tiles_max: usize) -> Option<(u32, TileMask)> {
        let (block, level) = match self.base.pop() {
            Some(block) => (block, 0),
            None => {
                let (_, block) = self.best.pop()?;
                (block, usize::from(grid.blocks[block as usize].level).max(1))
            }
        };
        let mut mask = self.piece(&grid.blocks[block as usize], level);
        let whole = mask.count() <= tiles_max;
        if !whole {
            mask = mask.iter().take(tiles_max).collect();
        }
        self.laid += 1;
        if level > 0 {
            self.expected[level] += density(grid, block) * mask.count() as f32;
        }
        grid.blocks[block as usize].level = level as u8 + u8::from(whole);
        Some((block, mask))
    }
}

/// Linked hits a tile around a block: the mean of its nearer and its farther surroundings.
fn density(grid: &Grid<'_>, block: u32) -> f32 {
    let mean = |reach: i64| {
        let (mut linked, mut tiles) = (0, 0);
        for beside in grid.around(block, reach) {
            linked += beside.linked;
            tiles += beside.tiles;
        }
        linked as f32 / tiles.max(1) as f32
    };
    0.5 * (mean(1) + mean(2))
}
