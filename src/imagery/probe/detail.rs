//! Telling images that were blown up from a lower zoom.
//!
//! An image is halved again and again, each pixel being the mean of four. What is lost at each
//! step, the mean square of the four pixels' distance from their mean, is the detail at that
//! scale. Where an image is nothing but ramps at some scale, the loss is a quarter of the next
//! step's; so it is between the samples of an image that was blown up, whatever the interpolation
//! (with copied pixels there is no loss at all). Detail of one's own adds to it, and so does the
//! noise of a sensor, of which a blown-up image has little.
//!
//! Blowing up by two leaves the first step empty, by four the second, by eight the third.

use crate::{image::RgbTile, tiles::TILE_SIZE_PX};

const SIDE: usize = TILE_SIZE_PX as usize;
/// Steps of halving that are compared, the last only with the one before it.
const STEPS: usize = 4;
/// A step that loses less than this share of the next one's loss is empty. Ramps lose 0.25; the
/// measured shares stand in docs/IMAGERY.md.
const EMPTY_BELOW: f64 = 0.31;
/// Loss of the step after an empty one, in squared levels, below which nothing is said: on so
/// smooth an image rounding and compression decide.
const LOSS_MIN: f64 = 1.0;
/// Share of a step's pixels that must be there (a black pixel is a missing one).
const PRESENT_MIN: f64 = 0.25;

/// By how much an image was blown up: 2, 4, or 8 (which stands for more, too); none if it has
/// detail of its own, or too little of anything to tell.
#[must_use]
pub fn stretch_of(image: &RgbTile) -> Option<u8> {
    let loss = losses(image);
    let empty = |step: usize| {
        let (this, next) = (loss[step]?, loss[step + 1]?);
        Some(next >= LOSS_MIN && this < EMPTY_BELOW * next)
    };
    // The coarsest empty step decides: finer ones can hold compression's artefacts.
    (0..STEPS - 1)
        .rev()
        .find(|&step| empty(step) == Some(true))
        .map(|step| 2 << step)
}

/// The loss of each step; none where too little of the image is there.
fn losses(image: &RgbTile) -> [Option<f64>; STEPS] {
    // Luminance (ITU-R BT.601); black pixels are missing.
    let mut pixels: Vec<Option<f32>> = image
        .as_bytes()
        .chunks_exact(3)
        .map(|p| {
            let [r, g, b] = [p[0], p[1], p[2]].map(f32::from);
            (p != [0; 3]).then_some(0.299 * r + 0.587 * g + 0.114 * b)
        })
        .collect();
    let mut side = SIDE;
    let mut losses = [None; STEPS];
    for loss in &mut losses {
        let half = side / 2;
        let mut smaller = Vec::with_capacity(half * half);
        let (mut sum, mut count) = (0.0, 0usize);
        for row in 0..half {
            for column in 0..half {
                let at = 2 * row * side + 2 * column;
                let four = [at, at + 1, at + side, at + side + 1].map(|index| pixels[index]);
                let [Some(a), Some(b), Some(c), Some(d)] = four else {
                    smaller.push(None);
                    continue;
                };
                let mean = (a + b + c + d) / 4.0;
                let squares = [a, b, c, d].map(|v| (v - mean).powi(2));
                sum += f64::from(squares.iter().sum::<f32>()) / 4.0;
                count += 1;
                smaller.push(Some(mean));
            }
        }
        let enough = count as f64 >= PRESENT_MIN * (half * half) as f64;
        *loss = enough.then(|| sum / count as f64);
        (pixels, side) = (smaller, half);
    }
    losses
}

#[cfg(test)]
mod tests {
    use image::{
        RgbImage,
        imageops::{self, FilterType},
    };

    use super::*;
    use crate::{
        image::{decode, encode_jpeg},
        imagery::{
            probe::{Fetched, fetch_one},
            synthetic::SyntheticSource,
        },
        tiles::{LonLat, mercator},
    };

    const TILES: u32 = 60;

