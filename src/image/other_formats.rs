//! PNG, WebP, GIF and BMP through the `image` crate, brought to RGB8 as TensorFlow's
//! `decode_image(channels=3)` does.
//!
//! Alpha is dropped, not blended: a transparent pixel keeps the colour stored with it. 16-bit
//! samples keep their high byte. Grey is repeated in the three channels, palettes are looked up.
//! Of an animation the first frame counts; what a GIF leaves transparent there is black.

use std::io::Cursor;

use image::{
    ColorType, ImageDecoder, Limits,
    codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
};

use super::{Format, ImageError, Size};

/// The most memory that a decoder may take for itself while decoding one image.
const DECODER_BYTES_MAX: u64 = 64 << 20;

/// The size that the header states.
pub(super) fn size(format: Format, payload: &[u8]) -> Result<Size, ImageError> {
    let (width, height) = open(format, payload)?.dimensions();
    Ok(Size { width, height })
}

/// Decodes a whole image of the expected size into `out`, RGB8, rows top-down.
pub(super) fn decode(
    format: Format,
    payload: &[u8],
    expected: Size,
    out: &mut [u8],
) -> Result<(), ImageError> {
    let decoder = open(format, payload)?;
    let (width, height) = decoder.dimensions();
    Size { width, height }.expect(expected)?;
    let colour = decoder.color_type();
    if colour == ColorType::Rgb8 {
        return decoder.read_image_boxed(out).map_err(corrupt(format));
    }
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder
        .read_image_boxed(&mut samples)
        .map_err(corrupt(format))?;
    let Some(layout) = Layout::of(colour) else {
        return Err(ImageError::Unsupported {
            format: format.name(),
            reason: "samples of this kind",
        });
    };
    layout.to_rgb(&samples, out);
    if format == Format::Gif {
        blacken_transparent(&samples, out);
    }
    Ok(())
}

fn open(format: Format, payload: &[u8]) -> Result<Box<dyn ImageDecoder + '_>, ImageError> {
    let reader = Cursor::new(payload);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    let opened = match format {
        Format::Png => PngDecoder::with_limits(reader, limits).map(|d| Box::new(d) as _),
        Format::WebP => WebPDecoder::new(reader).map(|d| Box::new(d) as _),
        Format::Bmp => BmpDecoder::new(reader).map(|d| Box::new(d) as _),
        Format::Gif => GifDecoder::new(reader).and_then(|mut decoder| {
            decoder.set_limits(limits)?;
            Ok(Box::new(decoder) as _)
        }),
        Format::Jpeg => {
            return Err(ImageError::Unsupported {
                format: format.name(),
                reason: "decoded elsewhere",
            });
        }
    };
    opened.map_err(corrupt(format))
}

fn corrupt(format: Format) -> impl Fn(image::ImageError) -> ImageError {
    move |error| ImageError::Corrupt {
        format: format.name(),
        source: Box::new(error),
    }
}

/// How a decoder's samples lie in memory.
struct Layout {
    bytes_per_sample: usize,
    channels: usize,
}

impl Layout {
    fn of(colour: ColorType) -> Option<Self> {
        let bytes_per_sample = match colour {
            ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => 1,
            ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => 2,
            _ => return None,
        };
        Some(Self {
            bytes_per_sample,
            channels: colour.channel_count().into(),
        })
    }

    fn to_rgb(&self, samples: &[u8], out: &mut [u8]) {
        // 16-bit samples come in the machine's byte order.
        let high = match self.bytes_per_sample {
            2 if cfg!(target_endian = "little") => 1,
            _ => 0,
        };
        let colours = if self.channels < 3 { 1 } else { 3 };
        let pixels = samples.chunks_exact(self.bytes_per_sample * self.channels);
        for (rgb, pixel) in out.chunks_exact_mut(3).zip(pixels) {
            for (channel, value) in rgb.iter_mut().enumerate() {
                *value = pixel[(channel % colours) * self.bytes_per_sample + high];
            }
        }
    }
}

