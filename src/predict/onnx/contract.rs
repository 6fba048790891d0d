//! The metadata of a packaged model: what its file says about itself.
//!
//! A packaged model carries, under keys that begin with `hvmap.`, everything that is needed to
//! run it and to read its answers. `docs/MODELS.md` lists the keys; the packager in `python/`
//! writes them.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::{
    canary::Canaries,
    graph,
    settings::{Activation, Combine},
};
use crate::predict::{AttributionMap, PredictError, Unusable};

/// The version of the contract that this program reads.
pub const CONTRACT_VERSION: &str = "1";

/// What a model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Training {
    /// The synthetic world alone: it knows nothing of the real one.
    Synthetic,
    Real,
    Unknown,
}

impl Training {
    /// The word used in metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Synthetic => "synthetic",
            Self::Real => "real",
            Self::Unknown => "unknown",
        }
    }
}

/// What a packaged model says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The columns of the scores.
    pub classes: Vec<String>,
    /// Columns that count as a tower, rising; none where the packager was not told.
    pub positives: Vec<usize>,
    /// What made the outputs probabilities, inside the graph.
    pub activation: Activation,
    pub threshold: Option<f32>,
    pub precision: Option<String>,
    pub source_sha256: Option<String>,
    pub training: Training,
    pub attribution: Option<AttributionMap>,
    pub canaries: Option<Canaries>,
    /// The canaries' scores by OpenVINO, whose int8 rounds otherwise than ONNX Runtime's.
    pub canary_scores_openvino: Option<Vec<Vec<f32>>>,
    pub licence: Option<String>,
    /// How far the packaged model's answers are from the original's, as the packager measured.
    pub parity: Option<serde_json::Value>,
}

impl Contract {
    /// Reads the metadata of a file without loading it into an engine, or `None` when it was not
    /// packaged.
    ///
    /// # Errors
    /// When the file cannot be read or is no ONNX model, and as [`Contract::read`].
    pub fn of_file(path: &Path) -> Result<Option<Self>, PredictError> {
        let model = path.display().to_string();
        let file = std::fs::read(path).map_err(|source| PredictError::Read {
            model: model.clone(),
            source,
        })?;
        let metadata = graph::metadata(file.into()).ok_or_else(|| {
            PredictError::unusable(&*model, Unusable::Lasting(Unusable::NotOnnx.to_string()))
        })?;
        Self::read(&model, &|key| metadata.get(key).cloned())
    }

    /// Reads the metadata of the model named `model`, or `None` when it was not packaged.
    ///
    /// # Errors
    /// When it was packaged, but a key is missing or does not hold what it should.
    pub fn read(
        model: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, PredictError> {
        let keys = Keys { model, lookup };
        let Some(version) = keys.optional("hvmap.contract") else {
            return Ok(None);
        };
        if version != CONTRACT_VERSION {
            return Err(keys.wrong(
                "hvmap.contract",
                format!("is {version:?}, expected {CONTRACT_VERSION:?}: this program is older than the model"),
            ));
        }
        let classes: Vec<String> = keys.json("hvmap.classes")?;
        if classes.is_empty() {
            return Err(keys.wrong("hvmap.classes", "is empty".into()));
        }
        let activation = match keys.required("hvmap.activation")?.parse() {
            Ok(activation @ (Activation::Softmax | Activation::Sigmoid)) => activation,
            Ok(Activation::None) => {
                return Err(keys.wrong(
                    "hvmap.activation",
                    "is none, expected softmax or sigmoid".into(),
                ));
            }
            Err(reason) => {
                return Err(keys.wrong("hvmap.activation", format!("is wrong: {reason}")));
            }
        };
        Ok(Some(Self {
            positives: keys.positives(&classes)?,
            activation,
            threshold: keys.threshold()?,
            precision: keys.optional("hvmap.precision"),
            source_sha256: keys.optional("hvmap.source_sha256"),
            training: keys.training()?,
            attribution: keys.attribution()?,
            canaries: keys.canaries(classes.len())?,
            canary_scores_openvino: keys.canary_scores_openvino(classes.len())?,
            licence: keys.optional("hvmap.licence"),
            parity: keys.optional_json("hvmap.parity")?,
            classes,
        }))
    }

    /// How several positive classes become one score: classes that exclude each other add up.
    #[must_use]
    pub fn combine(&self) -> Combine {
        match self.activation {
            Activation::Sigmoid => Combine::Largest,
            Activation::Softmax | Activation::None => Combine::Sum,
        }
    }
}

/// Reads keys and says which one is wrong.
struct Keys<'a> {
    model: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Keys<'_> {
    fn wrong(&self, key: &str, reason: String) -> PredictError {
        PredictError::Metadata {
            model: self.model.to_owned(),
            key: key.to_owned(),
            reason,
        }
    }

