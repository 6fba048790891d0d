//! Which tracks wish for which tiles.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{Follow, track::Track};

/// The tracks that wish for a tile or wait for its answer, by the tile's column and row.
#[derive(Default)]
pub(super) struct Claims(FxHashMap<(i32, i32), SmallVec<[u32; 2]>>);

impl Claims {
    /// The tracks that claim a tile.
    pub(super) fn of(&self, x: i64, y: i64) -> &[u32] {
        self.0.get(&key(x, y)).map_or(&[], SmallVec::as_slice)
    }

    fn add(&mut self, x: i64, y: i64, number: u32) {
        self.0.entry(key(x, y)).or_default().push(number);
    }

    /// Takes all claims on a tile back.
    pub(super) fn take(&mut self, x: i64, y: i64) -> SmallVec<[u32; 2]> {
        self.0.remove(&key(x, y)).unwrap_or_default()
    }

    /// Takes a track's claim on a tile back, if there is one.
    pub(super) fn remove(&mut self, x: i64, y: i64, number: u32) -> bool {
        let Entry::Occupied(mut claims) = self.0.entry(key(x, y)) else {
            return false;
        };
        let Some(at) = claims.get().iter().position(|&other| other == number) else {
            return false;
        };
        claims.get_mut().remove(at);
        if claims.get().is_empty() {
            claims.remove();
        }
        true
    }
}

fn key(x: i64, y: i64) -> (i32, i32) {
    (x as i32, y as i32)
}

impl Follow<'_> {
    /// Takes a track in if it has a tile left.
    pub(super) fn insert_if_open(&mut self, track: Track) {
        if !track.cells.is_empty() {
            let number = self.insert(track);
            self.enqueue(number);
        }
    }

    /// Takes a track in, which claims its tiles from now on. Returns its number.
    pub(super) fn insert(&mut self, track: Track) -> u32 {
        let number = self.tracks.len() as u32;
        let mut track = Box::new(track);
        self.find_sides(&mut track);
        for cell in &track.cells {
            let (x, y) = cell.tile();
            let Some(block) = self.grid.block_of(x, y) else {
                continue;
            };
            let of = &mut self.grid.blocks[block as usize];
            if of.answered.contains(super::grid::index_of(x, y)) {
                continue;
            }
            self.claims.add(x, y, number);
            track.out += u16::from(!cell.open);
            if of.tracks.last() != Some(&number) {
                of.tracks.push(number);
            }
        }
        self.tracks.push(Some(track));
        number
    }

    /// Forgets a track.
    pub(super) fn close(&mut self, number: u32) {
        let Some(track) = self.tracks[number as usize].take() else {
            return;
        };
        for cell in &track.cells {
            let (x, y) = cell.tile();
            self.claims.remove(x, y, number);
        }
    }
}
