//! Things on the ground that are no towers: trees, houses, and what a careless eye would take
//! for a tower: wind turbines, telecom masts, poles, tanks, greenhouses, substations.

use super::{
    canvas::{Canvas, Rgb, Spot},
    ground::Corridor,
    hash::{direction, mix, mix2, unit, unit64},
    land::{Land, Parish, Use, is_water},
    network::Substation,
    noise::value_noise,
    plane::{PlaneBox, PlanePx, distance_squared},
    view::View,
};

/// Spacing of the grid that trees are scattered on, in pixels of zoom 18.
const TREE_CELL_PX: f64 = 40.0;
/// Spacing of the grid of rare, large things.
const LARGE_CELL_PX: f64 = 1_500.0;
/// How far a large thing, its lean and its shadow reach, in metres.
pub const LARGE_REACH_M: f64 = 330.0;
/// How far a tree or house with its shadow reaches, in metres.
pub const SMALL_REACH_M: f64 = 34.0;
/// The farthest that anything keeps from a line's axis, in metres.
pub const ROOM_MAX_M: f64 = 160.0;
/// Trees and houses keep this far from a line's axis, in metres.
const CLEARANCE_M: f64 = 15.0;

/// The pen that draws upright things: knows the sun and the camera.
pub struct Pen<'a> {
    pub canvas: &'a mut Canvas,
    pub view: &'a View,
    pub land: &'a Land<'a>,
}

/// Whether upright things cast their shadow or show themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Shadow,
    Body,
}

