//! The picture of the ground: fields, woods, villages and open land, the roads between them, and
//! the water across them.

use std::ops::Range;

use super::{
    canvas::{Canvas, MARGIN_PX, Rgb, SIDE},
    hash::{mix, mix2, unit},
    land::{Land, Parish, ROAD_REACH_PX, Use, Water, wetness},
    lattice::Lattice,
    noise::{Noise, TEXTURES, Textures},
    plane::PlanePx,
    style::Palette,
    view::View,
};

/// A line's straight piece, to keep its corridor through woods clear.
pub type Corridor = [PlanePx; 2];

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
    /// Its edges: along the rows from `u0` to `u1`, across from `v0` to `v1`.
    u0: f32,
    u1: f32,
    v0: f32,
    v1: f32,
}

/// A parish as painting needs it, relative to the tile's corner.
struct Patch {
    x: f32,
    y: f32,
    ux: f32,
    uy: f32,
    depth: f32,
    parish: Parish,
    /// The field that was looked up last.
    field: Field,
    /// Where the parish starts in the textures, so that neighbours do not look alike.
    texture: [i32; 2],
}

/// One row of the canvas on its way to pixels.
struct Row<'a> {
    pixels: &'a mut [Rgb],
    /// Position east of the tile's corner, in pixels of zoom 18, and texel, of each column.
    columns: &'a [(f32, i32); SIDE],
    rel_y: f32,
    texel_y: i32,
    slow: &'a [f32; SIDE],
    relief: &'a [f32; SIDE],
}

/// What stays the same for all pixels of a tile.
struct Painter<'a> {
    palette: &'a Palette,
    textures: &'a Textures,
    toward_sun: [i32; 2],
    lines: Vec<[f32; 4]>,
    half_corridor: f32,
}

/// A little more than the square of twice the roads' reach.
const FAR_SQUARE: f32 = 4.1 * (ROAD_REACH_PX * ROAD_REACH_PX) as f32;
/// Owner of a pixel that is painted already.
const PAINTED: u8 = u8::MAX;

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
    let light = land.style.shadow;
    let mut tones = [(51, 5_000.0), (52, 900.0), (53, 150.0)]
        .map(|(salt, spacing)| Noise::new(mix(seed, salt), spacing));
    let slow = Lattice::sample(view, |p| {
        let [wide, middle, near] = tones.each_mut().map(|noise| noise.at(p[0], p[1]));
        wide * 0.5 + middle * 0.3 + near * 0.2 - 0.5
    });
    let open = parishes.iter().any(|p| p.used_for == Use::Open) || !corridors.is_empty();
    let mut heights = [Height::new(seed), Height::new(seed)];
    let relief = open.then(|| Lattice::sample(view, |p| slope(&mut heights, p, light)));
    let wind = (parishes.len() > 1).then(|| {
        let mut windings = land.windings();
        [0, 1].map(|axis| Lattice::sample(view, |p| windings[axis].at(p) as f32))
    });
    // Far from water in the middle is far enough everywhere: the field rises by less than 2 in a
    // pixel of zoom 18.
    let middle = view.place(SIDE as f64 / 2.0, SIDE as f64 / 2.0);
    let wet = (step > 8.0 || wetness(seed, middle) > -450.0 * step as f32 - 300.0).then(|| {
        let mut water = Water::new(seed);
        Lattice::sample(view, |p| water.wetness(p))
    });

    let mut patches: Vec<Patch> = parishes.iter().map(|p| Patch::new(p, view)).collect();
    let relative = |p: PlanePx| {
        [
            (p[0] - view.origin[0]) as f32,
            (p[1] - view.origin[1]) as f32,
        ]
    };
    let painter = Painter {
        palette,
        textures: &TEXTURES,
        toward_sun: light.map(|v| (-v * 2.4).round() as i32),
        lines: corridors
            .iter()
            .map(|&[a, b]| {
                let (a, b) = (relative(a), relative(b));
                [a[0], a[1], b[0] - a[0], b[1] - a[1]]
            })
            .collect(),
        half_corridor: (16.0 * view.px_per_m) as f32,
    };
    let columns: [(f32, i32); SIDE] = std::array::from_fn(|x| {
        let rel = ((x as f64 + 0.5 - MARGIN_PX as f64) * step) as f32;
        (rel, (view.origin[0] + f64::from(rel)).floor() as i64 as i32)
    });
    let [
        mut slow_row,
        mut relief_row,
        mut wind_x,
        mut wind_y,
        mut wet_row,
    ] = [[0.0f32; SIDE]; 5];
    let mut owners = [0u8; SIDE];
    for (y, pixels) in canvas.rgb.chunks_exact_mut(SIDE).enumerate() {
        slow.row(y, &mut slow_row);
        if let Some(relief) = &relief {
            relief.row(y, &mut relief_row);
        }
        let rel_y = ((y as f64 + 0.5 - MARGIN_PX as f64) * step) as f32;
        let mut row = Row {
            pixels,
            columns: &columns,
            rel_y,
            texel_y: (view.origin[1] + f64::from(rel_y)).floor() as i64 as i32,
            slow: &slow_row,
            relief: &relief_row,
        };
        owners.fill(0);
        if let Some(wind) = &wind {
            wind[0].row(y, &mut wind_x);
            wind[1].row(y, &mut wind_y);
            painter.divide(&mut row, &patches, &wind_x, &wind_y, &mut owners);
        }
        if let Some(wet) = &wet {
            wet.row(y, &mut wet_row);
            painter.flood(&mut row, &wet_row, &mut owners);
        }
        if patches.is_empty() {
            painter.far_off(&mut row, &owners);
            continue;
        }
        let mut from = 0;
        for run in owners.chunk_by(|a, b| a == b) {
            if run[0] != PAINTED {
                let patch = &mut patches[usize::from(run[0])];
                painter.run(&mut row, patch, from..from + run.len());
            }
            from += run.len();
        }
    }
}

