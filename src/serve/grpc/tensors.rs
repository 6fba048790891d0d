//! TensorFlow's tensors: encoded images out of them, scores into them.

use bytes::{Buf as _, Bytes};

use crate::{
    serve::{batcher::Answer, signatures::TensorFacts},
    wire::{
        names::{ATTRIBUTION, ENCODED_IMAGES},
        tensorflow::{
            DataType, TensorInfo, TensorProto, TensorShapeProto, tensor_info,
            tensor_shape_proto::Dim,
        },
    },
};

/// Elements of one tensor; a shape may claim any number and repeat one value for it.
const ELEMENTS_MAX: i64 = 1 << 16;

/// The encoded images of a tensor of strings, a list or a single one.
pub(super) fn images(tensor: &TensorProto) -> Result<Vec<Bytes>, String> {
    let shape = tensor.tensor_shape.clone().unwrap_or_default();
    let sizes: Vec<i64> = shape.dim.iter().map(|dim| dim.size).collect();
    let expected = |got: String| format!("expected DT_STRING of shape [-1], got {got}");
    if tensor.dtype() != DataType::DtString {
        let name = DataType::try_from(tensor.dtype).map_or_else(
            |_| tensor.dtype.to_string(),
            |dtype| dtype.as_str_name().into(),
        );
        return Err(expected(format!("{name} of shape {sizes:?}")));
    }
    let count = match sizes.as_slice() {
        [] if !shape.unknown_rank => 1,
        [count] if (1..=ELEMENTS_MAX).contains(count) => *count as usize,
        _ => return Err(expected(format!("shape {sizes:?}"))),
    };
    let mut values = if tensor.tensor_content.is_empty() {
        tensor.string_val.clone()
    } else {
        listed(tensor.tensor_content.clone(), count)?
    };
    // A list that is too short repeats its last value.
    match values.last().cloned() {
        Some(last) if values.len() < count => values.resize(count, last),
        _ => {}
    }
    if values.len() != count {
        return Err(expected(format!(
            "{} strings for shape {sizes:?}",
            values.len()
        )));
    }
    Ok(values)
}

/// Strings as TensorFlow lays them out in `tensor_content`: all lengths, then all bytes.
fn listed(mut content: Bytes, count: usize) -> Result<Vec<Bytes>, String> {
    let broken = || "its tensor_content ends too early".to_owned();
    let mut lengths = Vec::with_capacity(count.min(content.len()));
    for _ in 0..count {
        lengths.push(prost::encoding::decode_varint(&mut content).map_err(|_| broken())?);
    }
    lengths
        .into_iter()
        .map(|length| {
            let length = usize::try_from(length)
                .ok()
                .filter(|&length| length <= content.remaining())
                .ok_or_else(broken)?;
            Ok(content.split_to(length))
        })
        .collect()
}

/// An output's tensor: numbers in `float_val`, where also clients look that read the field itself.
pub(super) fn output(facts: &TensorFacts, answers: &[Answer]) -> TensorProto {
    let numbers = answers.iter().flat_map(|answer| {
        if facts.name == ATTRIBUTION {
            &answer.attribution
        } else {
            &answer.outputs
        }
    });
    let mut sizes = facts.sizes.clone();
    sizes[0] = answers.len() as i64;
    TensorProto {
        dtype: facts.element.in_tensorflow().into(),
        tensor_shape: Some(shape(&sizes)),
        float_val: numbers.copied().collect(),
        ..TensorProto::default()
    }
}

/// A tensor as metadata describes it.
pub(super) fn info(facts: &TensorFacts) -> (String, TensorInfo) {
    let info = TensorInfo {
        encoding: Some(tensor_info::Encoding::Name(format!("{}:0", facts.name))),
        dtype: facts.element.in_tensorflow().into(),
        tensor_shape: Some(shape(&facts.sizes)),
    };
    (facts.name.to_owned(), info)
}

fn shape(sizes: &[i64]) -> TensorShapeProto {
    TensorShapeProto {
        dim: sizes
            .iter()
            .map(|&size| Dim {
                size,
                name: String::new(),
            })
            .collect(),
        unknown_rank: false,
    }
}

/// Refuses inputs that are not the one there is, in TF Serving's words.
pub(super) fn check_inputs<'a>(
    given: impl Iterator<Item = &'a String> + Clone,
) -> Result<(), String> {
    let names: Vec<&str> = given.map(String::as_str).collect();
    if names == [ENCODED_IMAGES] {
        return Ok(());
    }
    let extra: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| *name != ENCODED_IMAGES)
        .collect();
    if names.len() == 1 {
        return Err(format!(
            "input tensor alias not found in signature: {}. Inputs expected to be in the set \
             {{{ENCODED_IMAGES}}}.",
            names[0]
        ));
    }
    let missing = if names.contains(&ENCODED_IMAGES) {
        ""
    } else {
        ENCODED_IMAGES
    };
    Err(format!(
        "input size does not match signature: {}!=1 len({{{}}}) != len({{{ENCODED_IMAGES}}}). Sent extra: \
         {{{}}}. Missing but required: {{{missing}}}.",
        names.len(),
        names.join(","),
        extra.join(",")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(sizes: &[i64], values: &[&'static str]) -> TensorProto {
        TensorProto {
            dtype: DataType::DtString.into(),
            tensor_shape: Some(shape(sizes)),
            string_val: values.iter().map(|value| Bytes::from(*value)).collect(),
            ..TensorProto::default()
        }
    }

    #[test]
    fn strings_are_read_in_every_spelling() {
        assert_eq!(images(&strings(&[2], &["a", "bc"])).unwrap(), ["a", "bc"]);
        assert_eq!(images(&strings(&[], &["a"])).unwrap(), ["a"]);
        assert_eq!(
            images(&strings(&[3], &["a", "b"])).unwrap(),
            ["a", "b", "b"]
        );
        let mut content = strings(&[2], &[]);
        content.tensor_content = Bytes::from_static(b"\x01\x02abc");
        assert_eq!(images(&content).unwrap(), ["a", "bc"]);
    }

    #[test]
    fn tensors_that_are_none_of_strings_are_refused() {
        let mut floats = strings(&[1], &["a"]);
        floats.dtype = DataType::DtFloat.into();
        assert_eq!(
            images(&floats).unwrap_err(),
            "expected DT_STRING of shape [-1], got DT_FLOAT of shape [1]"
        );
        let mut cut = strings(&[2], &[]);
        cut.tensor_content = Bytes::from_static(b"\x01\xff\x01abc");
        for wrong in [
            strings(&[0], &[]),
            strings(&[1, 1], &["a"]),
            strings(&[1], &["a", "b"]),
            strings(&[2], &[]),
            strings(&[-1], &["a"]),
            strings(&[i64::MAX], &["a"]),
            cut,
        ] {
            assert!(images(&wrong).is_err(), "{wrong:?}");
        }
    }
}
