//! The speed of a model alone, fed from memory: what the pipeline is measured against.

use std::time::{Duration, Instant};

use super::{
    Batch, Classifier, Model, PredictError, Predictions,
    onnx::{Arrangement, OnnxModel},
};
use crate::image::RGB_BYTES;

/// So many of the fastest arrangements are measured a second time.
const MEASURED_TWICE: usize = 3;

/// What a model does when nothing holds it up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BareRate {
    /// Images classified a second by all workers together.
    pub tiles_per_s: f64,
    pub tiles: u64,
    pub elapsed: Duration,
    pub workers: usize,
}

/// Runs every worker's classifier on the same images, over and over, for about `duration`.
///
/// `images` are decoded tiles one after the other, at least one; they are taken in rotation in
/// batches of the classifier's size. One batch a worker goes before the clock starts.
///
/// # Errors
/// The model's.
///
/// # Panics
/// When `images` is not a whole number of tiles, or a worker's thread panics.
pub fn bare_session(
    model: &dyn Model,
    images: &[u8],
    duration: Duration,
) -> Result<BareRate, PredictError> {
    assert!(
        !images.is_empty() && images.len().is_multiple_of(RGB_BYTES),
        "images come as whole tiles"
    );
    let workers = model.workers().max(1);
    let mut classifiers = (0..workers)
        .map(|_| model.classifier())
        .collect::<Result<Vec<_>, _>>()?;
    let capacity = classifiers
        .iter()
        .map(|classifier| classifier.batch_size_max())
        .max()
        .unwrap_or(1);
    let batch: Vec<u8> = images
        .chunks(RGB_BYTES)
        .cycle()
        .take(capacity)
        .flatten()
        .copied()
        .collect();
    for classifier in &mut classifiers {
        classify_once(classifier.as_mut(), &batch)?;
    }
    let start = Instant::now();
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = classifiers
            .iter_mut()
            .map(|classifier| {
                let batch = &batch;
                scope.spawn(move || {
                    let mut tiles = 0;
                    while start.elapsed() < duration {
                        tiles += classify_once(classifier.as_mut(), batch)?;
                    }
                    Ok(tiles)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a worker does not panic"))
            .collect::<Result<Vec<u64>, PredictError>>()
    })?;
    let tiles = counts.iter().sum();
    let elapsed = start.elapsed();
    Ok(BareRate {
        tiles_per_s: tiles as f64 / elapsed.as_secs_f64(),
        tiles,
        elapsed,
        workers,
    })
}

/// What one arrangement of a model did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub arrangement: Arrangement,
    pub tiles: u64,
    pub elapsed: Duration,
}

impl Measured {
    #[must_use]
    pub fn tiles_per_s(&self) -> f64 {
        self.tiles as f64 / self.elapsed.as_secs_f64()
    }
}

/// Measures a model in each arrangement for about `duration` and in the fastest again as long, in
/// turn, so that a moment's load elsewhere decides less; answers in the order of `arrangements`.
///
/// # Errors
/// The model's.
pub fn sweep(
    model: &mut OnnxModel,
    arrangements: &[Arrangement],
    images: &[u8],
    duration: Duration,
) -> Result<Vec<Measured>, PredictError> {
    let mut all = Vec::with_capacity(arrangements.len());
    for &arrangement in arrangements {
        all.push(measure(model, arrangement, images, duration)?);
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[b].tiles_per_s().total_cmp(&all[a].tiles_per_s()));
    for &index in order.iter().take(MEASURED_TWICE) {
        let again = measure(model, all[index].arrangement, images, duration)?;
        all[index].tiles += again.tiles;
        all[index].elapsed += again.elapsed;
    }
    Ok(all)
}

/// The one with the most tiles a second; of equals the first, which is the more usual.
///
/// # Panics
/// When nothing was measured.
#[must_use]
pub fn fastest(measured: &[Measured]) -> &Measured {
    measured
        .iter()
        .rev()
        .max_by(|a, b| a.tiles_per_s().total_cmp(&b.tiles_per_s()))
        .expect("at least one arrangement was measured")
}

fn measure(
    model: &mut OnnxModel,
    arrangement: Arrangement,
    images: &[u8],
    duration: Duration,
) -> Result<Measured, PredictError> {
    model.arrange(arrangement);
    let rate = bare_session(model, images, duration)?;
    Ok(Measured {
        arrangement,
        tiles: rate.tiles,
        elapsed: rate.elapsed,
    })
}

fn classify_once(classifier: &mut dyn Classifier, batch: &[u8]) -> Result<u64, PredictError> {
    let images = classifier.batch_size_max();
    let mut predictions = Predictions::default();
    classifier.classify(Batch::Rgb8(&batch[..images * RGB_BYTES]), &mut predictions)?;
    Ok(images as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_is_told_by_its_rate_and_of_equals_the_first() {
        let one = |workers, tiles, seconds| Measured {
            arrangement: Arrangement {
                workers,
                threads: 1,
                batch_size: 4,
            },
            tiles,
            elapsed: Duration::from_secs(seconds),
        };
        let all = [one(1, 10, 1), one(2, 40, 2), one(3, 20, 1), one(4, 30, 2)];
        assert_eq!(fastest(&all).arrangement.workers, 2);
    }
}
