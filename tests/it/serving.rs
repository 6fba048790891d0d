//! The server against what TF Serving's REST interface does, one test a statement, over a socket.
//!
//! They need ONNX Runtime's library, which `make test` puts beside the tests.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use hvmap::{
    image::{RGB_BYTES, encode_png},
    predict::{
        Batch, Model, Predictions,
        onnx::{DeviceChoice, OnnxModel, Settings},
    },
    serve::{
        Batching, Config, METRICS_PATH, ModelFolder, Patience, ServeError, Server, VersionPolicy,
    },
};
use serde_json::{Value, json};

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models")
        .join(name)
}

pub fn engine() -> Settings {
    Settings {
        device: DeviceChoice::Cpu,
        workers: Some(2),
        ..Settings::default()
    }
}

/// A model folder with a server of it.
pub struct Serving {
    pub folder: tempfile::TempDir,
    pub server: Server,
}

impl Serving {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        add_version(folder.path(), "001", "contract.onnx");
        let mut config = config(folder.path());
        change(&mut config);
        let server = Server::start(&config).unwrap();
        Self { folder, server }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn get(&self, path: &str) -> Answer {
        ask(self.address(), "GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        ask(self.address(), "POST", path, &[], body.as_bytes())
    }

    fn predict(&self, body: &Value) -> Answer {
        self.post("/v1/models/half:predict", &body.to_string())
    }

    /// Asks until the status is as wanted; the folder is looked at in the background.
    fn wait_for_status(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let status = self.get("/v1/models/half").json();
            if wanted(&status) {
                return status;
            }
            std::thread::yield_now();
        }
    }
}

pub fn config(folder: &Path) -> Config {
    Config {
        rest: (Ipv4Addr::LOCALHOST, 0).into(),
        grpc: (Ipv4Addr::LOCALHOST, 0).into(),
        models: vec![ModelFolder::new("half", folder)],
        engine: engine(),
        poll: Duration::from_millis(20),
        request_timeout: Duration::from_secs(30),
        batching: Batching {
            queue_images_max: 64,
            ..Batching::default()
        },
        metrics_path: Some(METRICS_PATH.to_owned()),
        patience: Patience::default(),
    }
}

pub fn add_version(folder: &Path, version: &str, model: &str) {
    // Renamed into place, so that no poll sees half a version.
    let staged = folder.join(format!("staged-{version}"));
    fs::create_dir(&staged).unwrap();
    fs::copy(fixture(model), staged.join("model.onnx")).unwrap();
    fs::rename(staged, folder.join(version)).unwrap();
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub fn is_error(&self, status: u16, text: &str) {
        assert!(
            self.head.contains("content-type: application/json"),
            "{}",
            self.head
        );
        let error = self.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(text), "{error:?} lacks {text:?}");
        assert_eq!(self.status, status, "{error}");
    }
}

/// One request without a Content-Type, as Python's `requests.post(url, data=text)` sends it.
pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_lowercase(),
        body: answer[end + 4..].to_vec(),
    }
}

/// The canary tiles as PNG.
pub fn tiles() -> Vec<Vec<u8>> {
    let model = OnnxModel::from_file(&fixture("contract.onnx"), &engine()).unwrap();
    let images = model.contract().unwrap().canaries.clone().unwrap().images;
    images.chunks(RGB_BYTES).map(encode_png).collect()
}

fn b64(tile: &[u8]) -> Value {
    json!({"b64": BASE64_STANDARD.encode(tile)})
}

/// The fixture's classes.
const CLASSES: [&str; 3] = ["none", "tower", "mast"];

fn rows(tiles: &[Vec<u8>]) -> Value {
    let rows: Vec<Value> = tiles
        .iter()
        .map(|tile| json!({"image_bytes": b64(tile)}))
        .collect();
    json!({"instances": rows})
}

/// What the same model answers inside this process.
pub fn embedded() -> Predictions {
    let model = OnnxModel::from_file(&fixture("contract.onnx"), &engine()).unwrap();
    let images = model.contract().unwrap().canaries.clone().unwrap().images;
    let mut predictions = Predictions::default();
    for tile in images.chunks(RGB_BYTES) {
        let mut one = Predictions::default();
        let mut classifier = model.classifier().unwrap();
        classifier.classify(Batch::Rgb8(tile), &mut one).unwrap();
        predictions.scores.extend(one.scores);
        predictions.outputs.extend(one.outputs);
        predictions.attribution.extend(one.attribution);
    }
    predictions
}

