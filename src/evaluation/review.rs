//! How good a run's hints are by what people said of some of them.

use serde::Serialize;

use super::{Expected, ReviewCounts, Reviewed};
use crate::detections::{Detections, DetectionsError, LikelyGrid};

/// How many of the best hints the estimate is given for: where the bands end.
const BEST: [usize; 3] = [100, 1_000, 10_000];

/// What labels tell of a run's hints. Serialised it is the `reviewed` of what `hvmap eval`
/// gives as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Review {
    /// Lowest score of a hint.
    pub threshold: f32,
    #[serde(flatten)]
    pub counts: ReviewCounts,
    /// The best hints, ever more of them, and all; those without any label are left out.
    pub best: Vec<Expected>,
}

/// Why labels tell nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    #[error(
        "threshold {threshold} is below what the run kept: tiles that scored under \
         {keep_threshold} are no hints"
    )]
    ThresholdBelowKept { threshold: f32, keep_threshold: f32 },
    #[error(transparent)]
    Detections(#[from] DetectionsError),
}

impl Review {
    /// Puts the labels on the hints that score at least `threshold`, 0 to 1, and estimates how many
    /// of the best are true towers.
    ///
    /// # Errors
    /// When the threshold lies below what the run kept, or the ledger cannot be read.
    pub fn of(
        detections: &Detections<'_>,
        labels: &Reviewed,
        threshold: f32,
    ) -> Result<Self, ReviewError> {
        let keep_threshold = detections.manifest().keep_threshold;
        if threshold < keep_threshold {
            return Err(ReviewError::ThresholdBelowKept {
                threshold,
                keep_threshold,
            });
        }
        let mut grid = LikelyGrid::of(detections, threshold, None)?;
        let counts = labels.label(&mut grid);
        let towers = grid.towers();
        let smaller = BEST.into_iter().filter(|&best| best < towers.len());
        let best = smaller.chain([towers.len()]);
        Ok(Self {
            threshold,
            counts,
            best: best
                .filter_map(|best| Expected::of(&towers[..best]))
                .collect(),
        })
    }
}
