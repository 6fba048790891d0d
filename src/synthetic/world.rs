//! The world of one seed: what stands where, and how a tile of it looks.

use std::{cell::RefCell, collections::HashSet};

use super::{
    canvas::{Canvas, MARGIN_PX, Rgb, SIDE},
    ground::{self, Corridor},
    hash::{mix, mix2, unit},
    land::{Land, Parish, is_water},
    network::{Network, Section},
    noise::TEXTURES,
    objects::{Inventory, LARGE_REACH_M, Pass, Pen, ROOM_MAX_M, SMALL_REACH_M},
    plane::{PLANE_ZOOM, PlaneBox, PlanePx, WORLD_PX, px_per_m, sub},
    spec::{PREFIX, StyleChoice},
    style::{STYLES, Style},
    tower::{Family, Member, Shape},
    towers::{Stand, stands},
    view::View,
};
use crate::{
    image::RgbTile,
    tiles::{Bounds, LonLat, PixelPosition, TILE_SIZE_PX, TileCoord, TilePosition, mercator},
};

/// How far a tower with its shadow reaches from its base, in metres: 66 m at a sun of 30°.
const TOWER_REACH_M: f64 = 125.0;
/// Shallowest zoom at which single things are drawn; above, they are smaller than a pixel.
const OBJECTS_ZOOM_MIN: u8 = 14;
/// Zoom whose tiles are the patches of the mosaic of styles.
const MOSAIC_ZOOM: u8 = 10;

/// A drawn world: a pure function of its seed and style.
#[derive(Clone, Debug)]
pub struct World {
    seed: u64,
    style: StyleChoice,
    network: Network,
}

/// A tower of the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tower {
    pub id: u64,
    /// Its base point.
    pub at: LonLat,
    pub line: u64,
    pub height_m: f32,
    pub family: Family,
    /// Ends, turns or branches a line.
    pub tension: bool,
}

/// A piece of a line: its towers' base points in order, from one angle point to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct LinePiece {
    pub line: u64,
    /// Position of the piece along the line.
    pub index: u16,
    /// The place of each tower, both ends included. Longitudes go on beyond ±180 where the piece
    /// crosses the antimeridian.
    pub points: Vec<LonLat>,
    pub voltage_kv: u32,
}

/// What a tile shows of towers.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// Holds the base point of at least one tower: where in the tile each stands.
    Positive(Vec<PixelPosition>),
    /// Holds no base, but shows some of a tower's steel. Such tiles are neither right nor wrong
    /// and are left out of training and scoring. A shadow or a conductor alone is not enough.
    Partial,
    /// Shows nothing of any tower.
    Negative {
        /// Crossed by a line, whose conductors may be seen.
        wires: bool,
        /// Holds something that a careless eye takes for a tower.
        distractor: bool,
    },
}

/// Buffers reused from tile to tile on each thread.
#[derive(Default)]
struct Scratch {
    canvas: Canvas,
    parishes: Vec<Parish>,
    sections: Vec<Section>,
    corridors: Vec<Corridor>,
    stands: Vec<Stand>,
    inventory: Inventory,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl World {
    #[must_use]
    pub fn new(seed: u64, style: StyleChoice) -> Self {
        Self {
            seed,
            style,
            network: Network::new(seed),
        }
    }

    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The text that names this world as imagery: `synthetic:SEED` or `synthetic:SEED/STYLE`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.style {
            StyleChoice::Mosaic => format!("{PREFIX}{}", self.seed),
            StyleChoice::One(style) => format!("{PREFIX}{}/{}", self.seed, style.name),
        }
    }