impl Pen<'_> {
    /// Canvas pixels to a metre.
    #[must_use]
    pub fn px_per_m(&self) -> f32 {
        (self.view.px_per_m * self.view.scale) as f32
    }

    /// Where a point `z` metres above a place appears, or its shadow falls.
    #[must_use]
    pub fn raised(&self, at: PlanePx, z: f32, pass: Pass) -> Spot {
        let spot = self.view.spot(at);
        let offset = match pass {
            Pass::Shadow => self.land.style.shadow,
            Pass::Body => self.land.style.lean,
        };
        let m = self.px_per_m() * z;
        [spot[0] + offset[0] * m, spot[1] + offset[1] * m]
    }

    /// A place some metres away.
    #[must_use]
    pub fn moved(&self, at: PlanePx, direction: PlanePx, metres: f64) -> PlanePx {
        let px = metres * self.view.px_per_m;
        [at[0] + direction[0] * px, at[1] + direction[1] * px]
    }

    fn rod(
        &mut self,
        from: (PlanePx, f32),
        to: (PlanePx, f32),
        width_m: f32,
        colour: Rgb,
        pass: Pass,
    ) {
        let (a, b) = (
            self.raised(from.0, from.1, pass),
            self.raised(to.0, to.1, pass),
        );
        let width = width_m * self.px_per_m();
        match pass {
            Pass::Shadow => self.canvas.shade_stroke(a, b, width, 0.9),
            Pass::Body => self.canvas.stroke(a, b, width, colour, 1.0),
        }
    }

    /// A block of a height with a rectangular plan; `axis` is the direction of its length.
    fn block(
        &mut self,
        at: PlanePx,
        axis: PlanePx,
        size_m: [f64; 2],
        height: f32,
        roof: Rgb,
        pass: Pass,
    ) {
        let across = [-axis[1], axis[0]];
        let corner = |s: f64, t: f64| {
            let p = self.moved(at, axis, s * 0.5 * size_m[0]);
            self.moved(p, across, t * 0.5 * size_m[1])
        };
        let halves = [
            [
                corner(-1.0, 0.0),
                corner(1.0, 0.0),
                corner(1.0, 1.0),
                corner(-1.0, 1.0),
            ],
            [
                corner(-1.0, -1.0),
                corner(1.0, -1.0),
                corner(1.0, 0.0),
                corner(-1.0, 0.0),
            ],
        ];
        let corners = [
            corner(-1.0, -1.0),
            corner(1.0, -1.0),
            corner(1.0, 1.0),
            corner(-1.0, 1.0),
        ];
        match pass {
            Pass::Shadow => {
                // A prism's shadow is the sweep of its plan; side faces cover it.
                for i in 0..4 {
                    let (p, q) = (corners[i], corners[(i + 1) % 4]);
                    let face = [
                        self.raised(p, 0.0, pass),
                        self.raised(q, 0.0, pass),
                        self.raised(q, height, pass),
                        self.raised(p, height, pass),
                    ];
                    self.canvas.shade_polygon(&face, 0.95);
                }
                let top = corners.map(|c| self.raised(c, height, pass));
                self.canvas.shade_polygon(&top, 0.95);
            }
            Pass::Body => {
                let wall = roof.map(|c| (u16::from(c) * 5 / 8) as u8);
                for i in 0..4 {
                    let (p, q) = (corners[i], corners[(i + 1) % 4]);
                    let face = [
                        self.raised(p, 0.0, pass),
                        self.raised(q, 0.0, pass),
                        self.raised(q, height, pass),
                        self.raised(p, height, pass),
                    ];
                    self.canvas.polygon(&face, wall, 1.0);
                }
                let top = corners.map(|c| self.raised(c, height, pass));
                self.canvas.polygon(&top, roof, 1.0);
                // The roof's half that looks toward the sun is brighter.
                let sun = self.land.style.shadow;
                let lit = across[0] * f64::from(sun[0]) + across[1] * f64::from(sun[1]) < 0.0;
                let half = halves[usize::from(!lit)].map(|c| self.raised(c, height, pass));
                let bright = roof.map(|c| (u16::from(c) * 9 / 8).min(255) as u8);
                self.canvas.polygon(&half, bright, 1.0);
            }
        }
    }

    fn tree(&mut self, at: PlanePx, radius_m: f32, colour: Rgb, pass: Pass) {
        let radius = radius_m * self.px_per_m();
        match pass {
            Pass::Shadow => {
                // The crown's sweep from near the ground to its top, so that a low sun does not
                // part a tree from its shadow.
                for (z, share) in [(0.45, 0.8), (0.9, 1.0), (1.3, 1.0), (1.7, 0.8)] {
                    let spot = self.raised(at, radius_m * z, pass);
                    self.canvas.shade_disc(spot, radius * share, 0.85);
                }
            }
            Pass::Body => {
                let spot = self.raised(at, radius_m * 0.8, pass);
                let sun = self.land.style.shadow;
                let dark = colour.map(|c| (u16::from(c) * 13 / 16) as u8);
                let bright = colour.map(|c| (u16::from(c) * 5 / 4).min(255) as u8);
                self.canvas.disc(spot, radius, dark, 1.0);
                let toward = [
                    spot[0] - sun[0] * radius * 0.3,
                    spot[1] - sun[1] * radius * 0.3,
                ];
                self.canvas.disc(toward, radius * 0.66, colour, 1.0);
                let crest = [
                    spot[0] - sun[0] * radius * 0.5,
                    spot[1] - sun[1] * radius * 0.5,
                ];
                self.canvas.disc(crest, radius * 0.34, bright, 0.7);
            }
        }
    }
}

/// What stands near a tile: found once, drawn in two passes.
#[derive(Default)]
pub struct Inventory {
    trees: Vec<(PlanePx, f32, u64)>,
    houses: Vec<(PlanePx, PlanePx, u64)>,
    large: Vec<(PlanePx, u64, Large)>,
    pole_rows: Vec<(Parish, PlanePx)>,
    pub substations: Vec<Substation>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Large {
    Turbine,
    Mast,
    Tanks,
    Greenhouses,
}

impl Inventory {
    /// Lists what stands near the tile, away from the line corridors.
    pub fn collect(
        &mut self,
        view: &View,
        land: &Land<'_>,
        parishes: &[Parish],
        corridors: &[Corridor],
    ) {
        self.trees.clear();
        self.houses.clear();
        self.pole_rows.clear();
        let scale = view.px_per_m;
        let clear = |at: PlanePx, metres: f64| is_clear(corridors, at, metres * scale);
        if view.scale >= 0.25 {
            let near = view.area().grown(SMALL_REACH_M * scale);
            grid(&near, TREE_CELL_PX, |i, j| {
                let hash = mix2(mix(land.seed, 61), i, j);
                let chance = unit(hash, 0);
                if chance > land.style.palette.scattered_trees.max(0.12) {
                    return;
                }
                let at = [
                    (i as f64 + unit64(hash, 1)) * TREE_CELL_PX,
                    (j as f64 + unit64(hash, 2)) * TREE_CELL_PX,
                ];
                let parish = land.parish_at(at);
                let wanted = match parish.used_for {
                    Use::Forest => 0.05,
                    Use::Village => 0.12,
                    Use::Open => land.style.palette.scattered_trees,
                    Use::Fields => 0.02,
                };
                if chance < wanted && clear(at, CLEARANCE_M) && !is_water(land.seed, at) {
                    let radius = 1.4 + 3.2 * unit(hash, 3) * unit(hash, 4) + 0.8 * unit(hash, 5);
                    self.trees.push((at, radius, hash));
                }
            });
            for parish in parishes.iter().filter(|p| p.used_for == Use::Village) {
                self.collect_houses(land, parish, &near, &clear);
            }
        }
        for parish in parishes {
            if unit(parish.hash, 81) < 0.22 && parish.used_for != Use::Forest {
                self.pole_rows.push((*parish, direction(parish.hash, 82)));
            }
        }
        self.collect_large(view, land, corridors);
    }

