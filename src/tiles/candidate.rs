//! What is kept of a tile beside its outcome.

use bytes::Bytes;
use half::f16;

/// The positive margin spread over the network's last feature map, rows top-down.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributionGrid {
    pub width: u16,
    pub height: u16,
    /// `width × height` cells, row-major.
    pub cells: Vec<f16>,
}

/// A box that a detector drew around something it found in a tile.
///
/// Coordinates are pixels of the tile: 0 is its western (northern) edge, 256 its eastern (southern)
/// one. A box may stick out of the tile, where the detector guesses how far the thing goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TileBox {
    /// Position of its class among the model's classes.
    pub class: u16,
    /// Probability of that class, 0 to 1.
    pub score: f32,
    /// Western edge.
    pub x0: f32,
    /// Northern edge.
    pub y0: f32,
    /// Eastern edge, not less than `x0`.
    pub x1: f32,
    /// Southern edge, not less than `y0`.
    pub y1: f32,
}

impl TileBox {
    /// Whether its numbers are numbers and its edges in order.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let numbers = [self.score, self.x0, self.y0, self.x1, self.y1];
        numbers.into_iter().all(f32::is_finite) && self.x0 <= self.x1 && self.y0 <= self.y1
    }
}

/// A tile whose score reached the run's keep threshold, with what a reviewer needs to judge it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Row-major index of the tile in its block.
    pub index: u16,
    pub score: f32,
    /// Where in the tile the score comes from, if the model says so.
    pub attribution: Option<AttributionGrid>,
    /// What a detector found in the tile, in its order; empty for other models. A candidate stays
    /// one a tile, however many boxes it has.
    pub boxes: Vec<TileBox>,
    /// XXH3-64 of the encoded payload (of the pixels, for sources of pixels), by which repeated
    /// placeholders are recognised.
    pub content_hash: u64,
    /// The encoded image, if the run keeps it for review.
    pub payload: Option<Bytes>,
}

/// A scored tile below the keep threshold whose image shows next to nothing: perhaps a card that
/// says "no imagery here", which its repetition would tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowContrast {
    /// Row-major index of the tile in its block.
    pub index: u16,
    /// As in [`Candidate::content_hash`].
    pub content_hash: u64,
}
