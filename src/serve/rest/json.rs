//! JSON as TF Serving reads it: what follows the root is ignored, and NaN and Infinity are numbers.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde_json::{Map, Value};

/// Commas and opening brackets in a body of JSON: each may stand for a value, which takes many
/// times its two or three bytes once it is read. Encoded images have none.
const VALUES_MAX: usize = 1 << 18;

/// The root object; the error is the text for the client.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, String> {
    check_values(body)?;
    let parsed = first(body).or_else(|error| match without_non_numbers(body) {
        // Nothing was replaced, so the fault is another one.
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(mended) => first(&mended),
    });
    match parsed? {
        Value::Object(root) => Ok(root),
        other => Err(format!(
            "JSON Value: {} Is not object, expected {{\"instances\": […]}}",
            kind(&other)
        )),
    }
}

/// Refuses JSON that would take far more memory than its text.
fn check_values(json: &[u8]) -> Result<(), String> {
    let values = memchr::memchr3_iter(b',', b'[', b'{', json)
        .take(VALUES_MAX + 1)
        .count();
    if values > VALUES_MAX {
        return Err(format!("the body holds more than {VALUES_MAX} values"));
    }
    Ok(())
}

fn first(body: &[u8]) -> Result<Value, String> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        None => Err("JSON Parse error: The document is empty".into()),
        Some(Err(error)) => Err(format!("JSON Parse error: {error}")),
        Some(Ok(value)) => Ok(value),
    }
}

/// Writes `null` for numbers that JSON does not have. They stand only where the reader passes over
/// them or refuses them: no input takes numbers.
fn without_non_numbers(body: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [&[u8]; 5] = [b"NaN", b"-Infinity", b"Infinity", b"-Inf", b"Inf"];
    let mut mended = Vec::new();
    let (mut copied, mut position) = (0, 0);
    while let Some(&byte) = body.get(position) {
        let rest = &body[position..];
        if byte == b'"' {
            position += string_length(rest);
        } else if let Some(word) = WORDS.iter().find(|word| rest.starts_with(word)) {
            mended.extend_from_slice(&body[copied..position]);
            mended.extend_from_slice(b"null");
            position += word.len();
            copied = position;
        } else {
            position += 1;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(body);
    }
    mended.extend_from_slice(&body[copied..]);
    Cow::Owned(mended)
}

/// Bytes of a string with its quotes; all that is left where it does not end.
fn string_length(text: &[u8]) -> usize {
    let mut position = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[position..]) {
        position += found;
        if text[position] == b'"' {
            return position + 1;
        }
        // What is escaped ends no string.
        position = (position + 2).min(text.len());
    }
    text.len()
}

/// The signature that a body names; empty for the default.
pub(super) fn signature(root: &Map<String, Value>) -> Result<String, String> {
    match root.get("signature_name") {
        None => Ok(String::new()),
        Some(Value::String(name)) => Ok(name.clone()),
        Some(_) => Err("'signature_name' key must be a string value.".into()),
    }
}

/// Padding may lack, as TF Serving's reader has it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An encoded image: `{"b64": …}`, or a string that is taken as it is.
pub(super) fn image(value: &Value) -> Result<Bytes, String> {
    match value {
        Value::String(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Value::Object(keys) => match keys.get("b64") {
            Some(Value::String(text)) if keys.len() == 1 => base64(text),
            _ => Err(format!(
                "not formatted correctly for base64 data: expected {{\"b64\": \"…\"}}, got an \
                 object with {}",
                list(keys)
            )),
        },
        other => Err(format!(
            "JSON Value: {} is not of expected type: string, an encoded image as {{\"b64\": \
             \"…\"}}",
            kind(other)
        )),
    }
}

/// The bytes that base64 stands for. Lines may be broken in it.
pub(super) fn base64(text: &str) -> Result<Bytes, String> {
    let decoded = BASE64.decode(text).or_else(|error| {
        if text.contains(|c: char| c.is_ascii_whitespace()) {
            BASE64.decode(text.split_ascii_whitespace().collect::<String>())
        } else {
            Err(error)
        }
    });
    decoded
        .map(Bytes::from)
        .map_err(|error| format!("Unable to base64 decode: {error}"))
}

/// An object's keys, for a message.
pub(super) fn list(keys: &Map<String, Value>) -> String {
    if keys.is_empty() {
        return "no key".to_owned();
    }
    let names: Vec<_> = keys.keys().map(|key| format!("{key:?}")).collect();
    names.join(", ")
}

/// What a value is, for a message.
pub(super) fn kind(value: &Value) -> &'static str {
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

    #[test]
    fn numbers_that_json_does_not_have_are_read_outside_of_strings() {
        let body = br#"{"a":[NaN,-Infinity,Infinity,-Inf],"b":"NaN \\","c":"\"Inf","d":Inf}"#;
        let root = object(body).unwrap();
        assert_eq!(root["a"], serde_json::json!([null, null, null, null]));
        assert_eq!(root["b"], "NaN \\");
        assert_eq!(root["c"], "\"Inf");
        assert_eq!(root["d"], Value::Null);
        for broken in ["{NaN", "{\"a\":NaNN}", "{\"a", "{\"a\\"] {
            assert!(object(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn base64_may_lack_its_padding_and_break_its_lines() {
        for text in ["aGVsbG8=", "aGVsbG8", "aGVs\nbG8=\n"] {
            assert_eq!(base64(text).unwrap(), "hello", "{text:?}");
        }
        assert!(base64("aGVs?").is_err());
    }

    #[test]
    fn text_that_would_take_many_times_its_size_is_refused() {
        let body = format!("{{\"a\":[{}0]}}", "0,".repeat(1 << 18));
        assert!(object(body.as_bytes()).unwrap_err().contains("values"));
    }
}
