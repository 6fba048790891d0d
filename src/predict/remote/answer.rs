//! What servers answer, read with distrust.

use serde_json::Value;

use super::described::Outputs;
use crate::predict::ServerFault;

/// One image's answer.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub outputs: Vec<f32>,
    /// Rows top-down, or empty.
    pub attribution: Vec<f32>,
}

/// What an answer has to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub outputs: &'a Outputs,
    pub images: usize,
    /// Scores an image; unknown until the first answer of a server that does not say it.
    pub classes: Option<usize>,
    /// Attribution cells an image; 0 without them.
    pub cells: usize,
}

/// Numbers of any shape, with the image as the first dimension.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tensor {
    pub name: String,
    pub shape: Vec<i64>,
    /// In row-major order.
    pub values: Vec<f32>,
}

/// Rows out of the outputs of an answer.
pub(super) fn rows_of(tensors: &[Tensor], expected: Expected<'_>) -> Result<Vec<Row>, String> {
    let named = |name: &str| {
        tensors
            .iter()
            .find(|tensor| tensor.name == name)
            .ok_or_else(|| format!("its answer lacks the output {name}"))
    };
    let scores = match (&expected.outputs.scores, tensors) {
        (Some(name), _) => named(name)?,
        (None, [only]) => only,
        (None, _) => {
            return Err(format!(
                "it answered {} outputs, expected one",
                tensors.len()
            ));
        }
    };
    let classes = width(scores, expected.images)?;
    if classes == 0 || expected.classes.is_some_and(|known| known != classes) {
        return Err(match expected.classes {
            Some(known) => format!("it answered {classes} scores an image, expected {known}"),
            None => "it answered no scores".into(),
        });
    }
    let attribution = match &expected.outputs.attribution {
        Some(name) => {
            let tensor = named(name)?;
            let cells = width(tensor, expected.images)?;
            if cells != expected.cells {
                return Err(format!(
                    "it answered {cells} attribution cells an image, expected {}",
                    expected.cells
                ));
            }
            tensor.values.as_slice()
        }
        None => &[],
    };
    Ok((0..expected.images)
        .map(|image| Row {
            outputs: scores.values[image * classes..][..classes].to_vec(),
            attribution: match attribution {
                [] => Vec::new(),
                cells => cells[image * expected.cells..][..expected.cells].to_vec(),
            },
        })
        .collect())
}

/// Numbers an image.
fn width(tensor: &Tensor, images: usize) -> Result<usize, String> {
    let Tensor {
        name,
        shape,
        values,
    } = tensor;
    if shape.first() != Some(&(images as i64)) {
        return Err(format!(
            "its output {name} has the shape {shape:?} for {images} images"
        ));
    }
    let size = shape
        .iter()
        .try_fold(1_usize, |size, &side| {
            size.checked_mul(usize::try_from(side).ok()?)
        })
        .filter(|&size| size == values.len());
    match size {
        Some(size) => Ok(size / images.max(1)),
        None => Err(format!(
            "its output {name} has {} numbers for the shape {shape:?}",
            values.len()
        )),
    }
}

/// Parses JSON in which numbers that are none stand as TF Serving writes them, which JSON does not
/// allow.
pub(super) fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).or_else(|error| {
        let text = std::str::from_utf8(body).map_err(|_| "its answer is no JSON".to_owned())?;
        let mended = text
            .replace("-Infinity", "null")
            .replace("Infinity", "null")
            .replace("NaN", "null");
        serde_json::from_str(&mended).map_err(|_| format!("its answer is no JSON: {error}"))
    })
}

/// Reads the row form of TF Serving's REST interface.
pub(super) fn rows(body: &[u8], expected: Expected<'_>) -> Result<Vec<Row>, ServerFault> {
    let json = parse(body)?;
    let list = json["predictions"]
        .as_array()
        .ok_or("its answer holds no predictions")?;
    if list.len() != expected.images {
        return Err(format!(
            "it answered {} predictions for {} images",
            list.len(),
            expected.images
        )
        .into());
    }
    let mut classes = expected.classes;
    list.iter()
        .map(|value| {
            let outputs = numbers_of(scores_of(value, expected.outputs)?)
                .ok_or("a prediction holds something else than numbers")?;
            let attribution = match &expected.outputs.attribution {
                Some(name) => numbers_of(&value[name])
                    .ok_or_else(|| format!("a prediction lacks the output {name}"))?,
                None => Vec::new(),
            };
            let known = *classes.get_or_insert(outputs.len());
            if outputs.is_empty() || outputs.len() != known || attribution.len() != expected.cells {
                return Err(format!(
                    "a prediction is {} scores with {} attribution cells, expected {known} with {}",
                    outputs.len(),
                    attribution.len(),
                    expected.cells
                )
                .into());
            }
            Ok(Row {
                outputs,
                attribution,
            })
        })
        .collect()
}

