//! The bytes of an outcome, as a ledger stores it and a message between machines carries it.
//!
//! In: what became of the tiles of one block ([`Frame`]). Out: bytes, and from bytes the same
//! [`Frame`] or an error. Never: what is not bytes, such as files, candidates or names of images.
//!
//! Both versions are one [Zstandard] frame; all numbers are little-endian. `n` is the number of
//! wanted tiles, `s` that of the scored ones, and tiles stand in the mask's rising order.
//!
//! | version | bytes of the content | what |
//! |---|---|---|
//! | 2 | 1 | the version: 2 |
//! | 2 | 1 | flags: bit 0, stages are told; bit 1, images are told; the others are 0 |
//! | 1, 2 | 512 | the wanted tiles ([`TileMask::to_bytes`]) |
//! | 1, 2 | n | the number of each tile's state |
//! | 1, 2 | 4 s | the scores, f32, in planes |
//! | 2, by flag | ⌈n / 8⌉ | the stages, a bit a tile from the lowest: 0 the first, 1 the second |
//! | 2, by flag | 4 n | the number of each tile's image, u32, in planes; 0 for none |
//!
//! *Planes*: all lowest bytes come first, all highest bytes last. Split so, the slowly varying
//! exponents of scores lie together and compress.
//!
//! Version 2 carries Zstandard's checksum of the content, and one without it is refused, so no
//! flipped bit leads to other contents. Version 1 has no checksum: of 1,500 single flipped bits, 325
//! were read as other scores. It is written only into ledgers of version 1.
//!
//! [Zstandard]: https://www.rfc-editor.org/rfc/rfc8878

mod error;
mod planes;
#[cfg(test)]
mod tests;
mod version_1;
mod version_2;

use std::num::NonZeroU32;

pub use error::FrameError;

use crate::tiles::{BLOCK_TILES, CascadeStage, TileMask, TileOutcome, TileState};

/// How hard Zstandard tries; higher levels gain next to nothing on so few bytes.
const LEVEL: i32 = 3;
const MASK_BYTES: usize = BLOCK_TILES / 8;
/// The most bytes of content: version, flags, mask, and for each tile of a block a state, a score, a
/// bit of stage and an image.
const CONTENT_BYTES_MAX: usize = 2 + MASK_BYTES + BLOCK_TILES * (1 + 4 + 4) + BLOCK_TILES / 8;
/// The most bytes of an encoded frame: what does not compress grows by less than this
/// (`ZSTD_compressBound`). Longer input is refused before it is looked at.
pub const FRAME_BYTES_MAX: usize = CONTENT_BYTES_MAX + CONTENT_BYTES_MAX / 128 + 128;

/// What became of some tiles of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub wanted: TileMask,
    /// One entry for each wanted tile, in the mask's rising order; so are the following.
    pub tiles: Vec<TileOutcome>,
    /// Which model of a cascade answered; empty where there is one model.
    pub stages: Vec<CascadeStage>,
    /// The number of the image that the tile was cut from, `None` for no known one; empty where the
    /// source tells no images. What the numbers stand for is told beside the frame.
    pub images: Vec<Option<NonZeroU32>>,
}

/// The version of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameVersion {
    /// No checksum, no stages, no images.
    One,
    Two,
}

impl Frame {
    /// The frame's bytes, at most [`FRAME_BYTES_MAX`].
    ///
    /// # Errors
    /// When a list has another length than the mask, or version 1 cannot hold what is told.
    pub fn encode(&self, version: FrameVersion) -> Result<Vec<u8>, FrameError> {
        let expected = self.wanted.count();
        let optional = |list: usize| if list == 0 { expected } else { list };
        for (list, got) in [
            ("tiles", self.tiles.len()),
            ("stages", optional(self.stages.len())),
            ("images", optional(self.images.len())),
        ] {
            if got != expected {
                return Err(FrameError::Lengths {
                    list,
                    got,
                    expected,
                });
            }
        }
        match version {
            FrameVersion::One => version_1::encode(self),
            FrameVersion::Two => version_2::encode(self),
        }
    }

    /// Reads what [`Frame::encode`] wrote in the same version.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(version: FrameVersion, bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong {
                got: bytes.len(),
                max: FRAME_BYTES_MAX,
            });
        }
        match version {
            FrameVersion::One => version_1::decode(bytes),
            FrameVersion::Two => version_2::decode(bytes),
        }
    }
}

/// Appends what both versions hold alike: mask, states, and scores in planes.
fn write_tiles(frame: &Frame, content: &mut Vec<u8>) {
    content.extend_from_slice(&frame.wanted.to_bytes());
    content.extend(frame.tiles.iter().map(|tile| tile.state() as u8));
    let scores: Vec<[u8; 4]> = frame
        .tiles
        .iter()
        .filter_map(|tile| tile.score().map(f32::to_le_bytes))
        .collect();
    planes::write(&scores, content);
}

/// Reads what [`write_tiles`] wrote; the rest of the content is left over.
fn read_tiles(content: &[u8]) -> Result<(Frame, &[u8]), FrameError> {
    let (mask, rest) = content
        .split_first_chunk::<MASK_BYTES>()
        .ok_or(FrameError::Short { part: "mask" })?;
    let wanted = TileMask::from_bytes(mask);
    let (states, rest) = rest
        .split_at_checked(wanted.count())
        .ok_or(FrameError::Short { part: "states" })?;
    let scored = states
        .iter()
        .filter(|&&state| state == TileState::Scored as u8)
        .count();
    let (scores, rest) = planes::read(rest, scored).ok_or(FrameError::Short { part: "scores" })?;
    let mut scores = scores.map(f32::from_le_bytes);
    let tiles = states
        .iter()
        .map(|&number| {
            Ok(match TileState::from_repr(number) {
                // As many scores were read as there are such states.
                Some(TileState::Scored) => TileOutcome::Scored(scores.next().unwrap_or(f32::NAN)),
                Some(TileState::NoImagery) => TileOutcome::NoImagery,
                Some(TileState::Blank) => TileOutcome::Blank,
                Some(TileState::Undecodable) => TileOutcome::Undecodable,
                Some(TileState::FetchFailed) => TileOutcome::FetchFailed,
                Some(TileState::PredictFailed) => TileOutcome::PredictFailed,
                Some(TileState::NotVisited) | None => return Err(FrameError::State { number }),
            })
        })
        .collect::<Result<_, _>>()?;
    let frame = Frame {
        wanted,
        tiles,
        ..Frame::default()
    };
    Ok((frame, rest))
}
