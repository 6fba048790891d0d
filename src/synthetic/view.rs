//! Where the canvas lies on the plane.

use super::{
    canvas::{MARGIN_PX, SIDE},
    plane::{PlaneBox, PlanePx},
};

/// The canvas's place and scale.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The tile's north-western corner.
    pub origin: PlanePx,
    /// Pixels of the tile to a pixel of zoom 18.
    pub scale: f64,
    /// Pixels of zoom 18 to a metre, at the tile's middle row.
    pub px_per_m: f64,
}

impl View {
    /// The place of a canvas position.
    #[must_use]
    pub fn place(&self, x: f64, y: f64) -> PlanePx {
        let margin = MARGIN_PX as f64;
        [
            self.origin[0] + (x - margin) / self.scale,
            self.origin[1] + (y - margin) / self.scale,
        ]
    }

    /// The canvas position of a place.
    #[must_use]
    pub fn spot(&self, at: PlanePx) -> [f32; 2] {
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
