//! What the net is believed to find, level by level.
//!
//! In: tiles as they are laid, and hits as they are found to belong to a line. Out: the hits that a
//! tile of a level leads to, and the chance that a tile of the net holds a tower.

/// Levels with lines: 320, 160, 80, 40, 20, 10, 5; the level after them is all tiles that are left.
pub(super) const LEVELS: usize = 7;
/// Hits that a tile laid leads to, for each linked hit a tile of its surroundings: what is believed
/// of the levels 160 and 80, and of narrower ones, before anything was seen.
const YIELD: f32 = 20.0;
const YIELD_NARROW: f32 = 1.0;
/// How much that belief weighs, in linked hits.
const YIELD_PRIOR: f32 = 15.0;
/// Tiles by which the density of towers is known before anything was seen, and that density.
const TOWER_PRIOR_TILES: f32 = 5_000.0;
const TOWER_PRIOR_RATE: f32 = 0.001;

/// See the module.
#[derive(Default)]
pub(super) struct NetYield {
    /// For each level: hits that lines found by it have, and those expected for a yield of 1.
    found: [f32; LEVELS + 1],
    expected: [f32; LEVELS + 1],
    /// Tiles that were laid, and hits of lines that the net found by itself.
    tiles: f32,
    linked: f32,
}

impl NetYield {
    /// Counts tiles that are laid of a level, where so many linked hits a tile are around.
    pub(super) fn count_laid(&mut self, level: usize, tiles: usize, density: f32) {
        self.tiles += tiles as f32;
        // The widest net is laid before anything is known.
        if level > 0 {
            self.expected[level] += density * tiles as f32;
        }
    }

    /// Counts a hit of a line that a level led to, and whether the net found the hit itself.
    pub(super) fn count_linked(&mut self, level: u8, by_net: bool) {
        self.found[usize::from(level).min(LEVELS)] += 1.0;
        self.linked += f32::from(by_net);
    }

    /// Hits a tile of a level leads to, for each linked hit a tile around it.
    pub(super) fn of(&self, level: usize) -> f32 {
        let before = if level < 3 { YIELD } else { YIELD_NARROW };
        (self.found[level] + before * YIELD_PRIOR) / (self.expected[level] + YIELD_PRIOR)
    }

    /// Hits of lines, all levels together.
    pub(super) fn hits(&self) -> f32 {
        self.found.iter().sum()
    }

    /// Chance that a tile of the net holds a tower.
    pub(super) fn tower_rate(&self) -> f32 {
        (self.linked + TOWER_PRIOR_TILES * TOWER_PRIOR_RATE) / (self.tiles + TOWER_PRIOR_TILES)
    }
}
