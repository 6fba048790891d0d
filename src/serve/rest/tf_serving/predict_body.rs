//! The body of `:predict`, in its row and its column form.
//!
//! In: JSON text. Out: encoded images, the form and the signature. Never: a reading that TF Serving
//! would refuse, apart from a single value where a list belongs, which counts as a list of one.

use bytes::Bytes;
use serde_json::Value;

use crate::{
    serve::rest::json::{self, image, kind, list},
    wire::names::ENCODED_IMAGES,
};

/// In which form the images came, and so in which the answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `instances`, answered as `predictions`.
    Rows,
    /// `inputs`, answered as `outputs`.
    Columns,
}

/// A request for scores.
#[derive(Debug, PartialEq)]
pub(super) struct PredictBody {
    pub form: Form,
    /// Empty for the default.
    pub signature: String,
    pub images: Vec<Bytes>,
}

/// Reads a body; the error is the text for the client.
pub(super) fn read(body: &[u8]) -> Result<PredictBody, String> {
    let root = json::object(body)?;
    let signature = json::signature(&root)?;
    let (form, images) = match (root.get("instances"), root.get("inputs")) {
        (Some(_), Some(_)) => {
            return Err(
                "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to \
                 exist"
                    .into(),
            );
        }
        (None, None) => return Err("Missing 'inputs' or 'instances' key".into()),
        (Some(instances), None) => (Form::Rows, rows(instances)?),
        (None, Some(inputs)) => (Form::Columns, columns(inputs)?),
    };
    Ok(PredictBody {
        form,
        signature,
        images,
    })
}

fn rows(instances: &Value) -> Result<Vec<Bytes>, String> {
    let Value::Array(instances) = instances else {
        return Err(format!(
            "Excepting 'instances' to be an list/array, got {}",
            kind(instances)
        ));
    };
    let Some(first) = instances.first() else {
        return Err("No values in 'instances' array".into());
    };
    let named = is_named(first);
    instances
        .iter()
        .enumerate()
        .map(|(position, instance)| {
            let value = match instance {
                Value::Object(keys) if named && is_named(instance) => match keys.get(ENCODED_IMAGES) {
                    Some(value) if keys.len() == 1 => value,
                    _ => {
                        return Err(format!(
                            "Failed to process element: {position} of 'instances' list. JSON \
                             object: keys must be equal to: {ENCODED_IMAGES}, got {}",
                            list(keys)
                        ));
                    }
                },
                _ if named => {
                    return Err(format!(
                        "Expecting object but got list at item {position} of input list"
                    ));
                }
                _ if is_named(instance) => {
                    return Err(format!(
                        "Expecting value/list but got object at item {position} of input list"
                    ));
                }
                bare => bare,
            };
            image(value).map_err(|error| {
                format!(
                    "Failed to process element: {position} key: {ENCODED_IMAGES} of 'instances' list. \
                     Error: {error}"
                )
            })
        })
        .collect()
}

fn columns(inputs: &Value) -> Result<Vec<Bytes>, String> {
    let value = match inputs {
        Value::Object(keys) if is_named(inputs) => keys
            .get(ENCODED_IMAGES)
            .ok_or_else(|| format!("Missing named input: {ENCODED_IMAGES} in 'inputs' object."))?,
        bare => bare,
    };
    let images = match value {
        Value::Array(values) => values.iter().map(image).collect(),
        one => image(one).map(|image| vec![image]),
    };
    match images {
        Ok(images) if images.is_empty() => Err(format!(
            "the input {ENCODED_IMAGES} holds no element, expected one or more"
        )),
        Ok(images) => Ok(images),
        Err(error) => Err(format!(
            "Failed to process input {ENCODED_IMAGES}. Error: {error}"
        )),
    }
}

/// Whether a value is an object of named inputs rather than a bare value.
fn is_named(value: &Value) -> bool {
    matches!(value, Value::Object(keys) if !(keys.len() == 1 && keys.contains_key("b64")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(body: &str) -> Vec<Bytes> {
        read(body.as_bytes()).unwrap().images
    }

    #[test]
    fn every_legal_spelling_gives_the_same_image() {
        for body in [
            r#"{"instances":[{"image_bytes":{"b64":"aGk="}}]}"#,
            r#"{"instances":[{"b64":"aGk="}]}"#,
            r#"{"instances":["hi"]}"#,
            r#"{"inputs":{"image_bytes":[{"b64":"aGk="}],"other":1}}"#,
            r#"{"inputs":[{"b64":"aGk="}]}"#,
            r#"{"inputs":{"b64":"aGk="}}"#,
            r#"{"instances":["hi"]} trailing"#,
        ] {
            assert_eq!(images(body), ["hi"], "{body}");
        }
    }

    #[test]
    fn a_body_that_nests_without_end_is_refused() {
        let body = "[".repeat(100_000);
        assert!(
            read(body.as_bytes())
                .unwrap_err()
                .starts_with("JSON Parse error")
        );
    }
}
