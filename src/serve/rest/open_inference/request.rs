//! The body of a request for scores: JSON, and after it the raw tensors.

use std::fmt;

use crate::{
    predict::ModelInfo,
    serve::{
        batcher::Image,
        failure::Failure,
        open_inference::{self as protocol, Data, Input},
        rest::json::base64,
        signatures::TensorFacts,
    },
    wire::names::JSON_LENGTH_HEADER,
};
use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, SeqAccess, Visitor},
};

/// Tells how much of a body is JSON.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static(JSON_LENGTH_HEADER);

/// A request for scores.
#[derive(Debug, PartialEq)]
pub(super) struct InferBody {
    pub id: Option<String>,
    pub images: Vec<Image>,
    /// The outputs wanted, and whether raw; all of them if it is empty.
    pub outputs: Vec<(String, bool)>,
    /// Whether outputs are raw where nothing is said of them.
    pub raw: bool,
}

#[derive(Deserialize)]
struct Request {
    id: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    inputs: Vec<RequestInput>,
    #[serde(default)]
    outputs: Vec<RequestOutput>,
}

#[derive(Deserialize)]
struct RequestInput {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(default)]
    parameters: Parameters,
    data: Option<Flat>,
}

#[derive(Deserialize)]
struct RequestOutput {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// Those parameters that change what is read or answered; others are passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    binary_data_size: Option<usize>,
    binary_data: Option<bool>,
    binary_data_output: Option<bool>,
    /// MLServer's word for strings that are base64.
    content_type: Option<String>,
    classification: Option<u64>,
}

/// Reads a body; the error is the text for the client.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<InferBody, String> {
    let length = match headers.get(JSON_LENGTH) {
        None => body.len(),
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|&length| length <= body.len())
            .ok_or_else(|| {
                format!(
                    "{JSON_LENGTH} is {value:?}, expected a number up to the body's {} bytes",
                    body.len()
                )
            })?,
    };
    let request: Request = serde_json::from_slice(&body[..length])
        .map_err(|error| format!("failed to parse the request JSON buffer: {error}"))?;
    let mut raw = body.slice(length..);
    let mut inputs = Vec::with_capacity(request.inputs.len());
    for input in request.inputs {
        let name = &input.name;
        let data = match (input.parameters.binary_data_size, input.data) {
            (Some(size), None) if size <= raw.len() => Data::Raw(raw.split_to(size)),
            (Some(size), None) => {
                return Err(format!(
                    "input {name}: binary_data_size is {size}, but {} bytes are left in the body",
                    raw.len()
                ));
            }
            (Some(_), Some(_)) => {
                return Err(format!("input {name}: both data and binary_data_size"));
            }
            (None, None) => {
                return Err(format!("input {name}: neither data nor binary_data_size"));
            }
            (None, Some(Flat::Numbers(numbers))) => Data::Numbers(numbers.into()),
            (None, Some(Flat::Strings(strings))) => {
                let coded = input.parameters.content_type.as_deref() == Some("base64");
                let decode = |text: String| {
                    if coded {
                        base64(&text).map_err(|error| format!("input {name}: {error}"))
                    } else {
                        Ok(Bytes::from(text))
                    }
                };
                Data::Strings(strings.into_iter().map(decode).collect::<Result<_, _>>()?)
            }
        };
        inputs.push(Input {
            name: input.name,
            datatype: input.datatype,
            shape: input.shape,
            data,
        });
    }
    if !raw.is_empty() {
        return Err(format!(
            "{} bytes follow the last tensor, expected none",
            raw.len()
        ));
    }
    let outputs = request.outputs;
    if outputs
        .iter()
        .any(|output| output.parameters.classification.is_some())
    {
        return Err(
            "the parameter classification is not supported; the model's metadata names \
                    its classes in the order of the scores"
                .into(),
        );
    }
    let raw = request.parameters.binary_data_output.unwrap_or(false);
    Ok(InferBody {
        id: request.id,
        images: protocol::images(inputs)?,
        outputs: outputs
            .into_iter()
            .map(|output| (output.name, output.parameters.binary_data.unwrap_or(raw)))
            .collect(),
        raw,
    })
}

/// Elements of a tensor in JSON, however deep their lists are nested.
enum Flat {
    Numbers(Vec<u8>),
    Strings(Vec<String>),
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut elements = Elements::default();
        deserializer.deserialize_seq(&mut elements)?;
        match (elements.numbers.is_empty(), elements.strings.is_empty()) {
            (false, false) => Err(D::Error::custom("numbers and strings in one tensor")),
            (_, true) => Ok(Self::Numbers(elements.numbers)),
            (true, false) => Ok(Self::Strings(elements.strings)),
        }
    }
}

