//! What a tower is made of: straight members in metres, and where its conductors hang.
//!
//! A tower's own axes: x across the line (along the arms), y along the line, z up.

use super::hash::unit;

/// How a tower is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A lattice tower for one circuit: three arms, alternating sides.
    Single,
    /// A lattice tower for two circuits: three pairs of arms.
    Double,
    /// A lattice tower with a waist and a wide window above it.
    Delta,
    /// Two lattice legs and a beam.
    Portal,
    /// A tapering steel tube with pairs of arms.
    Monopole,
}

impl Family {
    /// OSM's `design` and `structure` values.
    #[must_use]
    pub fn osm_tags(self) -> (&'static str, &'static str) {
        match self {
            Self::Single => ("asymmetric", "lattice"),
            Self::Double => ("barrel", "lattice"),
            Self::Delta => ("delta", "lattice"),
            Self::Portal => ("h-frame", "lattice"),
            Self::Monopole => ("barrel", "tubular"),
        }
    }
}

/// A point in the tower's own axes, in metres.
pub type Point = [f32; 3];

/// One straight member.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub a: Point,
    pub b: Point,
    pub width_m: f32,
    /// The direction the member's face looks, for the light: x and y, 0 for none.
    pub face: [f32; 2],
}

/// A tower's measures.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub family: Family,
    pub height_m: f32,
    /// Half the side of the base's square.
    pub foot_m: f32,
    /// Half the width over the widest arms.
    pub arm_m: f32,
}

impl Shape {
    /// The measures of a tower of a family; `hash` belongs to its line, so that a line's towers
    /// look alike.
    #[must_use]
    pub fn new(family: Family, height_m: f32, stout: bool, hash: u64) -> Self {
        let arm = match family {
            Family::Single => 0.105,
            Family::Double => 0.15,
            Family::Delta => 0.215,
            Family::Portal => 0.30,
            Family::Monopole => 0.12,
        } * height_m
            * (0.9 + 0.25 * unit(hash, 21));
        let foot = match family {
            Family::Monopole => 1.1,
            Family::Portal => 0.12 * height_m,
            _ => (0.085 + 0.02 * unit(hash, 22)) * height_m * if stout { 1.15 } else { 1.0 },
        };
        Self {
            family,
            height_m,
            foot_m: foot.clamp(1.0, 6.2),
            arm_m: (arm * 1.35).clamp(5.5, 12.5),
        }
    }

    /// Where the conductors hang, in the order shared by all towers of a family.
    pub fn attachments(&self, mut visit: impl FnMut(Point)) {
        let (h, a) = (self.height_m, self.arm_m);
        let drop = 0.055 * h;
        match self.family {
            Family::Double | Family::Monopole => {
                for (z, reach) in DOUBLE_ARMS {
                    visit([a * reach, 0.0, z * h - drop]);
                    visit([-a * reach, 0.0, z * h - drop]);
                }
                visit([0.0, 0.0, h]);
            }
            Family::Single => {
                for (z, reach) in SINGLE_ARMS {
                    visit([a * reach, 0.0, z * h - drop]);
                }
                visit([0.0, 0.0, h]);
            }
            Family::Delta => {
                for x in [-0.95, 0.0, 0.95] {
                    visit([a * x, 0.0, 0.86 * h - drop]);
                }
                visit([-0.55 * a, 0.0, h]);
                visit([0.55 * a, 0.0, h]);
            }
            Family::Portal => {
                for x in [-0.95, 0.0, 0.95] {
                    visit([a * x, 0.0, 0.88 * h - drop]);
                }
                visit([-0.5 * a, 0.0, h]);
                visit([0.5 * a, 0.0, h]);
            }
        }
    }

    /// Calls `visit` with every member. `fine` adds the bracing that only deep zooms resolve.
    pub fn members(&self, fine: bool, mut visit: impl FnMut(Member)) {
        let (h, a, foot) = (self.height_m, self.arm_m, self.foot_m);
        match self.family {
            Family::Single | Family::Double => {
                let waist = 0.22 * foot + 0.35;
                let arms: &[(f32, f32)] = match self.family {
                    Family::Single => &SINGLE_ARMS,
                    _ => &[],
                };
                let low = 0.58 * h;
                Shaft {
                    wide: [foot, foot],
                    from: 0.0,
                    narrow: [waist, waist],
                    to: low,
                }
                .members(fine, &mut visit);
                Shaft {
                    wide: [waist, waist],
                    from: low,
                    narrow: [0.25, 0.25],
                    to: h,
                }
                .members(fine, &mut visit);
                for &(z, reach) in arms {
                    arm(z * h, a * reach, waist, &mut visit);
                }
                if self.family == Family::Double {
                    for (z, reach) in DOUBLE_ARMS {
                        arm(z * h, a * reach, waist, &mut visit);
                        arm(z * h, -a * reach, waist, &mut visit);
                    }
                }
            }
            Family::Delta => {
                let waist = 0.3 * foot + 0.2;
                let (low, beam) = (0.55 * h, 0.86 * h);
                Shaft {
                    wide: [foot, foot],
                    from: 0.0,
                    narrow: [waist, waist],
                    to: low,
                }
                .members(fine, &mut visit);
                for side in [-1.0, 1.0] {
                    let out = side * 0.55 * a;
                    for y in [-0.8, 0.8] {
                        visit(member(
                            [side * waist, y, low],
                            [out * 1.15, y, beam],
                            0.34,
                            [side, 0.0],
                        ));
                        visit(member(
                            [0.0, y, low],
                            [out * 0.8, y, beam],
                            0.26,
                            [-side, 0.0],
                        ));
                        visit(member([out, y, beam], [out, 0.0, h], 0.26, [side, 0.0]));
                    }
                }
                beam_members(a, beam, 0.8, &mut visit);
            }
            Family::Portal => {
                let beam = 0.88 * h;
                for side in [-1.0f32, 1.0] {
                    let (x, top) = (side * 0.58 * a, side * 0.50 * a);
                    let mut shift = |m: Member| {
                        let t = |p: Point| [p[0] + x + (top - x) * p[2] / h, p[1], p[2]];
                        visit(Member {
                            a: t(m.a),
                            b: t(m.b),
                            ..m
                        });
                    };
                    Shaft {
                        wide: [0.9, 1.1],
                        from: 0.0,
                        narrow: [0.5, 0.5],
                        to: beam,
                    }
                    .members(fine, &mut shift);
                    shift(member([0.0, 0.0, beam], [0.0, 0.0, h], 0.3, [side, 0.0]));
                }
                beam_members(a, beam, 0.7, &mut visit);
            }
            Family::Monopole => {
                const RINGS: usize = 6;
                for i in 0..RINGS {
                    let (t, u) = (i as f32 / RINGS as f32, (i + 1) as f32 / RINGS as f32);
                    let width = 1.9 - 1.3 * t;
                    visit(member(
                        [0.0, 0.0, t * h],
                        [0.0, 0.0, u * h],
                        width,
                        [0.0, 0.0],
                    ));
                }
                for (z, reach) in DOUBLE_ARMS {
                    for side in [-1.0, 1.0] {
                        let tip = [side * a * reach, 0.0, z * h + 0.8];
                        visit(member([0.0, 0.0, z * h], tip, 0.45, [0.0, 0.4]));
                    }
                }
            }
        }
    }
}

