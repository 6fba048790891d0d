//! The Open Inference Protocol over HTTP: images as binary tensors behind the JSON.

use bytes::{BufMut as _, Bytes, BytesMut};
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};

use super::{
    answer::{self, Expected, Tensor},
    described::{Described, element_named},
    exchange::{Images, Reply},
    facts::Facts,
    http::{Answer, ask, get, refusal, verdict},
    model_url::ModelUrl,
    open_inference::{Metadata, gone, numbers, tensor},
    settings::RemoteSettings,
};
use crate::{
    predict::{Port, PredictError, Signature},
    wire::{facts::KEY, names::JSON_LENGTH_HEADER},
};

pub(super) async fn describe(
    client: &Client,
    at: &ModelUrl,
    settings: &RemoteSettings,
) -> Result<Described, PredictError> {
    let (status, body) = get(client, &model_url(at))
        .await
        .map_err(|reason| at.server(reason))?;
    if status != StatusCode::OK {
        return Err(at.server(refusal(status, &body)));
    }
    let json: Value = serde_json::from_slice(&body)
        .map_err(|error| at.server(format!("its metadata is no JSON: {error}")))?;
    if !json["inputs"].is_array() || !json["outputs"].is_array() {
        return Err(at.server("its metadata is not that of KServe v2"));
    }
    let facts = match &json[KEY] {
        Value::Null => None,
        facts => Some(Facts::read(facts).map_err(|reason| at.server(reason))?),
    };
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        list.iter()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect()
    };
    let model = Metadata {
        signature: Signature {
            inputs: ports(&json["inputs"]),
            outputs: ports(&json["outputs"]),
        },
        versions: texts(&json["versions"]),
        platform: json["platform"].as_str().unwrap_or_default().to_owned(),
        facts,
    };
    model
        .described(at, settings)
        .map_err(|refusal| at.unusable(refusal))
}

fn ports(value: &Value) -> Vec<Port> {
    let list = value.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|port| Port {
            name: port["name"].as_str().unwrap_or_default().to_owned(),
            element: element_named(port["datatype"].as_str().unwrap_or("no datatype")),
            shape: sizes(&port["shape"]),
        })
        .collect()
}

fn sizes(value: &Value) -> Option<Vec<i64>> {
    value.as_array()?.iter().map(Value::as_i64).collect()
}

fn model_url(at: &ModelUrl) -> String {
    let ModelUrl {
        base, model_path, ..
    } = at;
    match &at.version {
        Some(version) => format!("{base}/v2/models/{model_path}/versions/{version}"),
        None => format!("{base}/v2/models/{model_path}"),
    }
}

pub(super) async fn predict(
    client: &Client,
    at: &ModelUrl,
    described: &Described,
    images: Images<'_>,
    expected: Expected<'_>,
) -> Reply {
    let (head, tensor) = match request(described, images) {
        Ok(parts) => parts,
        Err(reason) => return Reply::BadBatch { reason },
    };
    let length = head.len();
    let mut body = BytesMut::with_capacity(length + tensor.len());
    body.put_slice(&head);
    body.put_slice(&tensor);
    let request = client
        .post(format!("{}/infer", model_url(at)))
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(JSON_LENGTH_HEADER, length)
        .body(body.freeze());
    let Answer {
        status,
        wait,
        json_length,
        body,
    } = match ask(request).await {
        Ok(answer) => answer,
        Err(reason) => return Reply::Silent { reason },
    };
    if status != StatusCode::OK {
        let reason = refusal(status, &body);
        return match status {
            StatusCode::NOT_FOUND => Reply::Gone { reason },
            status => verdict(status, wait, reason),
        };
    }
    let (version, tensors) = match read(&body, json_length) {
        Ok(answer) => answer,
        Err(reason) => {
            return Reply::Failed {
                reason: reason.into(),
            };
        }
    };
    gone(described, version.as_deref())
        .unwrap_or_else(|| answer::rows_of(&tensors, expected).into())
}

