//! The contact sheet: all tiles of a probe on one picture, each with its address and finding.

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use super::{Finding, ProbedTile, font};
use crate::{image::RgbTile, tiles::TILE_SIZE_PX};

const SIDE_PX: usize = TILE_SIZE_PX as usize;
/// Tiles side by side.
const COLUMNS: usize = 5;
/// Pixels around each cell.
const GAP_PX: usize = 8;
/// Each pixel of a letter is a square of this many.
const LETTER_SCALE: usize = 2;
/// Between the lines of a label.
const LINE_PX: usize = font::HEIGHT_PX * LETTER_SCALE + 6;
/// Two lines: the address, and the finding.
const LABEL_PX: usize = 2 * LINE_PX + 4;

const PAPER: [u8; 3] = [24, 26, 30];
const ABSENT: [u8; 3] = [58, 62, 70];
const ADDRESS: [u8; 3] = [235, 235, 235];
const GOOD: [u8; 3] = [120, 220, 130];
const NEUTRAL: [u8; 3] = [150, 175, 220];
const BAD: [u8; 3] = [255, 150, 90];

/// The sheet as PNG: five tiles a row, at full size.
///
/// # Panics
/// Never: a picture of a size that fits in memory can be encoded there.
#[must_use]
pub fn contact_sheet(tiles: &[ProbedTile]) -> Vec<u8> {
    let columns = tiles.len().clamp(1, COLUMNS);
    let rows = tiles.len().div_ceil(columns).max(1);
    let cell = (SIDE_PX + GAP_PX, SIDE_PX + LABEL_PX + GAP_PX);
    let mut canvas = Canvas::new(columns * cell.0 + GAP_PX, rows * cell.1 + GAP_PX);
    for (index, tile) in tiles.iter().enumerate() {
        let x = GAP_PX + index % columns * cell.0;
        let y = GAP_PX + index / columns * cell.1;
        match &tile.image {
            Some(image) => canvas.paste(x, y, image),
            None => canvas.absent(x, y),
        }
        canvas.write(x, y + SIDE_PX + 4, &tile.tile.to_string(), ADDRESS);
        let colour = match tile.finding {
            Finding::Real => GOOD,
            Finding::NoImagery | Finding::Blank => NEUTRAL,
            _ => BAD,
        };
        canvas.write(x, y + SIDE_PX + 4 + LINE_PX, tile.finding.name(), colour);
    }
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(
            &canvas.pixels,
            canvas.width as u32,
            canvas.height as u32,
            ExtendedColorType::Rgb8,
        )
        .expect("writing a picture to memory cannot fail");
    png
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: PAPER.repeat(width * height),
        }
    }

    fn row(&mut self, x: usize, y: usize, length: usize) -> &mut [u8] {
        let start = (y * self.width + x) * 3;
        &mut self.pixels[start..start + length * 3]
    }

    fn paste(&mut self, x: usize, y: usize, image: &RgbTile) {
        for (row, bytes) in image.as_bytes().chunks_exact(SIDE_PX * 3).enumerate() {
            self.row(x, y + row, SIDE_PX).copy_from_slice(bytes);
        }
    }

    /// A grey field with a cross, unlike anything that a source would send.
    fn absent(&mut self, x: usize, y: usize) {
        for row in 0..SIDE_PX {
            let bytes = self.row(x, y + row, SIDE_PX);
            for (column, pixel) in bytes.chunks_exact_mut(3).enumerate() {
                let crossed = column.abs_diff(row) < 2 || (column + row).abs_diff(SIDE_PX) < 2;
                pixel.copy_from_slice(if crossed { &PAPER } else { &ABSENT });
            }
        }
    }

    /// Writes one line, cut off at the width of a tile.
    fn write(&mut self, x: usize, y: usize, text: &str, colour: [u8; 3]) {
        let advance = font::ADVANCE_PX * LETTER_SCALE;
        for (index, letter) in text.chars().take(SIDE_PX / advance).enumerate() {
            for (row, bits) in font::glyph(letter).into_iter().enumerate() {
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    let left = x + index * advance + column * LETTER_SCALE;
                    for line in 0..LETTER_SCALE {
                        let down = y + row * LETTER_SCALE + line;
                        self.row(left, down, LETTER_SCALE)
                            .copy_from_slice(&colour.repeat(LETTER_SCALE));
                    }
                }
            }
        }
    }
}
