//! What `hvmap serve` says of its model beyond its protocol, as far as it makes sense.

use serde_json::Value;

use crate::{
    predict::{AttributionMap, ModelInfo, onnx::Combine},
    wire::facts::ModelFacts,
};

/// What `hvmap serve` says beyond its protocol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    /// SHA-256 of the model's file.
    pub checksum: String,
    pub engine: String,
    pub classes: Vec<String>,
    /// Columns; none where the packager was not told.
    pub positives: Vec<usize>,
    pub combine: Combine,
    pub threshold: Option<f32>,
    pub precision: Option<String>,
    pub trained_on_synthetic: bool,
    pub attribution: Option<AttributionMap>,
}

impl Facts {
    /// Reads and checks what the server wrote; the error says what is wrong with it.
    pub(super) fn read(json: &Value) -> Result<Self, String> {
        let told = ModelFacts::from_json(json).map_err(|error| format!("its metadata: {error}"))?;
        let positives = told
            .positives
            .iter()
            .map(|name| told.classes.iter().position(|class| class == name))
            .collect::<Option<Vec<usize>>>()
            .ok_or("its positives are not among its classes")?;
        let attribution = match (told.attribution_columns_px, told.attribution_rows_px) {
            (None, None) => None,
            (Some(columns_px), Some(rows_px)) => Some(AttributionMap {
                columns_px,
                rows_px,
            }),
            (None, Some(_)) => return Err("its attribution_columns_px are no numbers".into()),
            (Some(_), None) => return Err("its attribution_rows_px are no numbers".into()),
        };
        Ok(Self {
            combine: told
                .combine
                .parse()
                .map_err(|_| "its metadata's combine is neither sum nor largest".to_owned())?,
            checksum: told.checksum,
            engine: told.engine,
            classes: told.classes,
            positives,
            threshold: told.threshold,
            precision: told.precision,
            trained_on_synthetic: told.trained_on_synthetic,
            attribution,
        })
    }

    /// The model as the run knows it.
    pub(super) fn info(&self, name: String, engine: String) -> ModelInfo {
        ModelInfo {
            name,
            checksum: self.checksum.clone(),
            engine,
            classes: self.classes.clone(),
            positives: self
                .positives
                .iter()
                .map(|&column| self.classes[column].clone())
                .collect(),
            default_threshold: self.threshold,
            precision: self.precision.clone(),
            adaptation: None,
            trained_on_synthetic: self.trained_on_synthetic,
            attribution: self.attribution.clone(),
            answers: None,
        }
    }
}
