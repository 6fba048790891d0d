//! Telling images that show next to nothing: plain cards with a line of text, haze, calm water.

/// Standard deviation, in levels of 255, below which an image has low contrast. Cards that say "no
/// imagery here" in grey on grey lie well below, ordinary land above.
pub const LOW_CONTRAST_DEVIATION: u64 = 12;

/// Of this many rows one is looked at, which is enough for text of any readable size.
const ROW_STEP: usize = 4;
const ROW_BYTES: usize = 256 * 3;

/// Whether the green channel of an RGB8 tile, which carries most of its lightness, has a standard
/// deviation below [`LOW_CONTRAST_DEVIATION`].
///
/// The squared deviations of some rows about their own mean are never more than those of all rows,
/// so the look ends as soon as these are too many: after a few rows on ordinary tiles.
#[must_use]
pub fn is_low_contrast(rgb: &[u8]) -> bool {
    let samples = (rgb.len() / ROW_BYTES).div_ceil(ROW_STEP) as u64 * (ROW_BYTES / 3) as u64;
    let bound = LOW_CONTRAST_DEVIATION * LOW_CONTRAST_DEVIATION * samples;
    let (mut count, mut sum, mut squares) = (0u64, 0u64, 0u64);
    for row in rgb.chunks_exact(ROW_BYTES).step_by(ROW_STEP) {
        let (mut row_sum, mut row_squares) = (0u32, 0u32);
        for pixel in row.chunks_exact(3) {
            let level = u32::from(pixel[1]);
            row_sum += level;
            row_squares += level * level;
        }
        count += (ROW_BYTES / 3) as u64;
        sum += u64::from(row_sum);
        squares += u64::from(row_squares);
        // Σ(x − mean)² = Σx² − (Σx)² / n, less than 1 too large for the rounding.
        if squares - sum * sum / count > bound {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{RGB_BYTES, test_images};

    /// A tile whose green level at a pixel is given by column and row.
    fn tile(level: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        (0..RGB_BYTES / 3)
            .flat_map(|pixel| [200, level(pixel % 256, pixel / 256), 10])
            .collect()
    }

    #[test]
    fn the_standard_deviation_decides() {
        // Two equally frequent levels lie half their distance from the mean.
        let stripes = |apart: u8| tile(move |x, _| 100 + if x % 2 == 0 { apart } else { 0 });
        assert!(is_low_contrast(&stripes(22)));
        assert!(!is_low_contrast(&stripes(26)));
    }

    #[test]
    fn a_card_with_a_line_of_text_has_low_contrast_and_land_has_not() {
        let text =
            |x: usize, y: usize| (120..136).contains(&y) && (40..216).contains(&x) && x % 6 < 2;
        assert!(is_low_contrast(&tile(|x, y| if text(x, y) {
            140
        } else {
            204
        })));
        assert!(!is_low_contrast(&test_images::scene()));
    }

    #[test]
    fn what_differs_only_at_the_end_is_seen() {
        assert!(!is_low_contrast(&tile(|_, y| if y < 200 {
            90
        } else {
            140
        })));
    }
}
