//! The body of `:classify` and `:regress`: a list of examples, each an object of features.
//!
//! Of the features, `image_bytes` is the one that counts. It may stand in the `context` that all
//! examples share, and an example's own goes before it, as in TF Serving.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{
    serve::rest::json::{self, image, kind, list},
    wire::names::ENCODED_IMAGES,
};

/// A request for classes or a number.
#[derive(Debug, PartialEq)]
pub(super) struct ExamplesBody {
    /// Empty for the default.
    pub signature: String,
    pub images: Vec<Bytes>,
}

/// Reads a body; the error is the text for the client.
pub(super) fn read(body: &[u8]) -> Result<ExamplesBody, String> {
    let root = json::object(body)?;
    let signature = json::signature(&root)?;
    let nothing = Map::new();
    let context = match root.get("context") {
        None => &nothing,
        Some(Value::Object(features)) => features,
        Some(other) => {
            return Err(format!(
                "Example must be JSON object but got JSON {}",
                kind(other)
            ));
        }
    };
    let examples = match root.get("examples") {
        None => return Err("key 'examples' is expected and was not found".into()),
        Some(Value::Array(examples)) if examples.is_empty() => {
            return Err("'examples' value is an empty array".into());
        }
        Some(Value::Array(examples)) => examples,
        Some(_) => return Err("Expecting 'examples' value to be an list/array".into()),
    };
    let images = examples
        .iter()
        .enumerate()
        .map(|(position, example)| {
            let Value::Object(features) = example else {
                return Err(format!(
                    "Example must be JSON object but got JSON {}",
                    kind(example)
                ));
            };
            let value = features.get(ENCODED_IMAGES).or_else(|| context.get(ENCODED_IMAGES));
            let value = match value {
                Some(Value::Array(values)) if values.len() == 1 => values.first(),
                other => other,
            };
            let value = value.ok_or_else(|| {
                format!(
                    "example {position}: Feature: {ENCODED_IMAGES} (data type: string) is required but \
                     could not be found, got {}",
                    list(features)
                )
            })?;
            image(value).map_err(|error| format!("example {position}: Feature: {ENCODED_IMAGES}: {error}"))
        })
        .collect::<Result<_, _>>()?;
    Ok(ExamplesBody { signature, images })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_examples_own_image_goes_before_the_contexts() {
        let body = br#"{"context":{"image_bytes":"shared"},
            "examples":[{"image_bytes":{"b64":"aGk="}},{"image_bytes":["a"]},{"other":1}]}"#;
        assert_eq!(read(body).unwrap().images, ["hi", "a", "shared"]);
    }
}
