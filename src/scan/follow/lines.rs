//! How power lines run: spans, bends, gaps, as distributions to draw from.
//!
//! They follow what is mapped in OpenStreetMap (Pakistan, 98,326 towers): spans of median 300 m,
//! 1st percentile 107 m, 99th 727 m; three in five within 10 % of the median of the five spans
//! before them, five in six within 30 %; four bends in five below 2°, 95 % below 27°. Tails are
//! wider here, since other countries build otherwise.

use std::{
    f32::consts::{PI, TAU},
    sync::LazyLock,
};

use crate::{
    random::SplitMix64,
    tiles::{TilePosition, mercator},
};

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

    fn onward(self, distance: f32, bearing: f32) -> Self {
        Self {
            x: self.x + distance * bearing.cos(),
            y: self.y + distance * bearing.sin(),
            bearing,
        }
    }
}

/// Where a drawn line starts, packed, since a scan holds millions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Of its first tower in the track's own tile, in 256ths of a tile.
    x: u8,
    y: u8,
    bearing: Bearing,
    /// The span that the line is built with, in 4,096ths of a tile.
    span: u16,
}

impl Start {
    /// At a tower, which is moved into the track's own tile, of a line with a span in tiles.
    pub(super) fn new(tower: Tower, span: f32) -> Self {
        Self {
            x: (tower.x * 256.0) as u8,
            y: (tower.y * 256.0) as u8,
            bearing: Bearing::new(tower.bearing),
            span: (span * 4_096.0) as u16,
        }
    }

    pub(super) fn tower(self) -> Tower {
        Tower {
            x: (f32::from(self.x) + 0.5) / 256.0,
            y: (f32::from(self.y) + 0.5) / 256.0,
            bearing: self.bearing.radians(),
        }
    }

    pub(super) fn span(self) -> f32 {
        f32::from(self.span) / 4_096.0
    }
}

/// The mean direction of starts, in radians.
pub(super) fn mean_bearing(starts: &[Start]) -> f32 {
    let (mut x, mut y) = (0.0, 0.0);
    for start in starts {
        let bearing = start.tower().bearing;
        x += bearing.cos();
        y += bearing.sin();
    }
    y.atan2(x)
}

/// A direction in 32,768ths of half a turn.
#[derive(Clone, Copy, Debug)]
struct Bearing(i16);

impl Bearing {
    fn new(radians: f32) -> Self {
        // Wraps around like a turn.
        Self((radians / PI * 32_768.0) as i32 as i16)
    }

    fn radians(self) -> f32 {
        f32::from(self.0) / 32_768.0 * PI
    }
}

/// A tower of a drawn line, packed as well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// The number of its line.
    pub(super) line: u8,
    /// In 256ths of a tile.
    x: i16,
    y: i16,
    bearing: Bearing,
}

impl Mark {
    /// The tower of a line, at most 127 tiles away.
    pub(super) fn new(line: usize, tower: Tower) -> Self {
        // Made positive, since a conversion rounds towards 0.
        let packed = |at: f32| (((at + 128.0) * 256.0) as i32 - 128 * 256) as i16;
        Self {
            line: line as u8,
            x: packed(tower.x),
            y: packed(tower.y),
            bearing: Bearing::new(tower.bearing),
        }
    }

    /// The tile it stands in, eastward and southward from that of its track.
    pub(super) fn tile(self) -> (i8, i8) {
        ((self.x >> 8) as i8, (self.y >> 8) as i8)
    }

    pub(super) fn tower(self) -> Tower {
        Tower {
            x: (f32::from(self.x) + 0.5) / 256.0,
            y: (f32::from(self.y) + 0.5) / 256.0,
            bearing: self.bearing.radians(),
        }
    }
}

