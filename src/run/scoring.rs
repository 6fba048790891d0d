//! What counts as a detection, and what is kept.

use super::{RunError, error::check_range};
use crate::predict::ModelInfo;

/// Share of the threshold from which tiles are kept as candidates, unless told otherwise.
const KEEP_SHARE: f32 = 0.5;

/// What counts and what is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoringSettings {
    /// Score from which a tile counts as a detection, 0 to 1; by default what the model recommends.
    pub threshold: Option<f32>,
    /// Score from which a tile is kept for lower thresholds later, at most the threshold; by default
    /// half of it.
    pub keep_threshold: Option<f32>,
    /// Whether the ledger keeps the images of candidates.
    pub keep_images: bool,
    /// Let a model that was trained on drawn imagery alone judge real imagery.
    pub allow_synthetic_model: bool,
}

/// The scores that decide, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Thresholds {
    pub threshold: f32,
    pub keep_threshold: f32,
}

impl ScoringSettings {
    /// A model that was trained on drawn imagery alone is refused on any other, unless it is
    /// allowed.
    pub(super) fn check_model(
        &self,
        info: &ModelInfo,
        imagery_is_synthetic: bool,
    ) -> Result<(), RunError> {
        if info.trained_on_synthetic && !imagery_is_synthetic && !self.allow_synthetic_model {
            return Err(RunError::SyntheticModel {
                model: info.name.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn thresholds(&self, info: &ModelInfo) -> Result<Thresholds, RunError> {
        let is_score = |score: f32| (0.0..=1.0).contains(&score);
        let threshold =
            self.threshold
                .or(info.default_threshold)
                .ok_or_else(|| RunError::NoThreshold {
                    model: info.name.clone(),
                })?;
        check_range("threshold", threshold, "0 to 1", is_score)?;
        let keep_threshold = self.keep_threshold.unwrap_or(threshold * KEEP_SHARE);
        check_range("keep threshold", keep_threshold, "0 to 1", is_score)?;
        if keep_threshold > threshold {
            return Err(RunError::KeepAboveThreshold {
                keep_threshold,
                threshold,
            });
        }
        Ok(Thresholds {
            threshold,
            keep_threshold,
        })
    }
}
