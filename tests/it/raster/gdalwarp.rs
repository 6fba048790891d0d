//! The same tiles as the real `gdalwarp` gives them.

use std::{path::Path, process::Command};

use gdal::Dataset;
use hvmap::{
    image::RgbTile,
    imagery::raster::RasterSource,
    tiles::{TILE_SIZE_PX, TileCoord, mercator},
};
use tempfile::TempDir;

use super::{fetching::fetch, made::SIDE};
use crate::needs;

pub(super) fn gdalwarp_is_installed() -> bool {
    needs::program("gdalwarp")
}

pub(super) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
}

/// What `gdalwarp` makes of a rectangle of tiles (the first in the north-west, the last in the
/// south-east), in one go: for each tile each band's values, and alpha after them.
pub(super) fn gdalwarp(raster: &Path, tiles: &[TileCoord], resampling: &str) -> Vec<Vec<Vec<f64>>> {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("tiles.tif");
    let (first, last) = (tiles[0], tiles[tiles.len() - 1]);
    let tile_m = mercator::CIRCUMFERENCE_M / f64::from(mercator::tiles_per_side(first.z));
    let east = |x: u32| f64::from(x) * tile_m - mercator::HALF_SIDE_M;
    let south = |y: u32| mercator::HALF_SIDE_M - f64::from(y) * tile_m;
    let extent = [
        east(first.x),
        south(last.y + 1),
        east(last.x + 1),
        south(first.y),
    ];
    let extent = extent.map(|v| format!("{v:.9}"));
    let size = [last.x + 1 - first.x, last.y + 1 - first.y];
    let size = size.map(|tiles| (tiles * TILE_SIZE_PX).to_string());
    let mut arguments = vec!["-q", "-t_srs", "EPSG:3857", "-te"];
    arguments.extend(extent.iter().map(String::as_str));
    arguments.extend(["-ts", &size[0], &size[1], "-dstalpha", "-r", resampling]);
    arguments.extend([raster.to_str().unwrap(), out.to_str().unwrap()]);
    run("gdalwarp", &arguments);
    let dataset = Dataset::open(&out).unwrap();
    let read = |tile: &TileCoord, band: usize| {
        let at = [tile.x - first.x, tile.y - first.y].map(|n| (n * TILE_SIZE_PX) as isize);
        let size = (SIDE, SIDE);
        let band = dataset.rasterband(band).unwrap();
        band.read_as::<f64>(at.into(), size, size, None)
            .unwrap()
            .data()
            .to_vec()
    };
    let bands = 1..=dataset.raster_count();
    tiles
        .iter()
        .map(|tile| bands.clone().map(|band| read(tile, band)).collect())
        .collect()
}

/// The reference as a tile: missing pixels black, other depths scaled.
pub(super) fn as_tile(bands: &[Vec<f64>], scale: impl Fn(f64) -> u8) -> Option<RgbTile> {
    let (alpha, colours) = bands.split_last().unwrap();
    let opaque = if alpha.iter().any(|a| *a > 255.0) {
        65535.0
    } else {
        255.0
    };
    let mut tile = RgbTile::new();
    let mut present = false;
    for (index, pixel) in tile.as_bytes_mut().chunks_exact_mut(3).enumerate() {
        if alpha[index] / opaque < 0.5 {
            continue;
        }
        present = true;
        for (band, byte) in pixel.iter_mut().enumerate() {
            *byte = scale(colours[band.min(colours.len() - 1)][index]);
        }
    }
    present.then_some(tile)
}

/// Mean difference of two tiles where both have pixels, the second moved to the right.
pub(super) fn difference(a: &RgbTile, b: &RgbTile, moved_px: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for row in 0..SIDE {
        for column in 0..SIDE - moved_px {
            let at = |column: usize| (row * SIDE + column) * 3;
            let left = &a.as_bytes()[at(column + moved_px)..][..3];
            let right = &b.as_bytes()[at(column)..][..3];
            if left == [0; 3] || right == [0; 3] {
                continue;
            }
            let differences = left.iter().zip(right).map(|(l, r)| l.abs_diff(*r));
            sum += differences.map(f64::from).sum::<f64>() / 3.0;
            count += 1.0;
        }
    }
    if count == 0.0 { 0.0 } else { sum / count }
}

/// Share of pixels that only one of two tiles has.
pub(super) fn mask_difference(a: &RgbTile, b: &RgbTile) -> f64 {
    let pixels = |tile: &RgbTile| -> Vec<bool> {
        tile.as_bytes()
            .chunks_exact(3)
            .map(|p| p != [0; 3])
            .collect()
    };
    let differing = pixels(a)
        .iter()
        .zip(pixels(b))
        .filter(|(a, b)| *a != b)
        .count();
    differing as f64 / (SIDE * SIDE) as f64
}

/// Fetches all tiles around a place and holds them against `gdalwarp`. Says how many had imagery.
pub(super) fn agrees_with_gdalwarp(
    source: &RasterSource,
    reference: &Path,
    tiles: &[TileCoord],
    resampling: &str,
    scale: impl Fn(f64) -> u8,
) -> usize {
    let mut with_imagery = 0;
    for (&tile, expected) in tiles.iter().zip(gdalwarp(reference, tiles, resampling)) {
        let expected = as_tile(&expected, &scale);
        let (got, expected) = match (fetch(source, tile), expected) {
            (None, None) => continue,
            (Some(got), Some(expected)) => (got, expected),
            (got, expected) => panic!(
                "{tile}: imagery {}, gdalwarp {}",
                got.is_some(),
                expected.is_some()
            ),
        };
        with_imagery += 1;
        let off = difference(&got, &expected, 0);
        // A whole pixel's shift is measured on the same tile, so that the bound means a quarter of one.
        let pixel = difference(&expected, &expected, 1);
        assert!(
            off <= pixel / 4.0,
            "{tile}: differs by {off:.2}, a pixel's shift by {pixel:.2}"
        );
        let mask = mask_difference(&got, &expected);
        assert!(
            mask < 0.01,
            "{tile}: {:.2} % of the mask differs",
            mask * 100.0
        );
    }
    with_imagery
}
