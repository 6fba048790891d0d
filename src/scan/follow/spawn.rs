//! Tracks that begin and end.

use std::f32::consts::TAU;

use super::{
    Follow,
    draw::resample,
    lines::{LineModel, Start, Tower},
    located::Seen,
    track::{Cell, Kind, LINES, Track},
};
use crate::random::SplitMix64;

/// Chance that a line that was lost goes on behind a hole, and that it does so anywhere near.
const FAR_SHARE: f32 = 0.5;
const AROUND_SHARE: f32 = 0.3;
/// Evidence is cut off here: no chain makes its line more certain than the model is.
pub(super) const EVIDENCE_MAX: f32 = 1e4;
/// A hit that is known already takes a track's line from this chance on.
const KNOWN: f32 = 0.05;
/// Chance that a drawn line passes a hit of another line by accident.
const PASSES_HIT: f32 = 0.01;
/// A line that may have been lost with less than this chance is not looked for.
const LOST_MIN: f32 = 0.5;
/// How much the span that a line is believed to have is varied at each hit, so that hits can tell
/// more of it; the deviation of its logarithm.
const SPAN_WOBBLE: f32 = 0.05;
/// How much a tower is moved within its tile at each hit, in tiles: where it stands by the drawn line
/// alone, and where it was seen to.
const JITTER: f32 = 0.15;
const JITTER_SEEN: f32 = 0.04;
/// Sectors of direction, all around.
const SECTORS: u32 = 24;

/// What a new track begins with.
struct Begin {
    kind: Kind,
    x: i64,
    y: i64,
    hits: u8,
    level: u8,
    evidence: f32,
    share: f32,
    starts: Vec<Start>,
}

