//! What `hvmap serve` tells of a model, and its own client reads, that no protocol has a word for.
//!
//! Over HTTP it stands in a model's metadata under [`KEY`]; gRPC's messages have no room for it, so
//! there it is a header of the answer, [`HEADER`]. Other clients pass over both.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Its key in JSON.
pub const KEY: &str = "hvmap";
/// Its header in gRPC, with the JSON as bytes.
pub const HEADER: &str = "hvmap-model-bin";

/// The facts, in the order of their keys in JSON.
///
/// ```
/// use hvmap::wire::facts::ModelFacts;
///
/// let json = serde_json::json!({
///     "checksum": "9c56cc51", "engine": "onnxruntime 1.31.1, cpu",
///     "classes": ["none", "tower"], "positives": ["tower"], "combine": "sum",
///     "trained_on_synthetic": false,
/// });
/// let facts = ModelFacts::from_json(&json)?;
/// assert_eq!(facts.positives, ["tower"]);
/// assert_eq!(facts.threshold, None);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// SHA-256 of the model's file in lower-case hexadecimal.
    pub checksum: String,
    /// Engine, version and device, such as `onnxruntime 1.31.1, cpu`.
    pub engine: String,
    /// The columns of the scores.
    pub classes: Vec<String>,
    /// The classes that count as a tower; none where the packager was not told.
    pub positives: Vec<String>,
    /// How several positives become one score: `sum` or `largest`.
    pub combine: String,
    /// The score, 0 to 1, that the packager recommends as a threshold.
    pub threshold: Option<f32>,
    pub precision: Option<String>,
    /// Trained on the synthetic world alone.
    pub trained_on_synthetic: bool,
    /// Pixel column of each column of the attribution grid, rising; `None` without a grid.
    pub attribution_columns_px: Option<Vec<f32>>,
    /// Pixel row of each row of the attribution grid, rising; `None` without a grid.
    pub attribution_rows_px: Option<Vec<f32>>,
}

impl ModelFacts {
    /// The facts as JSON. What is not known is `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("texts, flags and numbers are JSON")
    }

    /// Reads the facts; keys of newer servers are passed over.
    ///
    /// # Errors
    /// When a key is missing whose value is always known, or one has a value of another type.
    pub fn from_json(json: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ModelFacts {
        ModelFacts {
            checksum: "ab12".into(),
            engine: "onnxruntime 1.31.1, cpu".into(),
            classes: vec!["none".into(), "tower".into()],
            positives: vec!["tower".into()],
            combine: "sum".into(),
            threshold: Some(0.1),
            precision: None,
            trained_on_synthetic: true,
            attribution_columns_px: Some(vec![3.5, 35.5]),
            attribution_rows_px: Some(vec![3.5]),
        }
    }

    #[test]
    fn facts_are_written_as_earlier_servers_wrote_them() {
        assert_eq!(
            facts().to_json().to_string(),
            "{\"checksum\":\"ab12\",\"engine\":\"onnxruntime 1.31.1, cpu\",\
             \"classes\":[\"none\",\"tower\"],\"positives\":[\"tower\"],\"combine\":\"sum\",\
             \"threshold\":0.10000000149011612,\"precision\":null,\"trained_on_synthetic\":true,\
             \"attribution_columns_px\":[3.5,35.5],\"attribution_rows_px\":[3.5]}"
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(ModelFacts::from_json(&facts().to_json()).unwrap(), facts());
    }

    #[test]
    fn facts_that_lack_a_key_are_refused_with_its_name() {
        let mut json = facts().to_json();
        json.as_object_mut().unwrap().remove("checksum");
        let error = ModelFacts::from_json(&json).unwrap_err();
        assert!(error.to_string().contains("checksum"), "{error}");
    }
}
