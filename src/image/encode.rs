//! From pixels to encoded images, for classifiers and reviewers that take no raw pixels.

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use super::RGB_BYTES;
use crate::tiles::TILE_SIZE_PX;

/// Encodes a 256×256 RGB8 tile as PNG: lossless, quickly rather than tightly.
///
/// # Panics
/// When `rgb` is not [`RGB_BYTES`] long.
#[must_use]
pub fn encode_png(rgb: &[u8]) -> Vec<u8> {
    assert_eq!(rgb.len(), RGB_BYTES, "a tile's pixels");
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(rgb, TILE_SIZE_PX, TILE_SIZE_PX, ExtendedColorType::Rgb8)
        .expect("writing a tile's pixels to memory cannot fail");
    bytes
}

/// Encodes a 256×256 RGB8 tile as a baseline JPEG of the given quality, 1 to 100.
///
/// # Panics
/// When `rgb` is not [`RGB_BYTES`] long.
#[must_use]
pub fn encode_jpeg(rgb: &[u8], quality: u8) -> Vec<u8> {
    assert_eq!(rgb.len(), RGB_BYTES, "a tile's pixels");
    let side = TILE_SIZE_PX as u16;
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, quality)
        .encode(rgb, side, side, jpeg_encoder::ColorType::Rgb)
        .expect("writing a tile's pixels to memory cannot fail");
    bytes
}
