//! The Open Inference Protocol over a socket: HTTP with and without raw tensors, and gRPC.

use hvmap::{
    predict::{Model as _, onnx::OnnxModel},
    wire::open_inference::{
        InferTensorContents, ModelInferRequest, ModelInferResponse, ModelMetadataRequest,
        ModelReadyRequest, ServerLiveRequest, ServerReadyRequest,
        grpc_inference_service_client::GrpcInferenceServiceClient,
        model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
    },
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::{
    grpc_serving::Asking,
    serving::{Answer, Serving, ask, bits, bits_of, embedded, engine, fixture, tiles},
};

const INFER: &str = "/v2/models/half/infer";

/// The canary tiles as pixels, one after the other.
fn pixels() -> Vec<u8> {
    let model = OnnxModel::from_file(&fixture("contract.onnx"), &engine()).unwrap();
    assert!(model.info().attribution.is_some());
    model.contract().unwrap().canaries.clone().unwrap().images
}

/// Elements of BYTES as they lie in a raw tensor.
fn raw_elements(tiles: &[Vec<u8>]) -> Vec<u8> {
    let mut raw = Vec::new();
    for tile in tiles {
        raw.extend((tile.len() as u32).to_le_bytes());
        raw.extend(tile);
    }
    raw
}

fn post_raw(serving: &Serving, head: &Value, raw: &[u8]) -> Answer {
    let head = head.to_string();
    let length = format!("Inference-Header-Content-Length: {}", head.len());
    let body = [head.as_bytes(), raw].concat();
    ask(serving.address(), "POST", INFER, &[&length], &body)
}

/// An answer's JSON and what follows it.
fn split(answer: &Answer) -> (Value, Vec<u8>) {
    let name = "inference-header-content-length: ";
    let start = answer.head.find(name).unwrap() + name.len();
    let text = answer.head[start..].lines().next().unwrap();
    let (head, raw) = answer.body.split_at(text.parse().unwrap());
    (serde_json::from_slice(head).unwrap(), raw.to_vec())
}

fn floats(raw: &[u8]) -> Vec<u32> {
    let numbers = raw.chunks_exact(4);
    assert!(numbers.remainder().is_empty());
    numbers
        .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

#[test]
fn raw_encoded_images_and_raw_pixels_score_as_the_embedded_session() {
    let serving = Serving::start();
    let (tiles, pixels) = (tiles(), pixels());
    let encoded = raw_elements(&tiles);
    let count = tiles.len();
    for (name, datatype, shape, raw) in [
        ("image_bytes", "BYTES", json!([count]), &encoded),
        ("image_bytes", "BYTES", json!([count, 1]), &encoded),
        ("image", "UINT8", json!([count, 256, 256, 3]), &pixels),
    ] {
        let head = json!({
            "id": "7",
            "inputs": [{
                "name": name, "datatype": datatype, "shape": shape,
                "parameters": {"binary_data_size": raw.len()},
            }],
            "outputs": [{"name": "scores", "parameters": {"binary_data": true}}],
        });
        let answer = post_raw(&serving, &head, raw);
        assert_eq!(answer.status, 200, "{:?}", answer.head);
        let (json, raw) = split(&answer);
        assert_eq!(json["model_name"], "half");
        assert_eq!(json["model_version"], "1");
        assert_eq!(json["id"], "7");
        let output = &json["outputs"][0];
        assert_eq!(output["datatype"], "FP32");
        assert_eq!(output["shape"][0], count);
        assert_eq!(output["parameters"]["binary_data_size"], raw.len());
        assert_eq!(floats(&raw), bits_of(&embedded().outputs));
    }
}

#[test]
fn json_tensors_are_answered_in_json_with_every_output() {
    let serving = Serving::start();
    let pixels = pixels();
    let count = pixels.len() / (256 * 256 * 3);
    let body = json!({"inputs": [{
        "name": "image", "datatype": "UINT8", "shape": [count, 256, 256, 3], "data": pixels,
    }]});
    let json = serving.post(INFER, &body.to_string()).json();
    let expected = embedded();
    assert_eq!(json["outputs"][0]["name"], "scores");
    assert_eq!(
        bits(&json["outputs"][0]["data"]),
        bits_of(&expected.outputs)
    );
    assert_eq!(json["outputs"][1]["name"], "attribution");
    assert_eq!(
        bits(&json["outputs"][1]["data"]),
        bits_of(expected.located.grids())
    );

    let tile = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &tiles()[0]);
    let body = json!({
        "inputs": [{
            "name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [tile],
            "parameters": {"content_type": "base64"},
        }],
        "outputs": [{"name": "scores"}],
    });
    let json = serving
        .post("/v2/models/half/versions/1/infer", &body.to_string())
        .json();
    let classes = json["outputs"][0]["shape"][1].as_u64().unwrap() as usize;
    assert_eq!(
        bits(&json["outputs"][0]["data"]),
        bits_of(&expected.outputs[..classes])
    );
}

#[test]
fn health_readiness_and_metadata_are_told() {
    let serving = Serving::start();
    let get = |path: &str| serving.get(path).json();
    assert_eq!(get("/v2")["name"], "hvmap");
    assert_eq!(get("/v2")["extensions"], json!(["binary_tensor_data"]));
    assert_eq!(get("/v2/health/live"), json!({"live": true}));
    assert_eq!(get("/v2/health/ready"), json!({"ready": true}));
    for path in ["/v2/models/half/ready", "/v2/models/half/versions/1/ready"] {
        assert_eq!(get(path), json!({"name": "half", "ready": true}));
    }
    let metadata = get("/v2/models/half");
    assert_eq!(metadata["versions"], json!(["1"]));
    assert_eq!(
        metadata["inputs"],
        json!([
            {"name": "image_bytes", "datatype": "BYTES", "shape": [-1]},
            {"name": "image", "datatype": "UINT8", "shape": [-1, 256, 256, 3]},
        ])
    );
    assert_eq!(metadata["outputs"][0]["name"], "scores");
    assert_eq!(metadata["outputs"][0]["datatype"], "FP32");
    for path in [
        "/v2/models/other",
        "/v2/models/other/ready",
        "/v2/models/half/versions/9/ready",
        "/v2/models/half/what",
        "/v2/what",
    ] {
        let answer = serving.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string());
    }
}

