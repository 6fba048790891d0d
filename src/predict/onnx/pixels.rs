//! From a tile's bytes to the numbers in the tensor of a model that was not packaged for hvmap.

use super::settings::{Fit, Layout, NamedPreprocess, Preprocess};
use crate::{image::RGB_BYTES, tiles::TILE_SIZE_PX};

const TILE: usize = TILE_SIZE_PX as usize;
const CHANNELS: usize = 3;

/// Prepares tiles for one model: size, scaling, order of channels and dimensions.
#[derive(Clone, Debug)]
pub struct PixelPlan {
    pub layout: Layout,
    /// Width and height of the model's images.
    pub size_px: usize,
    fit: Option<Fit>,
    scaling: Scaling,
    /// Where each output pixel of a resized row or column comes from; empty without a resize.
    taps: Vec<Taps>,
}

impl PixelPlan {
    /// A plan for images of `size_px`; without a fit the size has to be a tile's own.
    #[must_use]
    pub fn new(layout: Layout, size_px: usize, fit: Option<Fit>, preprocess: Preprocess) -> Self {
        let taps = match fit {
            Some(Fit::Resize) if size_px != TILE => triangle_taps(TILE, size_px),
            _ => Vec::new(),
        };
        Self {
            layout,
            size_px,
            fit,
            scaling: Scaling::new(preprocess),
            taps,
        }
    }

    /// Numbers in one prepared image.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.size_px * self.size_px * CHANNELS
    }

    /// The tensor's dimensions for so many images.
    #[must_use]
    pub fn shape(&self, images: usize) -> [usize; 4] {
        match self.layout {
            Layout::Nhwc => [images, self.size_px, self.size_px, CHANNELS],
            Layout::Nchw => [images, CHANNELS, self.size_px, self.size_px],
        }
    }

    /// Writes one prepared tile.
    ///
    /// # Panics
    /// When `tile` is not [`RGB_BYTES`] long or `out` not [`PixelPlan::image_len`].
    pub fn write_f32(&self, tile: &[u8], out: &mut [f32]) {
        assert_eq!(tile.len(), RGB_BYTES, "a tile's bytes");
        assert_eq!(out.len(), self.image_len(), "an image's numbers");
        if self.taps.is_empty() {
            let black = self.scaling.of_byte(0);
            self.place(tile, out, black, |channel, value| {
                self.scaling.tables[channel][usize::from(value)]
            });
        } else {
            let resized = resize(tile, &self.taps);
            for (pixel, rgb) in resized.chunks_exact(CHANNELS).enumerate() {
                for channel in 0..CHANNELS {
                    let value = self
                        .scaling
                        .of_number(channel, rgb[self.scaling.source[channel]]);
                    out[self.index(pixel, channel)] = value;
                }
            }
        }
    }

    /// Writes one prepared tile for a model that takes bytes; resized values are rounded.
    ///
    /// # Panics
    /// As [`PixelPlan::write_f32`].
    pub fn write_u8(&self, tile: &[u8], out: &mut [u8]) {
        assert_eq!(tile.len(), RGB_BYTES, "a tile's bytes");
        assert_eq!(out.len(), self.image_len(), "an image's numbers");
        if self.taps.is_empty() {
            self.place(tile, out, [0; CHANNELS], |_, value| value);
        } else {
            let resized = resize(tile, &self.taps);
            for (pixel, rgb) in resized.chunks_exact(CHANNELS).enumerate() {
                for (channel, &value) in rgb.iter().enumerate() {
                    // The filter's weights sum to 1, so the value lies in 0..=255 but for
                    // rounding, and the cast saturates.
                    out[self.index(pixel, channel)] = value.round() as u8;
                }
            }
        }
    }

    /// Copies the part of the tile that the image shows, and `border` around it.
    fn place<T: Copy>(
        &self,
        tile: &[u8],
        out: &mut [T],
        border: [T; CHANNELS],
        value: impl Fn(usize, u8) -> T,
    ) {
        // With a crop the tile is the larger of the two, with a pad the image is.
        let shown = self.size_px.min(TILE);
        let from = (TILE - shown) / 2;
        let to = (self.size_px - shown) / 2;
        if self.fit == Some(Fit::Pad) && shown < self.size_px {
            for pixel in 0..self.size_px * self.size_px {
                for (channel, &border) in border.iter().enumerate() {
                    out[self.index(pixel, channel)] = border;
                }
            }
        }
        for row in 0..shown {
            let start = ((from + row) * TILE + from) * CHANNELS;
            let pixels = &tile[start..start + shown * CHANNELS];
            for (column, rgb) in pixels.chunks_exact(CHANNELS).enumerate() {
                let pixel = (to + row) * self.size_px + to + column;
                for channel in 0..CHANNELS {
                    out[self.index(pixel, channel)] =
                        value(channel, rgb[self.scaling.source[channel]]);
                }
            }
        }
    }

    fn index(&self, pixel: usize, channel: usize) -> usize {
        match self.layout {
            Layout::Nhwc => pixel * CHANNELS + channel,
            Layout::Nchw => channel * self.size_px * self.size_px + pixel,
        }
    }
}

