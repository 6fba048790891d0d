//! The speed of a model alone, fed from memory: what the pipeline is measured against.

use std::time::{Duration, Instant};

use super::{Batch, Classifier, Model, PredictError, Predictions};
use crate::image::RGB_BYTES;

/// What a model does when nothing holds it up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BareRate {
    /// Images classified a second by all workers together.
    pub tiles_per_s: f64,
    pub tiles: u64,
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
    Ok(BareRate {
        tiles_per_s: tiles as f64 / start.elapsed().as_secs_f64(),
        tiles,
        workers,
    })
}

fn classify_once(classifier: &mut dyn Classifier, batch: &[u8]) -> Result<u64, PredictError> {
    let images = classifier.batch_size_max();
    let mut predictions = Predictions::default();
    classifier.classify(Batch::Rgb8(&batch[..images * RGB_BYTES]), &mut predictions)?;
    Ok(images as u64)
}