/// An only output stands without its name.
fn scores_of<'a>(value: &'a Value, outputs: &Outputs) -> Result<&'a Value, ServerFault> {
    match (value, &outputs.scores) {
        (Value::Object(fields), Some(name)) => fields
            .get(name)
            .ok_or_else(|| format!("a prediction lacks the output {name}").into()),
        (Value::Object(fields), None) if fields.len() == 1 => {
            Ok(fields.values().next().unwrap_or(value))
        }
        (Value::Object(fields), None) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            Err(ServerFault::OutputsUntold {
                outputs: names.join(", "),
            })
        }
        _ => Ok(value),
    }
}

/// All numbers of nested lists, in order; `null` is no number.
pub(super) fn numbers_of(value: &Value) -> Option<Vec<f32>> {
    fn gather(value: &Value, numbers: &mut Vec<f32>) -> Option<()> {
        match value {
            Value::Array(list) => list.iter().try_for_each(|value| gather(value, numbers)),
            Value::Null => {
                numbers.push(f32::NAN);
                Some(())
            }
            value => {
                numbers.push(value.as_f64()? as f32);
                Some(())
            }
        }
    }
    let mut numbers = Vec::new();
    // An absent output reads as `null`, which is no list of numbers.
    if value.is_null() {
        return None;
    }
    gather(value, &mut numbers)?;
    Some(numbers)
}

/// Little-endian numbers of four bytes.
pub(super) fn floats(bytes: &[u8]) -> Option<Vec<f32>> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| {
        chunks
            .iter()
            .map(|chunk| f32::from_le_bytes(*chunk))
            .collect()
    })
}

/// Little-endian numbers of eight bytes.
pub(super) fn doubles(bytes: &[u8]) -> Option<Vec<f32>> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| {
        chunks
            .iter()
            .map(|chunk| f64::from_le_bytes(*chunk) as f32)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(outputs: &Outputs, images: usize, classes: usize) -> Expected<'_> {
        Expected {
            outputs,
            images,
            classes: Some(classes),
            cells: 0,
        }
    }

    #[test]
    fn answers_of_the_wrong_shape_are_refused() {
        let outputs = Outputs::default();
        for body in [
            "<html>hello</html>",
            "",
            "{}",
            r#"{"predictions":[[0.5]]}"#,
            r#"{"predictions":[[0.5],[0.5,0.5]]}"#,
            r#"{"predictions":[[0.5],["x"]]}"#,
            r#"{"predictions":[[0.5],{"a":[0.5],"b":[0.5]}]}"#,
            r#"{"predictions":[null,null]}"#,
        ] {
            assert!(
                rows(body.as_bytes(), expected(&outputs, 2, 1)).is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_score_that_is_no_number_stays_with_its_image() {
        let outputs = Outputs::default();
        let body = br#"{"predictions":[[NaN],[0.1]]}"#;
        let rows = rows(body, expected(&outputs, 2, 1)).unwrap();
        assert!(rows[0].outputs[0].is_nan());
        assert_eq!(rows[1].outputs, [0.1]);
    }

    #[test]
    fn an_output_is_found_by_its_name_or_stands_alone() {
        let named = Outputs {
            scores: Some("p".into()),
            attribution: None,
        };
        for (body, outputs) in [
            (r#"{"predictions":[{"q":[9],"p":[0.5]}]}"#, &named),
            (r#"{"predictions":[[0.5]]}"#, &named),
            (r#"{"predictions":[0.5]}"#, &named),
            (r#"{"predictions":[{"q":[0.5]}]}"#, &Outputs::default()),
        ] {
            let rows = rows(body.as_bytes(), expected(outputs, 1, 1)).unwrap();
            assert_eq!(rows[0].outputs, [0.5], "{body}");
        }
    }

    #[test]
    fn tensors_of_the_wrong_shape_are_refused() {
        let outputs = Outputs::default();
        let check = |shape: &[i64], values: &[f32]| {
            let tensor = Tensor {
                name: "p".into(),
                shape: shape.to_vec(),
                values: values.to_vec(),
            };
            rows_of(&[tensor], expected(&outputs, 2, 1))
        };
        assert_eq!(check(&[2], &[0.1, 0.2]).unwrap()[1].outputs, [0.2]);
        assert_eq!(check(&[2, 1], &[0.1, 0.2]).unwrap()[0].outputs, [0.1]);
        for (shape, values) in [
            (&[1, 1][..], &[0.1][..]),
            (&[2, 2], &[0.1, 0.2, 0.3, 0.4]),
            (&[2, 1], &[0.1]),
            (&[2, -1], &[0.1, 0.2]),
            (&[], &[0.1]),
            (&[2, 0], &[]),
            (&[2, i64::MAX, 4], &[0.1]),
        ] {
            assert!(check(shape, values).is_err(), "{shape:?}");
        }
        assert!(rows_of(&[], expected(&outputs, 2, 1)).is_err());
    }
}
