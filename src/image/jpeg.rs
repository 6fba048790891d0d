//! Strict JPEG decoding through `zune-jpeg`.
//!
//! Decoders forgive a JPEG that ends too early and fill the rest with grey, which a classifier
//! would score as ground. Here the segments are walked first, which costs little beside decoding:
//! that gives the size before anything is allocated and proves that the end marker is there, which
//! a cut at any length takes away. The decoder then runs in its strict mode, which refuses damaged
//! tables and codes. Not told apart from a whole file: one that somebody cut and then closed with
//! an end marker of their own. Segment layout: ITU-T T.81, annex B.

use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{ImageError, Size};

const FORMAT: &str = "JPEG";

/// What a JPEG's frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    size: Size,
    components: u8,
}

/// The size that the frame header states, without looking further.
pub(super) fn size(payload: &[u8]) -> Result<Size, ImageError> {
    let mut frame = None;
    walk(payload, |found| {
        frame = Some(found);
        Walk::Stop
    })?;
    frame.map(|frame| frame.size).ok_or(NO_FRAME)
}

/// Whether the markers lead to the end marker.
pub(super) fn has_end(payload: &[u8]) -> bool {
    walk(payload, |_| Walk::Continue).is_ok()
}

/// Decodes a whole JPEG of the expected size into `out`, RGB8, rows top-down.
pub(super) fn decode(payload: &[u8], expected: Size, out: &mut [u8]) -> Result<(), ImageError> {
    let mut frame: Option<Frame> = None;
    walk(payload, |found| {
        frame = frame.or(Some(found));
        Walk::Continue
    })?;
    let frame = frame.ok_or(NO_FRAME)?;
    frame.size.expect(expected)?;
    if frame.components == 4 {
        return Err(ImageError::Unsupported {
            format: FORMAT,
            reason: "CMYK (four components), expected grey or colour",
        });
    }
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(expected.width as usize)
        .set_max_height(expected.height as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(payload), options);
    decoder
        .decode_into(out)
        .map_err(|error| ImageError::Corrupt {
            format: FORMAT,
            source: error.to_string().into(),
        })?;
    Ok(())
}

const NO_FRAME: ImageError = ImageError::Truncated {
    format: FORMAT,
    reason: "no frame header",
};
const NO_END: ImageError = ImageError::Truncated {
    format: FORMAT,
    reason: "no end marker",
};

enum Walk {
    Continue,
    Stop,
}

/// Walks the markers from the start marker to the end marker and hands over each frame header.
///
/// Bytes after the end marker are not looked at; some servers append them.
fn walk(payload: &[u8], mut on_frame: impl FnMut(Frame) -> Walk) -> Result<(), ImageError> {
    let mut rest = payload.get(2..).ok_or(NO_END)?;
    loop {
        let marker;
        (marker, rest) = next_marker(rest).ok_or(NO_END)?;
        match marker {
            END => return Ok(()),
            RESTART_FIRST..=RESTART_LAST | START | TEMPORARY => continue,
            _ => {}
        }
        let length = rest
            .first_chunk::<2>()
            .map(|bytes| usize::from(u16::from_be_bytes(*bytes)))
            .ok_or(NO_END)?;
        let segment = rest.get(2..length.max(2)).ok_or(NO_END)?;
        if is_frame_header(marker)
            && let &[_precision, h1, h0, w1, w0, components, ..] = segment
        {
            let frame = Frame {
                size: Size {
                    width: u16::from_be_bytes([w1, w0]).into(),
                    height: u16::from_be_bytes([h1, h0]).into(),
                },
                components,
            };
            if matches!(on_frame(frame), Walk::Stop) {
                return Ok(());
            }
        }
        rest = &rest[length.max(2)..];
    }
}

const TEMPORARY: u8 = 0x01;
const RESTART_FIRST: u8 = 0xD0;
const RESTART_LAST: u8 = 0xD7;
const START: u8 = 0xD8;
const END: u8 = 0xD9;

