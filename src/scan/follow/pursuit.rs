//! Tracks: how they begin, go on from a hit, and end.
//!
//! In: hits, with the tracks that expected them. Out: tracks in the queue. A track that begins may
//! pass a hit that is known, from which another begins, and one that is queued with little left
//! makes what comes after it: these steps call each other, so they are together here. What they draw
//! and look at comes from `starts`, `draw`, `near` and `around`.

use super::{
    around,
    belief::Belief,
    draw::{draw_lines, sort_into_cells},
    lines::{LineModel, Start, Tower, mean_bearing},
    located::Seen,
    near::near,
    queue::Queue,
    starts::{onward, reversed, through},
    track::{EVIDENCE_MAX, Track, TrackKind},
};
use crate::random::SplitMix64;

/// Chance that a line that was lost goes on behind a hole, and that it does so anywhere near.
const FAR_SHARE: f32 = 0.5;
const AROUND_SHARE: f32 = 0.3;
/// A hit that is known already takes a track's line from this chance on.
const KNOWN: f32 = 0.05;
/// A line that may have been lost with less than this chance is not looked for.
const LOST_MIN: f32 = 0.5;
/// When the chance of what was seen has fallen to this share, lines are drawn again: few are left
/// that agree with it.
const REFUTED: f32 = 0.3;
/// How far a worth may have fallen since it was queued before it is queued again.
const STALE: f32 = 0.9;
/// A track whose best tile is worth less than this share of [`FollowSettings::stop`] is dropped.
///
/// [`FollowSettings::stop`]: super::FollowSettings::stop
const DROPPED: f32 = 0.3;
/// The purpose of the random numbers of a lone hit; those of tracks are their numbers.
const PURPOSE_THROUGH: u64 = 1 << 40;

/// What a new track begins with.
struct Begin {
    kind: TrackKind,
    x: i64,
    y: i64,
    hits: u8,
    level: u8,
    evidence: f32,
    share: f32,
    starts: Vec<Start>,
}

impl Begin {
    /// What a track began with, so that its like may begin.
    fn like(track: &Track, starts: Vec<Start>) -> Self {
        Self {
            kind: track.kind,
            x: track.x,
            y: track.y,
            hits: track.hits,
            level: track.level,
            evidence: track.evidence,
            share: track.share,
            starts,
        }
    }

    /// The same with other lines.
    fn with_starts(&self, starts: Vec<Start>) -> Self {
        Self { starts, ..*self }
    }
}

/// A hit that no track explains, for which a line is looked for in every direction.
pub(super) struct LoneHit {
    /// Chance that it is a tower, before the rate of false positives is held against it.
    pub(super) evidence: f32,
    /// Chance that no track explains it.
    pub(super) share: f32,
    /// Level of the net that led to it.
    pub(super) level: u8,
    /// A direction that is likelier than others, in radians.
    pub(super) parallel: Option<f32>,
}

/// The best tile of a queue.
pub(super) struct Best {
    pub(super) worth: f32,
    pub(super) kind: TrackKind,
    /// Column and row.
    pub(super) tile: (i64, i64),
}

/// See the module.
pub(super) struct Pursuit<'a> {
    pub(super) belief: Belief<'a>,
    pub(super) queue: Queue,
    seed: u64,
    /// The worth below which no tile is visited.
    stop: f32,
}

impl<'a> Pursuit<'a> {
    pub(super) fn new(belief: Belief<'a>, seed: u64, stop: f32) -> Self {
        let queue = Queue::new(belief.blocks.count());
        Self {
            belief,
            queue,
            seed,
            stop,
        }
    }

