//! Placeholders that no rule of the imagery source names.
//!
//! Some servers answer "no imagery here" with an ordinary picture of their own. Such a picture can
//! score high, and then does so at every place that lacks imagery. What gives it away is that its
//! bytes repeat: two photographs of the ground never agree in every byte, since at least their
//! noise differs. So candidates with the same content hash in at least [`REPEATS_MIN`] tiles, two
//! of them at least [`SPREAD_M_MIN`] apart, are taken for placeholders: their state is
//! `no_imagery`, and they are no detections.
//!
//! Why both bounds: a few equal tiles side by side can be a source's own doing (a tile served
//! twice at a seam, a mosaic padded from its neighbour), and say nothing about the rest. Why sea
//! and desert survive: tiles of one colour are `blank` before they are classified, and whatever
//! scored below the keep threshold is never touched, however often it repeats.
//!
//! The rule looks at committed outcomes alone and in a fixed order, so it is a pure function of
//! the ledger.

use std::collections::HashSet;

use super::{DetectionsError, RunReader, distance_m, read};
use crate::tiles::TileCoord;

/// The fewest tiles with the same content that make a placeholder.
pub const REPEATS_MIN: u64 = 8;
/// How far apart, in metres, the farthest of them must lie from the first in tile order.
pub const SPREAD_M_MIN: f64 = 10_000.0;

/// The contents that are no imagery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders {
    hashes: HashSet<u64>,
    tiles: u64,
}

impl Placeholders {
    /// Looks for contents that repeat over distant places.
    ///
    /// # Errors
    /// When the run cannot be read.
    pub fn find(run: &dyn RunReader) -> Result<Self, DetectionsError> {
        let mut found = Self::default();
        let mut group: Option<Group> = None;
        read::for_each_repeated(run, REPEATS_MIN, |hash, tile| {
            match &mut group {
                Some(open) if open.hash == hash => open.add(tile),
                _ => {
                    if let Some(closed) = group.replace(Group::new(hash, tile)) {
                        found.judge(&closed);
                    }
                }
            }
            Ok::<_, DetectionsError>(())
        })?;
        if let Some(closed) = group {
            found.judge(&closed);
        }
        Ok(found)
    }

    fn judge(&mut self, group: &Group) {
        if group.tiles >= REPEATS_MIN && group.spread_m >= SPREAD_M_MIN {
            self.hashes.insert(group.hash);
            self.tiles += group.tiles;
        }
    }

    /// Whether a content is a placeholder.
    #[must_use]
    pub fn contains(&self, content_hash: u64) -> bool {
        self.hashes.contains(&content_hash)
    }

    /// Number of candidates' tiles that are `no_imagery` rather than `scored`.
    #[must_use]
    pub fn tiles(&self) -> u64 {
        self.tiles
    }
}

/// Tiles with the same content, in tile order.
struct Group {
    hash: u64,
    first: (f64, f64),
    spread_m: f64,
    tiles: u64,
}

impl Group {
    fn new(hash: u64, tile: TileCoord) -> Self {
        Self {
            hash,
            first: tile.centre(),
            spread_m: 0.0,
            tiles: 1,
        }
    }

    fn add(&mut self, tile: TileCoord) {
        self.tiles += 1;
        self.spread_m = self.spread_m.max(distance_m(self.first, tile.centre()));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::read::testing::MemoryRun, *};

    /// A run with one content at `x, x + step, …`; a z18 tile is about 153 m wide on the equator.
    fn repeated(count: u32, step: u32) -> MemoryRun {
        let mut run = MemoryRun::default();
        for i in 0..count {
            let tile = TileCoord {
                z: 18,
                x: 1000 + i * step,
                y: 131_072,
            };
            run.add(tile, 0.9, 77);
        }
        run.add(TileCoord { z: 18, x: 5, y: 5 }, 0.9, 78);
        run
    }

    #[test]
    fn what_repeats_over_distant_places_is_no_imagery() {
        let placeholders = Placeholders::find(&repeated(8, 10)).unwrap();
        assert!(placeholders.contains(77));
        assert!(!placeholders.contains(78));
        assert_eq!(placeholders.tiles(), 8);
    }

    #[test]
    fn what_repeats_side_by_side_or_seldom_stays() {
        assert_eq!(Placeholders::find(&repeated(60, 1)).unwrap().tiles(), 0);
        assert_eq!(Placeholders::find(&repeated(7, 100)).unwrap().tiles(), 0);
    }
}
