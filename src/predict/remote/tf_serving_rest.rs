//! TF Serving's REST interface, which KServe v1 shares as far as predictions go.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use reqwest::{Client, StatusCode, header};
use serde_json::Value;

use super::{
    answer::{self, Expected},
    described::{Described, Input, InputForm, Outputs, element_named},
    exchange::{Images, Reply},
    facts::Facts,
    http::{Answer, ask, get, refusal, verdict},
    model_url::ModelUrl,
    settings::RemoteSettings,
    tf_serving::{Definition, Metadata, signature},
};
use crate::{
    predict::{Port, PredictError, Signature, Unusable},
    wire::{facts::KEY, names::SIGNATURES_FIELD},
};

/// Asks for the metadata; where there is none, flags have to say what it would.
pub(super) async fn describe(
    client: &Client,
    at: &ModelUrl,
    settings: &RemoteSettings,
) -> Result<Described, PredictError> {
    let model = model_url(at, at.version.as_deref());
    let (status, body) = get(client, &format!("{model}/metadata"))
        .await
        .map_err(|reason| at.server(reason))?;
    if status == StatusCode::OK {
        let json: Value = serde_json::from_slice(&body)
            .map_err(|error| at.server(format!("its metadata is no JSON: {error}")))?;
        let metadata = metadata(&json).map_err(|reason| at.server(reason))?;
        return described(metadata, settings).map_err(|refusal| at.unusable(refusal));
    }
    // KServe v1 has no metadata. Its model is looked for first, so that a wrong name is not
    // answered with a lack of flags.
    let refused = refusal(status, &body);
    let (status, body) = get(client, &model)
        .await
        .map_err(|reason| at.server(reason))?;
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status != StatusCode::OK || !is_ready(&json) {
        return Err(at.server(if status == StatusCode::OK {
            "its model is not ready".to_owned()
        } else {
            refused
        }));
    }
    let Some(key) = &settings.input_key else {
        return Err(at.unusable(Unusable::NoMetadata));
    };
    Ok(Described {
        version: None,
        input: Input {
            key: key.clone(),
            form: InputForm::Encoded { column: false },
        },
        outputs: Outputs {
            scores: settings.adaptation.output.clone(),
            attribution: None,
        },
        facts: None,
        engine: "a KServe v1 server".into(),
    })
}

/// Whether a status says that a model answers: TF Serving's list of versions or KServe's word.
fn is_ready(status: &Value) -> bool {
    let available = |version: &Value| version["state"] == "AVAILABLE";
    // KServe's Python server writes "True" where others write true.
    status["ready"] == true
        || status["ready"] == "True"
        || status["model_version_status"]
            .as_array()
            .is_some_and(|versions| versions.iter().any(available))
}

/// The metadata as TF Serving writes it; the error says what is wrong with that of `hvmap serve`.
fn metadata(json: &Value) -> Result<Metadata, String> {
    let facts = match &json["metadata"][KEY] {
        Value::Null => None,
        facts => Some(Facts::read(facts)?),
    };
    let signatures = json["metadata"][SIGNATURES_FIELD][SIGNATURES_FIELD].as_object();
    let definition = |definition: &Value| Definition {
        method: definition["method_name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        signature: Signature {
            inputs: ports(&definition["inputs"]),
            outputs: ports(&definition["outputs"]),
        },
    };
    Ok(Metadata {
        version: json["model_spec"]["version"].as_str().map(str::to_owned),
        signatures: signatures
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), definition(value)))
            .collect(),
        facts,
        interface: "REST",
    })
}

fn described(metadata: Metadata, settings: &RemoteSettings) -> Result<Described, Unusable> {
    let described = metadata.described(settings)?;
    if described.input.form.is_pixels() {
        return Err(Unusable::PixelsOverRest {
            input: described.input.key,
        });
    }
    Ok(described)
}

fn ports(value: &Value) -> Vec<Port> {
    let Value::Object(ports) = value else {
        return Vec::new();
    };
    ports
        .iter()
        .map(|(name, port)| Port {
            name: name.clone(),
            element: element_named(port["dtype"].as_str().unwrap_or("DT_INVALID")),
            shape: shape(&port["tensor_shape"]),
        })
        .collect()
}

/// Sizes are texts in protobuf's JSON.
fn shape(shape: &Value) -> Option<Vec<i64>> {
    if shape["unknown_rank"] == true {
        return None;
    }
    let sizes = shape["dim"].as_array().map_or(&[][..], Vec::as_slice);
    sizes
        .iter()
        .map(|dim| dim["size"].as_str()?.parse().ok())
        .collect()
}