    /// The best tile of all tracks. Its track stays in the queue.
    pub(super) fn best(&mut self) -> Option<Best> {
        while let Some((number, queued)) = self.queue.first() {
            let track = self.queue.track(number)?;
            match self.belief.best_cell(track) {
                Some((worth, at)) if worth >= STALE * queued => {
                    return Some(Best {
                        worth,
                        kind: track.kind,
                        tile: track.cells[at].tile(),
                    });
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
        let Some(track) = self.queue.track(number) else {
            return;
        };
        if track.out > 0 {
            return;
        }
        if matches!(track.kind, TrackKind::Ahead | TrackKind::Through)
            && track.total < REFUTED * track.total_drawn
        {
            self.renew(number);
            return;
        }
        let best = self.belief.best_cell(track);
        let worth = best.map_or(0.0, |(worth, _)| worth);
        if worth < faint(track.kind).max(self.stop) && !track.succeeded {
            self.succeed(number);
        }
        if worth < DROPPED * self.stop {
            self.queue.close(number);
            return;
        }
        self.queue.push(number, worth);
    }

    /// Follows a track's line from a hit in one of its cells, to which it belongs with a chance of
    /// `explained`; `likelier` is how much likelier the hit was for the line's sake.
    pub(super) fn extend(&mut self, number: u32, x: i64, y: i64, explained: f32, likelier: f32) {
        let Some(track) = self.queue.track(number) else {
            return;
        };
        let Some(at) = track.cell_at(x, y) else {
            return;
        };
        let arrivals: Vec<(Start, Tower, f32)> = track.arrivals(&track.cells[at]).collect();
        if arrivals.is_empty() {
            return;
        }
        let (from_x, from_y, kind) = (track.x, track.y, track.kind);
        let (dx, dy) = ((x - from_x) as f32, (y - from_y) as f32);
        let seen = Seen {
            begin: self.belief.spot(from_x, from_y),
            end: self.belief.spot(x, y).map(|(x, y)| (dx + x, dy + y)),
        };
        let mut random = SplitMix64::at_place(self.seed, x, y, u64::from(number));
        let lines = onward(kind, &arrivals, (dx, dy), &seen, &mut random);
        let begin = Begin {
            kind: TrackKind::Ahead,
            x,
            y,
            hits: track.hits.saturating_add(1),
            level: track.level,
            evidence: (track.evidence * track.total * (1.0 + likelier)).min(EVIDENCE_MAX),
            share: explained,
            starts: lines.ahead,
        };
        let bearing = mean_bearing(&begin.starts);
        if explained > 0.5 {
            self.belief.link(x, y, bearing);
            if kind == TrackKind::Through {
                self.belief.link(from_x, from_y, bearing);
            }
        }
        if matches!(kind, TrackKind::Around | TrackKind::Far) {
            // Towers may stand on the way from the lost end, which is looked for from here.
            self.follow_from(Begin {
                hits: 1,
                ..begin.with_starts(reversed(&begin.starts))
            });
        }
        if kind == TrackKind::Through {
            self.follow_from(Begin {
                x: from_x,
                y: from_y,
                ..begin.with_starts(lines.behind)
            });
        }
        self.follow_from(begin);
    }

    /// Begins a track unless a line was followed from there in that direction already.
    fn follow_from(&mut self, begin: Begin) {
        let bearing = mean_bearing(&begin.starts);
        if self.belief.hits.follow(begin.x, begin.y, bearing) {
            self.begin(begin);
        }
    }

    /// Looks around a lone hit for a line through it.
    pub(super) fn look_through(&mut self, x: i64, y: i64, hit: &LoneHit) {
        let mut random = SplitMix64::at_place(self.seed, x, y, PURPOSE_THROUGH);
        let model = LineModel::at(y as u32, self.belief.blocks.zoom());
        let spot = self.belief.spot(x, y);
        self.begin(Begin {
            kind: TrackKind::Through,
            x,
            y,
            hits: 1,
            level: hit.level,
            evidence: hit.evidence,
            share: hit.share,
            starts: through(&model, spot, hit.parallel, &mut random),
        });
    }

    /// Looks at the tiles beside a hit that is real with a chance of `real`.
    pub(super) fn look_beside(&mut self, x: i64, y: i64, real: f32, level: u8) {
        self.insert_if_open(around::beside(&self.belief.blocks, x, y, real, level));
    }

    /// Looks at a place that is known from elsewhere, and at the tiles beside it.
    pub(super) fn look_at_seed(&mut self, x: i64, y: i64) {
        self.insert_if_open(around::seed(&self.belief.blocks, x, y));
    }

    /// What comes after a track that has little left: tiles close to where it starts, and, where
    /// the line was lost, a line behind a hole, then around.
    fn succeed(&mut self, number: u32) {
        let Some(track) = self.queue.track_mut(number) else {
            return;
        };
        track.succeeded = true;
        let (kind, x, y, level) = (track.kind, track.x, track.y, track.level);
        if matches!(kind, TrackKind::Ahead | TrackKind::Between)
            && let Some(near) = near(&mut self.belief, x, y, level)
        {
            self.insert_if_open(near);
        }
        let Some(track) = self.queue.track(number) else {
            return;
        };
        let lost = 1.0 - track.chance_met();
        if lost < LOST_MIN {
            return;
        }
        let (kind, share) = match track.kind {
            TrackKind::Ahead if track.hits >= 2 => (TrackKind::Far, FAR_SHARE),
            TrackKind::Far => (TrackKind::Around, AROUND_SHARE),
            _ => return,
        };
        self.begin(Begin {
            kind,
            share: share * lost * track.share,
            ..Begin::like(track, track.starts.clone())
        });
    }

    /// Draws the lines of a new track, and holds them against what is known already.
    fn begin(&mut self, begin: Begin) {
        let number = self.queue.next_number();
        let purpose = u64::from(number) << 8;
        let mut random = SplitMix64::at_place(self.seed, begin.x, begin.y, purpose);
        let mut track = Track::of_lines(begin.kind, (begin.x, begin.y), begin.starts);
        track.hits = begin.hits;
        track.level = begin.level;
        track.evidence = begin.evidence;
        track.share = begin.share;
        draw_lines(&self.belief, &mut track, &mut random);
        let known = sort_into_cells(&self.belief, &mut track);
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
    fn renew(&mut self, number: u32) {
        let Some(track) = self.queue.track(number) else {
            return;
        };
        let begin = Begin::like(track, track.begun_with.clone());
        self.queue.close(number);
        self.begin(begin);
    }

    /// A new track's line may pass a hit that is known already.
    fn meet(&mut self, number: u32, x: i64, y: i64) {
        let Some(track) = self.queue.track(number) else {
            return;
        };
        let Some(at) = track.cell_at(x, y) else {
            return;
        };
        let expected = self.belief.predictor(track).chance(&track.cells[at]);
        let rate = self.belief.rate(x, y, 0.0);
        let explained = expected / (expected + rate);
        let bearing = ((y - track.y) as f32).atan2((x - track.x) as f32);
        let passed = self.belief.hits.is_explained(x, y, bearing);
        if !passed && expected >= KNOWN && explained > 0.5 {
            self.extend(number, x, y, explained, expected / rate);
            self.queue.pass(number, x, y, explained);
        }
        if let Some(track) = self.queue.track_mut(number)
            && let Some(at) = track.cell_at(x, y)
        {
            track.cells.swap_remove(at);
        }
    }

    /// Takes a track in if it has a tile left.
    fn insert_if_open(&mut self, track: Track) {
        if !track.cells.is_empty() {
            let number = self.insert(track);
            self.enqueue(number);
        }
    }

    /// Takes a track in, which claims its tiles from now on. Returns its number.
    fn insert(&mut self, mut track: Track) -> u32 {
        self.belief.find_sides(&mut track);
        self.queue.insert(track, &self.belief.blocks)
    }
}

/// The worth below which what comes after a track begins.
fn faint(kind: TrackKind) -> f32 {
    match kind {
        TrackKind::Ahead => 0.03,
        _ => 0.01,
    }
}