#[test]
fn what_is_wrong_with_a_request_is_told() {
    let serving = Serving::start();
    let input = |name: &str, datatype: &str, shape: Value| json!({"name": name, "datatype": datatype, "shape": shape, "data": ["a"]});
    let right = input("image_bytes", "BYTES", json!([1]));
    for (body, text) in [
        (json!({}), "missing field `inputs`"),
        (json!({"inputs": []}), "expected one input"),
        (json!({"inputs": [right, right]}), "expected one input"),
        (
            json!({"inputs": [input("x", "BYTES", json!([1]))]}),
            "unexpected input \"x\", expected image_bytes (BYTES) or image (UINT8)",
        ),
        (
            json!({"inputs": [input("image_bytes", "FP32", json!([1]))]}),
            "expected BYTES of shape [N] or [N, 1], one encoded image each, got FP32",
        ),
        (
            json!({"inputs": [input("image", "UINT8", json!([1, 299, 299, 3]))]}),
            "expected UINT8 of shape [N, 256, 256, 3], got UINT8 of shape [1, 299, 299, 3]",
        ),
        (
            json!({"inputs": [right], "outputs": [{"name": "logits"}]}),
            "unexpected output \"logits\", expected some of scores, attribution",
        ),
        (
            json!({"inputs": [right], "outputs": [
                {"name": "scores", "parameters": {"classification": 1}},
            ]}),
            "classification is not supported",
        ),
        (
            json!({"inputs": [right]}),
            "element 0 of 1 is not a usable image",
        ),
    ] {
        serving.post(INFER, &body.to_string()).is_error(400, text);
    }
    serving.post(INFER, "").is_error(400, "failed to parse");
    let head = json!({"inputs": [{
        "name": "image_bytes", "datatype": "BYTES", "shape": [1],
        "parameters": {"binary_data_size": 100},
    }]});
    post_raw(&serving, &head, b"short").is_error(400, "5 bytes are left in the body");
    serving
        .post(
            "/v2/models/other/infer",
            &json!({"inputs": [right]}).to_string(),
        )
        .is_error(404, "Latest(other)");
}

fn infer(asking: &Asking, request: ModelInferRequest) -> Result<ModelInferResponse, Status> {
    let mut client = GrpcInferenceServiceClient::new(asking.channel.clone());
    let answer = asking.runtime.block_on(client.model_infer(request))?;
    Ok(answer.into_inner())
}

fn input(name: &str, datatype: &str, shape: &[i64]) -> InferInputTensor {
    InferInputTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.into(),
        ..InferInputTensor::default()
    }
}