/// How much the ground falls away from the sun, within ±0.4.
fn slope([here, shadowward]: &mut [Height; 2], at: PlanePx, light: [f32; 2]) -> f32 {
    let reach = 24.0;
    let away = shadowward.at(
        at[0] + f64::from(light[0]) * reach,
        at[1] + f64::from(light[1]) * reach,
    );
    -(here.at(at[0], at[1]) - away).clamp(-0.4, 0.4)
}

/// The lie of open land, in no particular unit.
struct Height([Noise; 3]);

impl Height {
    fn new(seed: u64) -> Self {
        Self(
            [(54, 2_200.0), (55, 520.0), (56, 140.0)]
                .map(|(salt, spacing)| Noise::new(mix(seed, salt), spacing)),
        )
    }

    fn at(&mut self, x: f64, y: f64) -> f32 {
        let [hills, knolls, bumps] = self.0.each_mut().map(|noise| noise.at(x, y));
        hills * 3.0 + knolls + bumps * 0.35
    }
}

impl Painter<'_> {
    /// Finds each pixel's parish, the one with the nearest centre, and paints the roads along the
    /// borders.
    fn divide(
        &self,
        row: &mut Row<'_>,
        patches: &[Patch],
        wind_x: &[f32; SIDE],
        wind_y: &[f32; SIDE],
        owners: &mut [u8; SIDE],
    ) {
        for (x, owner) in owners.iter_mut().enumerate() {
            let (rel_x, texel_x) = row.columns[x];
            let (px, py) = (rel_x + wind_x[x], row.rel_y + wind_y[x]);
            let (mut first, mut second) = ((f32::MAX, 0), (f32::MAX, 0));
            for (k, patch) in patches.iter().enumerate() {
                let (dx, dy) = (patch.x - px, patch.y - py);
                let square = dx * dx + dy * dy;
                if square < first.0 {
                    second = first;
                    first = (square, k);
                } else if square < second.0 {
                    second = (square, k);
                }
            }
            *owner = first.1 as u8;
            // The second nearest centre says how far the border is.
            let (p, q) = (&patches[first.1], &patches[second.1]);
            let (dx, dy) = (p.x - q.x, p.y - q.y);
            let (rise, square) = (second.0 - first.0, dx * dx + dy * dy);
            // Most pixels are told to be too far without a root and a division.
            if rise * rise > FAR_SQUARE * square {
                continue;
            }
            let twice = rise / square.sqrt();
            if twice < 2.0 * ROAD_REACH_PX as f32
                && let Some(colour) = way(p.parish.hash ^ q.parish.hash, 0.5 * twice, self.palette)
            {
                let grain = self.textures.grain(texel_x, row.texel_y);
                row.pixels[x] = tint(colour, grain / 5 + (row.slow[x] * 40.0) as i32);
                *owner = PAINTED;
            }
        }
    }

    /// Paints water and its banks.
    fn flood(&self, row: &mut Row<'_>, wet: &[f32; SIDE], owners: &mut [u8; SIDE]) {
        for x in 0..SIDE {
            let wetness = wet[x];
            if wetness > -14.0 {
                let grain = self.textures.grain(row.columns[x].1, row.texel_y);
                row.pixels[x] = if wetness > 0.0 {
                    let deep = (wetness * 2.0).min(30.0) as i32;
                    tint(self.palette.water, 30 - deep + grain / 10)
                } else {
                    tint(self.palette.bare, grain / 3 - 20)
                };
                owners[x] = PAINTED;
            }
        }
    }

    /// Paints what is too small to be told apart.
    fn far_off(&self, row: &mut Row<'_>, owners: &[u8; SIDE]) {
        for (x, &owner) in owners.iter().enumerate() {
            if owner != PAINTED {
                let slow = row.slow[x];
                let colour = if slow > 0.0 {
                    self.palette.grass
                } else {
                    self.palette.crops[0]
                };
                let grain = self.textures.grain(row.columns[x].1, row.texel_y);
                row.pixels[x] = tint(colour, (slow * 120.0) as i32 + grain / 4);
            }
        }
    }

    /// Paints a run of pixels of one parish.
    fn run(&self, row: &mut Row<'_>, patch: &mut Patch, run: Range<usize>) {
        let used_for = patch.parish.used_for;
        let crossed = used_for == Use::Forest && !self.lines.is_empty();
        for x in run {
            let (rel_x, texel_x) = row.columns[x];
            let texel = [texel_x + patch.texture[0], row.texel_y + patch.texture[1]];
            row.pixels[x] = match used_for {
                Use::Forest => {
                    let cleared =
                        crossed && in_corridor(&self.lines, rel_x, row.rel_y, self.half_corridor);
                    if cleared {
                        self.open(texel, row.slow[x], row.relief[x])
                    } else {
                        self.forest(texel, row.slow[x])
                    }
                }
                Use::Open => self.open(texel, row.slow[x], row.relief[x]),
                Use::Fields => self.field(patch, patch.own(rel_x, row.rel_y), texel, row.slow[x]),
                Use::Village => self.village(patch, patch.own(rel_x, row.rel_y), texel),
            };
        }
    }

    #[inline]
    fn forest(&self, [tx, ty]: [i32; 2], slow: f32) -> Rgb {
        let height = self.textures.canopy(tx, ty);
        let [sx, sy] = self.toward_sun;
        let sunward = self.textures.canopy(tx + sx, ty + sy);
        let lit = (height - sunward).clamp(-110, 110) * 2 / 3 + (height - 190) / 3;
        tint(self.palette.forest, lit + (slow * 90.0) as i32)
    }

    #[inline]
    fn open(&self, [tx, ty]: [i32; 2], slow: f32, relief: f32) -> Rgb {
        let palette = self.palette;
        let wild = self.textures.grain(tx, ty);
        let bare = slow * 2.2 + wild as f32 * 0.006;
        let share = ((bare + 0.15) * 2.0).clamp(0.0, 1.0);
        let base = mixed(palette.grass, palette.bare, share);
        let light = (relief * 420.0 * palette.relief) as i32 + wild / 3;
        if share < 0.8 && self.textures.canopy(tx, ty) > 236 {
            tint(mixed(base, palette.shrub, 0.7), light)
        } else {
            tint(base, light)
        }
    }

    #[inline]
    fn field(&self, patch: &mut Patch, [u, v]: [f32; 2], [tx, ty]: [i32; 2], slow: f32) -> Rgb {
        patch.look_up(u, v, self.palette);
        let wild = self.textures.grain(tx, ty);
        if let Some(colour) = patch.boundary(patch.field.edge(u, v), self.palette) {
            return tint(colour, wild / 3);
        }
        let field = &patch.field;
        let (along, over) = if field.across { (u, v) } else { (v, u) };
        let light = if field.orchard {
            -((wave(along * 0.09) * wave(over * 0.09)).max(0.0) * 200.0) as i32
        } else {
            (wave(along * field.frequency) * field.stripes) as i32
        };
        tint(
            field.colour,
            light + wild * field.grain / 64 + (slow * 70.0) as i32,
        )
    }

    /// A street at each row's edge, gardens and yards behind.
    #[inline]
    fn village(&self, patch: &mut Patch, [u, v]: [f32; 2], [tx, ty]: [i32; 2]) -> Rgb {
        let palette = self.palette;
        patch.look_up(u, v, palette);
        let wild = self.textures.grain(tx, ty);
        if v - patch.field.v0 < 7.0 {
            return tint(palette.paved, wild / 6);
        }
        if patch.field.edge(u, v) < 1.2 {
            return tint(palette.shrub, wild / 4);
        }
        let bare = (patch.field.frequency - 0.1) * 4.0;
        tint(mixed(palette.grass, palette.bare, bare), wild / 3)
    }
}