    /// Lists what a careless eye takes for a tower, away from the line corridors.
    pub fn collect_large(&mut self, view: &View, land: &Land<'_>, corridors: &[Corridor]) {
        self.large.clear();
        let scale = view.px_per_m;
        let wide = view.area().grown(LARGE_REACH_M * scale);
        grid(&wide, LARGE_CELL_PX, |i, j| {
            let hash = mix2(mix(land.seed, 62), i, j);
            let at = [
                (i as f64 + unit64(hash, 1)) * LARGE_CELL_PX,
                (j as f64 + unit64(hash, 2)) * LARGE_CELL_PX,
            ];
            let windy = value_noise(mix(land.seed, 63), at[0], at[1], 30_000.0) > 0.80;
            let turbines = if windy { 0.45 } else { 0.004 };
            let draw = unit(hash, 3);
            let kind = if draw < turbines {
                Large::Turbine
            } else if draw < turbines + 0.07 {
                Large::Mast
            } else if draw < turbines + 0.12 {
                Large::Tanks
            } else if draw < turbines + 0.17 {
                Large::Greenhouses
            } else {
                return;
            };
            let used_for = land.parish_at(at).used_for;
            let room = if kind == Large::Turbine {
                ROOM_MAX_M
            } else {
                70.0
            };
            if used_for != Use::Forest
                && (used_for != Use::Village || kind == Large::Mast)
                && is_clear(corridors, at, room * scale)
                && !is_water(land.seed, at)
            {
                self.large.push((at, hash, kind));
            }
        });
    }

    fn collect_houses(
        &mut self,
        land: &Land<'_>,
        parish: &Parish,
        near: &PlaneBox,
        clear: &impl Fn(PlanePx, f64) -> bool,
    ) {
        let corners = [
            [near.x0, near.y0],
            [near.x1, near.y0],
            [near.x0, near.y1],
            [near.x1, near.y1],
        ]
        .map(|c| parish.own(c));
        let range = |axis: usize| {
            let low = corners.iter().map(|c| c[axis]).fold(f64::MAX, f64::min);
            let high = corners.iter().map(|c| c[axis]).fold(f64::MIN, f64::max);
            (low, high)
        };
        let ((u0, u1), (v0, v1)) = (range(0), range(1));
        for row in (v0 / parish.depth).floor() as i64..=(v1 / parish.depth).floor() as i64 {
            let (width, offset) = parish.columns(row);
            let column = |u: f64| ((u + offset) / width).floor() as i64;
            for column in column(u0)..=column(u1) {
                let hash = mix2(parish.hash ^ 0x40, row, column);
                if unit(hash, 1) > 0.72 {
                    continue;
                }
                let at = parish.place([
                    (column as f64 + 0.4 + 0.2 * unit64(hash, 2)) * width - offset,
                    (row as f64 + 0.42 + 0.16 * unit64(hash, 3)) * parish.depth,
                ]);
                if near.contains(at)
                    && clear(at, CLEARANCE_M + 8.0)
                    && !is_water(land.seed, at)
                    && land.parish_at(at).hash == parish.hash
                {
                    let axis = if unit(hash, 4) < 0.7 {
                        parish.rows
                    } else {
                        [-parish.rows[1], parish.rows[0]]
                    };
                    self.houses.push((at, axis, hash));
                }
            }
        }
    }

