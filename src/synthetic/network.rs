//! The deterministic network of high-voltage lines.
//!
//! Two levels of nodes (substations) are jittered on square grids; near nodes are joined by chance
//! and by place; each connection bends at angle points. Whatever lies near a place is found by
//! looking at a fixed number of grid cells around it. Towers are placed in `towers.rs`.

use super::{
    hash::{bell, mix, mix2, unit, unit64},
    noise::value_noise,
    plane::{PlaneBox, PlanePx, WORLD_PX, between, length, normal, px_per_m, sub},
};

/// Side of the grid cells of each level: a tile of zoom 9 and one of zoom 11.
const CELL_PX: [f64; 2] = [131_072.0, 32_768.0];
/// The longest reach of a connection beyond its cell, in cells.
const REACH_CELLS: f64 = 2.0;
/// The most angle points of a connection, ends included.
const POINTS_MAX: usize = 17;
/// The centre of San Marino on the plane, which every world's lines cross.
const SAN_MARINO: PlanePx = [35_876_734.0, 24_417_026.0];

/// A straight piece of a line between two angle points.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    pub line: u64,
    /// Position along the line, counted from 0.
    pub index: u16,
    /// Whether the line ends at `b`.
    pub last: bool,
    /// 0 for the wide-meshed network of tall towers, 1 for the finer one.
    pub level: u8,
    pub a: PlanePx,
    pub b: PlanePx,
    /// The angle points before `a` and after `b`; the same as `a` and `b` at the line's ends.
    pub before: PlanePx,
    pub after: PlanePx,
}

/// A place where lines end.
#[derive(Clone, Copy, Debug)]
pub struct Substation {
    pub at: PlanePx,
    pub level: u8,
    pub hash: u64,
}

/// The network of one seed.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    seed: u64,
}

/// A line's angle points.
struct Route {
    line: u64,
    level: u8,
    count: usize,
    points: [PlanePx; POINTS_MAX],
}