impl Field {
    /// Distance to the nearest edge.
    #[inline]
    fn edge(&self, u: f32, v: f32) -> f32 {
        (v - self.v0)
            .min(self.v1 - v)
            .min(u - self.u0)
            .min(self.u1 - u)
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
            field: Field {
                colour: [0; 3],
                stripes: 0.0,
                frequency: 0.0,
                across: false,
                orchard: false,
                grain: 0,
                u0: 0.0,
                u1: 0.0,
                v0: 0.0,
                v1: 0.0,
            },
            texture: [(parish.hash & 511) as i32, (parish.hash >> 9 & 511) as i32],
        }
    }

    /// Coordinates along and across the rows.
    #[inline]
    fn own(&self, rel_x: f32, rel_y: f32) -> [f32; 2] {
        let (dx, dy) = (rel_x - self.x, rel_y - self.y);
        [dx * self.ux + dy * self.uy, dy * self.ux - dx * self.uy]
    }

    /// Makes `field` the one at a place; mostly it is already.
    #[inline]
    fn look_up(&mut self, u: f32, v: f32, palette: &Palette) {
        let field = &self.field;
        if !(u >= field.u0 && u < field.u1 && v >= field.v0 && v < field.v1) {
            self.enter(u, v, palette);
        }
    }

    #[cold]
    fn enter(&mut self, u: f32, v: f32, palette: &Palette) {
        let row = floor(v / self.depth);
        let (width, offset) = self.parish.columns(i64::from(row));
        let (width, offset) = (width as f32, offset as f32);
        let column = floor((u + offset) / width);
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
            u0: column as f32 * width - offset,
            u1: (column + 1) as f32 * width - offset,
            v0: row as f32 * self.depth,
            v1: (row + 1) as f32 * self.depth,
        };
    }

    /// The colour of hedge, ridge or track between fields.
    #[inline]
    fn boundary(&self, edge: f32, palette: &Palette) -> Option<Rgb> {
        match self.parish.hash >> 20 & 3 {
            0 => (edge < 2.6).then_some(palette.shrub),
            1 => (edge < 1.6).then_some(palette.grass),
            2 => (edge < 1.8).then_some(palette.track),
            _ => (edge < 0.9).then(|| mixed(palette.bare, palette.shrub, 0.5)),
        }
    }
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
