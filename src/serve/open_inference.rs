//! The Open Inference Protocol: its tensors, whether they come over HTTP or gRPC.
//!
//! A model has two inputs, of which a request gives one: encoded images as BYTES, or pixels as
//! UINT8.

use bytes::Bytes;

use super::{
    batcher::{Answer, Image},
    failure::Failure,
    service::VersionChoice,
    signatures::{Signature, TensorFacts, encoded_input, pixel_input},
};
use crate::{
    image::RGB_BYTES,
    predict::ModelInfo,
    wire::{
        byte_strings,
        names::{ATTRIBUTION, ENCODED_IMAGES, PIXELS},
    },
};

/// `<project>_<format>`, as the protocol names what runs a model.
pub(super) const PLATFORM: &str = "onnxruntime_onnx";
/// What of the protocol's extensions is spoken over HTTP.
pub(super) const EXTENSIONS: [&str; 1] = ["binary_tensor_data"];

/// A tensor of a request.
#[derive(Debug, PartialEq)]
pub(super) struct Input {
    pub name: String,
    pub datatype: String,
    pub shape: Vec<i64>,
    pub data: Data,
}

/// A tensor's elements.
#[derive(Debug, PartialEq)]
pub(super) enum Data {
    /// As bytes: numbers one after the other; of BYTES each element's length in four bytes,
    /// little-endian, and then the element.
    Raw(Bytes),
    Strings(Vec<Bytes>),
    /// UINT8, row by row.
    Numbers(Bytes),
}

/// What a model takes; the first is the one that most clients want.
pub(super) fn inputs() -> [TensorFacts; 2] {
    [encoded_input(), pixel_input()]
}

/// What a model gives, the scores first.
pub(super) fn outputs(info: &ModelInfo) -> Vec<TensorFacts> {
    let mut outputs = Signature::Localize.outputs(info);
    outputs.reverse();
    outputs
}

