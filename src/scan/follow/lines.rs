//! How power lines run: spans, bends, gaps, as distributions to draw from.
//!
//! Spans and bends follow what is mapped in OpenStreetMap (Pakistan, 98,326 towers: spans of median
//! 300 m, 1st percentile 107 m, 99th 727 m; four bends in five below 2°, 95 % below 27°) with wider
//! tails, since other countries build otherwise.

use std::f32::consts::{PI, TAU};

use super::random::Random;
use crate::tiles::mercator;

/// Chance that a line ends at a tower.
const END: f32 = 0.015;
/// Shortest and longest hole in a line that is bridged, in tiles.
const GAP_TILES: (f32, f32) = (3.0, 30.0);

/// A tower of a line that may be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tower {
    /// In tiles, eastward and southward.
    pub(super) x: f32,
    pub(super) y: f32,
    /// Direction in which the line arrives, in radians from east towards south.
    pub(super) bearing: f32,
}

impl Tower {
    pub(super) fn reversed(self) -> Self {
        Self {
            bearing: self.bearing + PI,
            ..self
        }
    }

    fn onward(self, span: f32, bearing: f32) -> Self {
        Self {
            x: self.x + span * bearing.cos(),
            y: self.y + span * bearing.sin(),
            bearing,
        }
    }
}

/// A tower of a drawn line, in half the bytes: a scan holds millions of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    line: u8,
    /// In 256ths of a tile.
    x: i16,
    y: i16,
    /// In 32,768ths of half a turn.
    bearing: i16,
}

impl Mark {
    /// The tower of a line, at most 127 tiles away.
    pub(super) fn new(line: usize, tower: Tower) -> Self {
        let turn = tower.bearing.sin().atan2(tower.bearing.cos()) / PI;
        Self {
            line: line as u8,
            x: (tower.x * 256.0).floor() as i16,
            y: (tower.y * 256.0).floor() as i16,
            bearing: (turn * 32_767.0) as i16,
        }
    }

    pub(super) fn line(self) -> usize {
        usize::from(self.line)
    }

    /// The tile it stands in, eastward and southward from that of its track.
    pub(super) fn tile(self) -> (i64, i64) {
        (i64::from(self.x >> 8), i64::from(self.y >> 8))
    }

    pub(super) fn tower(self) -> Tower {
        Tower {
            x: (f32::from(self.x) + 0.5) / 256.0,
            y: (f32::from(self.y) + 0.5) / 256.0,
            bearing: f32::from(self.bearing) / 32_767.0 * PI,
        }
    }
}

/// Draws lines at one latitude.
pub(super) struct LineModel {
    tiles_per_m: f32,
}

impl LineModel {
    /// For lines near a row of tiles.
    pub(super) fn at(row: u32, zoom: u8) -> Self {
        let (_, lat) = mercator::tile_to_lon_lat(0.0, f64::from(row), zoom);
        let side_m = mercator::metres_per_px(lat, zoom) * f64::from(crate::tiles::TILE_SIZE_PX);
        Self {
            tiles_per_m: (1.0 / side_m) as f32,
        }
    }

    /// Distance from one tower to the next, in tiles.
    fn span(&self, random: &mut Random) -> f32 {
        let which = random.uniform();
        let (median_m, deviation) = if which < 0.80 {
            (300.0, 0.24)
        } else if which < 0.96 {
            (220.0, 0.55)
        } else {
            (600.0, 0.45)
        };
        median_m * (deviation * random.normal()).exp() * self.tiles_per_m
    }

    /// Change of direction at a tower.
    fn bend(random: &mut Random) -> f32 {
        let which = random.uniform();
        let deviation = if which < 0.78 {
            1.2
        } else if which < 0.93 {
            8.0
        } else {
            35.0
        };
        (deviation * random.normal()).to_radians()
    }

    /// The towers of a line after `from`, up to `reach` tiles away from it.
    pub(super) fn onward(
        &self,
        from: Tower,
        reach: f32,
        random: &mut Random,
        towers: &mut Vec<Tower>,
    ) {
        let mut at = from;
        while random.uniform() >= END {
            let bearing = at.bearing + Self::bend(random);
            at = at.onward(self.span(random), bearing);
            if (at.x - from.x).hypot(at.y - from.y) > reach {
                return;
            }
            towers.push(at);
        }
    }

    /// The towers of a line that has a hole after `from`, up to `reach` tiles away.
    pub(super) fn beyond_gap(
        &self,
        from: Tower,
        reach: f32,
        random: &mut Random,
        towers: &mut Vec<Tower>,
    ) {
        let (shortest, longest) = GAP_TILES;
        let gap = shortest * (longest / shortest).powf(random.uniform());
        // The line may bend inside the hole: half of that shows in the direction of its far side.
        let turn = 2.0 * Self::bend(random);
        let far = from.onward(gap, from.bearing + 0.5 * turn);
        let far = Tower {
            bearing: from.bearing + turn,
            ..far
        };
        towers.push(far);
        self.onward(far, reach - gap, random, towers);
    }

    /// The towers of a line that passes within `reach` tiles of `end`, or leaves from it in any
    /// direction.
    pub(super) fn around(
        &self,
        end: Tower,
        reach: f32,
        random: &mut Random,
        towers: &mut Vec<Tower>,
    ) {
        let bearing = random.between(0.0, TAU);
        if random.uniform() < 0.5 {
            self.onward(Tower { bearing, ..end }, reach, random, towers);
            return;
        }
        let distance = reach * random.uniform().sqrt();
        let passing = end.onward(distance, random.between(0.0, TAU));
        let passing = Tower { bearing, ..passing };
        towers.push(passing);
        let begin = towers.len();
        self.onward(passing, reach, random, towers);
        self.onward(passing.reversed(), reach, random, towers);
        let mut kept = begin;
        for at in begin..towers.len() {
            let tower = towers[at];
            if (tower.x - end.x).hypot(tower.y - end.y) <= reach {
                towers[kept] = tower;
                kept += 1;
            }
        }
        towers.truncate(kept);
    }
}
