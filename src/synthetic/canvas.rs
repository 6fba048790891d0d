//! The canvas a tile is drawn on: pixels with a margin, and a mask of cast shadow.

use crate::tiles::TILE_SIZE_PX;

/// Pixels drawn beyond each edge of the tile, so that blurring knows its neighbours.
pub const MARGIN_PX: usize = 4;
/// Side of the canvas in pixels.
pub const SIDE: usize = TILE_SIZE_PX as usize + 2 * MARGIN_PX;

/// A colour, red, green and blue.
pub type Rgb = [u8; 3];
/// A place on the canvas in pixels, from the outer north-western corner.
pub type Spot = [f32; 2];

/// Pixels and shadow of one tile with its margin. One is kept for each thread.
pub struct Canvas {
    pub rgb: Vec<Rgb>,
    /// How much of the sun each pixel misses, 0 to 255.
    pub shadow: Vec<u8>,
    blurred: Vec<Rgb>,
    /// Whether any shadow was cast since the last [`Canvas::settle_shadow`].
    shaded: bool,
}

impl Canvas {
    #[must_use]
    pub fn new() -> Self {
        Self {
            rgb: vec![[0; 3]; SIDE * SIDE],
            shadow: vec![0; SIDE * SIDE],
            blurred: vec![[0; 3]; SIDE * SIDE],
            shaded: false,
        }
    }

    /// Paints a straight stroke of a width in pixels; strokes thinner than a pixel come out faint.
    pub fn stroke(&mut self, a: Spot, b: Spot, width: f32, colour: Rgb, opacity: f32) {
        let rgb = &mut self.rgb;
        trace(a, b, width, |at, cover| {
            blend(&mut rgb[at], colour, cover * opacity)
        });
    }

    /// Casts the shadow of a straight member.
    pub fn shade_stroke(&mut self, a: Spot, b: Spot, width: f32, depth: f32) {
        self.shaded = true;
        let shadow = &mut self.shadow;
        trace(a, b, width, |at, cover| {
            let more = (cover * depth * 255.0 + 0.5) as u8;
            shadow[at] = shadow[at].saturating_add(more);
        });
    }

    /// Paints a soft-edged disc.
    pub fn disc(&mut self, centre: Spot, radius: f32, colour: Rgb, opacity: f32) {
        let rgb = &mut self.rgb;
        fill_disc(centre, radius, |at, cover| {
            blend(&mut rgb[at], colour, cover * opacity)
        });
    }

    /// Casts a disc of shadow.
    pub fn shade_disc(&mut self, centre: Spot, radius: f32, depth: f32) {
        self.shaded = true;
        let shadow = &mut self.shadow;
        fill_disc(centre, radius, |at, cover| {
            shadow[at] = shadow[at].max((cover * depth * 255.0 + 0.5) as u8);
        });
    }

    /// Paints a convex polygon.
    pub fn polygon(&mut self, corners: &[Spot], colour: Rgb, opacity: f32) {
        let rgb = &mut self.rgb;
        fill_polygon(corners, |at, cover| {
            blend(&mut rgb[at], colour, cover * opacity)
        });
    }

    /// Casts the shadow of a convex polygon.
    pub fn shade_polygon(&mut self, corners: &[Spot], depth: f32) {
        self.shaded = true;
        let shadow = &mut self.shadow;
        fill_polygon(corners, |at, cover| {
            shadow[at] = shadow[at].max((cover * depth * 255.0 + 0.5) as u8);
        });
    }

    /// Darkens the pixels by the shadow cast so far and clears the mask. `ambient` is what is left
    /// of each channel in full shadow, in 1/256.
    pub fn settle_shadow(&mut self, ambient: [u16; 3]) {
        if !self.shaded {
            return;
        }
        self.shaded = false;
        for (pixel, shadow) in self.rgb.iter_mut().zip(&mut self.shadow) {
            if *shadow > 0 {
                let depth = u32::from(*shadow);
                for (channel, &left) in pixel.iter_mut().zip(&ambient) {
                    let factor = 256 * 255 - depth * (256 - u32::from(left));
                    *channel = ((u32::from(*channel) * factor) / (256 * 255)) as u8;
                }
                *shadow = 0;
            }
        }
    }

    /// Softens the image once with the kernel (`side`, 256 − 2·`side`, `side`)/256 both ways. The
    /// outermost pixels keep their colour, so three passes at the most stay inside the margin.
    pub fn soften(&mut self, side: u16) {
        if side == 0 {
            return;
        }
        let middle = 256 - 2 * side;
        // Bytes three apart are the same channel of neighbouring pixels. The weights sum to 256,
        // so 16 bits are enough.
        let weigh = |a: u8, b: u8, c: u8| {
            ((side * (u16::from(a) + u16::from(c)) + middle * u16::from(b) + 128) >> 8) as u8
        };
        const ROW: usize = SIDE * 3;
        let rgb = self.rgb.as_flattened_mut();
        let blurred = self.blurred.as_flattened_mut();
        for (row, out) in rgb.chunks_exact(ROW).zip(blurred.chunks_exact_mut(ROW)) {
            out[..3].copy_from_slice(&row[..3]);
            out[ROW - 3..].copy_from_slice(&row[ROW - 3..]);
            let (left, here, right) = (&row[..ROW - 6], &row[3..ROW - 3], &row[6..]);
            for (((out, &a), &b), &c) in out[3..ROW - 3].iter_mut().zip(left).zip(here).zip(right) {
                *out = weigh(a, b, c);
            }
        }
        let inner = &mut rgb[ROW..ROW * (SIDE - 1)];
        let (above, here, below) = (&blurred[..], &blurred[ROW..], &blurred[2 * ROW..]);
        for (((out, &a), &b), &c) in inner.iter_mut().zip(above).zip(here).zip(below) {
            *out = weigh(a, b, c);
        }
    }
}

