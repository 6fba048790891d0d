//! The net: rows and columns of tiles that lines cross.
//!
//! The widest net is laid over the whole area. Between its lines, half way each time, others are
//! laid block by block, where the lines that are known make more of them likely.

use super::{
    belief::Belief,
    blocks::{Block, Blocks},
    net_yield::LEVELS,
};
use crate::tiles::{BLOCK_SIDE, TileMask};

/// Distance between the lines of the widest net, in tiles; half of that and so on in areas that are
/// less than twice as wide, down to the second number.
const WIDEST: u32 = 320;
const WIDEST_MIN: u32 = 20;
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
    /// The next level of each block.
    levels: Vec<u8>,
}

impl Net {
    pub(super) fn new(blocks: &Blocks<'_>, seed: u64) -> Self {
        let extent = blocks.extent();
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
            levels: vec![0; blocks.count()],
        };
        let mut base: Vec<(u32, u32)> = blocks
            .iter()
            .filter(|(_, block)| !net.piece(block, 0).is_empty())
            .map(|(at, block)| (net.rank(block), at))
            .collect();
        // Every eighth line first, so that a scan that is cut short has seen all of the area.
        base.sort_by_key(|&(rank, at)| std::cmp::Reverse((rank, at)));
        net.base = base.into_iter().map(|(_, at)| at).collect();
        net
    }

    /// Tiles of a block on the lines of a level that were not asked for yet.
    fn piece(&self, block: &Block, level: usize) -> TileMask {
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

    /// The level of the net that was laid over a block last, 0 if none was.
    pub(super) fn level_laid(&self, block: u32) -> u8 {
        self.levels[block as usize].saturating_sub(1)
    }

    /// The next piece and its worth in towers a tile: of the widest net while there is some.
    ///
    /// `last` says that nothing else is worth a visit any more: then no old estimate may decide.
    pub(super) fn next(&mut self, belief: &Belief<'_>, last: bool) -> Option<(f32, u32)> {
        if let Some(&block) = self.base.last() {
            return Some((f32::INFINITY, block));
        }
        let learnt = belief.net_yield.hits() - self.estimated_by;
        let outdated = learnt > OUTDATED * self.estimated_by + OUTDATED_HITS;
        if self.laid >= PIECES || self.best.is_empty() || outdated || (last && learnt > 0.0) {
            self.estimate(belief);
        }
        self.best.last().copied()
    }

    fn estimate(&mut self, belief: &Belief<'_>) {
        self.laid = 0;
        self.estimated_by = belief.net_yield.hits();
        self.best.clear();
        for (number, &level) in (0..).zip(&self.levels) {
            let level = usize::from(level);
            if level > LEVELS {
                continue;
            }
            let worth = belief.linked_density(number) * belief.net_yield.of(level.max(1));
            self.best.push((worth, number));
        }
        self.best
            .sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let few = self.best.len().saturating_sub(PIECES);
        self.best.drain(..few);
    }

    /// Takes at most `tiles_max` tiles of the piece that was next, which may hold none; the others
    /// stay the block's next.
    pub(super) fn lay(
        &mut self,
        belief: &mut Belief<'_>,
        tiles_max: usize,
    ) -> Option<(u32, TileMask)> {
        let (block, level) = match self.base.pop() {
            Some(block) => (block, 0),
            None => {
                let (_, block) = self.best.pop()?;
                (block, usize::from(self.levels[block as usize]).max(1))
            }
        };
        let mut mask = self.piece(belief.blocks.get(block), level);
        let whole = mask.count() <= tiles_max;
        if !whole {
            mask = mask.iter().take(tiles_max).collect();
        }
        self.laid += 1;
        let density = belief.linked_density(block);
        belief.net_yield.count_laid(level, mask.count(), density);
        self.levels[block as usize] = level as u8 + u8::from(whole);
        Some((block, mask))
    }
}
