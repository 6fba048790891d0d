//! JPEG encoding of drawn tiles.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::{image::RgbTile, tiles::TILE_SIZE_PX};

/// Encodes a tile as a baseline JPEG of a quality from 1 to 100. Colour is subsampled below 90, as
/// imagery providers do.
#[must_use]
pub fn encode(tile: &RgbTile, quality: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 * 1024);
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(if quality < 90 {
        SamplingFactor::R_4_2_0
    } else {
        SamplingFactor::R_4_4_4
    });
    let side = TILE_SIZE_PX as u16;
    encoder
        .encode(tile.as_bytes(), side, side, ColorType::Rgb)
        .expect("a tile of the right size is written to memory");
    out
}
