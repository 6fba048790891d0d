//! The JSON of answers: scores and what a model takes and gives.

use serde_json::{Value, json};

use crate::{
    serve::{
        batcher::Answer,
        open_inference::{self as protocol, EXTENSIONS, PLATFORM},
        repository::Served,
        rest::numbers::write_row,
        signatures::TensorFacts,
    },
    wire::facts::KEY,
};

/// An answer: JSON, and after it the raw tensors, if there are any.
pub(super) struct InferAnswer {
    pub body: Vec<u8>,
    /// The length of its JSON, where raw tensors follow.
    pub json_length: Option<usize>,
}

/// Writes the outputs that were asked for.
pub(super) fn write(
    model: &str,
    version: u64,
    id: Option<String>,
    outputs: &[(TensorFacts, bool)],
    answers: &[Answer],
) -> InferAnswer {
    let mut head = json!({
        "model_name": model,
        "model_version": version.to_string(),
    });
    if let Some(id) = id {
        head["id"] = id.into();
    }
    let mut text = head.to_string();
    // Numbers are written by hand, in as few digits as give them back.
    text.pop();
    text.push_str(",\"outputs\":[");
    let mut raw = Vec::new();
    for (position, (facts, is_raw)) in outputs.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        let mut described = json!({
            "name": facts.name,
            "datatype": facts.element.in_open_inference(),
            "shape": protocol::shape(facts, answers.len()),
        });
        if *is_raw {
            let bytes = protocol::raw(facts, answers);
            described["parameters"] = json!({"binary_data_size": bytes.len()});
            raw.extend(bytes);
            text.push_str(&described.to_string());
        } else {
            text.push_str(&described.to_string());
            text.pop();
            text.push_str(",\"data\":");
            let numbers: Vec<f32> = protocol::numbers(facts, answers).collect();
            write_row(&mut text, &numbers);
            text.push('}');
        }
    }
    text.push_str("]}");
    let json_length = (!raw.is_empty()).then_some(text.len());
    let mut body = text.into_bytes();
    body.append(&mut raw);
    InferAnswer { body, json_length }
}

/// What the server is.
pub(super) fn server() -> Value {
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": EXTENSIONS,
    })
}

/// What a model takes and gives.
pub(super) fn metadata(model: &str, served: &Served, versions: &[u64]) -> Value {
    let tensors = |facts: &[TensorFacts]| -> Vec<Value> {
        facts
            .iter()
            .map(|facts| {
                json!({
                    "name": facts.name,
                    "datatype": facts.element.in_open_inference(),
                    "shape": facts.sizes,
                })
            })
            .collect()
    };
    json!({
        "name": model,
        "versions": versions.iter().map(u64::to_string).collect::<Vec<_>>(),
        "platform": PLATFORM,
        "inputs": tensors(&protocol::inputs()),
        "outputs": tensors(&protocol::outputs(&served.info)),
        KEY: served.facts().to_json(),
    })
}