    /// The style that a tile is drawn in. A mosaic's style is that of the tile's ancestor of zoom
    /// 10, or of its centre above that.
    #[must_use]
    pub fn style_at(&self, tile: TileCoord) -> &'static Style {
        match self.style {
            StyleChoice::One(style) => style,
            StyleChoice::Mosaic => {
                let at = |v: u32| {
                    if tile.z >= MOSAIC_ZOOM {
                        v >> (tile.z - MOSAIC_ZOOM)
                    } else {
                        (2 * v + 1) << (MOSAIC_ZOOM - tile.z) >> 1
                    }
                };
                // Strips of three patches from north to south, as imagery is flown.
                let hash = mix2(
                    mix(self.seed, 0x3051),
                    i64::from(at(tile.x)),
                    i64::from(at(tile.y) / 3),
                );
                let seen = STYLES.iter().filter(|s| !s.held_out).count();
                STYLES
                    .iter()
                    .filter(|s| !s.held_out)
                    .nth((hash % seen as u64) as usize)
                    .unwrap_or(&STYLES[0])
            }
        }
    }

    /// Draws a tile.
    pub fn draw(&self, tile: TileCoord, out: &mut RgbTile) {
        SCRATCH.with_borrow_mut(|scratch| self.draw_with(scratch, tile, out));
    }

    fn draw_with(&self, scratch: &mut Scratch, tile: TileCoord, out: &mut RgbTile) {
        let style = self.style_at(tile);
        self.sketch(scratch, tile, style);
        for &side in style.softening {
            scratch.canvas.soften(side);
        }
        self.develop(&scratch.canvas, tile, style, out);
    }

    /// Draws everything on the canvas, before the camera softens it.
    fn sketch(&self, scratch: &mut Scratch, tile: TileCoord, style: &'static Style) {
        let view = view_of(tile);
        let land = Land {
            seed: self.seed,
            style,
        };
        let area = view.area();
        let detailed = tile.z >= OBJECTS_ZOOM_MIN;
        if detailed {
            land.parishes(&area, &mut scratch.parishes);
            self.gather_lines(scratch, &view);
        } else {
            scratch.parishes.clear();
            scratch.corridors.clear();
            scratch.sections.clear();
        }
        ground::paint(
            &mut scratch.canvas,
            &view,
            &land,
            &scratch.parishes,
            &scratch.corridors,
        );
        if detailed {
            let inventory = &mut scratch.inventory;
            // Beyond the painted parishes: houses and poles reach over with their shadows.
            let around = area.grown(SMALL_REACH_M * view.px_per_m);
            land.parishes(&around, &mut scratch.parishes);
            inventory.collect(&view, &land, &scratch.parishes, &scratch.corridors);
            inventory.substations.clear();
            let wide = area.grown(150.0 * view.px_per_m);
            self.network
                .substations(&wide, |station| inventory.substations.push(station));
            self.draw_things(scratch, &view, &land);
        }
    }

    /// The canvas of a tile with its margin, before the camera softens it.
    #[cfg(test)]
    pub(super) fn sketched(&self, tile: TileCoord) -> Vec<Rgb> {
        let mut scratch = Scratch::default();
        self.sketch(&mut scratch, tile, self.style_at(tile));
        scratch.canvas.rgb
    }

    /// Finds the line sections whose towers or wires may show, or that other things keep clear of.
    fn gather_lines(&self, scratch: &mut Scratch, view: &View) {
        scratch.sections.clear();
        scratch.corridors.clear();
        let reach = view
            .area()
            .grown((LARGE_REACH_M + ROOM_MAX_M) * view.px_per_m);
        self.network.sections(&reach, |section| {
            scratch.sections.push(*section);
            scratch.corridors.push([section.a, section.b]);
        });
    }

    fn draw_things(&self, scratch: &mut Scratch, view: &View, land: &Land<'_>) {
        let near = view.area().grown(TOWER_REACH_M * view.px_per_m);
        let mut pen = Pen {
            canvas: &mut scratch.canvas,
            view,
            land,
        };
        scratch.inventory.draw(&mut pen, Pass::Shadow);
        scratch
            .sections
            .retain(|s| PlaneBox::around(s.a, s.b).touches(&near));
        for section in &scratch.sections {
            stands(self.seed, section, &mut scratch.stands);
            for stand in owned(section, &scratch.stands) {
                if near.contains(stand.at) {
                    draw_footing(&mut pen, stand);
                    draw_tower(&mut pen, stand, Pass::Shadow);
                }
            }
        }
        pen.canvas.settle_shadow(land.style.ambient);
        scratch.inventory.draw(&mut pen, Pass::Body);
        for section in &scratch.sections {
            stands(self.seed, section, &mut scratch.stands);
            for stand in owned(section, &scratch.stands) {
                if near.contains(stand.at) {
                    draw_tower(&mut pen, stand, Pass::Body);
                }
            }
            for pair in scratch.stands.windows(2) {
                draw_wires(&mut pen, &pair[0], &pair[1]);
            }
        }
    }

    /// Contrast, haze and the sensor's noise, and the crop to the tile.
    fn develop(&self, canvas: &Canvas, tile: TileCoord, style: &Style, out: &mut RgbTile) {
        let (haze, share) = style.haze;
        let mut tables = [[0u8; 256]; 3];
        for (channel, table) in tables.iter_mut().enumerate() {
            for (value, entry) in table.iter_mut().enumerate() {
                let plain = (value as f32 - 128.0) * style.contrast + 128.0;
                let hazy = plain * (1.0 - share) + f32::from(haze[channel]) * share;
                *entry = (hazy + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
        let noise = (style.sensor_noise * 8.0) as i32;
        let offset = mix2(mix(self.seed, 7), i64::from(tile.x), i64::from(tile.y));
        let (ox, oy) = ((offset & 511) as i32, (offset >> 9 & 511) as i32);
        let side = TILE_SIZE_PX as usize;
        let rows = out.as_bytes_mut().chunks_exact_mut(side * 3);
        for (y, row) in rows.enumerate() {
            let from = (y + MARGIN_PX) * SIDE + MARGIN_PX;
            let pixels = &canvas.rgb[from..from + side];
            for (x, (out, pixel)) in row.chunks_exact_mut(3).zip(pixels).enumerate() {
                let (tx, ty) = (x as i32 * 7 + ox, y as i32 * 7 + oy);
                let speck = TEXTURES.grain(tx, ty) * noise / 256;
                for (c, value) in out.iter_mut().enumerate() {
                    let toned = i32::from(tables[c][usize::from(pixel[c])]);
                    *value = (toned + speck).clamp(0, 255) as u8;
                }
            }
        }
    }

    /// The towers whose base lies in the bounds (half-open to the east and south), in the order
    /// of the network. Walks every line that touches the bounds: meant for a country at the most.
    #[must_use]
    pub fn towers_in(&self, bounds: Bounds) -> Vec<Tower> {
        let mut towers = Vec::new();
        for area in boxes_of(bounds) {
            self.stands_in(&area, |stand| towers.push(self.tower(stand)));
        }
        towers
    }

    /// The line pieces with a tower in the bounds or beside them.
    #[must_use]
    pub fn lines_in(&self, bounds: Bounds) -> Vec<LinePiece> {
        let mut pieces = Vec::new();
        let mut stood = Vec::new();
        for area in boxes_of(bounds) {
            self.network.sections(&area, |section| {
                stands(self.seed, section, &mut stood);
                pieces.push(LinePiece {
                    line: section.line,
                    index: section.index,
                    points: stood.iter().map(|s| continuous_lon_lat(s.at)).collect(),
                    voltage_kv: if section.level == 0 { 400 } else { 132 },
                });
            });
        }
        pieces
    }

    /// What a tile shows of towers.
    #[must_use]
    pub fn label(&self, tile: TileCoord) -> Label {
        SCRATCH.with_borrow_mut(|scratch| self.label_with(scratch, tile))
    }

    fn label_with(&self, scratch: &mut Scratch, tile: TileCoord) -> Label {
        let view = view_of(tile);
        let land = Land {
            seed: self.seed,
            style: self.style_at(tile),
        };
        let own = tile_box(&view);
        let near = own.grown(TOWER_REACH_M * view.px_per_m);
        let mut bases = Vec::new();
        let mut partial = false;
        self.stands_in(&near, |stand| {
            if own.contains(stand.at) {
                let spot = view.spot(stand.at);
                let px = |v: f32| f64::from((v - MARGIN_PX as f32).clamp(0.0, 255.99));
                bases.push(PixelPosition {
                    x_px: px(spot[0]),
                    y_px: px(spot[1]),
                });
            } else if !partial && tile.z >= OBJECTS_ZOOM_MIN {
                partial = shows_in(&view, &land, stand);
            }
        });
        if !bases.is_empty() {
            return Label::Positive(bases);
        }
        if partial {
            return Label::Partial;
        }
        self.gather_lines(scratch, &view);
        let inventory = &mut scratch.inventory;
        inventory.collect_large(&view, &land, &scratch.corridors);
        inventory.substations.clear();
        self.network
            .substations(&own, |station| inventory.substations.push(station));
        let wires = scratch.corridors.iter().any(|[a, b]| crosses(&own, *a, *b));
        Label::Negative {
            wires,
            distractor: inventory.has_distractor(&own),
        }
    }

    /// Calls `visit` with each tower whose base lies in the box, each once: where lines meet, at
    /// a substation or a branch, they share the first one's tower.
    fn stands_in(&self, area: &PlaneBox, mut visit: impl FnMut(&Stand)) {
        let mut stood = Vec::new();
        let mut taken = HashSet::new();
        // A section's towers lie on it, so its own box is enough.
        self.network.sections(&area.grown(1.0), |section| {
            stands(self.seed, section, &mut stood);
            for stand in owned(section, &stood) {
                // Lines that meet do so at the very same place, to the last bit.
                if area.contains(stand.at) && taken.insert(stand.at.map(f64::to_bits)) {
                    visit(stand);
                }
            }
        });
    }

    fn tower(&self, stand: &Stand) -> Tower {
        let place = lon_lat(stand.at);
        let style = self.style_at(mercator::tile_at(place, PLANE_ZOOM));
        Tower {
            id: stand.id,
            at: place,
            line: stand.line,
            height_m: stand.height_m,
            family: family_of(style, stand.line),
            tension: stand.tension,
        }
    }
}

/// The stands that belong to a section: all but the far end's, which the next section owns.
fn owned<'a>(section: &Section, stands: &'a [Stand]) -> &'a [Stand] {
    if section.last {
        stands
    } else {
        &stands[..stands.len() - 1]
    }
}