impl Follow<'_> {
    /// Follows a track's line from a hit in one of its cells, to which it belongs with a chance of
    /// `explained`; `likelier` is how much likelier the hit was for the line's sake.
    pub(super) fn extend(&mut self, number: u32, x: i64, y: i64, explained: f32, likelier: f32) {
        let Some(track) = self.track(number) else {
            return;
        };
        let Some(cell) = track.cell_at(x, y).map(|at| track.cells[at].clone()) else {
            return;
        };
        let arrivals: Vec<(Start, Tower, f32)> = track.arrivals(&cell).collect();
        if arrivals.is_empty() {
            return;
        }
        let (from_x, from_y, kind, level) = (track.x, track.y, track.kind, track.level);
        let hits = track.hits.saturating_add(1);
        let evidence = (track.evidence * track.total * (1.0 + likelier)).min(EVIDENCE_MAX);
        let mut random = SplitMix64::at_place(self.settings.seed, x, y, u64::from(number));
        let (dx, dy) = ((x - from_x) as f32, (y - from_y) as f32);
        let seen = Seen {
            begin: self.spot(from_x, from_y),
            end: self.spot(x, y).map(|(x, y)| (dx + x, dy + y)),
        };
        let agreeing = |(_, tower, weight): &(Start, Tower, f32)| weight * seen.agrees(tower);
        let drawn = resample(arrivals.iter().map(agreeing), &mut random);
        let jitter = if seen.end.is_some() {
            JITTER_SEEN
        } else {
            JITTER
        };
        // Where few lines arrived, their directions are few too; those between any points of the
        // two tiles are added.
        let fresh = match kind {
            Kind::Through => 1.0,
            _ if arrivals.len() < 12 => 0.5,
            _ => 0.1,
        };
        let mut ahead = Vec::with_capacity(LINES);
        let mut behind = Vec::with_capacity(LINES);
        for (start, tower, _) in drawn.into_iter().map(|at| arrivals[at]) {
            let (mut begin, mut tower) = (start.tower(), tower);
            if kind != Kind::Around && random.unit_f32() < fresh {
                (begin.x, begin.y) = (random.unit_f32(), random.unit_f32());
                (tower.x, tower.y) = (dx + random.unit_f32(), dy + random.unit_f32());
                tower.bearing = (tower.y - begin.y).atan2(tower.x - begin.x);
            }
            let span = seen.correct(kind, &mut begin, &mut tower, start.span(), &mut random);
            let wobble = (1.5 * random.normal_f32()).to_radians();
            let span = span * (SPAN_WOBBLE * random.normal_f32()).exp();
            ahead.push(Start::new(
                Tower {
                    x: (tower.x - dx + jitter * random.normal_f32()).clamp(0.0, 0.999),
                    y: (tower.y - dy + jitter * random.normal_f32()).clamp(0.0, 0.999),
                    bearing: tower.bearing + wobble,
                },
                span,
            ));
            let back = (begin.y - tower.y).atan2(begin.x - tower.x);
            behind.push(Start::new(
                Tower {
                    x: begin.x.clamp(0.0, 0.999),
                    y: begin.y.clamp(0.0, 0.999),
                    bearing: back + wobble,
                },
                span,
            ));
        }
        let bearing = mean_bearing(&ahead);
        if explained > 0.5 {
            self.link(x, y, bearing);
            if matches!(kind, Kind::Through) {
                self.link(from_x, from_y, bearing);
            }
        }
        let begin = Begin {
            kind: Kind::Ahead,
            x,
            y,
            hits,
            level,
            evidence,
            share: explained,
            starts: ahead,
        };
        if matches!(kind, Kind::Around | Kind::Far) {
            // Towers may stand on the way from the lost end, which is looked for from here.
            self.follow_from(Begin {
                starts: behind_of(&begin.starts),
                hits: 1,
                ..begin_copy(&begin)
            });
        }
        if kind == Kind::Through {
            self.follow_from(Begin {
                x: from_x,
                y: from_y,
                starts: behind,
                ..begin_copy(&begin)
            });
        }
        self.follow_from(begin);
    }

    /// Begins a track unless a line was followed from there in that direction already.
    fn follow_from(&mut self, begin: Begin) {
        let sector = sector_of(mean_bearing(&begin.starts));
        let Some(hit) = self.hits.get_mut(&(begin.x, begin.y)) else {
            return;
        };
        if hit.followed >> sector & 1 == 1 {
            return;
        }
        for near in [sector + SECTORS - 1, sector, sector + 1] {
            hit.followed |= 1 << (near % SECTORS);
        }
        self.begin(begin);
    }

    /// How much likelier a line becomes when a hit is seen on it.
    pub(super) fn likelier(&self, rate: f32) -> f32 {
        self.settings.recall / (rate + PASSES_HIT)
    }

    /// Looks around a lone hit for a line through it, with `parallel` a direction that is likelier.
    pub(super) fn look_through(
        &mut self,
        x: i64,
        y: i64,
        evidence: f32,
        share: f32,
        level: u8,
        parallel: Option<f32>,
    ) {
        let mut random = SplitMix64::at_place(self.settings.seed, x, y, 1 << 40);
        let model = LineModel::at(y as u32, self.grid.zoom());
        let spot = self.spot(x, y);
        let starts = (0..LINES)
            .map(|line| {
                // Evenly spread, since chance would leave holes.
                let even = TAU * (line as f32 + random.unit_f32()) / LINES as f32;
                let bearing = match parallel {
                    Some(bearing) if line % 2 == 0 => {
                        bearing + (6.0 * random.normal_f32()).to_radians()
                    }
                    _ => even,
                };
                let (x, y) = spot.unwrap_or_else(|| (random.unit_f32(), random.unit_f32()));
                let tower = Tower { x, y, bearing };
                Start::new(tower, model.span(&mut random))
            })
            .collect();
        self.begin(Begin {
            kind: Kind::Through,
            x,
            y,
            hits: 1,
            level,
            evidence,
            share,
            starts,
        });
    }

    /// Looks at the tiles beside a hit.
    pub(super) fn look_beside(&mut self, x: i64, y: i64, real: f32, level: u8) {
        let mut cells = self.unasked_around(x, y);
        cells.retain(|cell| cell.tile() != (x, y));
        // Real with the chance of the hit, whatever the rate.
        let track = Track::of_tiles(Kind::Beside, (x, y), level, real, vec![1.0], cells);
        self.insert_if_open(track);
    }

    /// Looks at a place that is known from elsewhere, and at the tiles beside it.
    pub(super) fn look_at_seed(&mut self, x: i64, y: i64) {
        /// Chance of a tower in the very tile, and in each of those beside it.
        const CHANCES: (f32, f32) = (0.5, 0.06);
        let chances = self.unasked_around(x, y).into_iter().map(|cell| {
            let chance = if cell.tile() == (x, y) {
                CHANCES.0
            } else {
                CHANCES.1
            };
            (cell, chance)
        });
        let mut track = Track::of_chances(Kind::Seed, (x, y), 0, chances);
        track.settle();
        self.insert_if_open(track);
    }

    /// The tile and its eight neighbours, of those in the area that were not asked for yet.
    fn unasked_around(&self, x: i64, y: i64) -> Vec<Cell> {
        (-1..=1)
            .flat_map(|dy| (-1..=1).map(move |dx| (x + dx, y + dy)))
            .filter_map(|(x, y)| self.unasked(x, y))
            .collect()
    }

    /// A tile of the area that was not asked for yet.
    pub(super) fn unasked(&self, x: i64, y: i64) -> Option<Cell> {
        let block = self.grid.block_of(x, y)?;
        let of = &self.grid.blocks[block as usize];
        let index = super::grid::index_of(x, y);
        let open = of.area.contains(index) && !of.asked.contains(index);
        open.then(|| Cell::new(x, y, 0, true))
    }

    /// What comes after a track that has little left: tiles close to where it starts, and, where
    /// the line was lost, a line behind a hole, then around.
    pub(super) fn succeed(&mut self, number: u32) {
        let Some(track) = self.tracks[number as usize].as_deref_mut() else {
            return;
        };
        track.succeeded = true;
        let (kind, x, y, level) = (track.kind, track.x, track.y, track.level);
        if matches!(kind, Kind::Ahead | Kind::Between) {
            self.look_near(x, y, level);
        }
        let Some(track) = self.track(number) else {
            return;
        };
        let lost = 1.0 - track.chance_met();
        if lost < LOST_MIN {
            return;
        }
        let (kind, share) = match track.kind {
            Kind::Ahead if track.hits >= 2 => (Kind::Far, FAR_SHARE),
            Kind::Far => (Kind::Around, AROUND_SHARE),
            _ => return,
        };
        let begin = Begin {
            kind,
            x: track.x,
            y: track.y,
            hits: track.hits,
            level: track.level,
            evidence: track.evidence,
            share: share * lost * track.share,
            starts: track.starts.clone(),
        };
        self.begin(begin);
    }

    /// Draws the lines of a new track, and holds them against what is known already.
    fn begin(&mut self, begin: Begin) {
        let mut track = Track {
            kind: begin.kind,
            hits: begin.hits,
            level: begin.level,
            x: begin.x,
            y: begin.y,
            evidence: begin.evidence,
            share: begin.share,
            weights: Vec::new(),
            begun_with: match begin.kind {
                Kind::Ahead | Kind::Through => begin.starts.clone(),
                _ => Vec::new(),
            },
            starts: begin.starts,
            cells: Vec::new(),
            met: 0,
            total: 1.0,
            out: 0,
            succeeded: false,
            version: 0,
            total_drawn: 1.0,
            towers: Vec::new(),
        };
        let number = self.tracks.len() as u32;
        let mut random =
            SplitMix64::at_place(self.settings.seed, track.x, track.y, u64::from(number) << 8);
        self.draw_lines(&mut track, &mut random);
        let known = self.sort_into_cells(&mut track);
        track.settle();
        track.total_drawn = track.total;
        let number = self.insert(track);
        for (x, y) in known {
            self.meet(number, x, y);
        }
        self.enqueue(number);
    }

    /// Draws the lines of a track anew, since most of them were refuted. What is left of it is the
    /// same track under another number.
    pub(super) fn renew(&mut self, number: u32) {
        let Some(track) = self.tracks[number as usize].as_deref() else {
            return;
        };
        let begin = Begin {
            kind: track.kind,
            x: track.x,
            y: track.y,
            hits: track.hits,
            level: track.level,
            evidence: track.evidence,
            share: track.share,
            starts: track.begun_with.clone(),
        };
        self.close(number);
        self.begin(begin);
    }

    /// A new track's line may pass a hit that is known already.
    fn meet(&mut self, number: u32, x: i64, y: i64) {
        let Some(track) = self.track(number) else {
            return;
        };
        let Some(at) = track.cell_at(x, y) else {
            return;
        };
        let expected = self.predictor(track).chance(&track.cells[at]);
        let rate = self.grid.rate(x, y, 0.0);
        let explained = expected / (expected + rate);
        let bearing = ((y - track.y) as f32).atan2((x - track.x) as f32);
        let sector = sector_of(bearing);
        let passed = self.hits.get(&(x, y)).is_some_and(|hit| {
            (hit.followed >> sector | hit.followed >> ((sector + SECTORS / 2) % SECTORS)) & 1 == 1
                || hit.linked
        });
        if !passed && expected >= KNOWN && explained > 0.5 {
            self.extend(number, x, y, explained, expected / rate);
            self.pass(number, x, y, explained);
        }
        if let Some(track) = self.tracks[number as usize].as_deref_mut()
            && let Some(at) = track.cell_at(x, y)
        {
            track.cells.swap_remove(at);
        }
    }
}

fn begin_copy(begin: &Begin) -> Begin {
    Begin {
        starts: Vec::new(),
        ..*begin
    }
}

fn behind_of(starts: &[Start]) -> Vec<Start> {
    let reversed = |start: &Start| Start::new(start.tower().reversed(), start.span());
    starts.iter().map(reversed).collect()
}

pub(super) fn mean_bearing(starts: &[Start]) -> f32 {
    let (mut x, mut y) = (0.0, 0.0);
    for start in starts {
        let bearing = start.tower().bearing;
        x += bearing.cos();
        y += bearing.sin();
    }
    y.atan2(x)
}

fn sector_of(bearing: f32) -> u32 {
    (bearing.rem_euclid(TAU) / TAU * SECTORS as f32) as u32 % SECTORS
}