/// The outputs that a request names; all of them if it names none.
pub(super) fn wanted<'a>(
    names: impl Iterator<Item = &'a str>,
    info: &ModelInfo,
) -> Result<Vec<TensorFacts>, Failure> {
    let all = outputs(info);
    let wanted = names
        .map(|name| {
            let known = all.iter().find(|facts| facts.name == name);
            known.cloned().ok_or_else(|| {
                let names: Vec<_> = all.iter().map(|facts| facts.name).collect();
                Failure::invalid(format!(
                    "unexpected output {name:?}, expected some of {}",
                    names.join(", ")
                ))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(if wanted.is_empty() { all } else { wanted })
}

/// The version that a request names; empty for the latest.
pub(super) fn version(text: &str) -> Result<Option<VersionChoice>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().map_err(|_| {
        Failure::invalid(format!(
            "the model's version is {text:?}, expected a number"
        ))
    })?;
    Ok(Some(VersionChoice::Number(number)))
}

/// The images of a request; the error is the text for the client.
pub(super) fn images(inputs: Vec<Input>) -> Result<Vec<Image>, String> {
    let names: Vec<_> = inputs.iter().map(|input| input.name.clone()).collect();
    let Ok([input]) = <[Input; 1]>::try_from(inputs) else {
        return Err(format!(
            "expected one input, {ENCODED_IMAGES} or {PIXELS}, got {}: {}",
            names.len(),
            names.join(", ")
        ));
    };
    let Input {
        name,
        datatype,
        shape,
        data,
    } = input;
    let wrong = |expected: &str| {
        format!("input {name}: expected {expected}, got {datatype} of shape {shape:?}")
    };
    match name.as_str() {
        ENCODED_IMAGES => {
            let expected = "BYTES of shape [N] or [N, 1], one encoded image each";
            let count = match *shape.as_slice() {
                [count] | [count, 1] if datatype == "BYTES" => usize::try_from(count).ok(),
                _ => None,
            };
            let count = count
                .filter(|&count| count > 0)
                .ok_or_else(|| wrong(expected))?;
            let elements = match data {
                Data::Raw(raw) => {
                    byte_strings::read(raw).map_err(|error| format!("input {name}: {error}"))?
                }
                Data::Strings(strings) => strings,
                Data::Numbers(_) => return Err(format!("input {name}: numbers, expected strings")),
            };
            if elements.len() != count {
                return Err(format!(
                    "input {name}: {} elements, expected {count} for shape {shape:?}",
                    elements.len()
                ));
            }
            Ok(elements.into_iter().map(Image::Encoded).collect())
        }
        PIXELS => {
            let facts = pixel_input();
            let expected = "UINT8 of shape [N, 256, 256, 3]";
            let count = match shape.split_first() {
                Some((&count, tile)) if datatype == "UINT8" && tile == &facts.sizes[1..] => {
                    usize::try_from(count).ok()
                }
                _ => None,
            };
            let bytes = count
                .filter(|&count| count > 0)
                .and_then(|count| count.checked_mul(RGB_BYTES))
                .ok_or_else(|| wrong(expected))?;
            let pixels = match data {
                Data::Raw(pixels) | Data::Numbers(pixels) => pixels,
                Data::Strings(_) => return Err(format!("input {name}: strings, expected numbers")),
            };
            if pixels.len() != bytes {
                return Err(format!(
                    "input {name}: {} numbers, expected {bytes} for shape {shape:?}",
                    pixels.len()
                ));
            }
            Ok((0..pixels.len())
                .step_by(RGB_BYTES)
                .map(|start| Image::Rgb8(pixels.slice(start..start + RGB_BYTES)))
                .collect())
        }
        _ => Err(format!(
            "unexpected input {name:?}, expected {ENCODED_IMAGES} (BYTES) or {PIXELS} (UINT8)"
        )),
    }
}

/// An output's shape for so many images.
pub(super) fn shape(facts: &TensorFacts, images: usize) -> Vec<i64> {
    let mut sizes = facts.sizes.clone();
    sizes[0] = images as i64;
    sizes
}

/// An output's numbers, row by row.
pub(super) fn numbers<'a>(
    facts: &TensorFacts,
    answers: &'a [Answer],
) -> impl Iterator<Item = f32> + use<'a> {
    let attribution = facts.name == ATTRIBUTION;
    answers
        .iter()
        .flat_map(move |answer| {
            if attribution {
                &answer.attribution
            } else {
                &answer.outputs
            }
        })
        .copied()
}

/// The same as bytes, little-endian.
pub(super) fn raw(facts: &TensorFacts, answers: &[Answer]) -> Vec<u8> {
    numbers(facts, answers).flat_map(f32::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, datatype: &str, shape: &[i64], data: Data) -> Vec<Input> {
        vec![Input {
            name: name.into(),
            datatype: datatype.into(),
            shape: shape.into(),
            data,
        }]
    }

    #[test]
    fn raw_bytes_are_cut_by_the_lengths_before_them() {
        let raw = Bytes::from_static(b"\x02\0\0\0hi\0\0\0\0\x01\0\0\0a");
        let read = images(input(ENCODED_IMAGES, "BYTES", &[3], Data::Raw(raw))).unwrap();
        let expected = ["hi", "", "a"].map(|text| Image::Encoded(Bytes::from(text)));
        assert_eq!(read, expected);
        for cut in [&b"\x02\0\0\0h"[..], b"\x02\0\0", b"\xff\xff\xff\xffhi"] {
            let raw = Data::Raw(Bytes::copy_from_slice(cut));
            let error = images(input(ENCODED_IMAGES, "BYTES", &[1], raw)).unwrap_err();
            assert!(error.contains("ends too early"), "{error}");
        }
    }

    #[test]
    fn pixels_are_cut_into_tiles() {
        let bytes = Bytes::from(vec![7; 2 * RGB_BYTES]);
        let tiles = images(input(
            PIXELS,
            "UINT8",
            &[2, 256, 256, 3],
            Data::Raw(bytes.clone()),
        ));
        assert_eq!(tiles.unwrap().len(), 2);
        for (datatype, shape) in [
            ("UINT8", &[1, 256, 256, 3][..]),
            ("FP32", &[2, 256, 256, 3]),
            ("UINT8", &[2, 128, 512, 3]),
            ("UINT8", &[0, 256, 256, 3]),
            ("UINT8", &[-2, 256, 256, 3]),
            ("UINT8", &[i64::MAX, 256, 256, 3]),
            ("UINT8", &[]),
        ] {
            let wrong = input(PIXELS, datatype, shape, Data::Raw(bytes.clone()));
            assert!(images(wrong).is_err(), "{datatype} {shape:?}");
        }
    }
}
