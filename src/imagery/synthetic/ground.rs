//! The ground: a patchwork of parishes with fields, woods, villages and open land, between them
//! roads and tracks, across them rivers and lakes.

use super::{
    canvas::{Canvas, MARGIN_PX, Rgb, SIDE},
    hash::{direction, mix, mix2, unit, unit64},
    noise::{TEXTURES, value_noise},
    plane::{Place, PlaneBox, length, sub},
    style::{Palette, Style},
};

/// Mean distance of parish centres, in pixels of zoom 18: about 1 km at the equator.
const PARISH_PX: f64 = 1_600.0;
/// How far parish borders wind to either side.
const WINDING_PX: f64 = 26.0;
/// How far from a parish's border its road reaches.
const ROAD_REACH_PX: f64 = 16.0;
/// Spacing of the lattice on which slow fields are evaluated, in canvas pixels.
const LATTICE_PX: usize = 8;
const LATTICE_SIDE: usize = SIDE / LATTICE_PX + 1;
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
    pub centre: Place,
    pub hash: u64,
    pub used_for: Use,
    /// Unit vector along its rows.
    pub rows: Place,
    /// Depth of a row of fields or plots, in pixels of zoom 18.
    pub depth: f64,
}

impl Parish {
    /// The place of a row and column's north-western corner relative to the centre is found with
    /// [`Parish::column`]; this gives the coordinates along and across the rows.
    #[must_use]
    pub fn own(&self, at: Place) -> Place {
        let (dx, dy) = (at[0] - self.centre[0], at[1] - self.centre[1]);
        [
            dx * self.rows[0] + dy * self.rows[1],
            dy * self.rows[0] - dx * self.rows[1],
        ]
    }

