//! What a tile is worth to a track.

use super::{
    Follow,
    calibration::{Calibration, Class},
    track::{Cell, Kind, Track},
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

impl Predictor<'_> {
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

impl Follow<'_> {
    /// Chance that a track's line exists and is still to be found.
    pub(super) fn real(&self, track: &Track) -> f32 {
        let own = match track.kind {
            Kind::Through => self
                .hits
                .get(&(track.x, track.y))
                .map_or(0.0, |hit| hit.false_share),
            _ => 0.0,
        };
        let odds = track.evidence * track.total / self.grid.rate(track.x, track.y, own);
        track.share * self.trust(track) * odds / (1.0 + odds)
    }

    /// How often what such a track predicts where it begins is there.
    pub(super) fn trust(&self, track: &Track) -> f32 {
        if track.kind.is_of_tiles() {
            1.0
        } else {
            self.grid.trust(track.x, track.y)
        }
    }

    /// What predicts the hits of a track.
    pub(super) fn predictor(&self, track: &Track) -> Predictor<'_> {
        let real = self.real(track);
        let scale = match track.kind {
            Kind::Beside => real * self.beside_rate(track),
            _ => real * self.settings.recall / track.total.max(f32::MIN_POSITIVE),
        };
        Predictor {
            of_weight: track.kind != Kind::Beside,
            scale,
            gain: self.gain(track),
            class: Class::of(track, self.crowd(track)),
            calibration: &self.calibration,
        }
    }

    /// Towers that a hit of a track leads to beside itself: tried on scans of the whole of Pakistan,
    /// and then held against places of the synthetic world. `--scan-stop` is in their units.
    fn gain(&self, track: &Track) -> f32 {
        // The rest of its line, if no other way leads there.
        let ahead = match track.hits {
            0..=2 => 6.0,
            3 => 3.0,
            _ => 2.0,
        };
        match track.kind {
            Kind::Through => 6.0,
            Kind::Ahead => ahead,
            Kind::Between => 1.0,
            Kind::Far => 3.0,
            Kind::Around => 15.0,
            Kind::Beside => 4.0,
            Kind::Near => 5.0,
            Kind::Seed => 3.0,
        }
    }

    /// The worth of the best open cell of a track, and its position.
    pub(super) fn best_cell(&self, track: &Track) -> Option<(f32, usize)> {
        let predictor = self.predictor(track);
        let mut best: Option<(f32, usize)> = None;
        for (at, cell) in track.cells.iter().enumerate() {
            if cell.open {
                let worth = predictor.worth(cell);
                if best.is_none_or(|(most, _)| worth > most) {
                    best = Some((worth, at));
                }
            }
        }
        best
    }

    /// Chance that a tile beside a hit of a line is a hit too.
    fn beside_rate(&self, track: &Track) -> f32 {
        const PRIOR_TILES: f32 = 100.0;
        const PRIOR_RATE: f32 = 0.02;
        let (mut tiles, mut hits) = (PRIOR_TILES, PRIOR_TILES * PRIOR_RATE);
        let block = self.grid.block_of(track.x, track.y);
        for block in block.into_iter().flat_map(|at| self.grid.around(at, 1)) {
            tiles += block.beside_tiles;
            hits += block.beside_hits;
        }
        hits / tiles
    }
}