/// Values drawn once from a distribution, among which lines pick theirs: that takes a tenth of the
/// time of drawing each anew.
struct Shapes {
    /// Spans that lines are built with, in metres.
    spans_m: Vec<f32>,
    /// A span of a line as a share of that.
    stretches: Vec<f32>,
    /// Changes of direction at a tower: in radians, and their cosine and sine.
    bends: Vec<(f32, f32, f32)>,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    /// So many that a pick takes 12 bits.
    const VALUES: usize = 1 << 12;
    let mut random = SplitMix64::at_place(0, 0, 0, 0);
    let mut drawn = |mixture: &[(f32, f32, f32)]| -> Vec<(f32, f32)> {
        let draw = |_| {
            let mut which = random.unit_f32();
            let of = mixture.iter().find(|&&(share, _, _)| {
                which -= share;
                which < 0.0
            });
            let &(_, middle, deviation) = of.unwrap_or(&mixture[0]);
            (middle, deviation * random.normal_f32())
        };
        (0..VALUES).map(draw).collect()
    };
    let spread = |(middle, deviation): (f32, f32)| middle * deviation.exp();
    // Share, median and deviation of the logarithm.
    let spans_m = drawn(&[
        (0.80, 300.0, 0.24),
        (0.16, 220.0, 0.55),
        (0.04, 600.0, 0.45),
    ]);
    let stretches = drawn(&[(0.60, 1.0, 0.08), (0.28, 1.0, 0.25), (0.12, 1.0, 0.6)]);
    // Share, mean and deviation in degrees.
    let bends = drawn(&[(0.78, 0.0, 1.2), (0.15, 0.0, 8.0), (0.07, 0.0, 35.0)]);
    Shapes {
        spans_m: spans_m.into_iter().map(spread).collect(),
        stretches: stretches.into_iter().map(spread).collect(),
        bends: bends
            .into_iter()
            .map(|(_, by)| by.to_radians())
            .map(|by| (by, by.cos(), by.sin()))
            .collect(),
    }
});

/// Draws lines at one latitude.
pub(super) struct LineModel {
    tiles_per_m: f32,
}

impl LineModel {
    /// For lines near a row of tiles.
    pub(super) fn at(row: u32, zoom: u8) -> Self {
        let north = TilePosition {
            x: 0.0,
            y: f64::from(row),
        };
        let lat = mercator::tile_to_lon_lat(north, zoom).lat;
        let side_m = mercator::metres_per_px(lat, zoom) * f64::from(crate::tiles::TILE_SIZE_PX);
        Self {
            tiles_per_m: (1.0 / side_m) as f32,
        }
    }

    /// The span that a line is built with, in tiles.
    pub(super) fn span(&self, random: &mut SplitMix64) -> f32 {
        random.pick(&SHAPES.spans_m) * self.tiles_per_m
    }

    /// The towers of a line after one, up to `reach` tiles away from it.
    pub(super) fn onward(
        &self,
        from: Tower,
        span: f32,
        reach: f32,
        random: &mut SplitMix64,
        towers: &mut Vec<Tower>,
    ) {
        let shapes = &*SHAPES;
        let mut at = from;
        let (mut east, mut south) = (from.bearing.cos(), from.bearing.sin());
        while random.unit_f32() >= END {
            let (bend, cos, sin) = random.pick(&shapes.bends);
            (east, south) = (east * cos - south * sin, east * sin + south * cos);
            let distance = span * random.pick(&shapes.stretches);
            at = Tower {
                x: at.x + distance * east,
                y: at.y + distance * south,
                bearing: at.bearing + bend,
            };
            let (dx, dy) = (at.x - from.x, at.y - from.y);
            if dx * dx + dy * dy > reach * reach {
                return;
            }
            towers.push(at);
        }
    }

    /// The towers of a line that has a hole after one, up to `reach` tiles away.
    pub(super) fn beyond_gap(
        &self,
        from: Tower,
        span: f32,
        reach: f32,
        random: &mut SplitMix64,
        towers: &mut Vec<Tower>,
    ) {
        let (shortest, longest) = GAP_TILES;
        let gap = shortest * (longest / shortest).powf(random.unit_f32());
        // The line may bend inside the hole: half of that shows in the direction of its far side.
        let turn = 2.0 * random.pick(&SHAPES.bends).0;
        let far = from.onward(gap, from.bearing + 0.5 * turn);
        let far = Tower {
            bearing: from.bearing + turn,
            ..far
        };
        towers.push(far);
        self.onward(far, span, reach - gap, random, towers);
    }

    /// The towers of a line that passes within `reach` tiles of an end, or leaves from it in any
    /// direction.
    pub(super) fn around(
        &self,
        end: Tower,
        span: f32,
        reach: f32,
        random: &mut SplitMix64,
        towers: &mut Vec<Tower>,
    ) {
        let bearing = random.between(0.0, TAU);
        if random.unit_f32() < 0.5 {
            self.onward(Tower { bearing, ..end }, span, reach, random, towers);
            return;
        }
        let distance = reach * random.unit_f32().sqrt();
        let passing = end.onward(distance, random.between(0.0, TAU));
        let passing = Tower { bearing, ..passing };
        towers.push(passing);
        let begin = towers.len();
        self.onward(passing, span, reach, random, towers);
        self.onward(passing.reversed(), span, reach, random, towers);
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
