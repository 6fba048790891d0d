//! What a tile is worth to a track.

use super::{
    calibration::{Calibration, Class},
    track::{Cell, Track, TrackKind},
};

/// Predicts the hits of a track in its cells.
pub(super) struct Predictor<'a> {
    /// Whether a cell's chance goes by its weight, or is the same for all.
    of_weight: bool,
    /// The chance, for a weight of 1.
    scale: f32,
    /// Towers that a hit leads to.
    gain: f32,
    pub(super) class: Class,
    calibration: &'a Calibration,
}

impl<'a> Predictor<'a> {
    /// Predicts the hits of a track: `scale` is the chance of a cell with a weight of 1.
    pub(super) fn new(
        track: &Track,
        class: Class,
        scale: f32,
        calibration: &'a Calibration,
    ) -> Self {
        Self {
            of_weight: track.kind != TrackKind::Beside,
            scale,
            gain: gain(track),
            class,
            calibration,
        }
    }

    /// The chance that a cell is a hit because of the track, before it is corrected by experience.
    pub(super) fn raw(&self, cell: &Cell) -> f32 {
        if self.of_weight {
            self.scale * cell.weight
        } else {
            self.scale
        }
    }

    /// The same, corrected.
    pub(super) fn chance(&self, cell: &Cell) -> f32 {
        let raw = self.raw(cell);
        (raw * self.calibration.factor(self.class, cell.side, raw)).min(0.98)
    }

    /// Towers that looking at a cell is expected to lead to.
    pub(super) fn worth(&self, cell: &Cell) -> f32 {
        self.gain * self.chance(cell)
    }
}

/// Towers that a hit of a track leads to beside itself: tried on scans of the whole of Pakistan,
/// and then held against places of the synthetic world. `FollowSettings::stop` is in their units.
fn gain(track: &Track) -> f32 {
    // The rest of its line, if no other way leads there.
    let ahead = match track.hits {
        0..=2 => 6.0,
        3 => 3.0,
        _ => 2.0,
    };
    match track.kind {
        TrackKind::Through => 6.0,
        TrackKind::Ahead => ahead,
        TrackKind::Between => 1.0,
        TrackKind::Far => 3.0,
        TrackKind::Around => 15.0,
        TrackKind::Beside => 4.0,
        TrackKind::Near => 5.0,
        TrackKind::Seed => 3.0,
    }
}
