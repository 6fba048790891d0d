//! Decoded pixels: 256×256 RGB8 images, decoding, encoding, and telling those that show nothing.
//!
//! In: encoded payloads. Out: pixels, rows top-down. Never: any knowledge of where a tile lies, a
//! silent resize, or pixels made up for a file that ends too early.

mod blank;
mod contrast;
mod decode;
mod encode;
mod error;
mod format;
mod jpeg;
mod other_formats;
mod size;
#[cfg(test)]
pub(crate) mod test_images;

pub use blank::{BLANK_TOLERANCE, is_blank};
pub use contrast::{LOW_CONTRAST_DEVIATION, is_low_contrast};
pub use decode::{decode, decode_double, looks_whole, size_of};
pub use encode::{encode_jpeg, encode_png};
pub use error::ImageError;
pub use format::Format;
pub use size::Size;

use crate::tiles::TILE_SIZE_PX;

/// Bytes in a decoded tile: 256 × 256 pixels of red, green and blue.
pub const RGB_BYTES: usize = (TILE_SIZE_PX * TILE_SIZE_PX * 3) as usize;

/// A decoded tile: 256×256 pixels, RGB8, rows top-down, no padding.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbTile(Box<[u8]>);

impl RgbTile {
    /// A black tile.
    #[must_use]
    pub fn new() -> Self {
        Self(vec![0; RGB_BYTES].into_boxed_slice())
    }

    /// The pixels, [`RGB_BYTES`] bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[must_use]
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Default for RgbTile {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for RgbTile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RgbTile")
    }
}
