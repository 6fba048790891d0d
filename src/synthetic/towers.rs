//! Where the towers of a straight piece of line stand.

use super::{
    hash::{bell, mix, unit64},
    land::is_water,
    network::Section,
    plane::{PlanePx, between, exp, length, normal, px_per_m, sub},
};

/// The longest span, in metres, but for a little stretching.
const SPAN_MAX_M: f64 = 1_200.0;
/// The most towers on one straight piece.
const TOWERS_MAX: usize = 256;

/// A tower as it stands, whatever it looks like.
#[derive(Clone, Copy, Debug)]
pub struct Stand {
    /// The base point on the plane.
    pub at: PlanePx,
    pub id: u64,
    pub line: u64,
    pub height_m: f32,
    /// Unit vector along the line, or along the bisector at an angle point.
    pub along: PlanePx,
    /// Ends or turns a line: stouter.
    pub tension: bool,
}

/// The towers of a section in order, from the one at `a` to the one at `b`, both included.
///
/// The tower at `b` is the first of the next section too: whoever counts towers leaves it out
/// unless the section is the line's last.
pub fn stands(seed: u64, section: &Section, out: &mut Vec<Stand>) {
    out.clear();
    let scale = px_per_m(section.a[1]);
    let run = sub(section.b, section.a);
    let total = length(run) / scale;
    let along = normal(run);
    let line = section.line;
    // Spans: median 300 m; each line has its own habit, and a few spans are long.
    let habit = 0.22 * bell(line, 11) + if section.level == 0 { 0.14 } else { -0.04 };
    let base = mix(line, 0xB000 + u64::from(section.index));
    let mut ends = [0.0f64; TOWERS_MAX];
    let mut count = 0;
    let mut sum = 0.0;
    while sum < total && count + 1 < TOWERS_MAX {
        let hash = mix(base, count as u64);
        let far = if unit64(hash, 1) < 0.012 { 0.75 } else { 0.0 };
        let span = (300.0 * exp(habit + 0.30 * bell(hash, 2) + far)).clamp(90.0, SPAN_MAX_M);
        sum += span;
        ends[count] = sum;
        count += 1;
    }
    // The last span is taken or left, whichever strains the others less.
    if count > 1 && sum - total > total - ends[count - 2] {
        count -= 1;
    }
    let stretch = total / ends[count - 1];
    let angle = |before: PlanePx, at: PlanePx, after: PlanePx| {
        let (u, v) = (normal(sub(at, before)), normal(sub(after, at)));
        normal([u[0] + v[0], u[1] + v[1]])
    };
    let height = |hash: u64| {
        let (typical, spread) = if section.level == 0 {
            (44.0, 5.0)
        } else {
            (33.0, 3.5)
        };
        let own = typical + 3.5 * bell(line, 12) + spread * 0.6 * bell(hash, 3);
        own.clamp(25.0, 60.0) as f32
    };
    let first = if section.index == 0 {
        along
    } else {
        angle(section.before, section.a, section.b)
    };
    let start = mix(base, 0xFFFF);
    out.push(Stand {
        at: section.a,
        id: start,
        line,
        height_m: height(start),
        along: first,
        tension: true,
    });
    let mut stood_at = 0.0;
    for i in 0..count - 1 {
        let id = mix(base, 0x1_0000 + i as u64);
        let dry_place = dry(seed, section, ends[i] * stretch / total, 60.0 / total);
        // Water is spanned as far as towers carry; beyond, a tower gets an islet.
        let next = if i + 1 == count - 1 {
            total
        } else {
            ends[i + 1] * stretch
        };
        if dry_place.is_none() && next - stood_at <= SPAN_MAX_M {
            continue;
        }
        let at =
            dry_place.unwrap_or_else(|| between(section.a, section.b, ends[i] * stretch / total));
        stood_at = length(sub(at, section.a)) / scale;
        out.push(Stand {
            at,
            id,
            line,
            height_m: height(id),
            along,
            tension: false,
        });
    }
    let end = if section.last {
        mix(base, 0xFFFE)
    } else {
        mix(mix(line, 0xB000 + u64::from(section.index) + 1), 0xFFFF)
    };
    out.push(Stand {
        at: section.b,
        id: end,
        line,
        height_m: height(end),
        along: if section.last {
            along
        } else {
            angle(section.a, section.b, section.after)
        },
        tension: true,
    });
    // Neighbours of a long span are taller.
    for i in 1..out.len() {
        let span = length(sub(out[i].at, out[i - 1].at)) / scale;
        if span > 520.0 {
            let more = ((span - 520.0) * 0.02) as f32;
            for end in [i - 1, i] {
                if !out[end].tension {
                    out[end].height_m = (out[end].height_m + more).min(60.0);
                }
            }
        }
    }
}

/// The place at fraction `t`, moved along the line by up to two steps to dry ground; none if the
/// span is to cross the water without it.
fn dry(seed: u64, section: &Section, t: f64, step: f64) -> Option<PlanePx> {
    [0.0, 1.0, -1.0, 2.0, -2.0].into_iter().find_map(|k| {
        let t = t + k * step;
        let at = between(section.a, section.b, t);
        (t > 0.0 && t < 1.0 && !is_water(seed, at)).then_some(at)
    })
}
