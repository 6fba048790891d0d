//! Where the drawn lines of a new track start: in every direction from a lone hit, or onward from a
//! hit at which other drawn lines arrived.

use std::f32::consts::TAU;

use super::{
    draw::resample,
    lines::{LineModel, Start, Tower},
    located::{Seen, Spot},
    track::{LINES, TrackKind},
};
use crate::random::SplitMix64;

/// How much the span that a line is believed to have is varied at each hit, so that hits can tell
/// more of it; the deviation of its logarithm.
const SPAN_WOBBLE: f32 = 0.05;
/// How much a tower is moved within its tile at each hit, in tiles: where it stands by the drawn line
/// alone, and where it was seen to.
const JITTER: f32 = 0.15;
const JITTER_SEEN: f32 = 0.04;
/// Deviation, in degrees, of a line through a hit beside another line from the direction of that one.
const PARALLEL_DEGREES: f32 = 6.0;

/// Lines of any direction through a hit, half of them about as `parallel` runs, if that is given.
pub(super) fn through(
    model: &LineModel,
    spot: Option<Spot>,
    parallel: Option<f32>,
    random: &mut SplitMix64,
) -> Vec<Start> {
    (0..LINES)
        .map(|line| {
            // Evenly spread, since chance would leave holes.
            let even = TAU * (line as f32 + random.unit_f32()) / LINES as f32;
            let bearing = match parallel {
                Some(bearing) if line % 2 == 0 => {
                    bearing + (PARALLEL_DEGREES * random.normal_f32()).to_radians()
                }
                _ => even,
            };
            let (x, y) = spot.unwrap_or_else(|| (random.unit_f32(), random.unit_f32()));
            let tower = Tower { x, y, bearing };
            Start::new(tower, model.span(random))
        })
        .collect()
}

/// Lines that go on from a hit, and the same lines backwards from the hit before it.
pub(super) struct Onward {
    pub(super) ahead: Vec<Start>,
    pub(super) behind: Vec<Start>,
}

/// Draws lines that go on from a hit `(dx, dy)` tiles from where a track begins: of those of its
/// lines that arrived there, each with its tower there and its weight, by what was seen at both ends.
pub(super) fn onward(
    kind: TrackKind,
    arrivals: &[(Start, Tower, f32)],
    (dx, dy): (f32, f32),
    seen: &Seen,
    random: &mut SplitMix64,
) -> Onward {
    let agreeing = |(_, tower, weight): &(Start, Tower, f32)| weight * seen.agrees(tower);
    let drawn = resample(arrivals.iter().map(agreeing), random);
    let jitter = if seen.end.is_some() {
        JITTER_SEEN
    } else {
        JITTER
    };
    // Where few lines arrived, their directions are few too; those between any points of the two
    // tiles are added.
    let fresh = match kind {
        TrackKind::Through => 1.0,
        _ if arrivals.len() < 12 => 0.5,
        _ => 0.1,
    };
    let mut ahead = Vec::with_capacity(LINES);
    let mut behind = Vec::with_capacity(LINES);
    for (start, tower, _) in drawn.into_iter().map(|at| arrivals[at]) {
        let (mut begin, mut tower) = (start.tower(), tower);
        if kind != TrackKind::Around && random.unit_f32() < fresh {
            (begin.x, begin.y) = (random.unit_f32(), random.unit_f32());
            (tower.x, tower.y) = (dx + random.unit_f32(), dy + random.unit_f32());
            tower.bearing = (tower.y - begin.y).atan2(tower.x - begin.x);
        }
        let span = seen.correct(kind, &mut begin, &mut tower, start.span(), random);
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
    Onward { ahead, behind }
}

/// The same lines in the opposite direction, from where they start.
pub(super) fn reversed(starts: &[Start]) -> Vec<Start> {
    let reversed = |start: &Start| Start::new(start.tower().reversed(), start.span());
    starts.iter().map(reversed).collect()
}
