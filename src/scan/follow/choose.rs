//! Which tiles come next.

use super::{
    Entry, Follow,
    track::{Kind, Track},
};
use crate::tiles::{BLOCK_SIDE, TileMask, UNIT_TILES_MAX, VisitReason};

/// A unit takes the tiles of a block that are worth at least this share of its best.
const SHARE_OF_BEST: f32 = 0.7;
/// While a tile of a track is worth this, the net waits.
const BEFORE_NET: f32 = 0.03;
/// When the chance of what was seen has fallen to this share, lines are drawn again: few are left
/// that agree with it.
const REFUTED: f32 = 0.3;
/// How far a worth may have fallen since it was queued before it is queued again.
const STALE: f32 = 0.9;

pub(super) fn reason_of(kind: Kind) -> VisitReason {
    match kind {
        Kind::Through | Kind::Ahead | Kind::Between => VisitReason::Follow,
        Kind::Far | Kind::Around | Kind::Near => VisitReason::End,
        Kind::Beside => VisitReason::Neighbour,
        Kind::Seed => VisitReason::Seed,
    }
}

impl Follow<'_> {
    /// The block, tiles and reason of the next unit, if any tile is worth it.
    pub(super) fn choose(&mut self) -> Option<(u32, TileMask, VisitReason)> {
        let left = match self.settings.budget {
            Some(budget) => budget.saturating_sub(self.tiles_asked),
            None => u64::MAX,
        };
        if left == 0 {
            return None;
        }
        let tiles_max = left.min(UNIT_TILES_MAX as u64) as usize;
        loop {
            let best = self.best_track();
            let worth = best.map_or(0.0, |(worth, _, _)| worth);
            if worth < BEFORE_NET
                && let Some((net_worth, _)) = self.net.next(&self.grid, worth < self.settings.stop)
                && net_worth > worth
                && net_worth >= self.settings.stop
            {
                if let Some((block, mask)) = self.net.lay(&mut self.grid, tiles_max)
                    && !mask.is_empty()
                {
                    self.net_tiles += mask.count() as f32;
                    self.ask(block, &mask);
                    return Some((block, mask, VisitReason::Net));
                }
                continue;
            }
            let (worth, track, cell) = best?;
            if worth < self.settings.stop {
                return None;
            }
            let found = self.tracks[track as usize].as_ref()?;
            let kind = found.kind;
            let (x, y) = found.cells[cell].tile();
            let block = self.grid.block_of(x, y)?;
            let mask = self.wishes(block, reason_of(kind), SHARE_OF_BEST * worth, tiles_max);
            self.ask(block, &mask);
            return Some((block, mask, reason_of(kind)));
        }
    }

    /// The track with the best tile: its worth, the track, and the position of its cell. It stays
    /// in the queue.
    fn best_track(&mut self) -> Option<(f32, u32, usize)> {
        while let Some(entry) = self.queue.peek() {
            let number = entry.track;
            let current = self.tracks[number as usize]
                .as_deref()
                .filter(|track| track.version == entry.version && track.out == 0);
            let Some(track) = current else {
                self.queue.pop();
                continue;
            };
            let queued = entry.worth;
            match self.best_cell(track) {
                Some((worth, cell)) if worth >= STALE * queued => {
                    return Some((worth, number, cell));
                }
                _ => {
                    self.queue.pop();
                    self.enqueue(number);
                }
            }
        }
        None
    }

    /// Puts a track into the queue, makes what comes after it when it has little left, and drops it
    /// when it has nothing.
    pub(super) fn enqueue(&mut self, number: u32) {
        let Some(track) = self.tracks[number as usize].as_deref() else {
            return;
        };
        if track.out > 0 {
            return;
        }
        if matches!(track.kind, Kind::Ahead | Kind::Through)
            && track.total < REFUTED * track.total_drawn
        {
            self.renew(number);
            return;
        }
        let worth = self.best_cell(track).map_or(0.0, |(worth, _)| worth);
        let faint = worth < Self::faint(track).max(self.settings.stop);
        let version = track.version;
        if faint && !track.succeeded {
            self.succeed(number);
        }
        if worth < 0.3 * self.settings.stop {
            self.close(number);
            return;
        }
        self.queue.push(Entry {
            worth,
            track: number,
            version,
        });
    }

    /// The worth below which what comes after a track begins.
    fn faint(track: &Track) -> f32 {
        match track.kind {
            Kind::Ahead => 0.03,
            _ => 0.01,
        }
    }

    /// The open tiles of a block that tracks wish for with a reason and at least a worth.
    fn wishes(
        &mut self,
        block: u32,
        reason: VisitReason,
        worth_min: f32,
        tiles_max: usize,
    ) -> TileMask {
        let mut numbers = std::mem::take(&mut self.grid.blocks[block as usize].tracks);
        numbers.retain(|&number| self.tracks[number as usize].is_some());
        let corner = self.grid.tile(block, 0);
        let (left, top) = (i64::from(corner.x), i64::from(corner.y));
        let side = i64::from(BLOCK_SIDE);
        let mut wishes: Vec<(f32, u16)> = Vec::new();
        for &number in &numbers {
            let Some(track) = self.tracks[number as usize].as_deref() else {
                continue;
            };
            if track.out > 0 || reason_of(track.kind) != reason {
                continue;
            }
            let predictor = self.predictor(track);
            for cell in &track.cells {
                let (x, y) = cell.tile();
                let inside = (left..left + side).contains(&x) && (top..top + side).contains(&y);
                if cell.open && inside {
                    let worth = predictor.worth(cell);
                    if worth >= worth_min {
                        wishes.push((worth, super::grid::index_of(x, y)));
                    }
                }
            }
        }
        self.grid.blocks[block as usize].tracks = numbers;
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut mask = TileMask::new();
        let mut tiles = 0;
        for (_, index) in wishes {
            if !mask.contains(index) && tiles < tiles_max {
                mask.insert(index);
                tiles += 1;
            }
        }
        mask
    }

    /// Marks tiles as asked for; tracks that wish for them wait for the answers.
    fn ask(&mut self, block: u32, mask: &TileMask) {
        for index in mask.iter() {
            self.grid.blocks[block as usize].asked.insert(index);
            let tile = self.grid.tile(block, index);
            let (x, y) = (i64::from(tile.x), i64::from(tile.y));
            for &number in self.claims.of(x, y) {
                if let Some(track) = self.tracks[number as usize].as_deref_mut()
                    && let Some(at) = track.cell_at(x, y)
                {
                    track.cells[at].open = false;
                    track.out += 1;
                }
            }
        }
    }
}