/// Height (share of the tower's) and reach (share of the widest arm's) of the arm pairs.
const DOUBLE_ARMS: [(f32, f32); 3] = [(0.64, 0.86), (0.77, 1.0), (0.90, 0.74)];
/// The same for alternating arms.
const SINGLE_ARMS: [(f32, f32); 3] = [(0.66, 1.0), (0.66, -1.0), (0.82, 0.86)];

fn member(a: Point, b: Point, width_m: f32, face: [f32; 2]) -> Member {
    Member {
        a,
        b,
        width_m,
        face,
    }
}

/// Four legs that narrow upward, braced.
struct Shaft {
    /// Half sides in x and y at the lower end.
    wide: [f32; 2],
    /// Height of the lower end.
    from: f32,
    /// Half sides at the upper end.
    narrow: [f32; 2],
    /// Height of the upper end.
    to: f32,
}

impl Shaft {
    fn members(&self, fine: bool, visit: &mut impl FnMut(Member)) {
        const CORNERS: [[f32; 2]; 4] = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]];
        let corner = |c: usize, t: f32| {
            let [sx, sy] = CORNERS[c % 4];
            [
                sx * (self.wide[0] + (self.narrow[0] - self.wide[0]) * t),
                sy * (self.wide[1] + (self.narrow[1] - self.wide[1]) * t),
                self.from + (self.to - self.from) * t,
            ]
        };
        let panels = if fine { 10 } else { 5 };
        for c in 0..4 {
            let face = [
                0.5 * (CORNERS[c][0] + CORNERS[(c + 1) % 4][0]),
                0.5 * (CORNERS[c][1] + CORNERS[(c + 1) % 4][1]),
            ];
            let leg_face = [CORNERS[c][0] * 0.7, CORNERS[c][1] * 0.7];
            visit(member(corner(c, 0.0), corner(c, 1.0), 0.46, leg_face));
            for p in 0..panels {
                let (t, u) = (p as f32 / panels as f32, (p + 1) as f32 / panels as f32);
                visit(member(corner(c, t), corner(c + 1, u), 0.22, face));
                visit(member(corner(c + 1, t), corner(c, u), 0.22, face));
                if p > 0 {
                    visit(member(corner(c, t), corner(c + 1, t), 0.22, face));
                }
            }
        }
    }
}

/// A tapering arm from the shaft to its tip.
fn arm(z: f32, reach: f32, waist: f32, visit: &mut impl FnMut(Member)) {
    let side = reach.signum();
    let tip = [reach, 0.0, z];
    for y in [-waist, waist] {
        let face = [0.0, y.signum()];
        visit(member([side * waist, y, z], tip, 0.36, face));
        visit(member(
            [side * waist * 0.8, y, z + 0.16 * reach.abs() + 0.8],
            tip,
            0.28,
            face,
        ));
        let half = [0.5 * (side * waist + reach), 0.5 * y, z];
        visit(member(half, [half[0], -half[1], z], 0.22, face));
    }
}

/// A lattice beam across the whole tower, of half depth `y`.
fn beam_members(a: f32, z: f32, y: f32, visit: &mut impl FnMut(Member)) {
    const BAYS: usize = 6;
    for side in [-1.0, 1.0] {
        let face = [0.0, side];
        visit(member([-a, side * 0.3, z], [a, side * 0.3, z], 0.38, face));
        visit(member(
            [-0.8 * a, side * y, z + 1.2],
            [0.8 * a, side * y, z + 1.2],
            0.34,
            face,
        ));
    }
    for bay in 0..BAYS {
        let at = |i: usize| -0.8 * a + 1.6 * a * i as f32 / BAYS as f32;
        let (s, t) = if bay % 2 == 0 { (-y, y) } else { (y, -y) };
        visit(member(
            [at(bay), s, z + 1.2],
            [at(bay + 1), t, z + 1.2],
            0.22,
            [0.0, 0.5],
        ));
    }
}