#[test]
fn grpc_answers_raw_tensors_raw_and_typed_ones_typed() {
    let asking = Asking::start();
    let (tiles, expected) = (tiles(), embedded());
    let count = tiles.len() as i64;
    let scores = InferRequestedOutputTensor {
        name: "scores".into(),
        ..InferRequestedOutputTensor::default()
    };
    for (input, raw) in [
        (
            input("image_bytes", "BYTES", &[count]),
            raw_elements(&tiles),
        ),
        (input("image", "UINT8", &[count, 256, 256, 3]), pixels()),
    ] {
        let answer = infer(
            &asking,
            ModelInferRequest {
                model_name: "half".into(),
                id: "7".into(),
                inputs: vec![input],
                outputs: vec![scores.clone()],
                raw_input_contents: vec![raw.into()],
                ..ModelInferRequest::default()
            },
        )
        .unwrap();
        assert_eq!((&*answer.id, &*answer.model_version), ("7", "1"));
        assert_eq!(answer.outputs.len(), 1);
        assert_eq!(answer.outputs[0].shape[0], count);
        assert_eq!(
            floats(&answer.raw_output_contents[0]),
            bits_of(&expected.outputs)
        );
    }

    let mut typed = input("image_bytes", "BYTES", &[count]);
    typed.contents = Some(InferTensorContents {
        bytes_contents: tiles.into_iter().map(Into::into).collect(),
        ..InferTensorContents::default()
    });
    let answer = infer(
        &asking,
        ModelInferRequest {
            model_name: "half".into(),
            model_version: "1".into(),
            inputs: vec![typed],
            ..ModelInferRequest::default()
        },
    )
    .unwrap();
    let numbers = |output: usize| {
        let contents = answer.outputs[output].contents.as_ref().unwrap();
        bits_of(&contents.fp32_contents)
    };
    assert_eq!(numbers(0), bits_of(&expected.outputs));
    assert_eq!(answer.outputs[1].name, "attribution");
    assert_eq!(numbers(1), bits_of(expected.located.grids()));
}

#[test]
fn grpc_tells_health_readiness_metadata_and_what_is_wrong() {
    let asking = Asking::start();
    let mut client = GrpcInferenceServiceClient::new(asking.channel.clone());
    let live = asking
        .runtime
        .block_on(client.server_live(ServerLiveRequest {}));
    assert!(live.unwrap().into_inner().live);
    let ready = asking
        .runtime
        .block_on(client.server_ready(ServerReadyRequest {}));
    assert!(ready.unwrap().into_inner().ready);
    for (name, version, expected) in [("half", "", true), ("half", "9", false), ("x", "", false)] {
        let ready = asking
            .runtime
            .block_on(client.model_ready(ModelReadyRequest {
                name: name.into(),
                version: version.into(),
            }));
        assert_eq!(
            ready.unwrap().into_inner().ready,
            expected,
            "{name} {version}"
        );
    }
    let metadata = asking
        .runtime
        .block_on(client.model_metadata(ModelMetadataRequest {
            name: "half".into(),
            version: String::new(),
        }));
    let metadata = metadata.unwrap().into_inner();
    assert_eq!(metadata.versions, ["1"]);
    assert_eq!(metadata.inputs[0].name, "image_bytes");
    assert_eq!(metadata.inputs[1].shape, [-1, 256, 256, 3]);
    assert_eq!(metadata.outputs[0].datatype, "FP32");

    let refused = |name: &str, version: &str, raw: Vec<bytes::Bytes>| {
        let request = ModelInferRequest {
            model_name: name.into(),
            model_version: version.into(),
            inputs: vec![input("image_bytes", "BYTES", &[1])],
            raw_input_contents: raw,
            ..ModelInferRequest::default()
        };
        let status = infer(&asking, request).unwrap_err();
        (status.code(), status.message().to_owned())
    };
    let (code, text) = refused("other", "", Vec::new());
    assert_eq!(code, Code::NotFound, "{text}");
    let (code, text) = refused("half", "one", Vec::new());
    assert_eq!(code, Code::InvalidArgument);
    assert!(text.contains("expected a number"), "{text}");
    let (code, text) = refused("half", "", vec![b"\x09\0\0\0a"[..].into()]);
    assert_eq!(code, Code::InvalidArgument);
    assert!(text.contains("ends too early"), "{text}");
}
