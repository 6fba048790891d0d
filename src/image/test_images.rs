//! Images that the tests draw for themselves.

use super::RGB_BYTES;
use crate::tiles::TILE_SIZE_PX;

/// Side of the drawn images.
pub(crate) const SIDE: u32 = TILE_SIZE_PX;

/// A textured scene, 256×256 RGB8, with about the detail of an aerial photograph.
pub(crate) fn scene() -> Vec<u8> {
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    let mut pixels = Vec::with_capacity(RGB_BYTES);
    for y in 0..SIDE {
        for x in 0..SIDE {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            let grain = (noise >> 60) as u32;
            let field = if (x / 37 + y / 53) % 2 == 0 { 90 } else { 130 };
            let road = if (x + 2 * y) % 190 < 9 { 60 } else { 0 };
            pixels.push((field + road + grain) as u8);
            pixels.push((field + 15 + road + grain) as u8);
            pixels.push((field / 2 + road + grain + x / 16) as u8);
        }
    }
    pixels
}