/// SOF0 to SOF15; the numbers between them that mean tables or extensions are left out.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// The next marker and what follows it. Entropy-coded data is passed over: there `FF 00` stands
/// for a byte `FF`, and `FF FF` is filling.
fn next_marker(mut data: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let at = memchr::memchr(0xFF, data)?;
        let &code = data.get(at + 1)?;
        if code != 0x00 && code != 0xFF {
            return Some((code, &data[at + 2..]));
        }
        data = &data[at + 1..];
    }
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;
    use crate::image::test_images::{self, SIDE};

    const TILE: Size = Size {
        width: SIDE,
        height: SIDE,
    };

    fn encode(
        pixels: &[u8],
        colour: ColorType,
        set: impl Fn(&mut Encoder<&mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 85);
        set(&mut encoder);
        encoder
            .encode(pixels, SIDE as u16, SIDE as u16, colour)
            .unwrap();
        bytes
    }

    /// JPEGs of every kind that servers send.
    fn kinds() -> Vec<(&'static str, Vec<u8>)> {
        let scene = test_images::scene();
        let grey: Vec<u8> = scene.chunks_exact(3).map(|pixel| pixel[1]).collect();
        vec![
            (
                "baseline 4:2:0",
                encode(&scene, ColorType::Rgb, |e| {
                    e.set_sampling_factor(SamplingFactor::F_2_2);
                }),
            ),
            (
                "baseline 4:4:4",
                encode(&scene, ColorType::Rgb, |e| {
                    e.set_sampling_factor(SamplingFactor::F_1_1);
                }),
            ),
            (
                "optimised",
                encode(&scene, ColorType::Rgb, |e| {
                    e.set_optimized_huffman_tables(true);
                }),
            ),
            (
                "with restarts",
                encode(&scene, ColorType::Rgb, |e| e.set_restart_interval(8)),
            ),
            (
                "progressive",
                encode(&scene, ColorType::Rgb, |e| {
                    e.set_progressive(true);
                }),
            ),
            ("grey", encode(&grey, ColorType::Luma, |_| {})),
        ]
    }

    fn decode_tile(payload: &[u8]) -> Result<Vec<u8>, ImageError> {
        let mut out = vec![0; (SIDE * SIDE * 3) as usize];
        decode(payload, TILE, &mut out).map(|()| out)
    }

    #[test]
    fn every_kind_decodes_close_to_what_was_encoded() {
        let scene = test_images::scene();
        for (kind, jpeg) in kinds() {
            let pixels = decode_tile(&jpeg).unwrap_or_else(|e| panic!("{kind}: {}", e.reason()));
            let grey = kind == "grey";
            let error: f64 = pixels
                .chunks_exact(3)
                .zip(scene.chunks_exact(3))
                .map(|(got, sent)| {
                    let sent = if grey {
                        [sent[1]; 3]
                    } else {
                        [sent[0], sent[1], sent[2]]
                    };
                    (0..3)
                        .map(|c| f64::from(got[c].abs_diff(sent[c])))
                        .sum::<f64>()
                })
                .sum::<f64>()
                / pixels.len() as f64;
            assert!(error < 6.0, "{kind}: mean error {error}");
        }
    }

    #[test]
    fn a_jpeg_cut_at_any_length_is_refused() {
        for (kind, jpeg) in kinds() {
            for length in 0..jpeg.len() {
                assert!(
                    decode_tile(&jpeg[..length]).is_err(),
                    "{kind} cut at {length}"
                );
            }
        }
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
        for (_, jpeg) in kinds() {
            for _ in 0..60 {
                let mut damaged = jpeg.clone();
                for _ in 0..3 {
                    noise ^= noise << 13;
                    noise ^= noise >> 7;
                    noise ^= noise << 17;
                    // Mostly the headers, where damage reaches furthest.
                    let reach = if noise & 1 == 0 { 700 } else { jpeg.len() };
                    damaged[(noise >> 20) as usize % reach] = (noise >> 8) as u8;
                }
                // Either answer is right: damage inside the entropy data may go unnoticed.
                let _ = decode_tile(&damaged);
            }
        }
    }

    #[test]
    fn bytes_after_the_end_marker_do_no_harm() {
        let (_, mut jpeg) = kinds().remove(0);
        let pixels = decode_tile(&jpeg).unwrap();
        jpeg.extend(b"appended by a proxy");
        assert_eq!(decode_tile(&jpeg).unwrap(), pixels);
    }

    #[test]
    fn cmyk_is_refused_by_name() {
        let cmyk = vec![90; (SIDE * SIDE * 4) as usize];
        let jpeg = encode(&cmyk, ColorType::Cmyk, |_| {});
        let error = decode_tile(&jpeg).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unsupported JPEG: CMYK (four components), expected grey or colour"
        );
    }
}
