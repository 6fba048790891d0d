//! Which path asks for what: status, metadata, labels, metrics.

use hvmap::serve::{ModelFolder, Server, VersionPolicy};
use serde_json::json;

use super::{Serving, add_version, ask, rows, settings, tiles};

#[test]
fn a_label_names_a_version_of_several() {
    let folder = tempfile::tempdir().unwrap();
    add_version(folder.path(), "1", "contract.onnx");
    add_version(folder.path(), "2", "contract.onnx");
    add_version(folder.path(), "3", "contract.onnx");
    let mut settings = settings(folder.path());
    settings.models[0].versions = VersionPolicy::Specific([1, 2].into());
    settings.models[0].labels = [("stable".to_owned(), 1)].into();
    let server = Server::start(&settings).unwrap();
    let get = |path: &str| ask(server.address(), "GET", path, &[], b"").json();
    let body = rows(&tiles()).to_string();
    let post = |path: &str| ask(server.address(), "POST", path, &[], body.as_bytes()).status;
    let version = |path: &str| get(path)["model_spec"]["version"].clone();
    assert_eq!(version("/v1/models/half/labels/stable/metadata"), "1");
    assert_eq!(version("/v1/models/half/versions/2/metadata"), "2");
    // The third is not admitted.
    assert_eq!(version("/v1/models/half/metadata"), "2");
    let status = get("/v1/models/half/labels/stable");
    assert_eq!(status["model_version_status"][0]["version"], "1");
    assert_eq!(post("/v1/models/half/labels/stable:predict"), 200);
    assert_eq!(post("/v1/models/half/labels/other:predict"), 400);
    assert_eq!(post("/v1/models/half/versions/3:predict"), 404);

    settings.models[0].labels = [("stable".to_owned(), 3)].into();
    let refused = Server::start(&settings).unwrap_err();
    assert!(refused.to_string().contains("[1, 2]"), "{refused}");
    settings.models[0].versions = VersionPolicy::Specific([4].into());
    let refused = Server::start(&settings).unwrap_err();
    assert!(refused.to_string().contains("no version 4"), "{refused}");
}

#[test]
fn paths_outside_the_interface_are_refused_as_tf_serving_does() {
    let serving = Serving::start();
    let answer = serving.get("/");
    assert_eq!(answer.status, 404);
    assert!(!answer.head.contains("application/json"));
    let get = |path: &str, status, text: &str| serving.get(path).is_error(status, text);
    get("/v1/foo", 400, "Malformed request: GET /v1/foo");
    get(
        "/v1/models/half:predict",
        400,
        "Malformed request: GET /v1/models/half:predict",
    );
    get("/v1/models", 400, "Missing model name in request.");
    serving
        .post("/v1/models/half", "{}")
        .is_error(400, "Malformed request: POST /v1/models/half");
    ask(
        serving.address(),
        "PUT",
        "/v1/models/half:predict",
        &[],
        b"",
    )
    .is_error(400, "Malformed request: PUT /v1/models/half:predict");
    get(
        "/v1/models/other",
        404,
        "Could not find any versions of model other",
    );
    get(
        "/v1/models/half/versions/9",
        404,
        "Could not find version 9 of model half",
    );
    get(
        "/v1/models/half/labels/stable",
        400,
        "Unrecognized servable version label: stable",
    );
    let body = r#"{"instances":["a"]}"#;
    serving
        .post("/v1/models/other:predict", body)
        .is_error(404, "Servable not found for request: Latest(other)");
    serving
        .post("/v1/models/other:predict", "")
        .is_error(400, "JSON Parse error: The document is empty");
    serving
        .post("/v1/models/half/versions/2:predict", body)
        .is_error(404, "Specific(half, 2)");
}

#[test]
fn options_are_granted_to_web_pages_alone() {
    let serving = Serving::start();
    let options = |headers: &[&str]| {
        let path = "/v1/models/half:predict";
        ask(serving.address(), "OPTIONS", path, headers, b"").status
    };
    assert_eq!(options(&["Origin: http://example.org"]), 200);
    assert_eq!(options(&["Origin: https://example.org"]), 200);
    assert_eq!(options(&["Origin: file://example.org"]), 400);
    assert_eq!(options(&[]), 400);
}

#[test]
fn status_holds_both_tf_servings_and_kserves_fields() {
    let serving = Serving::start();
    let expected = json!({
        "model_version_status": [{
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }],
        "name": "half",
        "ready": true,
    });
    for path in ["/v1/models/half", "/v1/models/half/versions/1"] {
        assert_eq!(serving.get(path).json(), expected);
    }
    assert_eq!(serving.get("/v2/health/ready").status, 200);
}

#[test]
fn metadata_describes_the_signatures() {
    let serving = Serving::start();
    let json = serving.get("/v1/models/half/metadata").json();
    assert_eq!(
        json["model_spec"],
        json!({"name": "half", "signature_name": "", "version": "1"})
    );
    let signatures = &json["metadata"]["signature_def"]["signature_def"];
    assert_eq!(
        signatures["serving_default"]["inputs"],
        json!({"image_bytes": {
            "dtype": "DT_STRING",
            "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": false},
            "name": "image_bytes:0",
        }})
    );
    assert_eq!(
        signatures["serving_default"]["method_name"],
        "tensorflow/serving/predict"
    );
    let outputs = signatures["localize"]["outputs"].as_object().unwrap();
    assert!(outputs.contains_key("scores") && outputs.contains_key("attribution"));
}

#[test]
fn metrics_count_requests_by_model_and_status() {
    let serving = Serving::start();
    serving.predict(&rows(&tiles()));
    serving.post("/v1/models/half:predict", "{}");
    // A client's text never becomes a label.
    serving.post("/v1/models/nonsense:predict", "{}");
    let answer = serving.get("/monitoring/prometheus/metrics");
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        ":tensorflow:serving:request_count{model_name=\"half\",status=\"OK\"} 1",
        ":tensorflow:serving:request_count{model_name=\"half\",status=\"INVALID_ARGUMENT\"} 1",
        ":tensorflow:serving:request_latency_count{model_name=\"half\",API=\"Predict\",entrypoint=\"REST\"} 2",
        ":tensorflow:serving:request_example_count_total{model=\"half\"} 8",
        "hvmap_batch_images_sum{model_name=\"half\"} 8",
        "hvmap_queued_images{model_name=\"half\"} 0",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("nonsense"));
}

#[test]
fn names_are_percent_decoded() {
    let folder = tempfile::tempdir().unwrap();
    add_version(folder.path(), "1", "contract.onnx");
    let mut settings = settings(folder.path());
    settings.models[0].name = "hv grid".into();
    let server = Server::start(&settings).unwrap();
    for path in [
        "/v1/models/hv%20grid",
        "/V1/Models/hv%20grid",
        "/v2/models/hv%20grid",
    ] {
        let answer = ask(server.address(), "GET", path, &[], b"");
        assert_eq!(answer.json()["name"], "hv grid", "{path}");
    }
}

#[test]
fn several_models_are_served_side_by_side() {
    let second = tempfile::tempdir().unwrap();
    add_version(second.path(), "7", "contract_sigmoid.onnx");
    let path = second.path().to_owned();
    let serving = Serving::start_with(|settings| {
        settings.models.push(ModelFolder::new("other", path));
    });
    let body = rows(&tiles()).to_string();
    for path in ["/v1/models/half:predict", "/v1/models/other:predict"] {
        assert_eq!(serving.post(path, &body).status, 200);
    }
}
