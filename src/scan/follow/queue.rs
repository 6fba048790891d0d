//! The tracks that compete for the next unit, in the order of the worth of their best tiles.
//!
//! In: tracks, and what each of them is worth. Out: the track that is worth most, and those that
//! claim a tile or wish for tiles of a block. Never: what a track is worth, which the belief says.

use std::{cmp::Ordering, collections::BinaryHeap};

use smallvec::SmallVec;

use super::{
    blocks::{Blocks, index_of},
    claims::Claims,
    track::Track,
};

/// A track in the queue with the worth of its best tile.
#[derive(Debug, PartialEq)]
struct Entry {
    worth: f32,
    track: u32,
    version: u32,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // Older tracks first among equals.
        self.worth
            .total_cmp(&other.worth)
            .then(other.track.cmp(&self.track))
            .then(self.version.cmp(&other.version))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// See the module.
pub(super) struct Queue {
    /// By number, which is never used again.
    tracks: Vec<Option<Box<Track>>>,
    /// The tracks that wish for a tile or wait for its answer.
    claims: Claims,
    /// For each block the tracks that wish for a tile there, and some that no longer do.
    by_block: Vec<Vec<u32>>,
    entries: BinaryHeap<Entry>,
}

impl Queue {
    /// An empty queue for an area of so many blocks.
    pub(super) fn new(blocks: usize) -> Self {
        Self {
            tracks: Vec::new(),
            claims: Claims::default(),
            by_block: vec![Vec::new(); blocks],
            entries: BinaryHeap::new(),
        }
    }

    /// The number that the next track gets.
    pub(super) fn next_number(&self) -> u32 {
        self.tracks.len() as u32
    }

    pub(super) fn track(&self, number: u32) -> Option<&Track> {
        self.tracks[number as usize].as_deref()
    }

    pub(super) fn track_mut(&mut self, number: u32) -> Option<&mut Track> {
        self.tracks[number as usize].as_deref_mut()
    }

    /// Takes a track in, which claims its tiles from now on. Returns its number.
    pub(super) fn insert(&mut self, track: Track, blocks: &Blocks<'_>) -> u32 {
        let number = self.next_number();
        let mut track = Box::new(track);
        for cell in &track.cells {
            let (x, y) = cell.tile();
            let Some(block) = blocks.block_of(x, y) else {
                continue;
            };
            if blocks.was_answered(block, index_of(x, y)) {
                continue;
            }
            self.claims.add(x, y, number);
            track.out += u16::from(!cell.open);
            let here = &mut self.by_block[block as usize];
            if here.last() != Some(&number) {
                here.push(number);
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

    /// Puts a track into line with the worth of its best tile, as it is now.
    pub(super) fn push(&mut self, number: u32, worth: f32) {
        if let Some(track) = self.track(number) {
            let version = track.version;
            self.entries.push(Entry {
                worth,
                track: number,
                version,
            });
        }
    }

    /// The track that was worth most when it was put into line, and how much; it stays there. Tracks
    /// that changed since, or wait for answers, are left out.
    pub(super) fn first(&mut self) -> Option<(u32, f32)> {
        while let Some(entry) = self.entries.peek() {
            let current = self.tracks[entry.track as usize]
                .as_deref()
                .is_some_and(|track| track.version == entry.version && track.out == 0);
            if current {
                return Some((entry.track, entry.worth));
            }
            self.entries.pop();
        }
        None
    }

    /// Takes the first track out of line.
    pub(super) fn pop(&mut self) {
        self.entries.pop();
    }

    /// The tracks that wish for a tile of a block, and wait for none.
    pub(super) fn wishing(&mut self, block: u32) -> impl Iterator<Item = &Track> {
        let tracks = &self.tracks;
        let numbers = &mut self.by_block[block as usize];
        numbers.retain(|&number| tracks[number as usize].is_some());
        numbers
            .iter()
            .filter_map(|&number| tracks[number as usize].as_deref())
            .filter(|track| track.out == 0)
    }

    /// A tile is asked for: tracks that claim it wait for the answer.
    pub(super) fn ask(&mut self, x: i64, y: i64) {
        for &number in self.claims.of(x, y) {
            if let Some(track) = self.tracks[number as usize].as_deref_mut()
                && let Some(at) = track.cell_at(x, y)
            {
                track.cells[at].open = false;
                track.out += 1;
            }
        }
    }

    /// A tile was answered: the tracks that claimed it, which claim it no longer.
    pub(super) fn take_claims(&mut self, x: i64, y: i64) -> SmallVec<[u32; 2]> {
        self.claims.take(x, y)
    }

    /// A track's line goes on from a hit with a chance of `explained`: it gives up the tiles that are
    /// not on the way there.
    pub(super) fn pass(&mut self, number: u32, x: i64, y: i64, explained: f32) {
        let Some(track) = self.tracks[number as usize].as_deref_mut() else {
            return;
        };
        for cell in track.pass(x, y, explained) {
            let (x, y) = cell.tile();
            if self.claims.remove(x, y, number) && !cell.open {
                track.out = track.out.saturating_sub(1);
            }
        }
    }
}