/// Makes the pixels black that an RGBA image leaves transparent.
fn blacken_transparent(rgba: &[u8], out: &mut [u8]) {
    for (rgb, pixel) in out.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
        if pixel[3] == 0 {
            rgb.fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};

    use super::*;
    use crate::image::test_images::{self, SIDE};

    const TILE: Size = Size {
        width: SIDE,
        height: SIDE,
    };

    fn scene() -> DynamicImage {
        RgbImage::from_raw(SIDE, SIDE, test_images::scene())
            .unwrap()
            .into()
    }

    fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        image
            .write_to(&mut Cursor::new(&mut bytes), format)
            .unwrap();
        bytes
    }

    fn decode_tile(payload: &[u8]) -> Result<Vec<u8>, ImageError> {
        let mut out = vec![0; (SIDE * SIDE * 3) as usize];
        decode(Format::of(payload)?, payload, TILE, &mut out).map(|()| out)
    }

    #[test]
    fn lossless_formats_give_the_pixels_that_were_stored() {
        let scene = scene();
        for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp] {
            assert_eq!(
                decode_tile(&encode(&scene, format)).unwrap(),
                scene.as_bytes(),
                "{format:?}"
            );
        }
    }

    #[test]
    fn alpha_is_dropped_and_not_blended() {
        let mut rgba = scene().into_rgba8();
        rgba.pixels_mut().for_each(|pixel| pixel.0[3] = pixel.0[0]);
        let rgba = DynamicImage::from(rgba);
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            assert_eq!(
                decode_tile(&encode(&rgba, format)).unwrap(),
                scene().as_bytes(),
                "{format:?}"
            );
        }
    }

    #[test]
    fn sixteen_bit_samples_keep_their_high_byte() {
        let mut image = image::ImageBuffer::<image::Rgb<u16>, _>::new(SIDE, SIDE);
        image
            .pixels_mut()
            .for_each(|pixel| pixel.0 = [0x12FF, 0x0080, 0xFE01]);
        let pixels = decode_tile(&encode(&image.into(), ImageFormat::Png)).unwrap();
        assert!(pixels.chunks_exact(3).all(|p| p == [0x12, 0x00, 0xFE]));
    }

    #[test]
    fn grey_is_repeated_in_three_channels() {
        let grey = scene().into_luma8();
        let pixels = decode_tile(&encode(&grey.clone().into(), ImageFormat::Png)).unwrap();
        assert!(
            pixels
                .chunks_exact(3)
                .zip(grey.as_raw())
                .all(|(rgb, &g)| rgb == [g; 3])
        );
    }

    #[test]
    fn palettes_are_looked_up() {
        // A GIF of two colours: a PNG of palette type is covered by the same expansion.
        let mut bytes = Vec::new();
        let rgba: Vec<u8> = (0..SIDE * SIDE)
            .flat_map(|i| {
                if i % 2 == 0 {
                    [200, 10, 30, 255]
                } else {
                    [0, 90, 250, 255]
                }
            })
            .collect();
        image::codecs::gif::GifEncoder::new(&mut bytes)
            .encode(&rgba, SIDE, SIDE, ExtendedColorType::Rgba8)
            .unwrap();
        let pixels = decode_tile(&bytes).unwrap();
        assert_eq!(pixels[..6], [200, 10, 30, 0, 90, 250]);
    }

    #[test]
    fn what_a_gif_leaves_transparent_is_black() {
        let mut bytes = Vec::new();
        let rgba = [255, 255, 255, 0].repeat((SIDE * SIDE) as usize);
        image::codecs::gif::GifEncoder::new(&mut bytes)
            .encode(&rgba, SIDE, SIDE, ExtendedColorType::Rgba8)
            .unwrap();
        assert!(decode_tile(&bytes).unwrap().iter().all(|&value| value == 0));
    }

    #[test]
    fn a_cut_file_is_refused_or_lost_no_pixel() {
        let scene = scene();
        let small: Vec<_> = [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif]
            .map(|format| encode(&scene, format))
            .into();
        for bytes in small.iter().chain([&encode(&scene, ImageFormat::Bmp)]) {
            let whole = decode_tile(bytes).unwrap();
            for length in (0..bytes.len())
                .step_by(331)
                .chain(bytes.len() - 40..bytes.len())
            {
                if let Ok(pixels) = decode_tile(&bytes[..length]) {
                    assert!(
                        pixels == whole,
                        "{:?} cut at {length} of {}",
                        Format::of(bytes),
                        bytes.len()
                    );
                }
            }
        }
    }

    #[test]
    fn a_header_that_claims_a_huge_image_is_refused_before_anything_is_allocated() {
        let mut bytes = Vec::new();
        image::codecs::png::PngEncoder::new(&mut bytes)
            .write_image(&[0; 3], 1, 1, ExtendedColorType::Rgb8)
            .unwrap();
        // IHDR holds the width at byte 16; its checksum is mended so that only the size is wrong.
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        assert_eq!(
            decode_tile(&bytes).unwrap_err().to_string(),
            "image of 65536×65536 pixels (expected 256×256)"
        );
    }
}
