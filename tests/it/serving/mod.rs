//! The server against what TF Serving's REST interface does, one test a statement, over a socket.
//!
//! They need ONNX Runtime's library, which `make test` puts beside the tests.

mod limits;
mod paths;
mod predictions;
mod stopping;
mod versions;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hvmap::{
    image::{RGB_BYTES, encode_png},
    predict::{
        Batch, Model, Predictions,
        onnx::{DeviceChoice, OnnxModel, Settings},
    },
    serve::{Batching, ModelFolder, ServeSettings, Server},
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

    pub fn start_with(change: impl FnOnce(&mut ServeSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        add_version(folder.path(), "001", "contract.onnx");
        let mut settings = settings(folder.path());
        change(&mut settings);
        let server = Server::start(&settings).unwrap();
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

pub fn settings(folder: &Path) -> ServeSettings {
    ServeSettings {
        rest: (Ipv4Addr::LOCALHOST, 0).into(),
        grpc: (Ipv4Addr::LOCALHOST, 0).into(),
        engine: engine(),
        poll: Duration::from_millis(20),
        batching: Batching {
            queue_images_max: 64,
            ..Batching::default()
        },
        ..ServeSettings::of(vec![ModelFolder::new("half", folder)])
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
    answer_of(&mut socket)
}

/// Reads an answer until the server closes the connection.
pub fn answer_of(socket: &mut TcpStream) -> Answer {
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
        predictions.located.grids_mut().extend(one.located.grids());
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