impl Default for Canvas {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn blend(pixel: &mut Rgb, colour: Rgb, opacity: f32) {
    let alpha = (opacity.min(1.0) * 256.0) as i32;
    for (channel, &new) in pixel.iter_mut().zip(&colour) {
        let old = i32::from(*channel);
        *channel = (old + (((i32::from(new) - old) * alpha + 128) >> 8)) as u8;
    }
}

/// Visits the pixels of a straight stroke with the share of each that it covers.
fn trace(a: Spot, b: Spot, width: f32, mut visit: impl FnMut(usize, f32)) {
    let steep = (b[1] - a[1]).abs() > (b[0] - a[0]).abs();
    // Along the longer axis `u`; `v` is the other one.
    let (u, v) = if steep { (1, 0) } else { (0, 1) };
    let (a, b) = if a[u] <= b[u] { (a, b) } else { (b, a) };
    let run = b[u] - a[u];
    let limit = SIDE as f32;
    if b[u] <= 0.0 || a[u] >= limit {
        return;
    }
    let slope = if run > 1e-6 { (b[v] - a[v]) / run } else { 0.0 };
    let half = 0.5 * width * (1.0 + slope * slope).sqrt();
    let first = a[u].max(0.0).floor() as usize;
    let last = (b[u].min(limit).ceil() as usize).min(SIDE);
    for i in first..last {
        let (lo, hi) = (a[u].max(i as f32), b[u].min(i as f32 + 1.0));
        let along = hi - lo;
        let centre = a[v] + slope * (0.5 * (lo + hi) - a[u]);
        let (low, high) = (centre - half, centre + half);
        if high <= 0.0 || low >= limit || along <= 0.0 {
            continue;
        }
        let from = low.max(0.0).floor() as usize;
        let to = (high.ceil().min(limit) as usize).min(SIDE);
        for j in from..to {
            let across = high.min(j as f32 + 1.0) - low.max(j as f32);
            if across > 0.0 {
                let at = if steep { i * SIDE + j } else { j * SIDE + i };
                visit(at, across * along);
            }
        }
    }
}

fn fill_disc(centre: Spot, radius: f32, mut visit: impl FnMut(usize, f32)) {
    let limit = SIDE as f32;
    let reach = radius + 1.0;
    if centre[0] + reach <= 0.0
        || centre[1] + reach <= 0.0
        || centre[0] - reach >= limit
        || centre[1] - reach >= limit
    {
        return;
    }
    let span = |c: f32| {
        let from = (c - reach).max(0.0) as usize;
        let to = ((c + reach).min(limit).ceil() as usize).min(SIDE);
        from..to
    };
    for y in span(centre[1]) {
        for x in span(centre[0]) {
            let (dx, dy) = (x as f32 + 0.5 - centre[0], y as f32 + 0.5 - centre[1]);
            let cover = radius + 0.5 - (dx * dx + dy * dy).sqrt();
            if cover > 0.0 {
                visit(y * SIDE + x, cover.min(1.0));
            }
        }
    }
}

/// Visits the pixels of a convex polygon; an edge fades over one pixel.
fn fill_polygon(corners: &[Spot], mut visit: impl FnMut(usize, f32)) {
    let mut edges = [[0.0f32; 3]; 8];
    let count = corners.len().min(8);
    let area: f32 = (0..count)
        .map(|i| {
            let (p, q) = (corners[i], corners[(i + 1) % count]);
            p[0] * q[1] - q[0] * p[1]
        })
        .sum();
    let sign = if area >= 0.0 { 1.0 } else { -1.0 };
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for i in 0..count {
        let (p, q) = (corners[i], corners[(i + 1) % count]);
        let (dx, dy) = (q[0] - p[0], q[1] - p[1]);
        let length = (dx * dx + dy * dy).sqrt().max(1e-6);
        let (nx, ny) = (-dy / length * sign, dx / length * sign);
        edges[i] = [nx, ny, -(nx * p[0] + ny * p[1])];
        for axis in 0..2 {
            low[axis] = low[axis].min(p[axis]);
            high[axis] = high[axis].max(p[axis]);
        }
    }
    let limit = SIDE as f32;
    let span = |axis: usize| {
        let from = (low[axis] - 1.0).clamp(0.0, limit) as usize;
        let to = ((high[axis] + 1.0).clamp(0.0, limit).ceil() as usize).min(SIDE);
        from..to
    };
    for y in span(1) {
        for x in span(0) {
            let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
            let mut cover = 1.0f32;
            for edge in &edges[..count] {
                cover = cover.min(edge[0] * px + edge[1] * py + edge[2] + 0.5);
            }
            if cover > 0.0 {
                visit(y * SIDE + x, cover.min(1.0));
            }
        }
    }
}