fn view_of(tile: TileCoord) -> View {
    let side = f64::from(TILE_SIZE_PX);
    // Powers of two, so that these are exact.
    let scale = if tile.z >= PLANE_ZOOM {
        f64::from(1u32 << (tile.z - PLANE_ZOOM))
    } else {
        1.0 / f64::from(1u32 << (PLANE_ZOOM - tile.z))
    };
    let origin = [
        f64::from(tile.x) * side / scale,
        f64::from(tile.y) * side / scale,
    ];
    View {
        origin,
        scale,
        px_per_m: px_per_m(origin[1] + 0.5 * side / scale),
    }
}

fn tile_box(view: &View) -> PlaneBox {
    let side = f64::from(TILE_SIZE_PX) / view.scale;
    PlaneBox {
        x0: view.origin[0],
        y0: view.origin[1],
        x1: view.origin[0] + side,
        y1: view.origin[1] + side,
    }
}

/// The boxes on the plane of bounds in degrees: two where they cross the antimeridian.
fn boxes_of(bounds: Bounds) -> Vec<PlaneBox> {
    let px = |lon, lat| {
        let TilePosition { x, y } = mercator::lon_lat_to_tile(LonLat { lon, lat }, PLANE_ZOOM);
        [x * f64::from(TILE_SIZE_PX), y * f64::from(TILE_SIZE_PX)]
    };
    let between = |west, east| PlaneBox::around(px(west, bounds.north), px(east, bounds.south));
    if bounds.crosses_antimeridian() {
        vec![between(bounds.west, 180.0), between(-180.0, bounds.east)]
    } else {
        vec![between(bounds.west, bounds.east)]
    }
}

