//! Slow fields, evaluated on a coarse lattice over the canvas.

use super::{canvas::SIDE, plane::PlanePx, view::View};

/// Spacing of the lattice, in canvas pixels.
const LATTICE_PX: usize = 8;
const LATTICE_SIDE: usize = SIDE / LATTICE_PX + 1;

/// A field that changes little from one lattice place to the next.
pub struct Lattice {
    values: [f32; LATTICE_SIDE * LATTICE_SIDE],
}

impl Lattice {
    /// Evaluates a field at the lattice's places.
    pub fn sample(view: &View, mut at: impl FnMut(PlanePx) -> f32) -> Self {
        let mut values = [0.0; LATTICE_SIDE * LATTICE_SIDE];
        for (k, value) in values.iter_mut().enumerate() {
            let (x, y) = (k % LATTICE_SIDE * LATTICE_PX, k / LATTICE_SIDE * LATTICE_PX);
            *value = at(view.place(x as f64, y as f64));
        }
        Self { values }
    }

    /// The interpolated values of one canvas row.
    pub fn row(&self, y: usize, out: &mut [f32; SIDE]) {
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
