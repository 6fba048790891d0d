//! How the lines of a track are drawn, and the tiles in which they put towers.

use super::{
    belief::Belief,
    blocks::TileState,
    lines::{LineModel, Mark, Start, Tower},
    track::{Cell, LINES, Track, TrackKind},
};
use crate::random::SplitMix64;

/// How far tracks look, in tiles.
const THROUGH_REACH: f32 = 7.0;
const AHEAD_REACH: f32 = 9.0;
const FAR_REACH: f32 = 32.0;
const AROUND_REACH: f32 = 14.0;
/// Lines drawn for a track, of which it keeps [`LINES`].
const DRAWN: usize = 256;

/// Draws more lines than a track has, and keeps some in proportion to how well they agree with
/// the misses that are known.
pub(super) fn draw_lines(belief: &Belief<'_>, track: &mut Track, random: &mut SplitMix64) {
    let model = LineModel::at(track.y as u32, belief.blocks.zoom());
    let mut towers: Vec<Tower> = Vec::new();
    let mut lines: Vec<(Start, std::ops::Range<usize>, f32)> = Vec::with_capacity(DRAWN);
    for draw in 0..DRAWN {
        if draw == LINES && lines.iter().all(|&(_, _, weight)| weight == 1.0) {
            // Nothing is known that others might agree with better.
            break;
        }
        let start = track.starts[draw % track.starts.len()];
        let (mut tower, mut span) = (start.tower(), start.span());
        if draw >= track.starts.len() {
            tower.x = (tower.x + 0.1 * random.normal_f32()).clamp(0.0, 0.999);
            tower.y = (tower.y + 0.1 * random.normal_f32()).clamp(0.0, 0.999);
            tower.bearing += (2.0 * random.normal_f32()).to_radians();
        }
        let first = towers.len();
        match track.kind {
            TrackKind::Through => {
                let bent = (3.0 * random.normal_f32()).to_radians();
                // Some lines end here.
                if random.unit_f32() < 0.9 {
                    model.onward(tower, span, THROUGH_REACH, random, &mut towers);
                }
                let mut back = tower.reversed();
                back.bearing += bent;
                model.onward(back, span, THROUGH_REACH, random, &mut towers);
            }
            TrackKind::Ahead => model.onward(tower, span, AHEAD_REACH, random, &mut towers),
            TrackKind::Far => model.beyond_gap(tower, span, FAR_REACH, random, &mut towers),
            TrackKind::Around => {
                // Of another line, most likely.
                span = model.span(random);
                model.around(tower, span, AROUND_REACH, random, &mut towers);
            }
            TrackKind::Between | TrackKind::Beside | TrackKind::Near | TrackKind::Seed => {}
        }
        let missed = towers[first..]
            .iter()
            .filter(|tower| {
                let x = track.x + tower.x.floor() as i64;
                let y = track.y + tower.y.floor() as i64;
                belief.blocks.was_miss(x, y)
            })
            .count();
        let weight = (1.0 - belief.recall()).powi(missed as i32);
        lines.push((Start::new(tower, span), first..towers.len(), weight));
    }
    let sum: f32 = lines.iter().map(|(_, _, weight)| weight).sum();
    let mean = sum / lines.len() as f32;
    let drawn = resample(lines.iter().map(|&(_, _, weight)| weight), random);
    let mut starts = Vec::with_capacity(LINES);
    track.towers.clear();
    for (line, at) in drawn.into_iter().enumerate() {
        let (start, range, _) = &lines[at];
        starts.push(*start);
        track.towers.extend(
            towers[range.clone()]
                .iter()
                .map(|&tower| Mark::new(line, tower)),
        );
    }
    track.starts = starts;
    // Their mean is the chance of the misses, if the line exists.
    track.weights = vec![mean / LINES as f32; LINES];
}

/// Sorts a track's towers into cells; those answered already change the weights. Returns the
/// tiles with hits among them.
pub(super) fn sort_into_cells(belief: &Belief<'_>, track: &mut Track) -> Vec<(i64, i64)> {
    let mut at: Vec<(i8, i8, u8)> = track
        .towers
        .iter()
        .map(|mark| {
            let (x, y) = mark.tile();
            (y, x, mark.line)
        })
        .collect();
    at.sort_unstable();
    let mut known = Vec::new();
    for group in at.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (y, x, _) = group[0];
        if (x, y) == (0, 0) {
            continue;
        }
        let (x, y) = (track.x + i64::from(x), track.y + i64::from(y));
        let lines = group
            .iter()
            .fold(0u128, |bits, &(_, _, line)| bits | 1 << line);
        let open = match belief.blocks.state(x, y) {
            // The weights tell of a miss.
            None | Some(TileState::Miss) => continue,
            Some(TileState::Open) => true,
            Some(TileState::Out) => false,
            Some(TileState::Hit) => {
                let rate = belief.rate(x, y, 0.0);
                track.meet(lines, belief.likelier(rate));
                known.push((x, y));
                false
            }
        };
        track.cells.push(Cell::new(x, y, lines, open));
    }
    // Towers in tiles that were missed are of no more use.
    let (track_x, track_y) = (track.x, track.y);
    track.towers.retain(|mark| {
        let (x, y) = mark.tile();
        !belief
            .blocks
            .was_miss(track_x + i64::from(x), track_y + i64::from(y))
    });
    track.towers.shrink_to_fit();
    track.cells.shrink_to_fit();
    known
}

/// Positions of as many lines as a track has, each drawn in proportion to its weight (systematic
/// resampling).
pub(super) fn resample(
    weights: impl Iterator<Item = f32> + Clone,
    random: &mut SplitMix64,
) -> Vec<usize> {
    let step = weights.clone().sum::<f32>() / LINES as f32;
    let mut pointer = step * random.unit_f32();
    let mut weights = weights.enumerate();
    let (mut at, mut reached) = weights.next().unwrap_or((0, 0.0));
    (0..LINES)
        .map(|_| {
            while reached < pointer
                && let Some((next, weight)) = weights.next()
            {
                at = next;
                reached += weight;
            }
            pointer += step;
            at
        })
        .collect()
}
