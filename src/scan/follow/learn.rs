//! What an outcome changes.

use super::{
    Follow, Hit,
    calibration::Class,
    located::Spot,
    side::Side,
    track::{Kind, Track},
};
use crate::tiles::{BlockOutcome, TileOutcome};

/// A hit of the net is one that was expected less than this.
const BY_NET: f32 = 0.1;
/// A second track takes part in a hit if it expected at least this share of what the first did.
const ALSO_EXPECTED: f32 = 0.8;
/// A hit goes on a track's line if that explains it with this chance.
const EXPLAINED: f32 = 0.05;
/// A line is believed to go on from a hit, and nowhere else, if that explains the hit with this
/// chance: towers of other lines stand where a track expects few of its own.
const PASSED: f32 = 0.95;

/// A track's claim on a tile that was answered.
struct Claim {
    track: u32,
    class: Class,
    side: Side,
    /// The chance of a hit before it was corrected by experience.
    raw: f32,
    /// The same, as it was predicted.
    expected: f32,
    /// The same if tracks were fully trusted there.
    expected_trusted: f32,
}

impl Follow<'_> {
    /// Applies the outcome of the next unit.
    pub(super) fn apply(&mut self, outcome: &BlockOutcome, spots: &[(u16, Spot)]) {
        debug_assert_eq!(outcome.sequence, self.applied, "outcomes come in sequence");
        self.applied += 1;
        self.take_in(outcome, spots);
    }

    /// Learns from an outcome, whatever scan asked for it. Of some hits it is known where in their
    /// tile the tower was seen.
    pub(super) fn take_in(&mut self, outcome: &BlockOutcome, spots: &[(u16, Spot)]) {
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
            let index = super::grid::index_of(x, y);
            let spot = spots.iter().find(|&&(of, _)| of == index);
            let spot = spot.map(|&(_, spot)| spot);
            self.answer(x, y, block, hit, spot, &mut touched);
        }
        self.grid.fit_around(block, &outcome.wanted);
        touched.sort_unstable();
        touched.dedup();
        for number in touched {
            if let Some(track) = self.tracks[number as usize].as_deref_mut() {
                track.settle();
            }
            self.enqueue(number);
        }
    }

    fn answer(
        &mut self,
        x: i64,
        y: i64,
        block: u32,
        hit: Option<bool>,
        spot: Option<Spot>,
        touched: &mut Vec<u32>,
    ) {
        let index = super::grid::index_of(x, y);
        {
            let block = &mut self.grid.blocks[block as usize];
            block.asked.insert(index);
            block.answered.insert(index);
        }
        let mut claims = self.take_claims(x, y);
        touched.extend(claims.iter().map(|claim| claim.track));
        if let Some(hit) = hit {
            self.count(x, y, &claims, hit);
            if hit {
                self.hit(x, y, block, spot, &mut claims);
            }
        }
        let recall = self.settings.recall;
        let likelier = self.likelier(self.grid.rate(x, y, 0.0));
        for claim in claims {
            let Some(track) = self.tracks[claim.track as usize].as_deref_mut() else {
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
        }
    }

    /// The tracks that claim a tile, and how much each of them expects a hit there.
    fn take_claims(&mut self, x: i64, y: i64) -> Vec<Claim> {
        let numbers = self.claims.take(x, y);
        let claim = |number: u32| {
            let track = self.track(number)?;
            let cell = &track.cells[track.cell_at(x, y)?];
            let predictor = self.predictor(track);
            let expected = predictor.chance(cell);
            Some(Claim {
                track: number,
                class: predictor.class,
                side: cell.side,
                raw: predictor.raw(cell),
                expected,
                expected_trusted: expected / self.trust(track),
            })
        };
        numbers.into_iter().filter_map(claim).collect()
    }

    /// Counts what a tile tells of predictions and of the place.
    fn count(&mut self, x: i64, y: i64, claims: &[Claim], hit: bool) {
        let most = |of: fn(&Claim) -> f32| claims.iter().map(of).fold(0.0, f32::max);
        let all = most(|claim| claim.expected) + self.grid.rate(x, y, 0.0);
        for claim in claims {
            let seen = f32::from(hit) * claim.expected / all;
            self.calibration
                .count(claim.class, claim.side, claim.raw, seen);
            if claim.class.kind == Kind::Beside
                && let Some(block) = self.grid.block_of(x, y)
            {
                let block = &mut self.grid.blocks[block as usize];
                block.beside_tiles += 1.0;
                block.beside_hits += f32::from(hit);
            }
        }
        let trusted = most(|claim| claim.expected_trusted);
        self.grid.count(x, y, trusted, hit);
    }

    /// A hit, with the tracks that claim its tile.
    fn hit(&mut self, x: i64, y: i64, block: u32, spot: Option<Spot>, claims: &mut [Claim]) {
        let index = super::grid::index_of(x, y);
        self.grid.blocks[block as usize].hits.insert(index);
        claims.sort_by(|a, b| {
            b.expected
                .total_cmp(&a.expected)
                .then(a.track.cmp(&b.track))
        });
        let expected = claims.first().map_or(0.0, |claim| claim.expected);
        let rate = self.grid.rate(x, y, 0.0);
        let own = rate / (expected + rate);
        let leader = claims.first().and_then(|claim| self.track(claim.track));
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
                false_share: own,
                spot,
                linked: false,
                by_net: expected < BY_NET && !beside,
                followed: 0,
                looked_near: false,
                level,
                bearing: 0.0,
            },
        );
        let mut lone = 1.0;
        let mut lone_evidence = self.tower_rate() * self.settings.recall;
        let mut best = 0.0f32;
        for (position, claim) in claims.iter().enumerate() {
            let (number, expected) = (claim.track, claim.expected);
            let Some(track) = self.tracks[number as usize].as_deref() else {
                continue;
            };
            if track.kind.is_of_tiles() {
                lone_evidence = f32::max(lone_evidence, expected);
                continue;
            }
            let explained = expected / (expected + rate);
            if explained < EXPLAINED
                || position > 0 && expected < ALSO_EXPECTED * claims[0].expected
            {
                continue;
            }
            let real = self.real(track) / track.share.max(1e-6);
            best = best.max(explained * real.max(explained));
            self.extend(number, x, y, explained, expected / real.max(1e-3) / rate);
            lone *= 1.0 - explained;
            self.pass(number, x, y, explained);
        }
        let lone_odds = lone_evidence / self.grid.rate(x, y, own);
        if lone > 0.3 {
            self.look_through(x, y, lone_evidence, lone, level, parallel);
        }
        let real = best.max(lone * lone_odds / (1.0 + lone_odds));
        self.look_beside(x, y, real, level);
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
        if track.kind == Kind::Around || explained < PASSED {
            track.share *= 1.0 - explained;
            return;
        }
        let lines = track.cells[at].lines;
        track.reweigh(!lines, 1.0 - explained);
        track.kind = Kind::Between;
        track.succeeded = false;
        let (dx, dy) = (x - track.x, y - track.y);
        let reach = dx * dx + dy * dy;
        let mut dropped = Vec::new();
        track.cells.retain(|cell| {
            let tile = cell.tile();
            let (cx, cy) = (tile.0 - track.x, tile.1 - track.y);
            let on_the_way = tile == (x, y) || cx * cx + cy * cy < reach && cx * dx + cy * dy > 0;
            if !on_the_way {
                dropped.push((tile, cell.open));
            }
            on_the_way
        });
        for &((x, y), open) in &dropped {
            if self.claims.remove(x, y, number)
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
        let level = hit.level;
        self.grid.count_linked(x, y);
        self.net.count_found(level);
    }

    pub(super) fn track(&self, number: u32) -> Option<&Track> {
        self.tracks[number as usize].as_deref()
    }
}