    fn decoded(payload: &[u8]) -> RgbTile {
        let mut image = RgbTile::new();
        decode(payload, image.as_bytes_mut()).unwrap();
        image
    }

    /// Synthetic tiles of many styles and places.
    fn originals() -> Vec<RgbTile> {
        let source = SyntheticSource::parse("synthetic:5").unwrap();
        (0..TILES)
            .map(|n| {
                let lon = -120.0 + f64::from(n * 37 % 240);
                let lat = -45.0 + f64::from(n * 17 % 100);
                let tile = mercator::tile_at(LonLat { lon, lat }, 18);
                match fetch_one(&source, tile).unwrap() {
                    Fetched::Payload(payload) => decoded(&payload),
                    Fetched::Pixels(pixels) => pixels,
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    /// The north-western part of a tile, blown up to a tile as a server would.
    fn blown_up(tile: &RgbTile, factor: u32, filter: FilterType) -> RgbTile {
        let whole = RgbImage::from_raw(256, 256, tile.as_bytes().to_vec()).unwrap();
        let part = imageops::crop_imm(&whole, 0, 0, 256 / factor, 256 / factor).to_image();
        let large = imageops::resize(&part, 256, 256, filter);
        let mut tile = RgbTile::new();
        tile.as_bytes_mut().copy_from_slice(large.as_raw());
        tile
    }

    fn compressed(tile: &RgbTile, quality: u8) -> RgbTile {
        decoded(&encode_jpeg(tile.as_bytes(), quality))
    }

    /// Share of tiles found stretched at all, and by exactly this factor.
    fn shares(tiles: impl Iterator<Item = RgbTile>, factor: u8) -> (f64, f64) {
        let found: Vec<_> = tiles.map(|tile| stretch_of(&tile)).collect();
        let share = |count: usize| count as f64 / found.len() as f64;
        (
            share(found.iter().flatten().count()),
            share(found.iter().filter(|f| **f == Some(factor)).count()),
        )
    }

    #[test]
    fn blown_up_tiles_are_found_and_real_ones_left_alone() {
        let originals = originals();
        let (as_served, _) = shares(originals.iter().cloned(), 0);
        let (at_75, _) = shares(originals.iter().map(|t| compressed(t, 75)), 0);
        eprintln!("real: {as_served:.2} as served, {at_75:.2} at quality 75");
        assert!(as_served <= 0.05, "{as_served}");
        assert!(at_75 <= 0.05, "{at_75}");
        let filters = [
            FilterType::Nearest,
            FilterType::Triangle,
            FilterType::CatmullRom,
        ];
        for factor in [2, 4] {
            for filter in filters {
                let large = |t: &RgbTile| blown_up(t, factor, filter);
                let (any, exact) = shares(originals.iter().map(large), factor as u8);
                let (any_75, exact_75) = shares(
                    originals.iter().map(|t| compressed(&large(t), 75)),
                    factor as u8,
                );
                eprintln!(
                    "x{factor} {filter:?}: {any:.2} ({exact:.2} exactly), \
                     {any_75:.2} ({exact_75:.2}) at quality 75"
                );
                assert!(any >= 0.9, "x{factor} {filter:?}: {any}");
                assert!(
                    any_75 >= 0.9,
                    "x{factor} {filter:?} at quality 75: {any_75}"
                );
            }
        }
    }

    #[test]
    fn a_smooth_tile_is_not_called_stretched() {
        let mut ramp = RgbTile::new();
        for (index, pixel) in ramp.as_bytes_mut().chunks_exact_mut(3).enumerate() {
            pixel.fill(90 + (index % SIDE / 32) as u8);
        }
        assert_eq!(stretch_of(&ramp), None);
    }

    #[test]
    fn a_tile_of_which_little_is_there_is_not_judged() {
        let mut tile = RgbTile::new();
        tile.as_bytes_mut()[..3000].fill(120);
        assert_eq!(stretch_of(&tile), None);
    }
}
