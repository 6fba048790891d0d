//! How the land is divided and used: parishes, rivers and lakes.

use super::{
    hash::{direction, mix, mix2, unit, unit64},
    noise::{Noise, value_noise},
    plane::{PlaneBox, PlanePx, length, sub},
    style::{Palette, Style},
};

/// Mean distance of parish centres, in pixels of zoom 18: about 1 km at the equator.
const PARISH_PX: f64 = 1_600.0;
/// How far parish borders wind to either side.
const WINDING_PX: f64 = 26.0;
/// How far from a parish's border its road reaches.
pub const ROAD_REACH_PX: f64 = 16.0;
/// The most parishes that can own pixels of one tile, at the zooms where they are drawn.
const PARISHES_MAX: usize = 64;

/// What a parish is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Fields,
    Forest,
    Village,
    Open,
}

/// A neighbourhood of one use.
#[derive(Clone, Copy, Debug)]
pub struct Parish {
    pub centre: PlanePx,
    pub hash: u64,
    pub used_for: Use,
    /// Unit vector along its rows.
    pub rows: PlanePx,
    /// Depth of a row of fields or plots, in pixels of zoom 18.
    pub depth: f64,
}

impl Parish {
    /// The place of a row and column's north-western corner relative to the centre is found with
    /// [`Parish::column`]; this gives the coordinates along and across the rows.
    #[must_use]
    pub fn own(&self, at: PlanePx) -> PlanePx {
        let (dx, dy) = (at[0] - self.centre[0], at[1] - self.centre[1]);
        [
            dx * self.rows[0] + dy * self.rows[1],
            dy * self.rows[0] - dx * self.rows[1],
        ]
    }

    /// The place of coordinates along and across the rows.
    #[must_use]
    pub fn place(&self, own: PlanePx) -> PlanePx {
        [
            self.centre[0] + own[0] * self.rows[0] - own[1] * self.rows[1],
            self.centre[1] + own[0] * self.rows[1] + own[1] * self.rows[0],
        ]
    }

    /// Width and offset of the columns in a row.
    #[must_use]
    pub fn columns(&self, row: i64) -> (f64, f64) {
        let hash = mix(self.hash, row as u64 ^ 0x20);
        let width = self.depth * (0.8 + 1.6 * unit64(hash, 1));
        (width, width * unit64(hash, 2))
    }
}

/// Whether a place is under water. The same for every style.
#[must_use]
pub fn is_water(seed: u64, at: PlanePx) -> bool {
    wetness(seed, at) > 0.0
}

/// Above 0 in water; about the distance to the bank in pixels of zoom 18, near it.
#[must_use]
pub fn wetness(seed: u64, at: PlanePx) -> f32 {
    Water::new(seed).wetness(at)
}

/// Rivers and lakes, for many places near each other.
pub struct Water([Noise; 5]);

impl Water {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        const FIELDS: [(u64, f64); 5] = [
            (31, 30_000.0),
            (32, 2_600.0),
            (33, 90_000.0),
            (34, 7_000.0),
            (35, 700.0),
        ];
        Self(FIELDS.map(|(salt, spacing)| Noise::new(mix(seed, salt), spacing)))
    }

    /// As [`wetness`].
    #[must_use]
    pub fn wetness(&mut self, at: PlanePx) -> f32 {
        let [slow, bends, breadth, lakes, bays] =
            self.0.each_mut().map(|noise| noise.at(at[0], at[1]));
        // A river runs where a slow field crosses its middle.
        let course = (slow - 0.5 + 0.05 * (bends - 0.5)).abs();
        let breadth = 0.0006 + 0.006 * (breadth * breadth * breadth);
        let river = (breadth - course) * 20_000.0;
        let lake = lakes + 0.06 * bays;
        river.max((lake - 0.985) * 4_000.0)
    }
}

/// How far parish borders wind along one axis.
pub struct Winding(Noise);

impl Winding {
    #[must_use]
    pub fn at(&mut self, at: PlanePx) -> f64 {
        f64::from(self.0.at(at[0], at[1]) - 0.5) * 2.0 * WINDING_PX
    }
}

/// The land of one world in one style.
#[derive(Clone, Copy)]
pub struct Land<'a> {
    pub seed: u64,
    pub style: &'a Style,
}