fn lon_lat(at: PlanePx) -> LonLat {
    continuous_lon_lat([at[0].rem_euclid(WORLD_PX), at[1]])
}

fn continuous_lon_lat(at: PlanePx) -> LonLat {
    let side = f64::from(TILE_SIZE_PX);
    let position = TilePosition {
        x: at[0] / side,
        y: at[1] / side,
    };
    mercator::tile_to_lon_lat(position, PLANE_ZOOM)
}

/// Whether a straight piece crosses a box (Liang and Barsky, 1984).
fn crosses(area: &PlaneBox, a: PlanePx, b: PlanePx) -> bool {
    let d = sub(b, a);
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (axis, low, high) in [(0, area.x0, area.x1), (1, area.y0, area.y1)] {
        if d[axis].abs() < 1e-9 {
            if a[axis] < low || a[axis] >= high {
                return false;
            }
        } else {
            let (s, t) = ((low - a[axis]) / d[axis], (high - a[axis]) / d[axis]);
            from = from.max(s.min(t));
            to = to.min(s.max(t));
        }
    }
    from < to
}

/// The family of a line's towers in a style.
fn family_of(style: &Style, line: u64) -> Family {
    let mut draw = unit(line, 31);
    for &(family, share) in style.families {
        if draw < share {
            return family;
        }
        draw -= share;
    }
    style.families[0].0
}

