//! Telling images of one colour, which say nothing about the ground.

/// How far a channel may lie from the first pixel's, in levels of 255: JPEG compression moves a
/// uniform colour by a level or two.
pub const BLANK_TOLERANCE: u8 = 2;

/// Pixels compared between two looks at the result: one row of a tile.
const STRIDE_BYTES: usize = 256 * 3;

/// Whether every pixel of an RGB8 image is within [`BLANK_TOLERANCE`] of the first in each
/// channel. An empty image is blank.
///
/// Stops after the first row that differs, so that it costs nothing on ordinary tiles.
#[must_use]
pub fn is_blank(rgb: &[u8]) -> bool {
    let Some(&first) = rgb.first_chunk::<3>() else {
        return true;
    };
    rgb.chunks(STRIDE_BYTES).all(|row| {
        // Without an early exit inside the row the comparison runs on whole vectors.
        row.chunks_exact(3)
            .map(|pixel| {
                let apart = |c: usize| pixel[c].abs_diff(first[c]);
                apart(0).max(apart(1)).max(apart(2))
            })
            .fold(0, u8::max)
            <= BLANK_TOLERANCE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{RGB_BYTES, RgbTile, decode, encode_jpeg, test_images};

    #[test]
    fn one_colour_is_blank_also_after_jpeg() {
        for colour in [[0, 0, 0], [255, 255, 255], [17, 93, 201], [236, 236, 228]] {
            let uniform = colour.repeat(RGB_BYTES / 3);
            assert!(is_blank(&uniform));
            let mut out = RgbTile::new();
            decode(&encode_jpeg(&uniform, 75), out.as_bytes_mut()).unwrap();
            assert!(is_blank(out.as_bytes()), "{colour:?}");
        }
    }

    #[test]
    fn one_differing_pixel_anywhere_is_seen() {
        let uniform = [100u8; RGB_BYTES];
        for at in [0, 3, RGB_BYTES / 2, RGB_BYTES - 1] {
            let mut pixels = uniform;
            pixels[at] += BLANK_TOLERANCE + 1;
            assert!(!is_blank(&pixels), "byte {at}");
            pixels[at] -= 1;
            assert!(is_blank(&pixels), "byte {at} within the tolerance");
        }
        assert!(!is_blank(&test_images::scene()));
    }
}
