//! What a ledger keeps of the model that a run used.

use crate::{ledger::ModelRecord, predict::ModelInfo};

/// The manifest's record of a model.
#[must_use]
pub fn model_record(info: &ModelInfo) -> ModelRecord {
    let map = info.attribution.as_ref();
    ModelRecord {
        name: info.name.clone(),
        checksum: info.checksum.clone(),
        classes: info.classes.clone(),
        positives: info.positives.clone(),
        precision: info.precision.clone(),
        adaptation: info.adaptation.clone(),
        trained_on_synthetic: info.trained_on_synthetic,
        attribution_columns_px: map.map(|map| map.columns_px.clone()),
        attribution_rows_px: map.map(|map| map.rows_px.clone()),
        answers: info.answers.clone(),
    }
}
