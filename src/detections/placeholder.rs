//! Placeholders that no rule of the imagery source names.
//!
//! Some servers answer "no imagery here" with an ordinary picture of their own. Such a picture can
//! score high, and then does so at every place that lacks imagery. What gives it away is that its
//! bytes repeat: two photographs of the ground never agree in every byte, since at least their
//! noise differs. So scored tiles with the same content hash in at least [`REPEATS_MIN`] tiles, two
//! of them at least [`SPREAD_M_MIN`] apart, are taken for placeholders: their state is
//! `no_imagery`, and they are no detections.
//!
//! The hashes are kept of the candidates and of every other scored tile that shows next to nothing,
//! as a card with a line of text does; of ordinary land that scores low nothing is kept.
//!
//! Why both bounds: a few equal tiles side by side can be a source's own doing (a tile served
//! twice at a seam, a mosaic padded from its neighbour), and say nothing about the rest. Why sea
//! and desert survive: tiles of one colour are `blank` before they are classified, and photographs
//! of calm water and bare sand differ by their noise.
//!
//! The rule looks at committed outcomes alone and in a fixed order, so it is a pure function of
//! the ledger.

use std::{collections::HashMap, ops::ControlFlow};

use super::{DetectionsError, distance_m};
use crate::{
    ledger::LedgerReader,
    tiles::{BlockCoord, LonLat, StateCounts, TileCoord, TileMask},
};

/// The fewest tiles with the same content that make a placeholder.
pub const REPEATS_MIN: u64 = 8;
/// How far apart, in metres, the farthest of them must lie from the first in tile order.
pub const SPREAD_M_MIN: f64 = 10_000.0;

/// The scored tiles that show no imagery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders {
    blocks: HashMap<BlockCoord, TileMask>,
    tiles: u64,
}

impl Placeholders {
    /// Looks for contents that repeat over distant places.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn find(ledger: &LedgerReader) -> Result<Self, DetectionsError> {
        // The hashes first and their tiles in a second pass, so that a content that turns out to
        // be harmless costs no memory.
        let mut hashes = Vec::new();
        let mut open: Option<Group> = None;
        ledger.repeated_contents(REPEATS_MIN, |hash, tile| {
            match &mut open {
                Some(group) if group.hash == hash => group.add(tile),
                _ => {
                    let group = open.replace(Group::new(hash, tile));
                    hashes.extend(group.and_then(|group| group.judge()));
                }
            }
            Ok::<_, DetectionsError>(ControlFlow::Continue(()))
        })?;
        hashes.extend(open.and_then(|group| group.judge()));
        let mut found = Self::default();
        if hashes.is_empty() {
            return Ok(found);
        }
        hashes.sort_unstable();
        ledger.repeated_contents(REPEATS_MIN, |hash, tile| {
            if hashes.binary_search(&hash).is_ok() {
                let mask = found.blocks.entry(BlockCoord::of(tile)).or_default();
                mask.insert(BlockCoord::index_of(tile));
                found.tiles += 1;
            }
            Ok::<_, DetectionsError>(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Whether a tile shows a placeholder.
    #[must_use]
    pub fn contains(&self, tile: TileCoord) -> bool {
        self.blocks
            .get(&BlockCoord::of(tile))
            .is_some_and(|mask| mask.contains(BlockCoord::index_of(tile)))
    }

    /// Number of tiles that are `no_imagery` rather than `scored`.
    #[must_use]
    pub fn tiles(&self) -> u64 {
        self.tiles
    }

    /// Moves the placeholders' tiles to their state in a ledger's counts.
    pub fn reclassify(&self, counts: &mut StateCounts) {
        counts.scored -= self.tiles;
        counts.no_imagery += self.tiles;
    }
}

/// Tiles with the same content, in tile order.
struct Group {
    hash: u64,
    first: LonLat,
    spread_m: f64,
}

impl Group {
    fn new(hash: u64, tile: TileCoord) -> Self {
        Self {
            hash,
            first: tile.centre(),
            spread_m: 0.0,
        }
    }

    fn add(&mut self, tile: TileCoord) {
        self.spread_m = self.spread_m.max(distance_m(self.first, tile.centre()));
    }

    /// The hash, if it is a placeholder's.
    fn judge(&self) -> Option<u64> {
        (self.spread_m >= SPREAD_M_MIN).then_some(self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::TestRun, *};

    /// A run with one content at `x, x + step, …`; a z18 tile is about 153 m wide on the equator.
    fn repeated(count: u32, step: u32) -> TestRun {
        let mut run = TestRun::default();
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
        let placeholders = Placeholders::find(&repeated(8, 10).ledger()).unwrap();
        assert!(placeholders.contains(TileCoord {
            z: 18,
            x: 1010,
            y: 131_072
        }));
        assert!(!placeholders.contains(TileCoord {
            z: 18,
            x: 1011,
            y: 131_072
        }));
        assert!(!placeholders.contains(TileCoord { z: 18, x: 5, y: 5 }));
        assert_eq!(placeholders.tiles(), 8);
        let mut counts = StateCounts {
            scored: 9,
            ..StateCounts::default()
        };
        placeholders.reclassify(&mut counts);
        assert_eq!((counts.scored, counts.no_imagery), (1, 8));
    }

    #[test]
    fn a_card_that_scores_next_to_nothing_is_no_imagery_and_noisy_sand_stays() {
        let mut run = TestRun::default();
        for i in 0..40 {
            let at = |y| TileCoord {
                z: 18,
                x: 1000 + 100 * i,
                y,
            };
            run.add_low_contrast(at(131_072), 77);
            run.add_low_contrast(at(131_073), 1_000 + u64::from(i));
        }
        let ledger = run.ledger();
        let placeholders = Placeholders::find(&ledger).unwrap();
        assert_eq!(placeholders.tiles(), 40);
        let mut counts = ledger.counts(80).unwrap();
        placeholders.reclassify(&mut counts);
        assert_eq!((counts.scored, counts.no_imagery), (40, 40));
    }

    #[test]
    fn what_repeats_side_by_side_or_seldom_stays() {
        assert_eq!(
            Placeholders::find(&repeated(60, 1).ledger())
                .unwrap()
                .tiles(),
            0
        );
        assert_eq!(
            Placeholders::find(&repeated(7, 100).ledger())
                .unwrap()
                .tiles(),
            0
        );
    }
}