impl Land<'_> {
    /// How far the parish borders are wound, in x and y.
    #[must_use]
    pub fn windings(&self) -> [Winding; 2] {
        [41, 42].map(|salt| Winding(Noise::new(mix(self.seed, salt), 330.0)))
    }

    fn parish(&self, i: i64, j: i64) -> Parish {
        let hash = mix2(mix(self.seed, 43), i, j);
        let centre = [
            (i as f64 + 0.2 + 0.6 * unit64(hash, 1)) * PARISH_PX,
            (j as f64 + 0.2 + 0.6 * unit64(hash, 2)) * PARISH_PX,
        ];
        // Neighbours tend to be alike: half chance, half a slow field. The sum of two uniforms is
        // brought back to a uniform by its distribution function.
        let slow = value_noise(mix(self.seed, 44), centre[0], centre[1], 9_000.0);
        let spread = ((slow - 0.5) * 1.5 + 0.5).clamp(0.0, 1.0);
        let t = 0.5 * (unit(hash, 3) + spread);
        let rank = if t < 0.5 {
            2.0 * t * t
        } else {
            1.0 - 2.0 * (1.0 - t) * (1.0 - t)
        };
        let Palette {
            fields,
            woods,
            villages,
            ..
        } = self.style.palette;
        let used_for = if unit(hash, 4) < villages {
            Use::Village
        } else if rank < fields {
            Use::Fields
        } else if rank > 1.0 - woods {
            Use::Forest
        } else {
            Use::Open
        };
        let depth = match used_for {
            Use::Village => 52.0 + 26.0 * unit64(hash, 5),
            _ => 90.0 + 330.0 * unit64(hash, 5) * unit64(hash, 6),
        };
        Parish {
            centre,
            hash,
            used_for,
            rows: direction(hash, 7),
            depth,
        }
    }

    /// The parish that a place belongs to.
    #[must_use]
    pub fn parish_at(&self, at: PlanePx) -> Parish {
        let [mut x, mut y] = self.windings();
        let at = [at[0] + x.at(at), at[1] + y.at(at)];
        let (i, j) = (
            (at[0] / PARISH_PX).floor() as i64,
            (at[1] / PARISH_PX).floor() as i64,
        );
        let mut best = (f64::MAX, 0, 0);
        for dj in -1..=1 {
            for di in -1..=1 {
                let hash = mix2(mix(self.seed, 43), i + di, j + dj);
                let dx = ((i + di) as f64 + 0.2 + 0.6 * unit64(hash, 1)) * PARISH_PX - at[0];
                let dy = ((j + dj) as f64 + 0.2 + 0.6 * unit64(hash, 2)) * PARISH_PX - at[1];
                let square = dx * dx + dy * dy;
                if square < best.0 {
                    best = (square, i + di, j + dj);
                }
            }
        }
        self.parish(best.1, best.2)
    }

    /// The parishes that may own a place of the box, nearest to its centre first.
    pub fn parishes(&self, area: &PlaneBox, out: &mut Vec<Parish>) {
        out.clear();
        let wound = area.grown(WINDING_PX);
        let cell = |v: f64| (v / PARISH_PX).floor() as i64;
        let centre = [0.5 * (area.x0 + area.x1), 0.5 * (area.y0 + area.y1)];
        let square = |p: &Parish, at: PlanePx| {
            let (dx, dy) = (p.centre[0] - at[0], p.centre[1] - at[1]);
            dx * dx + dy * dy
        };
        for j in cell(wound.y0) - 1..=cell(wound.y1) + 1 {
            for i in cell(wound.x0) - 1..=cell(wound.x1) + 1 {
                out.push(self.parish(i, j));
            }
        }
        out.sort_by(|a, b| square(a, centre).total_cmp(&square(b, centre)));
        // How much nearer one centre is than another changes linearly over the box, so its
        // corners tell whether a parish comes near enough anywhere for a road along its border.
        let first = out[0];
        let corners = [
            [wound.x0, wound.y0],
            [wound.x1, wound.y0],
            [wound.x0, wound.y1],
            [wound.x1, wound.y1],
        ];
        out.retain(|p| {
            let apart = length(sub(p.centre, first.centre));
            corners
                .iter()
                .any(|&c| square(p, c) - square(&first, c) <= 2.0 * apart * ROAD_REACH_PX)
        });
        out.truncate(PARISHES_MAX);
    }
}