    /// The place of coordinates along and across the rows.
    #[must_use]
    pub fn place(&self, own: Place) -> Place {
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
pub fn is_water(seed: u64, at: Place) -> bool {
    wetness(seed, at) > 0.0
}

/// Above 0 in water; about the distance to the bank in pixels, near it.
fn wetness(seed: u64, at: Place) -> f32 {
    let slow = value_noise(mix(seed, 31), at[0], at[1], 30_000.0);
    let bends = value_noise(mix(seed, 32), at[0], at[1], 2_600.0);
    let course = (slow - 0.5 + 0.05 * (bends - 0.5)).abs();
    let breadth = 0.0006 + 0.006 * value_noise(mix(seed, 33), at[0], at[1], 90_000.0).powi(3);
    let river = (breadth - course) * 20_000.0;
    let lake = value_noise(mix(seed, 34), at[0], at[1], 7_000.0)
        + 0.06 * value_noise(mix(seed, 35), at[0], at[1], 700.0);
    river.max((lake - 0.985) * 4_000.0)
}

/// The land of one world in one style.
#[derive(Clone, Copy)]
pub struct Land<'a> {
    pub seed: u64,
    pub style: &'a Style,
}

impl Land<'_> {
    /// How far the parish borders are wound at a place.
    fn winding(&self, at: Place) -> Place {
        let one = |salt| {
            f64::from(value_noise(mix(self.seed, salt), at[0], at[1], 330.0) - 0.5)
                * 2.0
                * WINDING_PX
        };
        [one(41), one(42)]
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
    pub fn parish_at(&self, at: Place) -> Parish {
        let wind = self.winding(at);
        let at = [at[0] + wind[0], at[1] + wind[1]];
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
        let square = |p: &Parish, at: Place| {
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

/// A slow field on a coarse lattice over the canvas.
struct Lattice {
    values: [f32; LATTICE_SIDE * LATTICE_SIDE],
}

impl Lattice {
    fn sample(view: &View, mut at: impl FnMut(Place) -> f32) -> Self {
        let mut values = [0.0; LATTICE_SIDE * LATTICE_SIDE];
        for (k, value) in values.iter_mut().enumerate() {
            let (x, y) = (k % LATTICE_SIDE * LATTICE_PX, k / LATTICE_SIDE * LATTICE_PX);
            *value = at(view.place(x as f64, y as f64));
        }
        Self { values }
    }

    /// The interpolated values of one canvas row.
    fn row(&self, y: usize, out: &mut [f32; SIDE]) {
        let (j, f) = (y / LATTICE_PX, (y % LATTICE_PX) as f32 / LATTICE_PX as f32);
        let top = &self.values[j * LATTICE_SIDE..(j + 1) * LATTICE_SIDE];
        let below = (j + 1).min(LATTICE_SIDE - 1);
        let bottom = &self.values[below * LATTICE_SIDE..(below + 1) * LATTICE_SIDE];
        let mut left = top[0] + (bottom[0] - top[0]) * f;
        for (i, cell) in out.chunks_exact_mut(LATTICE_PX).enumerate() {
            let right = top[i + 1] + (bottom[i + 1] - top[i + 1]) * f;
            let step = (right - left) / LATTICE_PX as f32;
            for (k, value) in cell.iter_mut().enumerate() {
                *value = left + step * k as f32;
            }
            left = right;
        }
    }
}

/// Where the canvas lies on the plane.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The tile's north-western corner.
    pub origin: Place,
    /// Pixels of the tile to a pixel of zoom 18.
    pub scale: f64,
    /// Pixels of zoom 18 to a metre, at the tile's middle row.
    pub px_per_m: f64,
}

impl View {
    /// The place of a canvas position.
    #[must_use]
    pub fn place(&self, x: f64, y: f64) -> Place {
        let margin = MARGIN_PX as f64;
        [
            self.origin[0] + (x - margin) / self.scale,
            self.origin[1] + (y - margin) / self.scale,
        ]
    }

    /// The canvas position of a place.
    #[must_use]
    pub fn spot(&self, at: Place) -> [f32; 2] {
        let margin = MARGIN_PX as f64;
        [
            ((at[0] - self.origin[0]) * self.scale + margin) as f32,
            ((at[1] - self.origin[1]) * self.scale + margin) as f32,
        ]
    }

    /// The canvas on the plane.
    #[must_use]
    pub fn area(&self) -> PlaneBox {
        let (a, b) = (self.place(0.0, 0.0), self.place(SIDE as f64, SIDE as f64));
        PlaneBox::around(a, b)
    }
}

/// A line's straight piece, to keep its corridor through woods clear.
pub type Corridor = [Place; 2];

/// What painting needs of a parish, relative to the tile's corner.
struct Patch {
    x: f32,
    y: f32,
    ux: f32,
    uy: f32,
    depth: f32,
    parish: Parish,
    /// The field that was looked up last.
    row: i32,
    column: i32,
    width: f32,
    offset: f32,
    field: Field,
    texture: [i32; 2],
}

/// How one field is painted.
#[derive(Clone, Copy)]
struct Field {
    colour: Rgb,
    /// Brightness of its crop rows, in 1/256, and rows to a pixel.
    stripes: f32,
    frequency: f32,
    across: bool,
    orchard: bool,
    grain: i32,
}

/// Paints the ground of a tile.
pub fn paint(
    canvas: &mut Canvas,
    view: &View,
    land: &Land<'_>,
    parishes: &[Parish],
    corridors: &[Corridor],
) {
    let palette = &land.style.palette;
    let seed = land.seed;
    let step = 1.0 / view.scale;
    let detailed = view.scale >= 1.0 / 16.0;
    let slow = Lattice::sample(view, |p| {
        value_noise(mix(seed, 51), p[0], p[1], 5_000.0) * 0.5
            + value_noise(mix(seed, 52), p[0], p[1], 900.0) * 0.3
            + value_noise(mix(seed, 53), p[0], p[1], 150.0) * 0.2
            - 0.5
    });
    let light = land.style.shadow;
    let open =
        !detailed || parishes.iter().any(|p| p.used_for == Use::Open) || !corridors.is_empty();
    let relief = Lattice::sample(view, |p| {
        if !open {
            return 0.0;
        }
        let height = |x: f64, y: f64| {
            value_noise(mix(seed, 54), x, y, 2_200.0) * 3.0
                + value_noise(mix(seed, 55), x, y, 520.0)
                + value_noise(mix(seed, 56), x, y, 140.0) * 0.35
        };
        let reach = 24.0;
        let away = height(
            p[0] + f64::from(light[0]) * reach,
            p[1] + f64::from(light[1]) * reach,
        );
        (height(p[0], p[1]) - away).clamp(-0.4, 0.4) * -1.0
    });
    let wind = |p: Place| {
        if parishes.len() > 1 {
            land.winding(p)
        } else {
            [0.0; 2]
        }
    };
    let wind_x = Lattice::sample(view, |p| wind(p)[0] as f32);
    let wind_y = Lattice::sample(view, |p| wind(p)[1] as f32);
    let middle = view.place(SIDE as f64 / 2.0, SIDE as f64 / 2.0);
    let wet = (step > 8.0 || wetness(seed, middle) > -450.0 * step as f32 - 300.0)
        .then(|| Lattice::sample(view, |p| wetness(seed, p)));

    let mut patches: Vec<Patch> = parishes.iter().map(|p| Patch::new(p, view)).collect();
    let lines: Vec<[f32; 4]> = corridors
        .iter()
        .map(|[a, b]| {
            let rel = |p: Place| {
                [
                    (p[0] - view.origin[0]) as f32,
                    (p[1] - view.origin[1]) as f32,
                ]
            };
            let (a, b) = (rel(*a), rel(*b));
            [a[0], a[1], b[0] - a[0], b[1] - a[1]]
        })
        .collect();
    let half_corridor = (16.0 * view.px_per_m) as f32;
    let mut rows = [[0.0f32; SIDE]; 5];
    let textures = &*TEXTURES;
    let toward_sun = [
        (-light[0] * 2.4).round() as i32,
        (-light[1] * 2.4).round() as i32,
    ];

    let columns: [(f32, i32); SIDE] = std::array::from_fn(|x| {
        let rel = ((x as f64 + 0.5 - MARGIN_PX as f64) * step) as f32;
        (rel, (view.origin[0] + f64::from(rel)).floor() as i64 as i32)
    });
    for y in 0..SIDE {
        slow.row(y, &mut rows[0]);
        relief.row(y, &mut rows[1]);
        wind_x.row(y, &mut rows[2]);
        wind_y.row(y, &mut rows[3]);
        if let Some(wet) = &wet {
            wet.row(y, &mut rows[4]);
        }
        let rel_y = ((y as f64 + 0.5 - MARGIN_PX as f64) * step) as f32;
        let texel_y = (view.origin[1] + f64::from(rel_y)).floor() as i64 as i32;
        for x in 0..SIDE {
            let (rel_x, texel_x) = columns[x];
            let slow = rows[0][x];
            let grain = textures.grain(texel_x, texel_y);
            let out = &mut canvas.rgb[y * SIDE + x];

            if wet.is_some() {
                let wetness = rows[4][x];
                if wetness > -14.0 {
                    *out = if wetness > 0.0 {
                        let deep = (wetness * 2.0).min(30.0) as i32;
                        tint(palette.water, 30 - deep + grain / 10)
                    } else {
                        tint(palette.bare, grain / 3 - 20)
                    };
                    continue;
                }
            }
            if !detailed {
                let use_mix = if slow > 0.0 {
                    palette.grass
                } else {
                    palette.crops[0]
                };
                *out = tint(use_mix, (slow * 120.0) as i32 + grain / 4);
                continue;
            }

            // The nearest parish centre owns the pixel, the second nearest says how far the
            // border is.
            let (px, py) = (rel_x + rows[2][x], rel_y + rows[3][x]);
            let (mut first, mut second) = ((f32::MAX, 0), (f32::MAX, 0));
            let rivals = if patches.len() > 1 { &patches[..] } else { &[] };
            for (k, patch) in rivals.iter().enumerate() {
                let (dx, dy) = (patch.x - px, patch.y - py);
                let square = dx * dx + dy * dy;
                if square < first.0 {
                    second = first;
                    first = (square, k);
                } else if square < second.0 {
                    second = (square, k);
                }
            }
            if second.0 < f32::MAX {
                let (p, q) = (&patches[first.1], &patches[second.1]);
                let (dx, dy) = (p.x - q.x, p.y - q.y);
                let border = (second.0 - first.0) * 0.5 / (dx * dx + dy * dy).sqrt();
                if border < ROAD_REACH_PX as f32
                    && let Some(colour) = way(p.parish.hash ^ q.parish.hash, border, palette)
                {
                    *out = tint(colour, grain / 5 + (slow * 40.0) as i32);
                    continue;
                }
            }

            let patch = &mut patches[first.1];
            let (dx, dy) = (rel_x - patch.x, rel_y - patch.y);
            let (tx, ty) = (texel_x + patch.texture[0], texel_y + patch.texture[1]);
            let mut used_for = patch.parish.used_for;
            if used_for == Use::Forest && in_corridor(&lines, rel_x, rel_y, half_corridor) {
                used_for = Use::Open;
            }
            *out = match used_for {
                Use::Forest => {
                    let height = textures.canopy(tx, ty);
                    let sunward = textures.canopy(tx + toward_sun[0], ty + toward_sun[1]);
                    let lit = (height - sunward).clamp(-110, 110) * 2 / 3 + (height - 190) / 3;
                    tint(palette.forest, lit + (slow * 90.0) as i32)
                }
                Use::Open => {
                    let wild = textures.grain(tx, ty);
                    let bare = slow * 2.2 + wild as f32 * 0.006;
                    let share = ((bare + 0.15) * 2.0).clamp(0.0, 1.0);
                    let shrubs = textures.canopy(tx, ty);
                    let base = mixed(palette.grass, palette.bare, share);
                    let light = (rows[1][x] * 420.0 * palette.relief) as i32 + wild / 3;
                    if shrubs > 236 && share < 0.8 {
                        tint(mixed(base, palette.shrub, 0.7), light)
                    } else {
                        tint(base, light)
                    }
                }
                Use::Fields | Use::Village => {
                    let u = dx * patch.ux + dy * patch.uy;
                    let v = dy * patch.ux - dx * patch.uy;
                    patch.look_up(u, v, palette);
                    let edge_v = v - patch.row as f32 * patch.depth;
                    let edge_u = u + patch.offset - patch.column as f32 * patch.width;
                    let edge = edge_v
                        .min(patch.depth - edge_v)
                        .min(edge_u)
                        .min(patch.width - edge_u);
                    let wild = textures.grain(tx, ty);
                    if used_for == Use::Village {
                        village_pixel(patch, edge_v, edge, wild, palette)
                    } else if let Some(colour) = patch.boundary(edge, palette) {
                        tint(colour, wild / 3)
                    } else {
                        let field = &patch.field;
                        let (along, over) = if field.across { (u, v) } else { (v, u) };
                        let mut light = (wave(along * field.frequency) * field.stripes) as i32;
                        if field.orchard {
                            light =
                                -((wave(along * 0.09) * wave(over * 0.09)).max(0.0) * 200.0) as i32;
                        }
                        tint(
                            field.colour,
                            light + wild * field.grain / 64 + (slow * 70.0) as i32,
                        )
                    }
                }
            };
        }
    }
}

impl Patch {
    fn new(parish: &Parish, view: &View) -> Self {
        Self {
            x: (parish.centre[0] - view.origin[0]) as f32,
            y: (parish.centre[1] - view.origin[1]) as f32,
            ux: parish.rows[0] as f32,
            uy: parish.rows[1] as f32,
            depth: parish.depth as f32,
            parish: *parish,
            row: i32::MIN,
            column: i32::MIN,
            width: 1.0,
            offset: 0.0,
            field: Field {
                colour: [0; 3],
                stripes: 0.0,
                frequency: 0.0,
                across: false,
                orchard: false,
                grain: 0,
            },
            texture: [(parish.hash & 511) as i32, (parish.hash >> 9 & 511) as i32],
        }
    }

    fn look_up(&mut self, u: f32, v: f32, palette: &Palette) {
        let row = floor(v / self.depth);
        let mut fresh = false;
        if row != self.row {
            self.row = row;
            let (width, offset) = self.parish.columns(i64::from(row));
            (self.width, self.offset) = (width as f32, offset as f32);
            fresh = true;
        }
        let column = floor((u + self.offset) / self.width);
        if column == self.column && !fresh {
            return;
        }
        self.column = column;
        let hash = mix2(self.parish.hash, i64::from(row), i64::from(column));
        let tone = 0.88 + 0.24 * unit(hash, 2);
        let crop = palette.crops[(unit(hash, 1) * 6.0) as usize % 6];
        self.field = Field {
            colour: crop.map(|c| (f32::from(c) * tone).min(255.0) as u8),
            stripes: [0.0, 7.0, 14.0, 26.0][(unit(hash, 3) * 4.0) as usize % 4],
            frequency: 1.0 / (3.2 + 7.0 * unit(hash, 4)),
            across: unit(hash, 5) < 0.4,
            orchard: unit(hash, 6) < 0.06,
            grain: 10 + (unit(hash, 7) * 16.0) as i32,
        };
    }

    /// The colour of hedge, ridge or track between fields.
    fn boundary(&self, edge: f32, palette: &Palette) -> Option<Rgb> {
        match self.parish.hash >> 20 & 3 {
            0 => (edge < 2.6).then_some(palette.shrub),
            1 => (edge < 1.6).then_some(palette.grass),
            2 => (edge < 1.8).then_some(palette.track),
            _ => (edge < 0.9).then(|| mixed(palette.bare, palette.shrub, 0.5)),
        }
    }
}

/// A street at each row's edge, gardens and yards behind.
fn village_pixel(patch: &Patch, edge_v: f32, edge: f32, wild: i32, palette: &Palette) -> Rgb {
    if edge_v < 7.0 {
        return tint(palette.paved, wild / 6);
    }
    if edge < 1.2 {
        return tint(palette.shrub, wild / 4);
    }
    let base = mixed(
        palette.grass,
        palette.bare,
        (patch.field.frequency - 0.1) * 4.0,
    );
    tint(base, wild / 3)
}

/// The colour of the road or track along a parish border, if there is one at this distance.
fn way(pair: u64, border: f32, palette: &Palette) -> Option<Rgb> {
    match mix(pair, 77) % 8 {
        0 | 1 => {
            if border < 0.5 {
                Some(mixed(palette.paved, [235, 235, 230], 0.45))
            } else if border < 5.5 {
                Some(palette.paved)
            } else if border < 8.0 {
                Some(palette.bare)
            } else {
                None
            }
        }
        2..=4 => (border < 2.6).then_some(palette.track),
        5 => (border < 5.0).then_some(palette.shrub),
        _ => None,
    }
}

fn in_corridor(lines: &[[f32; 4]], x: f32, y: f32, half: f32) -> bool {
    lines.iter().any(|&[ax, ay, dx, dy]| {
        let square = dx * dx + dy * dy;
        let t = (((x - ax) * dx + (y - ay) * dy) / square).clamp(0.0, 1.0);
        let (ex, ey) = (x - ax - dx * t, y - ay - dy * t);
        ex * ex + ey * ey < half * half
    })
}

/// The whole number below; the processor's own rounding is not available on every x86-64.
#[inline]
fn floor(t: f32) -> i32 {
    let whole = t as i32;
    whole - i32::from(t < whole as f32)
}

/// A triangle wave of period 1 between -1 and 1.
#[inline]
fn wave(t: f32) -> f32 {
    let f = t - floor(t) as f32;
    4.0 * (f - 0.5).abs() - 1.0
}

/// A colour made brighter or darker by `by`/256.
#[inline]
fn tint(colour: Rgb, by: i32) -> Rgb {
    let factor = 256 + by;
    colour.map(|c| ((i32::from(c) * factor) >> 8).clamp(0, 255) as u8)
}

/// A colour between two, `share` of the second.
#[inline]
fn mixed(a: Rgb, b: Rgb, share: f32) -> Rgb {
    let s = (share.clamp(0.0, 1.0) * 256.0) as i32;
    let one = |i: usize| {
        let (p, q) = (i32::from(a[i]), i32::from(b[i]));
        (p + (((q - p) * s) >> 8)) as u8
    };
    [one(0), one(1), one(2)]
}
