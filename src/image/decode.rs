//! From an encoded payload to pixels in the caller's memory.

use super::{Format, ImageError, RGB_BYTES, RgbTile, Size, jpeg, other_formats};
use crate::tiles::TILE_SIZE_PX;

/// Size of a tile image.
const TILE: Size = Size::square(TILE_SIZE_PX);
/// Size of a double (`@2x`) tile image, which covers four tiles of the next zoom.
const DOUBLE: Size = Size::square(2 * TILE_SIZE_PX);

/// Decodes a 256×256 image into `out`, RGB8, rows top-down.
///
/// The format is told by the payload's first bytes. On error `out` holds arbitrary pixels.
///
/// # Panics
/// When `out` is not [`RGB_BYTES`] long.
///
/// # Errors
/// When the payload is no image, is damaged or cut short, or is not 256×256: nothing is ever
/// resized or filled up.
///
/// ```
/// use hvmap::image::{RgbTile, decode, encode_jpeg};
///
/// let payload = encode_jpeg(&vec![90; 256 * 256 * 3], 80);
/// let mut pixels = RgbTile::new();
/// decode(&payload, pixels.as_bytes_mut())?;
/// // A file that ends early is refused, and not filled up with grey.
/// assert!(decode(&payload[..payload.len() / 2], pixels.as_bytes_mut()).is_err());
/// # Ok::<_, hvmap::image::ImageError>(())
/// ```
pub fn decode(payload: &[u8], out: &mut [u8]) -> Result<(), ImageError> {
    assert_eq!(out.len(), RGB_BYTES, "a tile's pixels");
    decode_sized(payload, TILE, out)
}

/// Decodes a 512×512 image into the four tiles of the next zoom that it covers, in the order
/// north-west, north-east, south-west, south-east.
///
/// # Errors
/// As [`decode`], with 512×512 as the only size.
pub fn decode_double(payload: &[u8]) -> Result<[RgbTile; 4], ImageError> {
    let mut pixels = vec![0; 4 * RGB_BYTES];
    decode_sized(payload, DOUBLE, &mut pixels)?;
    let row_bytes = 3 * TILE_SIZE_PX as usize;
    let mut tiles = <[RgbTile; 4]>::default();
    for (index, row) in pixels.chunks_exact(row_bytes).enumerate() {
        // Rows of the double image come as halves: west, east, west, east.
        let (y, column) = (index / 2, index % 2);
        let tile = 2 * (y / TILE_SIZE_PX as usize) + column;
        let at = (y % TILE_SIZE_PX as usize) * row_bytes;
        tiles[tile].as_bytes_mut()[at..at + row_bytes].copy_from_slice(row);
    }
    Ok(tiles)
}

/// The size that a payload's header states; the rest is not looked at.
///
/// # Errors
/// When the payload is no image or its header is damaged.
pub fn size_of(payload: &[u8]) -> Result<Size, ImageError> {
    match Format::of(payload)? {
        Format::Jpeg => jpeg::size(payload),
        format => other_formats::size(format, payload),
    }
}

/// Whether a payload is not visibly cut short, which costs a few microseconds to tell.
///
/// `false` only for a JPEG without its end marker; [`decode`] finds the other faults.
#[must_use]
pub fn looks_whole(payload: &[u8]) -> bool {
    !matches!(Format::of(payload), Ok(Format::Jpeg)) || jpeg::has_end(payload)
}

fn decode_sized(payload: &[u8], expected: Size, out: &mut [u8]) -> Result<(), ImageError> {
    match Format::of(payload)? {
        Format::Jpeg => jpeg::decode(payload, expected, out),
        format => other_formats::decode(format, payload, expected, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{encode_jpeg, encode_png, test_images};

    #[test]
    fn another_size_is_an_error_that_says_got_and_expected() {
        let pixels = vec![7; 512 * 512 * 3];
        let mut jpeg = Vec::new();
        jpeg_encoder::Encoder::new(&mut jpeg, 80)
            .encode(&pixels, 512, 512, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        assert_eq!(size_of(&jpeg).unwrap(), DOUBLE);
        let mut out = RgbTile::new();
        assert_eq!(
            decode(&jpeg, out.as_bytes_mut()).unwrap_err().to_string(),
            "image of 512×512 pixels (expected 256×256)"
        );
        let tile = encode_jpeg(test_images::scene().as_slice(), 80);
        assert_eq!(
            decode_double(&tile).unwrap_err().to_string(),
            "image of 256×256 pixels (expected 512×512)"
        );
    }

    #[test]
    fn a_double_image_splits_into_its_quarters_in_reading_order() {
        let pixels: Vec<u8> = (0..512u32 * 512)
            .flat_map(|i| {
                let (x, y) = (i % 512, i / 512);
                [
                    (x % 256) as u8,
                    (y % 256) as u8,
                    (x / 256 + 2 * (y / 256)) as u8,
                ]
            })
            .collect();
        let mut png = Vec::new();
        image::ImageEncoder::write_image(
            image::codecs::png::PngEncoder::new(&mut png),
            &pixels,
            512,
            512,
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
        let tiles = decode_double(&png).unwrap();
        for (index, tile) in tiles.iter().enumerate() {
            for (i, pixel) in tile.as_bytes().chunks_exact(3).enumerate() {
                assert_eq!(pixel, [(i % 256) as u8, (i / 256) as u8, index as u8]);
            }
        }
    }

    #[test]
    fn what_is_encoded_here_decodes_here() {
        let scene = test_images::scene();
        let mut out = RgbTile::new();
        decode(&encode_png(&scene), out.as_bytes_mut()).unwrap();
        assert_eq!(out.as_bytes(), scene);
        decode(&encode_jpeg(&scene, 90), out.as_bytes_mut()).unwrap();
    }
}
