//! How often a tile beside a hit of a line is a hit too, place by place.

use super::blocks::Blocks;

/// Tiles by which the rate is known before anything was seen, and that rate.
const PRIOR_TILES: f32 = 100.0;
const PRIOR_RATE: f32 = 0.02;

#[derive(Clone, Default)]
struct Count {
    tiles: f32,
    hits: f32,
}

/// Tiles beside hits that were answered, and hits among them, by number of the block.
pub(super) struct BesideRates(Vec<Count>);

impl BesideRates {
    pub(super) fn new(blocks: usize) -> Self {
        Self(vec![Count::default(); blocks])
    }

    /// Counts an answered tile beside a hit.
    pub(super) fn count(&mut self, block: u32, hit: bool) {
        let count = &mut self.0[block as usize];
        count.tiles += 1.0;
        count.hits += f32::from(hit);
    }

    /// Chance that a tile beside a hit of a line is a hit, by what was seen in the block of a tile
    /// and in those around it.
    pub(super) fn rate(&self, blocks: &Blocks<'_>, x: i64, y: i64) -> f32 {
        let (mut tiles, mut hits) = (PRIOR_TILES, PRIOR_TILES * PRIOR_RATE);
        let block = blocks.block_of(x, y);
        for beside in block.into_iter().flat_map(|at| blocks.around(at, 1)) {
            let count = &self.0[beside as usize];
            tiles += count.tiles;
            hits += count.hits;
        }
        hits / tiles
    }
}