    /// Draws everything once.
    pub fn draw(&self, pen: &mut Pen<'_>, pass: Pass) {
        let palette = &pen.land.style.palette;
        for &(at, axis, hash) in &self.houses {
            let size = [8.0 + 9.0 * unit64(hash, 5), 6.5 + 4.5 * unit64(hash, 6)];
            let roof = palette.roofs[(unit(hash, 7) * 3.0) as usize % 3];
            let tone = 0.85 + 0.3 * unit(hash, 8);
            let roof = roof.map(|c| (f32::from(c) * tone).min(255.0) as u8);
            pen.block(at, axis, size, 4.0 + 3.0 * unit(hash, 9), roof, pass);
        }
        for &(at, radius, hash) in &self.trees {
            let tone = 0.8 + 0.4 * unit(hash, 6);
            let colour = palette
                .shrub
                .map(|c| (f32::from(c) * tone).min(255.0) as u8);
            pen.tree(at, radius, colour, pass);
        }
        for (parish, along) in &self.pole_rows {
            pole_row(pen, parish, *along, pass);
        }
        for station in &self.substations {
            substation(pen, station, pass);
        }
        for &(at, hash, kind) in &self.large {
            match kind {
                Large::Turbine => turbine(pen, at, hash, pass),
                Large::Mast => mast(pen, at, hash, pass),
                Large::Tanks => tanks(pen, at, hash, pass),
                Large::Greenhouses => greenhouses(pen, at, hash, pass),
            }
        }
    }

