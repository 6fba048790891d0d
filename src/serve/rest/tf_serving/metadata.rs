//! The JSON of a model's state and of what it takes and gives.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    serve::{
        repository::{Served, State, VersionStatus},
        signatures::{Signature, TensorFacts, encoded_input},
    },
    wire::{
        facts::KEY,
        names::{PREDICT_METHOD, SIGNATURES_FIELD},
    },
};

/// TF Serving's status, newest version first, with KServe v1's `name` and `ready` beside it.
pub(super) fn status(model: &str, versions: &BTreeMap<u64, VersionStatus>) -> String {
    let ready = versions
        .values()
        .any(|status| status.state == State::Available);
    let list: Vec<Value> = versions
        .iter()
        .rev()
        .map(|(version, status)| {
            json!({
                "version": version.to_string(),
                "state": status.state.name(),
                "status": {
                    "error_code": if status.error.is_some() { "UNKNOWN" } else { "OK" },
                    "error_message": status.error.as_deref().unwrap_or_default(),
                },
            })
        })
        .collect();
    json!({
        "model_version_status": list,
        "name": model,
        "ready": ready,
    })
    .to_string()
}

/// TF Serving's metadata, and under `hvmap` what a client of this program needs beyond it.
pub(super) fn metadata(model: &str, served: &Served) -> String {
    let info = &served.info;
    let signatures: Map<String, Value> = Signature::of(info)
        .iter()
        .map(|signature| {
            let outputs = signature.outputs(info);
            let described = json!({
                "inputs": tensors(&[encoded_input()]),
                "outputs": tensors(&outputs),
                "method_name": PREDICT_METHOD,
                "defaults": {},
            });
            (signature.name().to_owned(), described)
        })
        .collect();
    json!({
        "model_spec": {
            "name": model,
            "signature_name": "",
            "version": served.version.to_string(),
        },
        "metadata": {
            SIGNATURES_FIELD: {SIGNATURES_FIELD: signatures},
            KEY: served.facts().to_json(),
        },
    })
    .to_string()
}

fn tensors(facts: &[TensorFacts]) -> Value {
    let described = facts.iter().map(|tensor| {
        let dims: Vec<Value> = tensor
            .sizes
            .iter()
            .map(|size| json!({"size": size.to_string(), "name": ""}))
            .collect();
        let described = json!({
            "dtype": tensor.element.in_tensorflow().as_str_name(),
            "tensor_shape": {"dim": dims, "unknown_rank": false},
            "name": format!("{}:0", tensor.name),
        });
        (tensor.name.to_owned(), described)
    });
    Value::Object(described.collect())
}