    /// Empty values count as absent: packagers write them for what they do not know.
    fn optional(&self, key: &str) -> Option<String> {
        (self.lookup)(key).filter(|value| !value.is_empty())
    }

    fn required(&self, key: &str) -> Result<String, PredictError> {
        self.optional(key)
            .ok_or_else(|| self.wrong(key, "is missing".into()))
    }

    fn optional_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, PredictError> {
        self.optional(key)
            .map(|text| {
                serde_json::from_str(&text)
                    .map_err(|error| self.wrong(key, format!("does not fit: {error}")))
            })
            .transpose()
    }

    fn json<T: DeserializeOwned>(&self, key: &str) -> Result<T, PredictError> {
        self.optional_json(key)?
            .ok_or_else(|| self.wrong(key, "is missing".into()))
    }

    fn positives(&self, classes: &[String]) -> Result<Vec<usize>, PredictError> {
        let key = "hvmap.positives";
        let names: Vec<String> = self.json(key)?;
        let mut positives = names
            .iter()
            .map(|name| {
                classes
                    .iter()
                    .position(|class| class == name)
                    .ok_or_else(|| {
                        self.wrong(key, format!("names {name:?}, expected some of {classes:?}"))
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        positives.sort_unstable();
        positives.dedup();
        Ok(positives)
    }

    fn threshold(&self) -> Result<Option<f32>, PredictError> {
        let key = "hvmap.threshold";
        let threshold: Option<f32> = self.optional_json(key)?;
        match threshold {
            Some(threshold) if !(0.0..=1.0).contains(&threshold) => {
                Err(self.wrong(key, format!("is {threshold}, expected 0 to 1")))
            }
            threshold => Ok(threshold),
        }
    }

    fn training(&self) -> Result<Training, PredictError> {
        let key = "hvmap.training";
        match self.optional(key).as_deref() {
            Some("synthetic") => Ok(Training::Synthetic),
            Some("real") => Ok(Training::Real),
            Some("unknown") | None => Ok(Training::Unknown),
            Some(other) => Err(self.wrong(
                key,
                format!("is {other:?}, expected synthetic, real or unknown"),
            )),
        }
    }

    fn attribution(&self) -> Result<Option<AttributionMap>, PredictError> {
        let columns_px = self.cell_centres("hvmap.attribution_columns_px")?;
        let rows_px = self.cell_centres("hvmap.attribution_rows_px")?;
        match (columns_px, rows_px) {
            (Some(columns_px), Some(rows_px)) => Ok(Some(AttributionMap {
                columns_px,
                rows_px,
            })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(self.wrong("hvmap.attribution_columns_px", "is missing".into())),
            (Some(_), None) => Err(self.wrong("hvmap.attribution_rows_px", "is missing".into())),
        }
    }

    fn cell_centres(&self, key: &str) -> Result<Option<Vec<f32>>, PredictError> {
        let centres: Option<Vec<f32>> = self.optional_json(key)?;
        if let Some(centres) = &centres {
            let rising = centres.windows(2).all(|pair| pair[0] < pair[1]);
            if centres.is_empty() || !rising {
                return Err(self.wrong(key, "is not a rising list of pixels".into()));
            }
        }
        Ok(centres)
    }

    fn canaries(&self, classes: usize) -> Result<Option<Canaries>, PredictError> {
        let Some(images) = self.optional("hvmap.canary_images") else {
            return Ok(None);
        };
        let scores: Vec<Vec<f32>> = self.json("hvmap.canary_scores")?;
        let tolerance: f32 = self.json("hvmap.canary_tolerance")?;
        if !(0.0..1.0).contains(&tolerance) {
            return Err(self.wrong(
                "hvmap.canary_tolerance",
                format!("is {tolerance}, expected 0 to 1"),
            ));
        }
        self.rows("hvmap.canary_scores", &scores, classes)?;
        let canaries = Canaries::decode(&images, scores, tolerance)
            .map_err(|reason| self.wrong("hvmap.canary_images", reason))?;
        Ok(Some(canaries))
    }

    fn canary_scores_openvino(
        &self,
        classes: usize,
    ) -> Result<Option<Vec<Vec<f32>>>, PredictError> {
        let key = "hvmap.canary_scores_openvino";
        let scores: Option<Vec<Vec<f32>>> = self.optional_json(key)?;
        if let Some(scores) = &scores {
            self.rows(key, scores, classes)?;
        }
        Ok(scores)
    }

    fn rows(&self, key: &str, scores: &[Vec<f32>], classes: usize) -> Result<(), PredictError> {
        if scores.is_empty() || scores.iter().any(|row| row.len() != classes) {
            return Err(self.wrong(key, format!("does not hold {classes} scores for each tile")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn metadata() -> HashMap<&'static str, &'static str> {
        HashMap::from([
            ("hvmap.contract", "1"),
            ("hvmap.classes", r#"["none", "tower", "mast"]"#),
            ("hvmap.positives", r#"["mast", "tower"]"#),
            ("hvmap.activation", "softmax"),
            ("hvmap.threshold", "0.92"),
            ("hvmap.training", "synthetic"),
            ("hvmap.attribution_columns_px", "[8, 24.5]"),
            ("hvmap.attribution_rows_px", "[8]"),
        ])
    }

    fn read(metadata: &HashMap<&str, &str>) -> Result<Option<Contract>, PredictError> {
        Contract::read("m.onnx", &|key| {
            metadata.get(key).map(|value| (*value).to_owned())
        })
    }

    #[test]
    fn a_model_without_the_contract_is_not_packaged() {
        assert_eq!(read(&HashMap::new()).unwrap(), None);
    }

    #[test]
    fn a_contract_is_read_whole() {
        let contract = read(&metadata()).unwrap().unwrap();
        assert_eq!(contract.positives, [1, 2]);
        assert_eq!(contract.combine(), Combine::Sum);
        assert_eq!(contract.threshold, Some(0.92));
        assert_eq!(contract.training, Training::Synthetic);
        assert_eq!(
            contract.attribution,
            Some(AttributionMap {
                columns_px: vec![8.0, 24.5],
                rows_px: vec![8.0],
            })
        );
        assert_eq!(contract.canaries, None);
    }

    #[test]
    fn each_broken_key_is_named() {
        let broken = [
            ("hvmap.contract", "2"),
            ("hvmap.classes", "[]"),
            ("hvmap.classes", "tower"),
            ("hvmap.positives", r#"["pylon"]"#),
            ("hvmap.positives", ""),
            ("hvmap.activation", "none"),
            ("hvmap.activation", ""),
            ("hvmap.threshold", "92"),
            ("hvmap.training", "imagenet"),
            ("hvmap.attribution_columns_px", "[24, 8]"),
            ("hvmap.attribution_rows_px", ""),
            ("hvmap.canary_scores_openvino", "[[0.5, 0.5]]"),
        ];
        for (key, value) in broken {
            let mut metadata = metadata();
            metadata.insert(key, value);
            let error = read(&metadata).unwrap_err().to_string();
            assert!(error.contains(key), "{key} = {value}: {error}");
        }
    }
}