fn shape_of(style: &Style, stand: &Stand) -> Shape {
    let family = family_of(style, stand.line);
    let height = if family == Family::Portal {
        (stand.height_m * 0.72).max(25.0)
    } else {
        stand.height_m
    };
    Shape::new(family, height, stand.tension, stand.line)
}

/// Where a point of a tower appears on the canvas, or its shadow falls.
fn project(
    pen_view: &View,
    offset: [f32; 2],
    stand: &Stand,
    base: [f32; 2],
    p: [f32; 3],
) -> [f32; 2] {
    let m = (pen_view.px_per_m * pen_view.scale) as f32;
    let (ux, uy) = (stand.along[0] as f32, stand.along[1] as f32);
    let (x, y) = (-uy * p[0] + ux * p[1], ux * p[0] + uy * p[1]);
    [
        base[0] + (x + offset[0] * p[2]) * m,
        base[1] + (y + offset[1] * p[2]) * m,
    ]
}

/// Whether any steel of a tower shows inside the tile.
fn shows_in(view: &View, land: &Land<'_>, stand: &Stand) -> bool {
    let shape = shape_of(land.style, stand);
    let base = view.spot(stand.at);
    let (low, high) = (MARGIN_PX as f32, (SIDE - MARGIN_PX) as f32);
    let mut shows = false;
    shape.members(false, |member: Member| {
        let a = project(view, land.style.lean, stand, base, member.a);
        let b = project(view, land.style.lean, stand, base, member.b);
        let inside = |axis: usize| a[axis].min(b[axis]) < high && a[axis].max(b[axis]) > low;
        shows |= inside(0) && inside(1);
    });
    shows
}

/// Disturbed ground and concrete under a tower.
fn draw_footing(pen: &mut Pen<'_>, stand: &Stand) {
    let style = pen.land.style;
    let shape = shape_of(style, stand);
    let base = pen.view.spot(stand.at);
    let m = pen.px_per_m();
    if is_water(pen.land.seed, stand.at) {
        let radius = (shape.foot_m * 1.5 + 5.0) * m;
        pen.canvas.disc(base, radius, style.palette.bare, 1.0);
    }
    if unit(stand.id, 41) < 0.7 {
        let soil = style.palette.bare;
        let radius = (shape.foot_m * 1.25 + 1.5) * m;
        pen.canvas
            .disc(base, radius, soil, 0.25 + 0.35 * unit(stand.id, 42));
    }
    let feet: &[[f32; 2]] = match shape.family {
        Family::Monopole => &[[0.0, 0.0]],
        Family::Portal => &[[0.58, 0.0], [-0.58, 0.0]],
        _ => &[[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]],
    };
    let reach = if shape.family == Family::Portal {
        shape.arm_m
    } else {
        shape.foot_m
    };
    for foot in feet {
        let at = [foot[0] * reach, foot[1] * reach, 0.0];
        let spot = project(pen.view, [0.0; 2], stand, base, at);
        pen.canvas.disc(spot, 0.75 * m, [198, 196, 190], 0.7);
    }
}