/// Collects them without a tree: a tile has 196,608 numbers.
#[derive(Default)]
struct Elements {
    numbers: Vec<u8>,
    strings: Vec<String>,
}

impl<'de> Visitor<'de> for &mut Elements {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("strings, or numbers from 0 to 255")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        let number = u8::try_from(number)
            .map_err(|_| E::custom(format!("{number} in a tensor of UINT8")))?;
        self.numbers.push(number);
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.strings.push(text.to_owned());
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Elements {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl InferBody {
    /// The outputs to answer with, and whether raw.
    pub(super) fn wanted(&self, info: &ModelInfo) -> Result<Vec<(TensorFacts, bool)>, Failure> {
        let names = self.outputs.iter().map(|(name, _)| name.as_str());
        let facts = protocol::wanted(names, info)?;
        let raw = self.outputs.iter().map(|(_, raw)| *raw);
        Ok(facts
            .into_iter()
            .zip(raw.chain(std::iter::repeat(self.raw)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(body: &str) -> Result<InferBody, String> {
        read(&HeaderMap::new(), &Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn strings_and_nested_numbers_are_read() {
        let body = read_json(
            r#"{"id":"7","inputs":[{"name":"image_bytes","datatype":"BYTES","shape":[2,1],
                "data":[["a"],["b"]]}],"outputs":[{"name":"scores"}]}"#,
        )
        .unwrap();
        assert_eq!(body.id.as_deref(), Some("7"));
        assert_eq!(body.outputs, [("scores".to_owned(), false)]);
        let images = ["a", "b"].map(|text| Image::Encoded(text.into()));
        assert_eq!(body.images, images);
        let coded = read_json(
            r#"{"inputs":[{"name":"image_bytes","datatype":"BYTES","shape":[1],
                "parameters":{"content_type":"base64","other":{}},"data":["aGk="]}]}"#,
        );
        assert_eq!(coded.unwrap().images, [Image::Encoded("hi".into())]);
        let row = format!("[{}]", vec!["[7,8,9]"; 256].join(","));
        let tile = format!("[[{}]]", vec![row; 256].join(","));
        let body = format!(
            r#"{{"inputs":[{{"name":"image","datatype":"UINT8","shape":[1,256,256,3],
                "data":{tile}}}]}}"#
        );
        assert_eq!(read_json(&body).unwrap().images.len(), 1);
    }

    #[test]
    fn raw_tensors_follow_the_json() {
        let json = r#"{"inputs":[{"name":"image_bytes","datatype":"BYTES","shape":[1],
            "parameters":{"binary_data_size":6}}]}"#;
        let mut headers = HeaderMap::new();
        headers.insert(JSON_LENGTH, json.len().into());
        let body = |raw: &str| Bytes::from(format!("{json}{raw}"));
        let images = read(&headers, &body("\x02\0\0\0hi")).unwrap().images;
        assert_eq!(images, [Image::Encoded("hi".into())]);
        for raw in ["\x02\0\0\0h", "\x02\0\0\0hi!", ""] {
            assert!(read(&headers, &body(raw)).is_err(), "{raw:?}");
        }
        headers.insert(JSON_LENGTH, 1_000_000.into());
        assert!(read(&headers, &body("")).is_err());
    }

    #[test]
    fn what_is_no_tensor_of_images_is_refused() {
        for (input, text) in [
            (r#""data":[300]"#, "300 in a tensor of UINT8"),
            (
                r#""data":[1.5]"#,
                "expected strings, or numbers from 0 to 255",
            ),
            (r#""data":["a",1]"#, "numbers and strings"),
            (r#""data":{}"#, "expected strings"),
            (r#""data":[1]"#, "numbers, expected strings"),
            (r#""data":["a","b"]"#, "2 elements, expected 1"),
            (r#""other":1"#, "neither data nor binary_data_size"),
        ] {
            let body = format!(
                r#"{{"inputs":[{{"name":"image_bytes","datatype":"BYTES","shape":[1],{input}}}]}}"#
            );
            let error = read_json(&body).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        let deep = format!(r#"{{"inputs":[{{"data":{}"#, "[".repeat(10_000));
        assert!(read_json(&deep).is_err());
    }
}
