//! The body of `:predict`, in its row and its column form.
//!
//! In: JSON text. Out: encoded images, the form and the signature. Never: a reading that TF Serving
//! would refuse, apart from a single value where a list belongs, which counts as a list of one.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};

/// The one input of every signature.
pub(super) const INPUT: &str = "image_bytes";

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
    let root = parse(body)?;
    let signature = match root.get("signature_name") {
        None => String::new(),
        Some(Value::String(name)) => name.clone(),
        Some(_) => return Err("'signature_name' key must be a string value.".into()),
    };
    let (form, images) = match (root.get("instances"), root.get("inputs")) {
        (Some(_), Some(_)) => {
            return Err(
                "Not formatted correctly: expected one of 'inputs' and 'instances', got both"
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

/// The root object; what follows it is ignored.
fn parse(body: &[u8]) -> Result<Map<String, Value>, String> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        None => Err("JSON Parse error: The document is empty".into()),
        Some(Err(error)) => Err(format!("JSON Parse error: {error}")),
        Some(Ok(Value::Object(root))) => Ok(root),
        Some(Ok(other)) => Err(format!(
            "JSON Value: {} is not an object, expected {{\"instances\": […]}}",
            kind(&other)
        )),
    }
}

fn rows(instances: &Value) -> Result<Vec<Bytes>, String> {
    let Value::Array(instances) = instances else {
        return Err(format!(
            "'instances' must be a list, got {}",
            kind(instances)
        ));
    };
    let Some(first) = instances.first() else {
        return Err("'instances' must hold at least one element, got none".into());
    };
    let named = is_named(first);
    let in_list = |position: usize, error: String| {
        format!(
            "Failed to process element: {position} key: {INPUT} of 'instances' list. Error: {error}"
        )
    };
    instances
        .iter()
        .enumerate()
        .map(|(position, instance)| {
            let value = match instance {
                Value::Object(keys) if named => match keys.get(INPUT) {
                    Some(value) if keys.len() == 1 => value,
                    _ => {
                        return Err(in_list(
                            position,
                            format!("expected the key {INPUT:?} alone, got {}", list(keys)),
                        ));
                    }
                },
                _ if named != is_named(instance) => {
                    return Err(in_list(
                        position,
                        "all elements must be objects or all bare values".into(),
                    ));
                }
                bare => bare,
            };
            image(value).map_err(|error| in_list(position, error))
        })
        .collect()
}

fn columns(inputs: &Value) -> Result<Vec<Bytes>, String> {
    let value = match inputs {
        Value::Object(keys) if is_named(inputs) => keys
            .get(INPUT)
            .ok_or_else(|| format!("Missing named input: {INPUT} in 'inputs' object."))?,
        bare => bare,
    };
    let images = match value {
        Value::Array(values) => values.iter().map(image).collect(),
        one => image(one).map(|image| vec![image]),
    };
    match images {
        Ok(images) if images.is_empty() => Err(format!(
            "the input {INPUT} holds no element, expected one or more"
        )),
        Ok(images) => Ok(images),
        Err(error) => Err(format!("Failed to process input {INPUT}. Error: {error}")),
    }
}

/// Whether a value is an object of named inputs rather than a bare value.
fn is_named(value: &Value) -> bool {
    matches!(value, Value::Object(keys) if !(keys.len() == 1 && keys.contains_key("b64")))
}

fn image(value: &Value) -> Result<Bytes, String> {
    match value {
        Value::String(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Value::Object(keys) => match keys.get("b64") {
            Some(Value::String(text)) if keys.len() == 1 => BASE64_STANDARD
                .decode(text)
                .map(Bytes::from)
                .map_err(|error| format!("Unable to base64 decode: {error}")),
            _ => Err(format!(
                "expected {{\"b64\": \"…\"}}, got an object with {}",
                list(keys)
            )),
        },
        other => Err(format!(
            "{} is not of the type string, expected an encoded image as {{\"b64\": \"…\"}}",
            kind(other)
        )),
    }
}

fn list(keys: &Map<String, Value>) -> String {
    if keys.is_empty() {
        return "no key".to_owned();
    }
    let names: Vec<_> = keys.keys().map(|key| format!("{key:?}")).collect();
    names.join(", ")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
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
