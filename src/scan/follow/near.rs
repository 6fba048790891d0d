//! The tiles close to a hit at which a line ends or bends.
//!
//! There lines branch off, or go on where no drawn line does; beside a line that runs straight they
//! seldom do.

use std::f32::consts::{PI, TAU};

use super::{
    around::open_cell,
    belief::Belief,
    hits::Hits,
    track::{Track, TrackKind},
};

/// How far the tiles reach, in tiles.
const REACH: f32 = 4.3;
/// The chance of a hit that is believed in, before anything was seen, by distance: up to so many
/// tiles, so much.
const CHANCES: [(f32, f32); 3] = [(2.3, 0.018), (3.3, 0.009), (REACH, 0.0045)];
/// Hits up to about so many tiles away show how a line runs.
const SURROUNDINGS: i64 = 7;
/// Where hits leave an angle free that is wider than this, a line ends or bends by 36° or more.
const FREE_MIN: f32 = 1.2 * PI;

/// The tiles close to a hit, once, if a line ends or bends there.
pub(super) fn near(belief: &mut Belief<'_>, x: i64, y: i64, level: u8) -> Option<Track> {
    if widest_free(&belief.hits, x, y) <= FREE_MIN || !belief.hits.look_near(x, y) {
        return None;
    }
    let chances = disc(REACH as i64).filter_map(|(dx, dy)| {
        let distance = ((dx * dx + dy * dy) as f32).sqrt();
        let &(_, chance) = CHANCES.iter().find(|&&(until, _)| distance <= until)?;
        Some((open_cell(&belief.blocks, x + dx, y + dy)?, chance))
    });
    let mut track = Track::of_chances(TrackKind::Near, (x, y), level, chances);
    // That nothing is there.
    let some = track.weights.iter().sum::<f32>();
    track.weights.push(1.0 - some);
    track.settle();
    Some(track)
}

/// The widest angle around a hit in which no other hit of a line is near, in radians.
fn widest_free(hits: &Hits, x: i64, y: i64) -> f32 {
    let mut angles: Vec<f32> = disc(SURROUNDINGS)
        .filter(|(dx, dy)| hits.bearing(x + dx, y + dy).is_some())
        .map(|(dx, dy)| (dy as f32).atan2(dx as f32))
        .collect();
    angles.sort_by(f32::total_cmp);
    let (Some(first), Some(last)) = (angles.first(), angles.last()) else {
        return TAU;
    };
    angles
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(first + TAU - last, f32::max)
}

/// The way to the other tiles within a distance in tiles, and somewhat beyond.
fn disc(reach: i64) -> impl Iterator<Item = (i64, i64)> {
    let square = (-reach..=reach).flat_map(move |dy| (-reach..=reach).map(move |dx| (dx, dy)));
    square.filter(move |&(dx, dy)| {
        let squared = dx * dx + dy * dy;
        squared > 0 && squared < (reach + 1) * (reach + 1)
    })
}
