//! Tiles with known answers, classified at every load.
//!
//! They catch a wrong processor, provider, version or preprocessing before any imagery is spent.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use image::ImageFormat;

use crate::{image::RGB_BYTES, predict::PredictError, tiles::TILE_SIZE_PX};

/// Tiles and the scores that the packager's engine gave them.
#[derive(Clone, PartialEq)]
pub struct Canaries {
    /// One tile after the other, [`RGB_BYTES`] each.
    pub images: Vec<u8>,
    /// For each tile one score a class.
    pub scores: Vec<Vec<f32>>,
    /// How far a score may lie from the recorded one.
    pub tolerance: f32,
}

impl std::fmt::Debug for Canaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canaries")
            .field("scores", &self.scores)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}

impl Canaries {
    /// Decodes the images: the base64 text of one PNG that holds the tiles, one under the other.
    ///
    /// # Errors
    /// Says in one clause what is wrong with the text.
    pub fn decode(images: &str, scores: Vec<Vec<f32>>, tolerance: f32) -> Result<Self, String> {
        let png = BASE64_STANDARD
            .decode(images.trim())
            .map_err(|error| format!("is not base64: {error}"))?;
        let strip = image::load_from_memory_with_format(&png, ImageFormat::Png)
            .map_err(|error| format!("is not a PNG: {error}"))?
            .into_rgb8();
        let expected = (TILE_SIZE_PX, TILE_SIZE_PX * scores.len() as u32);
        if strip.dimensions() != expected {
            return Err(format!(
                "is {} × {} pixels, expected {} × {} for {} tiles",
                strip.width(),
                strip.height(),
                expected.0,
                expected.1,
                scores.len()
            ));
        }
        Ok(Self {
            images: strip.into_raw(),
            scores,
            tolerance,
        })
    }

    /// The same tiles for another device: with its own scores, where it has any, which may lie as far
    /// off as this in any case.
    #[must_use]
    pub fn elsewhere(&self, scores: Option<&Vec<Vec<f32>>>, tolerance: f32) -> Self {
        Self {
            images: self.images.clone(),
            scores: scores.unwrap_or(&self.scores).clone(),
            tolerance: self.tolerance.max(tolerance),
        }
    }

    /// Compares the engine's scores, one row a tile, with the recorded ones.
    ///
    /// # Errors
    /// [`PredictError::Canary`] with the worst score, when any is out of tolerance.
    pub fn check(
        &self,
        model: &str,
        engine: &str,
        classes: &[String],
        got: &[f32],
    ) -> Result<(), PredictError> {
        let Some(worst) = self.worst(got) else {
            return Ok(());
        };
        Err(PredictError::Canary {
            model: model.to_owned(),
            tile: worst.tile,
            class: classes[worst.column].clone(),
            got: worst.got,
            expected: worst.expected,
            tolerance: self.tolerance,
            engine: engine.to_owned(),
        })
    }

    /// Of the scores, one row a tile, the one that is farthest from the recorded one, if that is out
    /// of tolerance.
    #[must_use]
    pub fn worst(&self, got: &[f32]) -> Option<WrongScore> {
        // NaN differs from everything by infinity, so that it is always the worst.
        let distance = |a: f32, b: f32| match (a - b).abs() {
            distance if distance.is_nan() => f32::INFINITY,
            distance => distance,
        };
        let recorded = self.scores.iter().enumerate().flat_map(|(tile, row)| {
            row.iter()
                .enumerate()
                .map(move |(column, &expected)| (tile, column, expected))
        });
        got.iter()
            .zip(recorded)
            .map(|(&got, (tile, column, expected))| {
                let wrong = WrongScore {
                    tile,
                    column,
                    got,
                    expected,
                };
                (distance(got, expected), wrong)
            })
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .filter(|(distance, _)| *distance > self.tolerance)
            .map(|(_, wrong)| wrong)
    }
}

/// A canary's score that is not the recorded one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WrongScore {
    /// Position of the tile, counted from 0.
    pub tile: usize,
    /// Position of the class.
    pub column: usize,
    pub got: f32,
    pub expected: f32,
}

/// How many tiles [`built_in_tiles`] gives.
pub const BUILT_IN_TILES: usize = 8;

/// Tiles of shades, edges and noise, the same in every version: a model without canaries is tried
/// on them before the first tile of a run.
#[must_use]
pub fn built_in_tiles() -> Vec<u8> {
    let size = TILE_SIZE_PX;
    let mut bytes = Vec::with_capacity(BUILT_IN_TILES * RGB_BYTES);
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for tile in 0..BUILT_IN_TILES as u32 {
        for row in 0..size {
            for column in 0..size {
                // xorshift64, whose high byte is even enough for this.
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                let grain = (noise >> 56) as u8;
                let shade = (column * (tile + 1) + row * (8 - tile)) as u8;
                let edge = if (column / 32 + row / 32) % 2 == 0 {
                    200
                } else {
                    40
                };
                bytes.extend(match tile % 4 {
                    0 => [shade, shade / 2, 255 - shade],
                    1 => [grain, grain, grain],
                    2 => [edge, shade, grain / 4],
                    _ => [90 + grain / 8, 110 + grain / 8, 70 + shade / 8],
                });
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canaries() -> Canaries {
        Canaries {
            images: Vec::new(),
            scores: vec![vec![0.9, 0.1], vec![0.2, 0.8]],
            tolerance: 0.01,
        }
    }

    fn check(got: &[f32]) -> Result<(), PredictError> {
        let classes = ["none".to_owned(), "tower".to_owned()];
        canaries().check("m.onnx", "engine", &classes, got)
    }

    #[test]
    fn scores_within_the_tolerance_pass() {
        check(&[0.9, 0.1, 0.205, 0.795]).unwrap();
    }

    #[test]
    fn the_worst_canary_is_named_with_its_class() {
        let error = check(&[0.88, 0.12, 0.7, 0.3]).unwrap_err().to_string();
        assert!(error.contains("canary tile 1"), "{error}");
        assert!(
            error.contains("\"none\", expected 0.200000 ± 0.01") || error.contains("\"tower\""),
            "{error}"
        );
    }

    #[test]
    fn an_answer_that_is_no_number_never_passes() {
        assert!(check(&[0.9, f32::NAN, 0.2, 0.8]).is_err());
    }

    #[test]
    fn images_of_another_size_are_refused_with_got_and_expected() {
        let mut png = Vec::new();
        image::RgbImage::new(256, 300)
            .write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png)
            .unwrap();
        let text = BASE64_STANDARD.encode(png);
        let error = Canaries::decode(&text, vec![vec![0.5, 0.5]; 2], 0.01).unwrap_err();
        assert!(
            error.contains("256 × 300") && error.contains("256 × 512"),
            "{error}"
        );
    }

    #[test]
    fn the_built_in_tiles_differ_from_each_other() {
        let tiles = built_in_tiles();
        assert_eq!(tiles.len(), BUILT_IN_TILES * RGB_BYTES);
        let mut seen: Vec<&[u8]> = tiles.chunks(RGB_BYTES).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), BUILT_IN_TILES);
    }
}