    /// Whether anything that may be taken for a tower stands within the tile.
    #[must_use]
    pub fn has_distractor(&self, tile: &PlaneBox) -> bool {
        self.large.iter().any(|&(at, ..)| tile.contains(at))
            || self.substations.iter().any(|s| tile.contains(s.at))
    }
}

fn is_clear(corridors: &[Corridor], at: PlanePx, room_px: f64) -> bool {
    let limit = room_px * room_px;
    corridors
        .iter()
        .all(|[a, b]| distance_squared(at, *a, *b) > limit)
}

fn grid(area: &PlaneBox, cell: f64, mut visit: impl FnMut(i64, i64)) {
    let index = |v: f64| (v / cell).floor() as i64;
    for j in index(area.y0)..=index(area.y1) {
        for i in index(area.x0)..=index(area.x1) {
            visit(i, j);
        }
    }
}

/// Poles of a local line or street lights, along a straight row through a parish.
fn pole_row(pen: &mut Pen<'_>, parish: &Parish, along: PlanePx, pass: Pass) {
    let hash = parish.hash;
    let spacing = 38.0 + 30.0 * unit64(hash, 83);
    let height = 8.0 + 4.0 * unit(hash, 84);
    let across = [-along[1], along[0]];
    let wood: Rgb = [128, 112, 96];
    let near = pen.view.area().grown(SMALL_REACH_M * pen.view.px_per_m);
    for i in -9..=9 {
        let at = pen.moved(parish.centre, along, f64::from(i) * spacing);
        if !near.contains(at) || is_water(pen.land.seed, at) || pen.land.parish_at(at).hash != hash
        {
            continue;
        }
        pen.rod((at, 0.0), (at, height), 0.35, wood, pass);
        let (left, right) = (pen.moved(at, across, -0.9), pen.moved(at, across, 0.9));
        pen.rod(
            (left, height - 0.6),
            (right, height - 0.6),
            0.22,
            wood,
            pass,
        );
    }
}

/// Three blades on a white tube.
fn turbine(pen: &mut Pen<'_>, at: PlanePx, hash: u64, pass: Pass) {
    const WHITE: Rgb = [232, 234, 236];
    let height = 75.0 + 35.0 * unit(hash, 91);
    let blade = 36.0 + 18.0 * unit64(hash, 92);
    if pass == Pass::Body {
        let pad = pen.view.spot(at);
        let radius = 9.0 * pen.px_per_m();
        pen.canvas
            .disc(pad, radius, pen.land.style.palette.track, 0.85);
    }
    for i in 0..6 {
        let (z0, z1) = (height * i as f32 / 6.0, height * (i + 1) as f32 / 6.0);
        pen.rod((at, z0), (at, z1), 4.4 - 0.38 * i as f32, WHITE, pass);
    }
    let wind = direction(hash, 93);
    let across = [-wind[1], wind[0]];
    let nose = pen.moved(at, wind, 3.5);
    let tail = pen.moved(at, wind, -6.0);
    pen.rod((tail, height), (nose, height), 3.4, WHITE, pass);
    // Three directions 120° apart, from a random one.
    let first = direction(hash, 94);
    const COS: f64 = -0.5;
    const SIN: f64 = 0.866_025_403_784_438_6;
    let turned = |s: f64| [first[0] * COS - first[1] * s, first[0] * s + first[1] * COS];
    for [sideways, up] in [first, turned(SIN), turned(-SIN)] {
        let root = (nose, height);
        let middle = (
            pen.moved(nose, across, sideways * blade * 0.45),
            height + (up * blade * 0.45) as f32,
        );
        let tip = (
            pen.moved(nose, across, sideways * blade),
            height + (up * blade) as f32,
        );
        pen.rod(root, middle, 2.6, WHITE, pass);
        pen.rod(middle, tip, 1.5, WHITE, pass);
    }
}

/// A slim telecom mast without arms, in a fenced yard with a hut.
fn mast(pen: &mut Pen<'_>, at: PlanePx, hash: u64, pass: Pass) {
    let height = 28.0 + 26.0 * unit(hash, 91);
    let axis = direction(hash, 92);
    let across = [-axis[1], axis[0]];
    let steel: Rgb = if unit(hash, 93) < 0.4 {
        [190, 96, 84]
    } else {
        [176, 178, 180]
    };
    if pass == Pass::Body {
        let yard = [(-6.0, -6.0), (6.0, -6.0), (6.0, 6.0), (-6.0, 6.0)].map(|(s, t)| {
            let p = pen.moved(at, axis, s);
            pen.view.spot(pen.moved(p, across, t))
        });
        pen.canvas
            .polygon(&yard, pen.land.style.palette.track, 0.85);
        for i in 0..4 {
            pen.canvas
                .stroke(yard[i], yard[(i + 1) % 4], 0.5, [110, 110, 108], 0.8);
        }
    }
    let hut = pen.moved(pen.moved(at, axis, 3.4), across, 3.2);
    pen.block(hut, axis, [4.0, 2.6], 2.8, [196, 196, 192], pass);
    let foot = 0.9 + 0.7 * unit64(hash, 94);
    for [s, t] in [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]] {
        let base = pen.moved(pen.moved(at, axis, s * foot), across, t * foot);
        let top = pen.moved(pen.moved(at, axis, s * 0.35), across, t * 0.35);
        pen.rod((base, 0.0), (top, height), 0.38, steel, pass);
    }
    for drum in 0..3 {
        let z = height * (0.97 - 0.07 * drum as f32);
        let side = pen.moved(at, direction(hash, 95 + drum), 0.9);
        pen.rod((side, z - 1.0), (side, z + 1.0), 0.9, [226, 226, 224], pass);
    }
}

/// One to four white cylinders.
fn tanks(pen: &mut Pen<'_>, at: PlanePx, hash: u64, pass: Pass) {
    let axis = direction(hash, 91);
    let count = 1 + (unit(hash, 92) * 3.6) as i32;
    let radius = 5.0 + 7.0 * unit64(hash, 93);
    let height = 6.0 + 6.0 * unit(hash, 94);
    for k in 0..count {
        let centre = pen.moved(at, axis, f64::from(k) * radius * 2.5);
        let px = radius as f32 * pen.px_per_m();
        let steps = 10;
        for i in 0..=steps {
            let z = height * i as f32 / steps as f32;
            let spot = pen.raised(centre, z, pass);
            match pass {
                Pass::Shadow => pen.canvas.shade_disc(spot, px, 0.9),
                Pass::Body if i < steps => pen.canvas.disc(spot, px, [168, 168, 166], 1.0),
                Pass::Body => {
                    pen.canvas.disc(spot, px, [224, 224, 220], 1.0);
                    pen.canvas.disc(spot, px * 0.86, [208, 209, 208], 1.0);
                    pen.canvas.disc(spot, px * 0.12, [150, 150, 150], 1.0);
                }
            }
        }
    }
}