fn draw_tower(pen: &mut Pen<'_>, stand: &Stand, pass: Pass) {
    let style = pen.land.style;
    let shape = shape_of(style, stand);
    let base = pen.view.spot(stand.at);
    let m = pen.px_per_m();
    let fine = pen.view.scale >= 2.0;
    let (ux, uy) = (stand.along[0] as f32, stand.along[1] as f32);
    let sun = style.shadow;
    let length = (sun[0] * sun[0] + sun[1] * sun[1]).sqrt().max(0.1);
    let zinc = 0.9 + 0.2 * unit(stand.line, 32);
    shape.members(fine, |member| {
        let offset = if pass == Pass::Shadow {
            style.shadow
        } else {
            style.lean
        };
        let a = project(pen.view, offset, stand, base, member.a);
        let b = project(pen.view, offset, stand, base, member.b);
        let width = member.width_m * m;
        match pass {
            Pass::Shadow => pen.canvas.shade_stroke(a, b, width * 1.15, 0.9),
            Pass::Body => {
                // Faces toward the sun gleam, the others are dark against the ground.
                let face = [
                    -uy * member.face[0] + ux * member.face[1],
                    ux * member.face[0] + uy * member.face[1],
                ];
                let toward = -(face[0] * sun[0] + face[1] * sun[1]) / length;
                let tone = (166.0 + 74.0 * toward.clamp(-1.0, 1.0)) * zinc;
                let grey = |k: f32| (tone * k).min(255.0) as u8;
                let colour: Rgb = [grey(0.99), grey(1.0), grey(1.01)];
                pen.canvas.stroke(a, b, width * 1.05, colour, 1.0);
            }
        }
    });
}

/// The sagging conductors from one tower to the next.
fn draw_wires(pen: &mut Pen<'_>, from: &Stand, to: &Stand) {
    const PIECES: usize = 20;
    let style = pen.land.style;
    let m = pen.px_per_m();
    // At less than a tenth of a pixel there is nothing to see.
    if m < 0.5 {
        return;
    }
    let area = pen.view.area().grown(40.0 * pen.view.px_per_m);
    if !area.touches(&PlaneBox::around(from.at, to.at)) {
        return;
    }
    let run = sub(to.at, from.at);
    let span_m = ((run[0] * run[0] + run[1] * run[1]).sqrt() / pen.view.px_per_m) as f32;
    let sag = (7.5 * (span_m / 300.0) * (span_m / 300.0)).min(16.0);
    let (first, second) = (shape_of(style, from), shape_of(style, to));
    let (start, end) = (pen.view.spot(from.at), pen.view.spot(to.at));
    let mut ends = [[0.0f32; 3]; 8];
    let mut count = 0;
    second.attachments(|p| {
        ends[count] = p;
        count += 1;
    });
    let width = (0.16 * m).clamp(0.09, 1.2) * style.wire_opacity;
    let limit = SIDE as f32 + 8.0;
    let mut wire = 0;
    first.attachments(|p| {
        let q = ends[wire.min(count - 1)];
        wire += 1;
        let gleam = unit(from.id, 50 + wire as u64);
        let colour: Rgb = if gleam < 0.6 {
            [214, 216, 218]
        } else {
            [70, 70, 72]
        };
        let at = |t: f32| {
            let lift = -4.0 * sag * t * (1.0 - t);
            let a = project(pen.view, style.lean, from, start, [p[0], p[1], p[2] + lift]);
            let b = project(pen.view, style.lean, to, end, [q[0], q[1], q[2] + lift]);
            [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
        };
        let mut last = at(0.0);
        for i in 0..PIECES {
            let next = at((i + 1) as f32 / PIECES as f32);
            let inside = |axis: usize| {
                last[axis].min(next[axis]) < limit && last[axis].max(next[axis]) > -8.0
            };
            if inside(0) && inside(1) {
                let seen = unit(from.id, 1_000 + (wire * PIECES + i) as u64);
                if seen > 0.2 {
                    pen.canvas
                        .stroke(last, next, width, colour, 0.35 + 0.65 * seen);
                }
            }
            last = next;
        }
    });
}