/// One affine function a channel, as tables over all bytes and as numbers for resized pixels.
#[derive(Clone, Debug)]
struct Scaling {
    /// The tile's channel (red, green, blue) that each of the model's channels takes.
    source: [usize; CHANNELS],
    /// Value of each byte in each of the model's channels.
    tables: [[f32; 256]; CHANNELS],
    preprocess: Preprocess,
}

impl Scaling {
    fn new(preprocess: Preprocess) -> Self {
        let source = match preprocess {
            Preprocess::Named(NamedPreprocess::Caffe) => [2, 1, 0],
            _ => [0, 1, 2],
        };
        let table = |channel| std::array::from_fn(|byte| scaled(preprocess, channel, byte as f32));
        Self {
            source,
            tables: [table(0), table(1), table(2)],
            preprocess,
        }
    }

    fn of_number(&self, channel: usize, value: f32) -> f32 {
        scaled(self.preprocess, channel, value)
    }

    fn of_byte(&self, byte: u8) -> [f32; CHANNELS] {
        std::array::from_fn(|channel| self.tables[channel][usize::from(byte)])
    }
}

/// Keras's and PyTorch's formulas in their own order of operations, so that the bits agree.
fn scaled(preprocess: Preprocess, channel: usize, x: f32) -> f32 {
    const CAFFE_MEANS_BGR: [f32; 3] = [103.939, 116.779, 123.68];
    const TORCH_MEANS: [f32; 3] = [0.485, 0.456, 0.406];
    const TORCH_DEVIATIONS: [f32; 3] = [0.229, 0.224, 0.225];
    match preprocess {
        Preprocess::Named(NamedPreprocess::Xception) => x / 127.5 - 1.0,
        Preprocess::Named(NamedPreprocess::Unit) => x / 255.0,
        Preprocess::Named(NamedPreprocess::Caffe) => x - CAFFE_MEANS_BGR[channel],
        Preprocess::Named(NamedPreprocess::Torch) => {
            (x / 255.0 - TORCH_MEANS[channel]) / TORCH_DEVIATIONS[channel]
        }
        Preprocess::Named(NamedPreprocess::None) => x,
        Preprocess::Affine { scale, offset } => x * scale + offset,
    }
}

/// The input pixels that one output pixel of a row or column is made of, and their weights.
#[derive(Clone, Debug)]
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// Weights of a triangle filter with pixel centres at halves. When the image shrinks, the filter
/// widens with the step, so that nothing is skipped: Pillow's `BILINEAR`. When it grows, this is
/// plain bilinear interpolation.
fn triangle_taps(from: usize, to: usize) -> Vec<Taps> {
    let step = from as f64 / to as f64;
    let radius = step.max(1.0);
    (0..to)
        .map(|index| {
            let centre = (index as f64 + 0.5) * step;
            let first = (centre - radius + 0.5).floor().max(0.0) as usize;
            let end = ((centre + radius + 0.5).floor() as usize).min(from);
            let weights: Vec<f64> = (first..end)
                .map(|pixel| (1.0 - ((pixel as f64 + 0.5 - centre) / radius).abs()).max(0.0))
                .collect();
            let sum: f64 = weights.iter().sum();
            Taps {
                first,
                weights: weights.iter().map(|weight| (weight / sum) as f32).collect(),
            }
        })
        .collect()
}

