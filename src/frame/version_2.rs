//! Version 2: version 1's content with stages and images, each only where told, and a checksum.

use std::num::NonZeroU32;

use zstd::{bulk::Compressor, zstd_safe};

use super::{
    CONTENT_BYTES_MAX, Frame, FrameError, LEVEL, MASK_BYTES, planes, read_tiles, write_tiles,
};
use crate::tiles::CascadeStage;

const VERSION: u8 = 2;
const STAGES: u8 = 1;
const IMAGES: u8 = 2;
/// Where Zstandard's frame header descriptor stands (RFC 8878, 3.1.1.1): after the magic number.
const DESCRIPTOR_AT: usize = 4;
/// Its bits that no frame of ours leaves open: checksum (2), reserved (3), unused (4).
const DESCRIPTOR_MASK: u8 = 0b0001_1100;
/// There is a checksum, and the others are 0.
const DESCRIPTOR: u8 = 0b0000_0100;

pub(super) fn encode(frame: &Frame) -> Result<Vec<u8>, FrameError> {
    let count = frame.tiles.len();
    let mut flags = 0;
    if !frame.stages.is_empty() {
        flags |= STAGES;
    }
    if !frame.images.is_empty() {
        flags |= IMAGES;
    }
    let mut content = Vec::with_capacity(2 + MASK_BYTES + 10 * count);
    content.extend([VERSION, flags]);
    write_tiles(frame, &mut content);
    content.extend(frame.stages.chunks(8).map(|stages| {
        stages
            .iter()
            .enumerate()
            .fold(0, |byte, (bit, &stage)| byte | (stage as u8) << bit)
    }));
    let images: Vec<[u8; 4]> = frame
        .images
        .iter()
        .map(|image| image.map_or(0, NonZeroU32::get).to_le_bytes())
        .collect();
    planes::write(&images, &mut content);
    Compressor::new(LEVEL)
        .and_then(|mut compressor| {
            compressor.include_checksum(true)?;
            compressor.compress(&content)
        })
        .map_err(FrameError::Compress)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
    // Zstandard reads a frame that says it has no checksum without checking anything.
    let descriptor = bytes
        .get(DESCRIPTOR_AT)
        .ok_or(FrameError::Short { part: "header" })?;
    if descriptor & DESCRIPTOR_MASK != DESCRIPTOR {
        return Err(FrameError::NoChecksum);
    }
    let content =
        zstd::bulk::decompress(bytes, CONTENT_BYTES_MAX).map_err(FrameError::Decompress)?;
    // It would also read several frames one after the other.
    if let Ok(own) = zstd_safe::find_frame_compressed_size(bytes)
        && own != bytes.len()
    {
        return Err(FrameError::Followed {
            got: bytes.len() - own,
        });
    }
    let [version, flags, rest @ ..] = content.as_slice() else {
        return Err(FrameError::Short { part: "flags" });
    };
    if *version != VERSION {
        return Err(FrameError::Version {
            got: *version,
            expected: VERSION,
        });
    }
    if flags & !(STAGES | IMAGES) != 0 {
        return Err(FrameError::Flags { got: *flags });
    }
    let (mut frame, mut rest) = read_tiles(rest)?;
    let count = frame.tiles.len();
    if flags & STAGES != 0 {
        let bits;
        (bits, rest) = rest
            .split_at_checked(count.div_ceil(8))
            .ok_or(FrameError::Short { part: "stages" })?;
        frame.stages = (0..count)
            .map(|tile| match bits[tile / 8] >> (tile % 8) & 1 {
                0 => CascadeStage::First,
                _ => CascadeStage::Second,
            })
            .collect();
        let used = count % 8;
        if used != 0 && bits.last().is_some_and(|last| last >> used != 0) {
            return Err(FrameError::StrayStages);
        }
    }
    if flags & IMAGES != 0 {
        let images;
        (images, rest) = planes::read(rest, count).ok_or(FrameError::Short { part: "images" })?;
        frame.images = images
            .map(|bytes| NonZeroU32::new(u32::from_le_bytes(bytes)))
            .collect();
    }
    if !rest.is_empty() {
        return Err(FrameError::Long { got: rest.len() });
    }
    Ok(frame)
}