impl Network {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed: mix(seed, 0x11E7),
        }
    }

    /// Calls `visit` with each straight piece whose own box touches `area`, in a fixed order.
    pub fn sections(&self, area: &PlaneBox, mut visit: impl FnMut(&Section)) {
        self.routes(area, |route| {
            for i in 0..route.count - 1 {
                let (a, b) = (route.points[i], route.points[i + 1]);
                if PlaneBox::around(a, b).touches(area) {
                    visit(&Section {
                        line: route.line,
                        index: i as u16,
                        last: i + 2 == route.count,
                        level: route.level,
                        a,
                        b,
                        before: route.points[i.saturating_sub(1)],
                        after: route.points[(i + 2).min(route.count - 1)],
                    });
                }
            }
        });
    }

    /// Calls `visit` with each substation in `area`.
    pub fn substations(&self, area: &PlaneBox, mut visit: impl FnMut(Substation)) {
        for level in 0..2u8 {
            let cell = CELL_PX[usize::from(level)];
            for j in (area.y0 / cell).floor() as i64..=(area.y1 / cell).floor() as i64 {
                for i in (area.x0 / cell).floor() as i64..=(area.x1 / cell).floor() as i64 {
                    let at = self.node(level, i, j);
                    if area.contains(at) && self.has_connection(level, i, j) {
                        visit(Substation {
                            at,
                            level,
                            hash: self.cell_hash(level, i, j),
                        });
                    }
                }
            }
        }
    }

    fn has_connection(&self, level: u8, i: i64, j: i64) -> bool {
        const AROUND: [(i64, i64, usize); 8] = [
            (0, 0, 0),
            (0, 0, 1),
            (0, 0, 2),
            (0, 0, 3),
            (-1, 0, 0),
            (0, -1, 1),
            (-1, -1, 2),
            (1, -1, 3),
        ];
        AROUND
            .iter()
            .any(|&(di, dj, k)| self.connection(level, i + di, j + dj, k).is_some())
    }

    fn cell_hash(&self, level: u8, i: i64, j: i64) -> u64 {
        let cells = (WORLD_PX / CELL_PX[usize::from(level)]) as i64;
        mix2(mix(self.seed, u64::from(level)), i.rem_euclid(cells), j)
    }

    /// The node of a cell, between 15 and 85 % of its sides.
    fn node(&self, level: u8, i: i64, j: i64) -> PlanePx {
        let cell = CELL_PX[usize::from(level)];
        let hash = self.cell_hash(level, i, j);
        [
            (i as f64 + 0.15 + 0.7 * unit64(hash, 1)) * cell,
            (j as f64 + 0.15 + 0.7 * unit64(hash, 2)) * cell,
        ]
    }

    /// How densely a place is settled with lines, 0 to 1.
    fn density(&self, at: PlanePx) -> f32 {
        let x = at[0].rem_euclid(WORLD_PX);
        // The lattice wraps badly at the antimeridian; a jump of density there harms nobody.
        let wide = value_noise(mix(self.seed, 5), x, at[1], 1_572_864.0);
        let near = value_noise(mix(self.seed, 6), x, at[1], 262_144.0);
        let raw = 0.55 * wide + 0.45 * near;
        let polar = (at[1] / WORLD_PX - 0.5).abs() as f32;
        let inhabited = ((0.36 - polar) * 12.0).clamp(0.0, 1.0);
        ((raw - 0.22) * 1.8).clamp(0.0, 1.0) * inhabited
    }

    /// The connection number `k` of a cell's node, if it exists: its other end and its hash.
    fn connection(&self, level: u8, i: i64, j: i64, k: usize) -> Option<(PlanePx, u64)> {
        const TOWARD: [(i64, i64); 4] = [(1, 0), (0, 1), (1, 1), (-1, 1)];
        let cells = (WORLD_PX / CELL_PX[usize::from(level)]) as i64;
        let (di, dj) = TOWARD[k];
        if j < 0 || j + dj >= cells {
            return None;
        }
        let hash = mix(self.cell_hash(level, i, j), 16 + k as u64);
        let here = self.node(level, i, j);
        let density = self.density(here);
        let chance = if level == 0 {
            0.08 + 0.52 * density
        } else {
            0.40 * (density - 0.25).max(0.0)
        };
        let chance = if k >= 2 { 0.35 * chance } else { chance };
        (unit(hash, 0) < chance).then(|| (self.node(level, i + di, j + dj), hash))
    }

    fn routes(&self, area: &PlaneBox, mut visit: impl FnMut(&Route)) {
        for level in 0..2u8 {
            let cell = CELL_PX[usize::from(level)];
            let (i0, i1) = (area.x0 / cell - REACH_CELLS, area.x1 / cell + REACH_CELLS);
            let (j0, j1) = (area.y0 / cell - REACH_CELLS, area.y1 / cell + REACH_CELLS);
            for j in j0.floor() as i64..=j1.floor() as i64 {
                for i in i0.floor() as i64..=i1.floor() as i64 {
                    for k in 0..4 {
                        if let Some((end, hash)) = self.connection(level, i, j, k) {
                            let start = self.node(level, i, j);
                            self.lines_of(area, level, start, end, hash, &mut visit);
                        }
                    }
                }
            }
        }
        self.san_marino(area, &mut visit);
    }

    /// The lines of one connection: one or two in parallel, and a branch.
    fn lines_of(
        &self,
        area: &PlaneBox,
        level: u8,
        start: PlanePx,
        end: PlanePx,
        hash: u64,
        visit: &mut impl FnMut(&Route),
    ) {
        let span = length(sub(end, start));
        // Bends stay within a fifth of the length; a branch reaches a third.
        if !PlaneBox::around(start, end)
            .grown(0.56 * span)
            .touches(area)
        {
            return;
        }
        let halvings = if level == 0 { 4 } else { 3 };
        let mut route = bend(hash, level, start, end, halvings);
        let scale = px_per_m(start[1]);
        if unit(hash, 1) < [0.22, 0.10][usize::from(level)] {
            let apart = (42.0 + 25.0 * unit64(hash, 2)) * scale;
            visit(&beside(&route, 0.5 * apart, mix(hash, 71)));
            visit(&beside(&route, -0.5 * apart, mix(hash, 72)));
        } else {
            visit(&route);
        }
        if unit(hash, 3) < 0.4 {
            // A branch leaves from a tower at an angle point, to one side.
            let from = 2 + (mix(hash, 4) % (route.count as u64 - 4).max(1)) as usize;
            let base = route.points[from];
            let along = normal(sub(route.points[from + 1], route.points[from - 1]));
            let side = if mix(hash, 5) & 1 == 0 { 1.0 } else { -1.0 };
            let reach = (0.12 + 0.2 * unit64(hash, 6)) * span.min(80_000.0);
            let skew = 0.5 * bell(hash, 7).clamp(-1.2, 1.2);
            let away = normal([
                -along[1] * side + along[0] * skew,
                along[0] * side + along[1] * skew,
            ]);
            let tip = [base[0] + away[0] * reach, base[1] + away[1] * reach];
            route = bend(mix(hash, 8), 1, base, tip, 2);
            visit(&route);
        }
    }

    /// Two lines that cross the demo's area for every seed, one from west to east and one from
    /// north to south.
    fn san_marino(&self, area: &PlaneBox, visit: &mut impl FnMut(&Route)) {
        let cell = CELL_PX[1];
        if !PlaneBox::around(SAN_MARINO, SAN_MARINO)
            .grown(3.0 * cell)
            .touches(area)
        {
            return;
        }
        let (i, j) = ((SAN_MARINO[0] / cell) as i64, (SAN_MARINO[1] / cell) as i64);
        for (k, (from, to)) in [((i - 1, j), (i + 1, j)), ((i, j - 1), (i, j + 1))]
            .into_iter()
            .enumerate()
        {
            let hash = mix(self.seed, 0x5A11 + k as u64);
            let via = [
                SAN_MARINO[0] + 1_600.0 * bell(hash, 1).clamp(-1.5, 1.5),
                SAN_MARINO[1] + 1_600.0 * bell(hash, 2).clamp(-1.5, 1.5),
            ];
            let level = 1 - k as u8;
            let west = bend(hash, level, self.node(1, from.0, from.1), via, 2);
            let east = bend(mix(hash, 3), level, via, self.node(1, to.0, to.1), 2);
            let mut route = west;
            for p in &east.points[1..east.count] {
                route.points[route.count] = *p;
                route.count += 1;
            }
            visit(&route);
        }
    }
}