fn model_url(at: &ModelUrl, version: Option<&str>) -> String {
    let ModelUrl {
        base, model_path, ..
    } = at;
    match (version, &at.label) {
        (Some(version), _) => format!("{base}/v1/models/{model_path}/versions/{version}"),
        (None, Some(label)) => format!("{base}/v1/models/{model_path}/labels/{label}"),
        (None, None) => format!("{base}/v1/models/{model_path}"),
    }
}

pub(super) async fn predict(
    client: &Client,
    at: &ModelUrl,
    described: &Described,
    images: Images<'_>,
    expected: Expected<'_>,
) -> Reply {
    let version = described.version.as_deref().or(at.version.as_deref());
    let request = client
        .post(format!("{}:predict", model_url(at, version)))
        .header(header::CONTENT_TYPE, "application/json")
        .body(request_body(described, images));
    let Answer {
        status, wait, body, ..
    } = match ask(request).await {
        Ok(answer) => answer,
        Err(reason) => return Reply::Silent { reason },
    };
    match status {
        StatusCode::OK => answer::rows(&body, expected).into(),
        StatusCode::NOT_FOUND if version.is_some() => Reply::Gone {
            reason: refusal(status, &body),
        },
        status => verdict(status, wait, refusal(status, &body)),
    }
}

/// The row form. Base64 needs no escaping.
fn request_body(described: &Described, images: Images<'_>) -> Bytes {
    let images = images.encoded();
    let key = Value::from(described.input.key.as_str()).to_string();
    let size = images.iter().map(|image| image.len() * 4 / 3 + 40).sum();
    let mut body = String::with_capacity(size);
    body.push('{');
    // KServe v1 knows no signatures.
    if described.outputs.attribution.is_some() {
        body.push_str("\"signature_name\":\"");
        body.push_str(signature(&described.outputs));
        body.push_str("\",");
    }
    body.push_str("\"instances\":[");
    for (position, image) in images.iter().enumerate() {
        if position > 0 {
            body.push(',');
        }
        body.push('{');
        body.push_str(&key);
        body.push_str(":{\"b64\":\"");
        BASE64_STANDARD.encode_string(image, &mut body);
        body.push_str("\"}}");
    }
    body.push_str("]}");
    body.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What TF Serving's documentation shows for a model of its own, with the input changed.
    fn json_of(inputs: &Value) -> Value {
        json!({
            "model_spec": {"name": "m", "signature_name": "", "version": "1"},
            "metadata": {"signature_def": {"signature_def": {"serving_default": {
                "inputs": inputs,
                "outputs": {"y": {
                    "dtype": "DT_FLOAT",
                    "tensor_shape": {
                        "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}],
                        "unknown_rank": false,
                    },
                    "name": "y:0",
                }},
                "method_name": "tensorflow/serving/predict",
            }}}},
        })
    }

    fn input(dtype: &str, sizes: &[&str]) -> Value {
        let dims: Vec<Value> = sizes.iter().map(|size| json!({"size": size})).collect();
        json!({"x": {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": false}}})
    }

    #[test]
    fn tf_servings_metadata_says_what_to_fill_and_what_to_read() {
        let json = json_of(&input("DT_STRING", &["-1"]));
        let found = described(metadata(&json).unwrap(), &RemoteSettings::default()).unwrap();
        assert_eq!(found.input.key, "x");
        assert_eq!(found.outputs.scores.as_deref(), Some("y"));
        assert_eq!(found.version.as_deref(), Some("1"));
        assert_eq!(found.facts, None);
    }

    #[test]
    fn inputs_that_rest_cannot_fill_are_refused() {
        for (input, said) in [
            (input("DT_FLOAT", &["-1", "256", "256", "3"]), "DT_FLOAT"),
            (
                input("DT_UINT8", &["-1", "256", "256", "3"]),
                "takes pixels",
            ),
            (json!({}), "names no input"),
        ] {
            let json = json_of(&input);
            let metadata = super::metadata(&json).unwrap();
            let reason = described(metadata, &RemoteSettings::default()).unwrap_err();
            assert!(reason.to_string().contains(said), "{reason}");
        }
    }

    #[test]
    fn both_kinds_of_status_say_whether_a_model_is_ready() {
        assert!(is_ready(&json!({"name": "m", "ready": true})));
        assert!(is_ready(&json!({"name": "m", "ready": "True"})));
        assert!(is_ready(
            &json!({"model_version_status": [{"state": "AVAILABLE"}]})
        ));
        assert!(!is_ready(
            &json!({"model_version_status": [{"state": "LOADING"}]})
        ));
        assert!(!is_ready(&json!({"name": "m", "ready": false})));
    }
}
