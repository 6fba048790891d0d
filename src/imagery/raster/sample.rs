//! A representative, deterministic sample of a band's valid values.

use gdal::{Dataset, raster::RasterBand};

use crate::gdal_reports::Quiet;

/// Longest side of the reduced image that a sample is taken from.
const SIDE_MAX: usize = 1024;
/// A band without overviews is read whole up to this many pixels; a larger one is probed by
/// windows, so that opening a file of a whole country takes seconds.
const WHOLE_PIXELS_MAX: usize = 1 << 26;
/// Windows along each side of a band that is probed.
const WINDOWS: usize = 16;
/// Side of such a window in pixels.
const WINDOW_PX: usize = 64;

/// Finite values of a band where its mask is set: of its reduced image (nearest neighbour, from
/// an overview where there is one), else of 16×16 windows spread evenly.
pub(super) fn values(dataset: &Dataset, index: usize, quiet: &Quiet) -> Result<Vec<f64>, String> {
    quiet.run("its pixels cannot be read", || {
        let band = dataset.rasterband(index).ok()?;
        let mask = band.open_mask_band().ok()?;
        let (width, height) = band.size();
        let mut values = Vec::new();
        let overviews = band.overview_count().unwrap_or(0);
        if overviews > 0 || width * height <= WHOLE_PIXELS_MAX {
            let scale = (width.max(height) as f64 / SIDE_MAX as f64).max(1.0);
            let reduced = |side: usize| ((side as f64 / scale).round() as usize).max(1);
            let size = (reduced(width), reduced(height));
            append(&band, &mask, (0, 0), (width, height), size, &mut values)?;
        } else {
            for row in 0..WINDOWS {
                for column in 0..WINDOWS {
                    let (x, window_width) = window(column, width);
                    let (y, window_height) = window(row, height);
                    let size = (window_width, window_height);
                    append(
                        &band,
                        &mask,
                        (x as isize, y as isize),
                        size,
                        size,
                        &mut values,
                    )?;
                }
            }
        }
        Some(values)
    })
}

/// Start and length of the n-th window along a side.
fn window(n: usize, side: usize) -> (usize, usize) {
    let length = WINDOW_PX.min(side);
    ((side - length) * n / (WINDOWS - 1), length)
}

fn append(
    band: &RasterBand<'_>,
    mask: &RasterBand<'_>,
    at: (isize, isize),
    window: (usize, usize),
    size: (usize, usize),
    values: &mut Vec<f64>,
) -> Option<()> {
    let pixels = band.read_as::<f64>(at, window, size, None).ok()?;
    let valid = mask.read_as::<u8>(at, window, size, None).ok()?;
    values.extend(
        pixels
            .data()
            .iter()
            .zip(valid.data())
            .filter(|(value, valid)| **valid > 0 && value.is_finite())
            .map(|(value, _)| *value),
    );
    Some(())
}