/// Resizes a tile to a square of as many pixels a side as there are taps; red, green, blue.
fn resize(tile: &[u8], taps: &[Taps]) -> Vec<f32> {
    let size = taps.len();
    // First along the rows, then along the columns.
    let mut narrowed = vec![0.0f32; TILE * size * CHANNELS];
    for row in 0..TILE {
        let line = &tile[row * TILE * CHANNELS..(row + 1) * TILE * CHANNELS];
        for (column, tap) in taps.iter().enumerate() {
            let mut sums = [0.0f32; CHANNELS];
            for (weight, rgb) in tap
                .weights
                .iter()
                .zip(line[tap.first * CHANNELS..].chunks_exact(CHANNELS))
            {
                for (sum, &value) in sums.iter_mut().zip(rgb) {
                    *sum += weight * f32::from(value);
                }
            }
            let start = (row * size + column) * CHANNELS;
            narrowed[start..start + CHANNELS].copy_from_slice(&sums);
        }
    }
    let line_len = size * CHANNELS;
    let mut resized = vec![0.0f32; size * line_len];
    for (line, tap) in resized.chunks_exact_mut(line_len).zip(taps) {
        for (weight, source) in tap
            .weights
            .iter()
            .zip(narrowed[tap.first * line_len..].chunks_exact(line_len))
        {
            for (sum, value) in line.iter_mut().zip(source) {
                *sum += weight * value;
            }
        }
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red is the column, green the row, blue 7.
    fn ramp() -> Vec<u8> {
        (0..TILE * TILE)
            .flat_map(|pixel| [(pixel % TILE) as u8, (pixel / TILE) as u8, 7])
            .collect()
    }

    fn named(name: NamedPreprocess) -> Preprocess {
        Preprocess::Named(name)
    }

    fn written(plan: &PixelPlan) -> Vec<f32> {
        let mut out = vec![f32::NAN; plan.image_len()];
        plan.write_f32(&ramp(), &mut out);
        out
    }

    #[test]
    fn bytes_pass_unchanged_where_the_model_takes_them_as_they_are() {
        let plan = PixelPlan::new(Layout::Nhwc, TILE, None, named(NamedPreprocess::None));
        let mut out = vec![0; plan.image_len()];
        plan.write_u8(&ramp(), &mut out);
        assert_eq!(out, ramp());
    }

    #[test]
    fn planes_hold_one_channel_each() {
        let plan = PixelPlan::new(Layout::Nchw, TILE, None, named(NamedPreprocess::None));
        let out = written(&plan);
        let (row, column) = (3, 200);
        let pixel = row * TILE + column;
        let plane = TILE * TILE;
        assert_eq!(out[pixel], 200.0);
        assert_eq!(out[plane + pixel], 3.0);
        assert_eq!(out[2 * plane + pixel], 7.0);
    }

    #[test]
    fn scalings_give_the_numbers_of_keras_and_pytorch() {
        let first = |name| {
            let out = written(&PixelPlan::new(Layout::Nhwc, TILE, None, named(name)));
            let pixel = (TILE - 1) * TILE + 128;
            [out[pixel * 3], out[pixel * 3 + 1], out[pixel * 3 + 2]]
        };
        assert_eq!(
            first(NamedPreprocess::Xception),
            [128.0 / 127.5 - 1.0, 1.0, 7.0 / 127.5 - 1.0]
        );
        assert_eq!(
            first(NamedPreprocess::Unit),
            [128.0 / 255.0, 1.0, 7.0 / 255.0]
        );
        assert_eq!(
            first(NamedPreprocess::Caffe),
            [7.0 - 103.939, 255.0 - 116.779, 128.0 - 123.68]
        );
        assert_eq!(first(NamedPreprocess::Torch)[1], (1.0 - 0.456) / 0.224);
    }

    #[test]
    fn a_crop_shows_the_middle_and_a_pad_puts_black_around() {
        let crop = PixelPlan::new(
            Layout::Nhwc,
            224,
            Some(Fit::Crop),
            named(NamedPreprocess::None),
        );
        assert_eq!(&written(&crop)[..3], &[16.0, 16.0, 7.0]);

        let pad = PixelPlan::new(
            Layout::Nhwc,
            260,
            Some(Fit::Pad),
            named(NamedPreprocess::Xception),
        );
        let out = written(&pad);
        assert_eq!(&out[..3], &[-1.0, -1.0, -1.0], "black after scaling");
        let inside = (2 * 260 + 2) * 3;
        assert_eq!(out[inside + 2], 7.0 / 127.5 - 1.0);
        assert!(out.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_resize_keeps_a_ramp_straight_and_a_flat_channel_flat() {
        for size in [128, 299, 224] {
            let plan = PixelPlan::new(
                Layout::Nhwc,
                size,
                Some(Fit::Resize),
                named(NamedPreprocess::None),
            );
            let out = written(&plan);
            let step = TILE as f32 / size as f32;
            // A widened triangle only nearly keeps the centre of gravity at steps that are not
            // whole; Pillow's has the same ripple.
            let tolerance = if step > 1.0 { 0.1 } else { 1e-3 };
            // Away from the border, where the filter is cut off.
            for column in 4..size - 4 {
                let pixel = size / 2 * size + column;
                let expected = (column as f32 + 0.5) * step - 0.5;
                assert!(
                    (out[pixel * 3] - expected).abs() < tolerance,
                    "size {size}, column {column}: got {}, expected {expected}",
                    out[pixel * 3]
                );
                assert!((out[pixel * 3 + 2] - 7.0).abs() < 1e-4);
            }
        }
    }
}
