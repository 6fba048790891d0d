//! Which tracks wish for which tiles.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The tracks that wish for a tile or wait for its answer, by the tile's column and row.
#[derive(Default)]
pub(super) struct Claims(FxHashMap<(i32, i32), SmallVec<[u32; 2]>>);

impl Claims {
    /// The tracks that claim a tile.
    pub(super) fn of(&self, x: i64, y: i64) -> &[u32] {
        self.0.get(&key(x, y)).map_or(&[], SmallVec::as_slice)
    }

    pub(super) fn add(&mut self, x: i64, y: i64, number: u32) {
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
