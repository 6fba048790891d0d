//! Which tracks wish for which tiles.

use std::collections::hash_map::Entry;

use super::{Follow, track::Track};

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
        let mut last = u32::MAX;
        for cell in &track.cells {
            let of = &self.grid.blocks[cell.block as usize];
            if of.answered.contains(super::grid::index_of(cell.x, cell.y)) {
                continue;
            }
            self.claims
                .entry((cell.x, cell.y))
                .or_default()
                .push(number);
            track.out += u16::from(!cell.open);
            if cell.block != last {
                last = cell.block;
                let tracks = &mut self.grid.blocks[cell.block as usize].tracks;
                if tracks.last() != Some(&number) {
                    tracks.push(number);
                }
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
            self.unclaim(number, cell.x, cell.y);
        }
    }

    /// Takes back a track's claim on a tile, if there is one.
    pub(super) fn unclaim(&mut self, number: u32, x: i64, y: i64) -> bool {
        let Entry::Occupied(mut claims) = self.claims.entry((x, y)) else {
            return false;
        };
        let before = claims.get().len();
        claims.get_mut().retain(|&other| other != number);
        let claimed = claims.get().len() < before;
        if claims.get().is_empty() {
            claims.remove();
        }
        claimed
    }
}