/// A bending route: the middle of each piece is pushed aside, again and again.
fn bend(line: u64, level: u8, start: PlanePx, end: PlanePx, halvings: u32) -> Route {
    let count = (1usize << halvings) + 1;
    let mut points = [[0.0; 2]; POINTS_MAX];
    points[0] = start;
    points[count - 1] = end;
    let restless = 0.03 + 0.09 * unit64(line, 9);
    let mut step = count - 1;
    while step > 1 {
        for left in (0..count - 1).step_by(step) {
            let (a, b) = (points[left], points[left + step]);
            let middle = left + step / 2;
            let along = 0.5 + 0.1 * bell(line, 300 + middle as u64).clamp(-1.5, 1.5);
            let aside = restless * bell(line, 100 + middle as u64).clamp(-1.5, 1.5);
            let m = between(a, b, along);
            let ab = sub(b, a);
            points[middle] = [m[0] - ab[1] * aside, m[1] + ab[0] * aside];
        }
        step /= 2;
    }
    Route {
        line,
        level,
        count,
        points,
    }
}

/// A route beside another, at a constant distance except at its bends' mitres.
fn beside(route: &Route, apart: f64, line: u64) -> Route {
    let mut points = [[0.0; 2]; POINTS_MAX];
    for (i, point) in points[..route.count].iter_mut().enumerate() {
        let before = route.points[i.saturating_sub(1)];
        let after = route.points[(i + 1).min(route.count - 1)];
        let p = route.points[i];
        let first = if i == 0 {
            normal(sub(after, p))
        } else {
            normal(sub(p, before))
        };
        let second = if i + 1 == route.count {
            first
        } else {
            normal(sub(after, p))
        };
        let middle = normal([first[0] + second[0], first[1] + second[1]]);
        let mitre = apart / (middle[0] * first[0] + middle[1] * first[1]).max(0.5);
        *point = [p[0] - middle[1] * mitre, p[1] + middle[0] * mitre];
    }
    Route {
        line,
        level: route.level,
        count: route.count,
        points,
    }
}
