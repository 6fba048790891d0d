//! Value noise with integer hashing, and two small textures that repeat.

use std::sync::LazyLock;

use super::hash::{mix, mix2, unit};

/// Side of a texture in texels.
pub const TEXTURE_SIDE: usize = 512;
const TEXELS: usize = TEXTURE_SIDE * TEXTURE_SIDE;
const MASK: usize = TEXTURE_SIDE - 1;

/// Smooth noise in [0, 1]: hashed values on a lattice of the given spacing, eased between.
#[must_use]
pub fn value_noise(seed: u64, x: f64, y: f64, spacing: f64) -> f32 {
    Noise::new(seed, spacing).at(x, y)
}

/// The same noise for many places near each other: remembers the lattice cell it was in.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    seed: u64,
    spacing: f64,
    cell: (i64, i64),
    /// Values at the cell's north-western, north-eastern, south-western and south-eastern corner.
    corners: [f32; 4],
}

impl Noise {
    #[must_use]
    pub fn new(seed: u64, spacing: f64) -> Self {
        Self {
            seed,
            spacing,
            cell: (i64::MIN, i64::MIN),
            corners: [0.0; 4],
        }
    }

    #[inline]
    #[must_use]
    pub fn at(&mut self, x: f64, y: f64) -> f32 {
        let (gx, gy) = (x / self.spacing, y / self.spacing);
        let floor = |v: f64| v as i64 - i64::from(v < (v as i64) as f64);
        let (ix, iy) = (floor(gx), floor(gy));
        let (fx, fy) = ((gx - ix as f64) as f32, (gy - iy as f64) as f32);
        let (sx, sy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
        if (ix, iy) != self.cell {
            self.cell = (ix, iy);
            self.corners = [(0, 0), (1, 0), (0, 1), (1, 1)]
                .map(|(dx, dy)| unit(mix2(self.seed, ix + dx, iy + dy), 0));
        }
        let [nw, ne, sw, se] = self.corners;
        let top = nw + (ne - nw) * sx;
        let bottom = sw + (se - sw) * sx;
        top + (bottom - top) * sy
    }
}

/// Textures shared by every world: they carry no knowledge of any place.
pub struct Textures {
    /// Fine grain around 128: noise of periods 2 to 64 texels.
    grain: Box<[u8; TEXELS]>,
    /// Heights of a closed canopy of tree crowns.
    canopy: Box<[u8; TEXELS]>,
}

pub static TEXTURES: LazyLock<Textures> = LazyLock::new(Textures::draw);

impl Textures {
    fn draw() -> Self {
        let mut grain = Box::new([0u8; TEXELS]);
        for (i, texel) in grain.iter_mut().enumerate() {
            let (x, y) = (i % TEXTURE_SIDE, i / TEXTURE_SIDE);
            let mut sum = 0.0;
            for (octave, weight) in [(1u32, 0.55f32), (2, 0.5), (3, 0.4), (4, 0.35), (6, 0.35)] {
                sum += (periodic_noise(octave, x, y) - 0.5) * weight;
            }
            *texel = (128.0 + sum * 150.0).clamp(0.0, 255.0) as u8;
        }
        let mut canopy = Box::new([0u8; TEXELS]);
        const CROWN_CELL: i64 = 8;
        let cells = TEXTURE_SIDE as i64 / CROWN_CELL;
        for cell in 0..cells * cells {
            let hash = mix(0xCA90, cell as u64);
            let radius = 4.0 + 5.0 * unit(hash, 0) * unit(hash, 3);
            let top = 120.0 + 130.0 * unit(hash, 4);
            let cx = (cell % cells * CROWN_CELL) as f32 + unit(hash, 1) * CROWN_CELL as f32;
            let cy = (cell / cells * CROWN_CELL) as f32 + unit(hash, 2) * CROWN_CELL as f32;
            let reach = radius.ceil() as i64;
            for dy in -reach..=reach {
                for dx in -reach..=reach {
                    let (px, py) = (cx.floor() as i64 + dx, cy.floor() as i64 + dy);
                    let (ox, oy) = (px as f32 - cx, py as f32 - cy);
                    let square = (ox * ox + oy * oy) / (radius * radius);
                    if square < 1.0 {
                        let at = (py as usize & MASK) * TEXTURE_SIDE + (px as usize & MASK);
                        canopy[at] = canopy[at].max((top * (1.0 - square).sqrt()) as u8);
                    }
                }
            }
        }
        Self { grain, canopy }
    }

    /// The grain at a texel, around 0.
    #[inline]
    #[must_use]
    pub fn grain(&self, x: i32, y: i32) -> i32 {
        i32::from(self.grain[(y as usize & MASK) * TEXTURE_SIDE + (x as usize & MASK)]) - 128
    }

    /// Height of the canopy at a texel, 0 to 255.
    #[inline]
    #[must_use]
    pub fn canopy(&self, x: i32, y: i32) -> i32 {
        i32::from(self.canopy[(y as usize & MASK) * TEXTURE_SIDE + (x as usize & MASK)])
    }
}

/// Value noise that repeats after [`TEXTURE_SIDE`] texels, of period `2^octave`.
fn periodic_noise(octave: u32, x: usize, y: usize) -> f32 {
    let spacing = 1usize << octave;
    let cells = TEXTURE_SIDE >> octave;
    let (ix, iy) = (x / spacing, y / spacing);
    let fx = (x % spacing) as f32 / spacing as f32;
    let fy = (y % spacing) as f32 / spacing as f32;
    let corner = |dx: usize, dy: usize| {
        let (cx, cy) = ((ix + dx) % cells, (iy + dy) % cells);
        unit(mix2(u64::from(octave), cx as i64, cy as i64), 1)
    };
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * fx;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * fx;
    top + (bottom - top) * fy
}
