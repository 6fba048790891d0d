//! Version 1: mask, states and scores, without a checksum.

use super::{CONTENT_BYTES_MAX, Frame, FrameError, LEVEL, MASK_BYTES, read_tiles, write_tiles};

pub(super) fn encode(frame: &Frame) -> Result<Vec<u8>, FrameError> {
    for (what, is_told) in [
        ("stages", !frame.stages.is_empty()),
        ("images", !frame.images.is_empty()),
    ] {
        if is_told {
            return Err(FrameError::NotInVersion1 { what });
        }
    }
    let mut content = Vec::with_capacity(MASK_BYTES + 5 * frame.tiles.len());
    write_tiles(frame, &mut content);
    zstd::bulk::compress(&content, LEVEL).map_err(FrameError::Compress)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
    let content =
        zstd::bulk::decompress(bytes, CONTENT_BYTES_MAX).map_err(FrameError::Decompress)?;
    match read_tiles(&content)? {
        (frame, []) => Ok(frame),
        (_, rest) => Err(FrameError::Long { got: rest.len() }),
    }
}
