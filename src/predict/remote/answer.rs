//! What servers answer, read with distrust.

use serde_json::Value;

use crate::predict::{AttributionMap, ModelInfo, onnx::Combine};

/// A server's model, from its metadata.
#[derive(Debug)]
pub(super) struct Described {
    pub info: ModelInfo,
    /// Columns of the scores that count as a tower; at least one.
    pub positives: Vec<usize>,
    pub combine: Combine,
    pub version: String,
}

/// One image's answer.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub outputs: Vec<f32>,
    pub attribution: Vec<f32>,
}

/// Reads `hvmap serve`'s metadata; the error names what is missing.
pub(super) fn describe(body: &[u8]) -> Result<Described, String> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| format!("its metadata is no JSON: {error}"))?;
    let facts = &json["metadata"]["hvmap"];
    if facts.is_null() {
        return Err("its metadata does not say what its outputs mean".into());
    }
    let text = |value: &Value, key: &str| {
        value[key]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("its metadata lacks {key}"))
    };
    let names = |key: &str| {
        facts[key]
            .as_array()
            .and_then(|list| list.iter().map(|n| n.as_str().map(str::to_owned)).collect())
            .ok_or_else(|| format!("its metadata lacks {key}"))
    };
    let version = text(&json["model_spec"], "version")?;
    let classes: Vec<String> = names("classes")?;
    let positive_names: Vec<String> = names("positives")?;
    let positives: Vec<usize> = positive_names
        .iter()
        .filter_map(|name| classes.iter().position(|class| class == name))
        .collect();
    if positives.is_empty() || positives.len() != positive_names.len() {
        return Err("its positives are not among its classes".into());
    }
    let combine = text(facts, "combine")?
        .parse()
        .map_err(|_| "its metadata's combine is neither sum nor largest".to_owned())?;
    let attribution = match (
        numbers(&facts["attribution_columns_px"]),
        numbers(&facts["attribution_rows_px"]),
    ) {
        (Some(columns_px), Some(rows_px)) => Some(AttributionMap {
            columns_px,
            rows_px,
        }),
        _ => None,
    };
    let info = ModelInfo {
        name: format!(
            "{} version {version}, served",
            text(&json["model_spec"], "name")?
        ),
        checksum: text(facts, "checksum")?,
        engine: format!("served by {}", text(facts, "engine")?),
        classes,
        positives: positive_names,
        default_threshold: facts["threshold"].as_f64().map(|number| number as f32),
        precision: facts["precision"].as_str().map(str::to_owned),
        adaptation: None,
        trained_on_synthetic: facts["trained_on_synthetic"]
            .as_bool()
            .ok_or("its metadata lacks trained_on_synthetic")?,
        attribution,
    };
    Ok(Described {
        info,
        positives,
        combine,
        version,
    })
}

/// Reads the answer to so many images of so many classes and grid cells.
pub(super) fn rows(
    body: &[u8],
    images: usize,
    classes: usize,
    cells: usize,
) -> Result<Vec<Row>, String> {
    let json: Value = serde_json::from_slice(body).or_else(|error| {
        // TF Serving writes numbers that are none as JSON does not allow.
        let text = std::str::from_utf8(body).map_err(|_| "its answer is no JSON".to_owned())?;
        let mended = text
            .replace("-Infinity", "null")
            .replace("Infinity", "null")
            .replace("NaN", "null");
        serde_json::from_str(&mended).map_err(|_| format!("its answer is no JSON: {error}"))
    })?;
    let list = json["predictions"]
        .as_array()
        .ok_or("its answer holds no predictions")?;
    if list.len() != images {
        return Err(format!(
            "it answered {} predictions for {images} images",
            list.len()
        ));
    }
    list.iter()
        .map(|value| {
            let (outputs, attribution) = if cells > 0 {
                (numbers(&value["scores"]), flat(&value["attribution"]))
            } else {
                (numbers(value), Some(Vec::new()))
            };
            match (outputs, attribution) {
                (Some(outputs), Some(attribution))
                    if outputs.len() == classes && attribution.len() == cells =>
                {
                    Ok(Row {
                        outputs,
                        attribution,
                    })
                }
                _ => Err(format!(
                    "a prediction is not {classes} scores with {cells} attribution cells"
                )),
            }
        })
        .collect()
}

fn numbers(value: &Value) -> Option<Vec<f32>> {
    value
        .as_array()?
        .iter()
        .map(|number| match number {
            Value::Null => Some(f32::NAN),
            other => other.as_f64().map(|number| number as f32),
        })
        .collect()
}

fn flat(rows: &Value) -> Option<Vec<f32>> {
    let rows: Option<Vec<Vec<f32>>> = rows.as_array()?.iter().map(numbers).collect();
    rows.map(|rows| rows.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_wrong_shape_are_refused() {
        for body in [
            "<html>hello</html>",
            "",
            "{}",
            r#"{"predictions":[[0.5]]}"#,
            r#"{"predictions":[[0.5],[0.5,0.5]]}"#,
            r#"{"predictions":[[0.5],["x"]]}"#,
        ] {
            assert!(rows(body.as_bytes(), 2, 1, 0).is_err(), "{body}");
        }
    }

    #[test]
    fn a_score_that_is_no_number_stays_with_its_image() {
        let rows = rows(br#"{"predictions":[[NaN],[0.1]]}"#, 2, 1, 0).unwrap();
        assert!(rows[0].outputs[0].is_nan());
        assert_eq!(rows[1].outputs, [0.1]);
    }
}