/// Rows of long, pale houses of film or glass.
fn greenhouses(pen: &mut Pen<'_>, at: PlanePx, hash: u64, pass: Pass) {
    let axis = direction(hash, 91);
    let across = [-axis[1], axis[0]];
    let count = 2 + (unit(hash, 92) * 8.0) as i32;
    let length = 30.0 + 50.0 * unit64(hash, 93);
    for k in 0..count {
        let centre = pen.moved(at, across, f64::from(k - count / 2) * 10.5);
        let tone = (unit(mix(hash, 94), k as u64) * 26.0) as u8;
        let film: Rgb = [206 + tone, 210 + tone, 212 + tone];
        pen.block(centre, axis, [length, 8.0], 3.2, film, pass);
        if pass == Pass::Body {
            for rib in 1..(length / 5.0) as i32 {
                let p = pen.moved(centre, axis, f64::from(rib) * 5.0 - 0.5 * length);
                let a = pen.raised(pen.moved(p, across, -4.0), 3.2, pass);
                let b = pen.raised(pen.moved(p, across, 4.0), 3.2, pass);
                let width = 0.4 * pen.px_per_m();
                pen.canvas.stroke(a, b, width, [168, 172, 174], 0.7);
            }
        }
    }
}

/// A gravel yard with low gantries and transformers.
fn substation(pen: &mut Pen<'_>, station: &Substation, pass: Pass) {
    const GRAVEL: Rgb = [164, 160, 154];
    const STEEL: Rgb = [196, 198, 200];
    let hash = station.hash;
    let axis = direction(hash, 111);
    let across = [-axis[1], axis[0]];
    let half = if station.level == 0 { 75.0 } else { 38.0 } * (0.8 + 0.5 * unit64(hash, 112));
    let place = |pen: &Pen<'_>, s: f64, t: f64| {
        let p = pen.moved(station.at, axis, s);
        pen.moved(p, across, t)
    };
    if pass == Pass::Body {
        return bays(pen, &place, half, STEEL, pass, hash);
    }
    // The yard lies under the shadows, so it is painted with them.
    let yard = [(-half, -half), (half, -half), (half, half), (-half, half)]
        .map(|(s, t)| pen.view.spot(place(pen, s, t * 0.7)));
    pen.canvas.polygon(&yard, GRAVEL, 0.95);
    for i in 0..4 {
        pen.canvas
            .stroke(yard[i], yard[(i + 1) % 4], 0.8, [96, 96, 94], 0.8);
    }
    bays(pen, &place, half, STEEL, pass, hash);
}

fn bays(
    pen: &mut Pen<'_>,
    place: &impl Fn(&Pen<'_>, f64, f64) -> PlanePx,
    half: f64,
    steel: Rgb,
    pass: Pass,
    hash: u64,
) {
    let rows = (half / 14.0) as i32;
    for r in -rows + 1..rows {
        let s = f64::from(r) * 13.0;
        if r % 3 == 0 {
            // A gantry across the yard.
            let (a, b) = (place(pen, s, -0.45 * half), place(pen, s, 0.45 * half));
            pen.rod((a, 9.0), (b, 9.0), 0.8, steel, pass);
            for p in [a, b] {
                pen.rod((p, 0.0), (p, 9.0), 0.7, steel, pass);
            }
        } else {
            for t in [-0.36, -0.12, 0.12, 0.36] {
                let p = place(pen, s, t * half);
                pen.rod((p, 0.0), (p, 4.5), 0.8, steel, pass);
            }
            let (a, b) = (place(pen, s, -0.4 * half), place(pen, s, 0.4 * half));
            pen.rod((a, 4.5), (b, 4.5), 0.25, steel, pass);
        }
    }
    let axis = direction(hash, 111);
    for k in 0..2 {
        let at = place(pen, (f64::from(k) - 0.5) * 0.6 * half, 0.58 * half);
        pen.block(at, axis, [8.0, 5.0], 5.0, [112, 120, 116], pass);
    }
    let hut = place(pen, -0.8 * half, -0.55 * half);
    pen.block(hut, axis, [16.0, 8.0], 4.0, [186, 180, 172], pass);
}
