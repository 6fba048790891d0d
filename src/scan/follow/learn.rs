//! What an outcome changes.

use super::{
    Follow, Hit,
    track::{Kind, Track},
};
use crate::tiles::{BlockOutcome, TileOutcome};

/// A tile in which less than this was expected tells of the rate of false positives.
const PLAIN: f32 = 0.1;
/// A second track takes part in a hit if it expected at least this share of what the first did.
const ALSO_EXPECTED: f32 = 0.8;
/// A hit goes on a track's line if that explains it with this chance.
const EXPLAINED: f32 = 0.05;

impl Follow<'_> {
    /// Applies the outcome of the next unit.
    pub(super) fn apply(&mut self, outcome: &BlockOutcome) {
        debug_assert_eq!(outcome.sequence, self.applied, "outcomes come in sequence");
        self.applied += 1;
        self.take_in(outcome);
    }

    /// Learns from an outcome, whatever scan asked for it.
    pub(super) fn take_in(&mut self, outcome: &BlockOutcome) {
        let Some(block) = self.grid.number(outcome.block) else {
            return;
        };
        let mut touched = Vec::new();
        for (tile, answer) in outcome.iter() {
            let (x, y) = (i64::from(tile.x), i64::from(tile.y));
            let hit = match answer {
                TileOutcome::Scored(score) => Some(score >= self.settings.threshold),
                // Says nothing about a tower.
                _ => None,
            };
            self.answer(x, y, block, hit, &mut touched);
        }
        touched.sort_unstable();
        touched.dedup();
        for number in touched {
            self.enqueue(number);
        }
    }

    fn answer(&mut self, x: i64, y: i64, block: u32, hit: Option<bool>, touched: &mut Vec<u32>) {
        let index = super::grid::index_of(x, y);
        {
            let block = &mut self.grid.blocks[block as usize];
            block.asked.insert(index);
            block.answered.insert(index);
        }
        let mut claims: Vec<(u32, f32)> = Vec::new();
        for number in self.claims.remove(&(x, y)).unwrap_or_default() {
            let Some(track) = self.tracks[number as usize].as_deref() else {
                continue;
            };
            let Some(at) = track.cell_at(x, y) else {
                continue;
            };
            let (cell, real) = (&track.cells[at], self.real(track));
            claims.push((number, self.predicted(track, cell, real)));
            if let Some(hit) = hit {
                let raw = self.raw(track, cell, real);
                self.calibration.count(track.kind, track.hits, raw, hit);
                if track.kind == Kind::Beside {
                    let block = &mut self.grid.blocks[cell.block as usize];
                    block.beside_tiles += 1.0;
                    block.beside_hits += f32::from(hit);
                }
            }
            touched.push(number);
        }
        let expected = claims.iter().map(|&(_, p)| p).fold(0.0, f32::max);
        match hit {
            Some(true) => self.hit(x, y, block, expected, &mut claims),
            Some(false) if expected < PLAIN => self.grid.count_plain(block, expected, false),
            _ => {}
        }
        let recall = self.settings.recall;
        let likelier = self.likelier(self.grid.rate(block, 0.0));
        for (number, _) in claims {
            let Some(track) = self.tracks[number as usize].as_deref_mut() else {
                continue;
            };
            let Some(at) = track.cell_at(x, y) else {
                continue;
            };
            track.out = track.out.saturating_sub(1);
            let cell = track.cells.swap_remove(at);
            match hit {
                Some(true) if track.kind != Kind::Beside => track.meet(cell.lines, likelier),
                Some(false) => track.reweigh(cell.lines, 1.0 - recall),
                _ => {}
            }
            track.settle();
        }
    }

    /// A hit, with the tracks that claim its tile and how much they expected it.
    fn hit(&mut self, x: i64, y: i64, block: u32, expected: f32, claims: &mut [(u32, f32)]) {
        let index = super::grid::index_of(x, y);
        self.grid.blocks[block as usize].hits.insert(index);
        let rate = self.grid.rate(block, 0.0);
        let counted = expected < PLAIN;
        if counted {
            self.grid.count_plain(block, expected, true);
        }
        claims.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let leader = claims
            .first()
            .and_then(|&(number, _)| self.tracks[number as usize].as_deref());
        let level = leader.map_or(
            self.grid.blocks[block as usize].level.saturating_sub(1),
            |t| t.level,
        );
        let beside = leader.is_some_and(|track| track.kind == Kind::Beside);
        let parallel = leader
            .filter(|track| track.kind == Kind::Beside)
            .and_then(|track| {
                let hit = self.hits.get(&(track.x, track.y))?;
                hit.linked.then_some(hit.bearing)
            });
        self.hits.insert(
            (x, y),
            Hit {
                counted,
                linked: false,
                by_net: counted && !beside,
                followed: 0,
                level,
                bearing: 0.0,
            },
        );
        let mut lone = 1.0;
        let mut lone_evidence = self.tower_rate() * self.settings.recall;
        let mut best = 0.0f32;
        for (position, &(number, expected)) in claims.iter().enumerate() {
            let Some(track) = self.tracks[number as usize].as_deref() else {
                continue;
            };
            if matches!(track.kind, Kind::Beside | Kind::Seed) {
                lone_evidence = f32::max(lone_evidence, expected);
                continue;
            }
            let explained = expected / (expected + rate);
            if explained < EXPLAINED || position > 0 && expected < ALSO_EXPECTED * claims[0].1 {
                continue;
            }
            let real = self.real(track) / track.share.max(1e-6);
            best = best.max(explained * real.max(explained));
            self.extend(number, x, y, explained, expected / real.max(1e-3) / rate);
            lone *= 1.0 - explained;
            self.pass(number, x, y, explained);
        }
        let own = f32::from(counted);
        let lone_odds = lone_evidence / self.grid.rate(block, own);
        if lone > 0.3 {
            self.look_through(x, y, lone_evidence, lone, level, parallel);
        }
        let real = best.max(lone * lone_odds / (1.0 + lone_odds));
        self.look_beside(x, y, block, real, level);
    }

    /// A track's line goes on from a hit with a chance of `explained`: what is left of the track are
    /// the towers on the way there.
    pub(super) fn pass(&mut self, number: u32, x: i64, y: i64, explained: f32) {
        let Some(track) = self.tracks[number as usize].as_deref_mut() else {
            return;
        };
        let Some(at) = track.cell_at(x, y) else {
            return;
        };
        if track.kind == Kind::Around || explained < 0.5 {
            track.share *= 1.0 - explained;
            return;
        }
        let lines = track.cells[at].lines;
        track.reweigh(!lines, 1.0 - explained);
        track.kind = Kind::Between;
        track.succeeded = true;
        let (dx, dy) = (x - track.x, y - track.y);
        let reach = dx * dx + dy * dy;
        let mut dropped = Vec::new();
        track.cells.retain(|cell| {
            let (cx, cy) = (cell.x - track.x, cell.y - track.y);
            let on_the_way =
                (cell.x, cell.y) == (x, y) || cx * cx + cy * cy < reach && cx * dx + cy * dy > 0;
            if !on_the_way {
                dropped.push((cell.x, cell.y, cell.open));
            }
            on_the_way
        });
        for &(x, y, open) in &dropped {
            if self.unclaim(number, x, y)
                && !open
                && let Some(track) = self.tracks[number as usize].as_deref_mut()
            {
                track.out = track.out.saturating_sub(1);
            }
        }
    }

    /// Chance that a tile of the net holds a tower.
    fn tower_rate(&self) -> f32 {
        const PRIOR_TILES: f32 = 5_000.0;
        const PRIOR_RATE: f32 = 0.001;
        (self.net_linked + PRIOR_TILES * PRIOR_RATE) / (self.net_tiles + PRIOR_TILES)
    }

    /// A hit belongs to a line of a direction.
    pub(super) fn link(&mut self, x: i64, y: i64, bearing: f32) {
        let Some(hit) = self.hits.get_mut(&(x, y)) else {
            return;
        };
        hit.bearing = bearing;
        if hit.linked {
            return;
        }
        hit.linked = true;
        self.net_linked += f32::from(hit.by_net);
        let (counted, level) = (hit.counted, hit.level);
        hit.counted = false;
        let Some(block) = self.grid.block_of(x, y) else {
            return;
        };
        if counted {
            self.grid.vindicate(block);
        }
        self.grid.blocks[block as usize].linked += 1;
        self.net.count_found(level);
    }

    pub(super) fn track(&self, number: u32) -> Option<&Track> {
        self.tracks[number as usize].as_deref()
    }
}
