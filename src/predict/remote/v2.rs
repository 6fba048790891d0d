//! KServe v2, the open inference protocol, over HTTP: images as binary tensors behind the JSON.

use bytes::{BufMut as _, Bytes, BytesMut};
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};

use super::{
    RemoteSettings,
    answer::{self, Expected, Tensor},
    described::{Described, Facts, InputForm, element_named},
    endpoint::{Images, Reply},
    http::{Answer, JSON_LENGTH_HEADER, ask, get, refusal, verdict},
    place::Place,
};
use crate::predict::{Port, PredictError, Signature, Unusable};

pub(super) async fn describe(
    client: &Client,
    place: &Place,
    settings: &RemoteSettings,
) -> Result<Described, PredictError> {
    let (status, body) = get(client, &model_url(place))
        .await
        .map_err(|reason| place.server(reason))?;
    if status != StatusCode::OK {
        return Err(place.server(refusal(status, &body)));
    }
    let json: Value = serde_json::from_slice(&body)
        .map_err(|error| place.server(format!("its metadata is no JSON: {error}")))?;
    if !json["inputs"].is_array() || !json["outputs"].is_array() {
        return Err(place.server("its metadata is not that of KServe v2"));
    }
    let facts = match &json["hvmap"] {
        Value::Null => None,
        facts => Some(Facts::read(facts).map_err(|reason| place.server(reason))?),
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
        .described(place, settings)
        .map_err(|refusal| place.unusable(refusal))
}

/// A model's metadata, over HTTP or gRPC.
pub(super) struct Metadata {
    pub signature: Signature,
    pub versions: Vec<String>,
    pub platform: String,
    pub facts: Option<Facts>,
}

impl Metadata {
    pub(super) fn described(
        self,
        place: &Place,
        settings: &RemoteSettings,
    ) -> Result<Described, Unusable> {
        // Which of several versions answers is known from the answers alone.
        let version = match (&place.version, self.versions.as_slice()) {
            (Some(version), _) => Some(version.clone()),
            (None, [version]) => Some(version.clone()),
            (None, _) => None,
        };
        let engine = match (&self.facts, self.platform.as_str()) {
            (Some(facts), _) => format!("served by {}", facts.engine),
            (None, "") => "served over KServe v2".into(),
            (None, platform) => format!("served over KServe v2 by {platform}"),
        };
        Ok(Described {
            version,
            input: self
                .signature
                .input(settings.input_key.as_deref(), self.facts.as_ref())?,
            outputs: self
                .signature
                .outputs(settings.adaptation.output.as_deref(), self.facts.as_ref())?,
            facts: self.facts,
            engine,
        })
    }
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

fn model_url(place: &Place) -> String {
    let Place {
        base, model_path, ..
    } = place;
    match &place.version {
        Some(version) => format!("{base}/v2/models/{model_path}/versions/{version}"),
        None => format!("{base}/v2/models/{model_path}"),
    }
}

pub(super) async fn predict(
    client: &Client,
    place: &Place,
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
        .post(format!("{}/infer", model_url(place)))
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

/// Whether another version answered than the one that was found.
pub(super) fn gone(described: &Described, answered: Option<&str>) -> Option<Reply> {
    let known = described.version.as_deref()?;
    let answered = answered.filter(|version| !version.is_empty())?;
    (known != answered).then(|| Reply::Gone {
        reason: format!("version {answered} answered instead of {known}"),
    })
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

/// Data type and bytes of the images' tensor. Encoded images have their lengths before them, as
/// four little-endian bytes.
pub(super) fn tensor(form: InputForm, images: Images<'_>) -> Result<(&'static str, Bytes), String> {
    match form {
        InputForm::Pixels => Ok(("UINT8", images.pixels()?)),
        InputForm::Encoded { .. } => {
            let images = images.encoded();
            let size = images.iter().map(|image| image.len() + 4).sum();
            let mut tensor = BytesMut::with_capacity(size);
            for image in images.iter() {
                tensor.put_u32_le(image.len() as u32);
                tensor.put_slice(image);
            }
            Ok(("BYTES", tensor.freeze()))
        }
    }
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

/// Numbers out of a raw tensor.
pub(super) fn numbers(name: &str, datatype: &str, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let numbers = match datatype {
        "FP32" => answer::floats(bytes),
        "FP64" => answer::doubles(bytes),
        other => {
            return Err(format!(
                "its output {name} is of {other}, expected FP32 or FP64"
            ));
        }
    };
    numbers.ok_or_else(|| format!("its output {name} ends inside a number"))
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
    fn images_have_their_lengths_before_them() {
        let images = [Bytes::from_static(b"ab"), Bytes::from_static(b"c")];
        let form = InputForm::Encoded { column: false };
        let (datatype, tensor) = tensor(form, Images::Encoded(&images)).unwrap();
        assert_eq!(datatype, "BYTES");
        assert_eq!(&*tensor, b"\x02\0\0\0ab\x01\0\0\0c");
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
