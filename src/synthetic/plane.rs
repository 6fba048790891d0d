//! The plane the world is drawn on: Web Mercator in pixels of zoom 18.
//!
//! All places are pairs of f64, x eastward from the antimeridian and y southward. Arithmetic here
//! uses only operations that IEEE 754 rounds exactly, so that every machine draws the same world.

/// Zoom whose pixels are the unit of the plane.
pub const PLANE_ZOOM: u8 = 18;
/// Side of the world in pixels of zoom 18.
pub const WORLD_PX: f64 = 67_108_864.0;

/// A place on the plane, or a way from one to another: x and y in pixels of zoom 18.
pub type PlanePx = [f64; 2];

/// An axis-parallel box on the plane, in pixels of zoom 18; x may leave the world at the
/// antimeridian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneBox {
    pub x0: f64,
    pub y0: f64,
    pub x1: f64,
    pub y1: f64,
}

impl PlaneBox {
    #[must_use]
    pub fn around(a: PlanePx, b: PlanePx) -> Self {
        Self {
            x0: a[0].min(b[0]),
            y0: a[1].min(b[1]),
            x1: a[0].max(b[0]),
            y1: a[1].max(b[1]),
        }
    }

    #[must_use]
    pub fn grown(self, by: f64) -> Self {
        Self {
            x0: self.x0 - by,
            y0: self.y0 - by,
            x1: self.x1 + by,
            y1: self.y1 + by,
        }
    }

    #[must_use]
    pub fn touches(&self, other: &Self) -> bool {
        self.x0 <= other.x1 && other.x0 <= self.x1 && self.y0 <= other.y1 && other.y0 <= self.y1
    }

    /// Whether a place lies inside; the far edges belong to the neighbours.
    #[must_use]
    pub fn contains(&self, p: PlanePx) -> bool {
        p[0] >= self.x0 && p[0] < self.x1 && p[1] >= self.y0 && p[1] < self.y1
    }
}

/// Pixels of zoom 18 to a metre on the ground at a row of the plane: Mercator's scale there.
#[must_use]
pub fn px_per_m(y: f64) -> f64 {
    let m = std::f64::consts::PI * (1.0 - 2.0 * (y / WORLD_PX).clamp(0.0, 1.0));
    let e = exp(m);
    0.5 * (e + 1.0 / e) / 0.597_164_283_559_817
}

/// e^x by range reduction and a Taylor series: the platform's own differs in the last bit from
/// machine to machine.
#[must_use]
pub fn exp(x: f64) -> f64 {
    let n = (x * std::f64::consts::LOG2_E).round();
    let r = x - n * std::f64::consts::LN_2;
    let mut term = 1.0;
    let mut sum = 1.0;
    for i in 1..14 {
        term *= r / f64::from(i);
        sum += term;
    }
    sum * f64::from_bits(((1023 + n as i64) as u64) << 52)
}

#[must_use]
pub fn sub(a: PlanePx, b: PlanePx) -> PlanePx {
    [a[0] - b[0], a[1] - b[1]]
}

#[must_use]
pub fn length(v: PlanePx) -> f64 {
    (v[0] * v[0] + v[1] * v[1]).sqrt()
}

/// The vector scaled to length 1, or east if it has none.
#[must_use]
pub fn normal(v: PlanePx) -> PlanePx {
    let l = length(v);
    if l > 0.0 {
        [v[0] / l, v[1] / l]
    } else {
        [1.0, 0.0]
    }
}

/// The place a fraction of the way from `a` to `b`.
#[must_use]
pub fn between(a: PlanePx, b: PlanePx, t: f64) -> PlanePx {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
}

/// Squared distance from a place to a straight piece.
#[must_use]
pub fn distance_squared(p: PlanePx, a: PlanePx, b: PlanePx) -> f64 {
    let ab = sub(b, a);
    let square = ab[0] * ab[0] + ab[1] * ab[1];
    let ap = sub(p, a);
    let t = if square > 0.0 {
        ((ap[0] * ab[0] + ap[1] * ab[1]) / square).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let d = sub(ap, [ab[0] * t, ab[1] * t]);
    d[0] * d[0] + d[1] * d[1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::{LonLat, mercator};

    #[test]
    fn the_scale_is_mercators() {
        assert!((px_per_m(WORLD_PX / 2.0) * 0.597_164 - 1.0).abs() < 1e-5);
        let north = LonLat {
            lon: 12.0,
            lat: 60.0,
        };
        let y_px = 256.0 * mercator::lon_lat_to_tile(north, PLANE_ZOOM).y;
        assert!((px_per_m(y_px) * 0.597_164 - 2.0).abs() < 1e-4);
    }

    #[test]
    fn the_exponential_agrees_with_the_platforms() {
        for i in -70..70 {
            let x = f64::from(i) / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-12, "{x}");
        }
    }
}
