//! The size of an image.

use super::ImageError;

/// Width and height of an image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    /// A square of the given side.
    #[must_use]
    pub const fn square(side: u32) -> Self {
        Self {
            width: side,
            height: side,
        }
    }

    /// Refuses any other size than the expected square.
    pub(super) fn expect(self, expected: Self) -> Result<(), ImageError> {
        if self == expected {
            return Ok(());
        }
        Err(ImageError::WrongSize {
            width: self.width,
            height: self.height,
            expected: expected.width,
        })
    }
}