pub fn bits(value: &Value) -> Vec<u32> {
    match value {
        Value::Array(values) => values.iter().flat_map(bits).collect(),
        Value::Number(number) => vec![(number.as_f64().unwrap() as f32).to_bits()],
        other => panic!("{other} in the scores"),
    }
}

pub fn bits_of(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn the_client_of_2018_gets_the_scores_of_the_embedded_session_bit_for_bit() {
    let serving = Serving::start();
    let tiles = tiles();
    let answer = serving.predict(&rows(&tiles));
    assert_eq!(answer.status, 200);
    let json = answer.json();
    let predictions = json["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), tiles.len());
    assert_eq!(bits(&json["predictions"]), bits_of(&embedded().outputs));
}

#[test]
fn bare_rows_and_columns_are_answered_in_their_form() {
    let serving = Serving::start();
    let tiles = tiles();
    let expected = serving.predict(&rows(&tiles)).json()["predictions"].clone();
    let bare: Vec<Value> = tiles.iter().map(|tile| b64(tile)).collect();
    let answer = serving.predict(&json!({"instances": bare}));
    assert_eq!(answer.json(), json!({"predictions": expected}));
    for inputs in [json!(bare), json!({"image_bytes": bare, "other": 1})] {
        let answer = serving.predict(&json!({"inputs": inputs}));
        assert_eq!(answer.json(), json!({"outputs": expected}));
    }
}

#[test]
fn localize_adds_the_attribution_under_its_name() {
    let serving = Serving::start();
    let mut body = rows(&tiles());
    body["signature_name"] = json!("localize");
    let json = serving.predict(&body).json();
    let mut cells = Vec::new();
    for row in json["predictions"].as_array().unwrap() {
        assert!(row["scores"].is_array());
        cells.extend(bits(&row["attribution"]));
    }
    assert_eq!(cells, bits_of(&embedded().attribution));
}

#[test]
fn any_content_type_and_what_follows_the_root_are_passed_over() {
    let serving = Serving::start();
    let body = format!("{} trailing", rows(&tiles()));
    for content_type in [
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: nonsense",
    ] {
        let path = "/v1/models/half/versions/1:PREDICT";
        let answer = ask(
            serving.address(),
            "POST",
            path,
            &[content_type],
            body.as_bytes(),
        );
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn a_gzipped_body_is_inflated_up_to_a_bound() {
    let serving = Serving::start();
    let zipped = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let post = |body: &[u8]| {
        let headers = ["Content-Encoding: gzip"];
        let path = "/v1/models/half:predict";
        ask(serving.address(), "POST", path, &headers, body)
    };
    assert_eq!(
        post(&zipped(rows(&tiles()).to_string().as_bytes())).status,
        200
    );
    post(b"not gzip").is_error(400, "inflate");
    let bomb = zipped(&vec![b' '; (100 << 20) + 1]);
    post(&bomb).is_error(400, "inflates to more than 100 MiB");
}

#[test]
fn bodies_that_are_wrong_are_told_what_was_expected() {
    let serving = Serving::start();
    let long = format!("{{\"instances\":{}", "[".repeat(10_000));
    for (body, text) in [
        ("", "JSON Parse error: The document is empty"),
        ("{", "JSON Parse error"),
        ("[1]", "Is not object"),
        (long.as_str(), "JSON Parse error"),
        ("{}", "Missing 'inputs' or 'instances' key"),
        (
            r#"{"instances":[],"inputs":[]}"#,
            "expecting only one of 'inputs' or 'instances' keys",
        ),
        (r#"{"instances":[]}"#, "No values in 'instances' array"),
        (
            r#"{"instances":{"b64":""}}"#,
            "'instances' to be an list/array",
        ),
        (
            r#"{"instances":[{"image":{"b64":"aGk="}}]}"#,
            "Failed to process element: 0 of 'instances' list. JSON object: keys must be equal to: \
             image_bytes, got \"image\"",
        ),
        (
            r#"{"instances":["a",{"image_bytes":"b"}]}"#,
            "Expecting value/list but got object at item 1",
        ),
        (
            r#"{"instances":[{"image_bytes":"b"},"a"]}"#,
            "Expecting object but got list at item 1",
        ),
        (
            r#"{"instances":["a",{"b64":"?"}]}"#,
            "Failed to process element: 1 key: image_bytes of 'instances' list. Error: Unable",
        ),
        (
            r#"{"instances":[1]}"#,
            "a number is not of expected type: string",
        ),
        (r#"{"instances":[{"b64":"?"}]}"#, "Unable to base64 decode"),
        (
            r#"{"inputs":{"x":["a"]}}"#,
            "Missing named input: image_bytes in 'inputs' object.",
        ),
        (
            r#"{"instances":["a"],"signature_name":1}"#,
            "'signature_name' key must be a string value.",
        ),
        (
            r#"{"instances":["a"],"signature_name":"s"}"#,
            "Serving signature name: \"s\" not found in signature def; expected serving_default or \
             localize",
        ),
        (
            r#"{"instances":["a"]}"#,
            "element 0 of 1 is not a usable image",
        ),
    ] {
        serving
            .post("/v1/models/half:predict", body)
            .is_error(400, text);
    }
}

#[test]
fn numbers_that_json_does_not_have_are_taken_where_they_do_not_matter() {
    let serving = Serving::start();
    let tile = b64(&tiles()[0]).to_string();
    let body = format!(r#"{{"inputs":{{"image_bytes":[{tile}],"other":[NaN,-Infinity]}}}}"#);
    assert_eq!(serving.post("/v1/models/half:predict", &body).status, 200);
    serving
        .post("/v1/models/half:predict", r#"{"instances":[NaN]}"#)
        .is_error(400, "is not of expected type: string");
}

#[test]
fn classify_and_regress_answer_under_results() {
    let serving = Serving::start();
    let tiles = tiles();
    let examples: Vec<Value> = tiles
        .iter()
        .map(|tile| json!({"image_bytes": b64(tile)}))
        .collect();
    let body = json!({"examples": examples}).to_string();
    let expected = embedded();

    let classified = serving.post("/v1/models/half:classify", &body).json();
    let results = classified["results"].as_array().unwrap();
    let mut scores = Vec::new();
    for image in results {
        let pairs = image.as_array().unwrap();
        let labels: Vec<_> = pairs.iter().map(|pair| &pair[0]).collect();
        assert_eq!(labels, CLASSES);
        scores.extend(pairs.iter().flat_map(|pair| bits(&pair[1])));
    }
    assert_eq!(scores, bits_of(&expected.outputs));

    let regressed = serving.post("/v1/models/half:regress", &body).json();
    assert_eq!(bits(&regressed["results"]), bits_of(&expected.scores));

    for (body, text) in [
        ("{}", "key 'examples' is expected"),
        (r#"{"examples":{}}"#, "to be an list/array"),
        (r#"{"examples":[]}"#, "is an empty array"),
        (r#"{"examples":[1]}"#, "Example must be JSON object"),
        (
            r#"{"examples":[{"x":1}]}"#,
            "Feature: image_bytes (data type: string) is required",
        ),
        (
            r#"{"examples":[{"image_bytes":"a"}],"signature_name":"s"}"#,
            "No signature was found with the name: s",
        ),
    ] {
        serving
            .post("/v1/models/half:classify", body)
            .is_error(400, text);
    }
}

#[test]
fn a_label_names_a_version_of_several() {
    let folder = tempfile::tempdir().unwrap();
    add_version(folder.path(), "1", "contract.onnx");
    add_version(folder.path(), "2", "contract.onnx");
    add_version(folder.path(), "3", "contract.onnx");
    let mut config = config(folder.path());
    config.models[0].versions = VersionPolicy::Specific([1, 2].into());
    config.models[0].labels = [("stable".to_owned(), 1)].into();
    let server = Server::start(&config).unwrap();
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

    config.models[0].labels = [("stable".to_owned(), 3)].into();
    let refused = Server::start(&config).unwrap_err();
    assert!(refused.to_string().contains("[1, 2]"), "{refused}");
    config.models[0].versions = VersionPolicy::Specific([4].into());
    let refused = Server::start(&config).unwrap_err();
    assert!(refused.to_string().contains("no version 4"), "{refused}");
}

#[test]
fn of_the_latest_two_the_oldest_goes_when_a_third_comes() {
    let serving = Serving::start_with(|config| {
        config.models[0].versions = VersionPolicy::Latest(2);
    });
    let state = |status: &Value, version: &str| {
        let versions = status["model_version_status"].as_array().unwrap();
        let found = versions.iter().find(|status| status["version"] == version);
        found.map_or(Value::Null, |status| status["state"].clone())
    };
    for version in ["2", "3"] {
        add_version(serving.folder.path(), version, "contract.onnx");
        serving.wait_for_status(|status| state(status, version) == "AVAILABLE");
    }
    let status = serving.wait_for_status(|status| state(status, "1") == "END");
    assert_eq!(state(&status, "2"), "AVAILABLE");
}

#[test]
fn an_image_that_claims_to_be_huge_is_refused_by_its_header() {
    let chunk = |name: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(data);
        let length = (data.len() as u32).to_be_bytes();
        [&length, name, data, &crc.sum().to_be_bytes()].concat()
    };
    let side = 60_000_u32.to_be_bytes();
    let header = [&side[..], &side[..], &[8, 2, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    let bomb = [signature, chunk(b"IHDR", &header), chunk(b"IDAT", b"")].concat();
    Serving::start()
        .predict(&rows(&[bomb]))
        .is_error(400, "image of 60000×60000 pixels (expected 256×256)");
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
    let input = &signatures["serving_default"]["inputs"]["image_bytes"];
    assert_eq!(input["dtype"], "DT_STRING");
    assert_eq!(input["tensor_shape"]["dim"][0]["size"], "-1");
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
fn a_request_larger_than_batch_and_queue_is_split_and_answered_in_order() {
    let serving = Serving::start();
    let tiles = tiles();
    let many: Vec<Vec<u8>> = tiles.iter().cycle().take(100).cloned().collect();
    let one = bits(&serving.predict(&rows(&tiles)).json()["predictions"]);
    let answer = serving.predict(&rows(&many)).json();
    let got = bits(&answer["predictions"]);
    let classes = one.len() / tiles.len();
    let expected: Vec<u32> = one.iter().copied().cycle().take(100 * classes).collect();
    assert_eq!(got, expected);
}

#[test]
fn a_body_that_does_not_come_is_given_up_and_the_server_goes_on() {
    let serving = Serving::start_with(|config| config.request_timeout = Duration::from_millis(250));
    let mut socket = TcpStream::connect(serving.address()).unwrap();
    socket
        .write_all(b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(serving.get("/v1/models/half").status, 200);
}

#[test]
fn a_client_that_sends_no_request_is_not_waited_for() {
    let serving = Serving::start_with(|config| {
        config.patience.headers = Duration::from_millis(100);
    });
    for begun in ["", "GET /v1/models/half HTTP/1.1\r\nHost: x\r\n"] {
        let mut socket = TcpStream::connect(serving.address()).unwrap();
        socket.write_all(begun.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // The server ends the connection.
        socket.read_to_end(&mut answer).unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(serving.get("/v1/models/half").status, 200);
}

#[test]
fn a_client_that_takes_no_answers_is_given_up() {
    let serving = Serving::start_with(|config| {
        config.patience.writes = Duration::from_millis(100);
    });
    let mut socket = TcpStream::connect(serving.address()).unwrap();
    let request = b"GET /monitoring/prometheus/metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64);
    // Answers fill the buffers of both sides until the server writes in vain; then it hangs up,
    // and writing to it fails.
    while socket.write_all(&request).is_ok() {}
    assert_eq!(serving.get("/v1/models/half").status, 200);
}

#[test]
fn a_request_that_takes_too_long_is_answered_504_with_advice() {
    let serving = Serving::start_with(|config| {
        config.request_timeout = Duration::from_millis(500);
        // One image waits for others that never come.
        config.batching.linger = Duration::from_secs(20);
        config.engine.batch_size = Some(64);
    });
    serving
        .predict(&rows(&tiles()[..1]))
        .is_error(504, "send fewer images at once, or allow more time");
}

#[test]
fn names_are_percent_decoded() {
    let folder = tempfile::tempdir().unwrap();
    add_version(folder.path(), "1", "contract.onnx");
    let mut config = config(folder.path());
    config.models[0].name = "hv grid".into();
    let server = Server::start(&config).unwrap();
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
fn a_new_version_takes_over_and_a_broken_one_does_not() {
    let serving = Serving::start();
    add_version(serving.folder.path(), "2", "bad_canaries.onnx");
    let failed = |status: &Value| {
        let newest = &status["model_version_status"][0];
        newest["version"] == "2" && newest["state"] == "END"
    };
    let status = serving.wait_for_status(failed);
    let newest = &status["model_version_status"][0]["status"];
    assert_eq!(newest["error_code"], "UNKNOWN");
    assert!(
        newest["error_message"]
            .as_str()
            .unwrap()
            .contains("canary tile")
    );
    assert_eq!(status["model_version_status"][1]["state"], "AVAILABLE");
    assert_eq!(serving.predict(&rows(&tiles())).status, 200);

    add_version(serving.folder.path(), "003", "contract.onnx");
    serving.wait_for_status(|status| {
        let versions = &status["model_version_status"];
        versions[0]["version"] == "3" && versions[2]["state"] == "END"
    });
    assert_eq!(serving.predict(&rows(&tiles())).status, 200);
    serving
        .post(
            "/v1/models/half/versions/1:predict",
            r#"{"instances":["a"]}"#,
        )
        .is_error(404, "half/3");
}

#[test]
fn several_models_are_served_side_by_side() {
    let second = tempfile::tempdir().unwrap();
    add_version(second.path(), "7", "contract_sigmoid.onnx");
    let path = second.path().to_owned();
    let serving = Serving::start_with(|config| {
        config.models.push(ModelFolder::new("other", path));
    });
    let body = rows(&tiles()).to_string();
    for path in ["/v1/models/half:predict", "/v1/models/other:predict"] {
        assert_eq!(serving.post(path, &body).status, 200);
    }
}

#[test]
fn a_stopping_server_answers_what_it_took_and_then_nothing() {
    let serving = Serving::start();
    let address = serving.address();
    let many: Vec<Vec<u8>> = tiles().iter().cycle().take(60).cloned().collect();
    let body = rows(&many).to_string();
    let client = std::thread::spawn(move || {
        ask(
            address,
            "POST",
            "/v1/models/half:predict",
            &[],
            body.as_bytes(),
        )
        .status
    });
    let seen = |text: &str| text.contains("hvmap_batch_images_count{model_name=\"half\"} 0");
    loop {
        let metrics = serving.get("/monitoring/prometheus/metrics");
        if !seen(&String::from_utf8(metrics.body).unwrap()) {
            break;
        }
        std::thread::yield_now();
    }
    assert!(serving.server.stop());
    assert_eq!(client.join().unwrap(), 200);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_stopping_server_does_not_wait_for_connections_without_a_request() {
    let serving = Serving::start();
    let silent = [serving.address(), serving.server.grpc_address()]
        .map(|address| TcpStream::connect(address).unwrap());
    let mut idle = TcpStream::connect(serving.address()).unwrap();
    idle.write_all(b"GET /v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(serving.server.stop());
    drop(silent);
}

#[test]
fn a_server_does_not_start_with_a_model_that_it_could_not_answer_for() {
    let refusal = |fill: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        Server::start(&config(folder.path())).unwrap_err()
    };
    assert!(matches!(refusal(&|_| {}), ServeError::NoVersion { .. }));
    let wrong = refusal(&|folder| add_version(folder, "1", "bad_canaries.onnx"));
    assert!(matches!(wrong, ServeError::Model(_)), "{wrong}");
    let bare = refusal(&|folder| add_version(folder, "1", "nhwc_probabilities.onnx"));
    assert!(matches!(bare, ServeError::Unfit { .. }), "{bare}");
    let saved = refusal(&|folder| {
        fs::create_dir(folder.join("1")).unwrap();
        fs::write(folder.join("1/saved_model.pb"), "").unwrap();
    });
    assert!(matches!(saved, ServeError::SavedModel { .. }));
    assert!(saved.hint().unwrap().contains("hvmap-model"));
}

#[test]
fn a_full_queue_answers_503_with_retry_after() {
    let serving = Serving::start_with(|config| {
        config.batching.queue_images_max = 1;
        config.engine.workers = Some(1);
        config.engine.batch_size = Some(1);
    });
    let address = serving.address();
    let many: Vec<Vec<u8>> = tiles().iter().cycle().take(400).cloned().collect();
    let bulk = rows(&many).to_string();
    let one = rows(&many[..1]);
    let client = std::thread::spawn(move || {
        ask(
            address,
            "POST",
            "/v1/models/half:predict",
            &[],
            bulk.as_bytes(),
        )
        .status
    });
    let one = one.to_string();
    let empty = "hvmap_queued_images{model_name=\"half\"} 0";
    while String::from_utf8(serving.get("/monitoring/prometheus/metrics").body)
        .unwrap()
        .contains(empty)
    {
        std::thread::yield_now();
    }
    let answer = serving.post("/v1/models/half:predict", &one);
    answer.is_error(503, "the queue of model half is full");
    assert!(answer.head.contains("retry-after: 1"));
    assert_eq!(client.join().unwrap(), 200);
}