/// The JSON and the images' tensor behind it.
fn request(described: &Described, images: Images<'_>) -> Result<(Vec<u8>, Bytes), String> {
    let (datatype, tensor) = tensor(described.input.form, images)?;
    let mut json = json!({
        "inputs": [{
            "name": described.input.key,
            "datatype": datatype,
            "shape": described.input.form.shape(images.len()),
            "parameters": {"binary_data_size": tensor.len()},
        }],
    });
    let wanted = [&described.outputs.scores, &described.outputs.attribution];
    let wanted: Vec<Value> = wanted
        .into_iter()
        .flatten()
        .map(|name| json!({"name": name, "parameters": {"binary_data": true}}))
        .collect();
    if wanted.is_empty() {
        json["parameters"] = json!({"binary_data_output": true});
    } else {
        json["outputs"] = wanted.into();
    }
    Ok((json.to_string().into_bytes(), tensor))
}

/// The version that answered and its outputs, in JSON or behind it.
fn read(body: &Bytes, json_length: Option<usize>) -> Result<(Option<String>, Vec<Tensor>), String> {
    let length = json_length.unwrap_or(body.len());
    let (head, mut rest) = body
        .split_at_checked(length)
        .ok_or("its answer is shorter than its JSON should be")?;
    let json = answer::parse(head)?;
    let outputs = json["outputs"]
        .as_array()
        .ok_or("its answer holds no outputs")?;
    let mut tensors = Vec::with_capacity(outputs.len());
    for output in outputs {
        let name = output["name"].as_str().unwrap_or_default().to_owned();
        let shape =
            sizes(&output["shape"]).ok_or_else(|| format!("its output {name} has no shape"))?;
        let values = match output["parameters"]["binary_data_size"].as_u64() {
            Some(size) => {
                let (bytes, after) = usize::try_from(size)
                    .ok()
                    .and_then(|size| rest.split_at_checked(size))
                    .ok_or_else(|| format!("its output {name} is cut short"))?;
                rest = after;
                let datatype = output["datatype"].as_str().unwrap_or_default();
                numbers(&name, datatype, bytes)?
            }
            None => answer::numbers_of(&output["data"])
                .ok_or_else(|| format!("its output {name} holds something else than numbers"))?,
        };
        tensors.push(Tensor {
            name,
            shape,
            values,
        });
    }
    let version = json["model_version"].as_str().map(str::to_owned);
    Ok((version, tensors))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(head: &Value, tail: &[u8]) -> (Bytes, Option<usize>) {
        let head = head.to_string();
        let length = head.len();
        let mut body = head.into_bytes();
        body.extend_from_slice(tail);
        (body.into(), Some(length))
    }

    #[test]
    fn outputs_lie_in_the_json_or_behind_it() {
        let head = json!({"model_name": "m", "model_version": "1", "outputs": [
            {"name": "a", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}},
            {"name": "b", "datatype": "FP32", "shape": [1, 1], "data": [0.5]},
        ]});
        let (body, length) = answer(&head, &[0, 0, 128, 62, 0, 0, 64, 63]);
        let (version, tensors) = read(&body, length).unwrap();
        assert_eq!(version.as_deref(), Some("1"));
        assert_eq!(tensors[0].values, [0.25, 0.75]);
        assert_eq!(tensors[1].values, [0.5]);
    }

    #[test]
    fn answers_that_do_not_add_up_are_refused() {
        let output = |size: usize| {
            json!({"outputs": [{
                "name": "a", "datatype": "FP32", "shape": [1],
                "parameters": {"binary_data_size": size},
            }]})
        };
        let (body, length) = answer(&output(8), &[0; 4]);
        assert!(read(&body, length).unwrap_err().contains("cut short"));
        let (body, length) = answer(&output(3), &[0; 4]);
        assert!(read(&body, length).unwrap_err().contains("inside a number"));
        let (body, _) = answer(&output(4), &[]);
        assert!(read(&body, Some(10_000)).is_err());
        assert!(read(&Bytes::from_static(b"<html>"), None).is_err());
        assert!(read(&Bytes::from_static(b"{}"), None).is_err());
    }
}
