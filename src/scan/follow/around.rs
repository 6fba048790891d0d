//! Tracks of bare tiles: beside a hit, and at places that are known from elsewhere.

use super::{
    blocks::{Blocks, TileState},
    track::{Cell, Track, TrackKind},
};

/// Chance of a tower in the tile of a known place, and in each of those beside it.
const SEED_CHANCES: (f32, f32) = (0.5, 0.06);

/// The tiles beside a hit that is real with a chance of `real`, whatever the rate of false positives.
pub(super) fn beside(blocks: &Blocks<'_>, x: i64, y: i64, real: f32, level: u8) -> Track {
    let mut cells = open_around(blocks, x, y);
    cells.retain(|cell| cell.tile() != (x, y));
    Track::of_tiles(TrackKind::Beside, (x, y), level, real, vec![1.0], cells)
}

/// The tile of a place that is known from elsewhere, and the tiles beside it.
pub(super) fn seed(blocks: &Blocks<'_>, x: i64, y: i64) -> Track {
    let chances = open_around(blocks, x, y).into_iter().map(|cell| {
        let chance = if cell.tile() == (x, y) {
            SEED_CHANCES.0
        } else {
            SEED_CHANCES.1
        };
        (cell, chance)
    });
    let mut track = Track::of_chances(TrackKind::Seed, (x, y), 0, chances);
    track.settle();
    track
}

/// The tile and its eight neighbours, of those in the area that were not asked for yet.
fn open_around(blocks: &Blocks<'_>, x: i64, y: i64) -> Vec<Cell> {
    (-1..=1)
        .flat_map(|dy| (-1..=1).map(move |dx| (x + dx, y + dy)))
        .filter_map(|(x, y)| open_cell(blocks, x, y))
        .collect()
}

/// A tile of the area that was not asked for yet.
pub(super) fn open_cell(blocks: &Blocks<'_>, x: i64, y: i64) -> Option<Cell> {
    (blocks.state(x, y) == Some(TileState::Open)).then(|| Cell::new(x, y, 0, true))
}
