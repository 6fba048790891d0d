//! `hvmap serve` as people start it: TF Serving's flags, files and environment.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{
    program::{Folder, hvmap},
    serving::{add_version, ask},
};

/// A server in a process of its own, at ports that were free.
struct Started {
    child: Child,
    rest: SocketAddr,
    /// What it says after it listens.
    said: BufReader<std::process::ChildStderr>,
}

impl Started {
    fn new(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hvmap"))
            .args([
                "serve",
                "--port",
                "0",
                "--rest_api_port=0",
                "--workers",
                "1",
            ])
            .args(args)
            .env("XDG_CONFIG_HOME", "no-such-folder")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut lines = String::new();
        let rest = loop {
            let mut line = String::new();
            assert!(said.read_line(&mut line).unwrap() > 0, "{lines}");
            lines.push_str(&line);
            if let Some(rest) = line.strip_prefix("listening at http://") {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        Self { child, rest, said }
    }

    fn get(&self, path: &str) -> u16 {
        ask(self.rest, "GET", path, &[], b"").status
    }

    /// Sends SIGTERM, and tells the exit code and what it said.
    fn stop(mut self) -> (i32, String) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
        let code = self.child.wait().unwrap().code().unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (code, rest)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_environment_of_tf_servings_image_names_the_model() {
    let folder = Folder::new();
    let base = folder.path("models");
    fs::create_dir_all(base.join("half")).unwrap();
    add_version(&base.join("half"), "1", "contract.onnx");
    let environment = [("MODEL_NAME", "half"), ("MODEL_BASE_PATH", text(&base))];
    let started = Started::new(&["-vv", "--log-format", "json"], &environment);
    assert_eq!(started.get("/v1/models/half"), 200);
    let body = br#"{"instances":["no image"]}"#;
    let answer = ask(started.rest, "POST", "/v1/models/half:predict", &[], body);
    assert_eq!(answer.status, 400);
    let (code, said) = started.stop();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("answering what was taken"), "{said}");
    let logged: serde_json::Value = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|line: &serde_json::Value| line["message"] == "answered")
        .unwrap();
    assert_eq!(logged["model"], "half");
    assert_eq!(logged["status"], "INVALID_ARGUMENT");
    assert_eq!(logged["entrypoint"], "REST");
}

#[test]
fn tf_servings_files_are_followed() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        fs::create_dir(folder.path(name)).unwrap();
        add_version(&folder.path(name), "1", "contract.onnx");
        add_version(&folder.path(name), "2", "contract.onnx");
    }
    let [models, batching, monitoring] =
        ["models", "batching", "monitoring"].map(|name| folder.path(name));
    let model = |name: &str, rest: &str| {
        format!(
            "config {{ name: '{name}' base_path: '{}' model_platform: 'tensorflow' {rest} }}",
            text(&folder.path(name))
        )
    };
    let labelled = "model_version_policy { all {} } version_labels { key: 'old' value: 1 }";
    let list = format!(
        "model_config_list {{ {} {} }}",
        model("a", ""),
        model("b", labelled)
    );
    fs::write(&models, list).unwrap();
    let sizes = "max_batch_size { value: 2 } enable_large_batch_splitting { value: false }";
    fs::write(&batching, sizes).unwrap();
    fs::write(
        &monitoring,
        "prometheus_config { enable: true path: '/metrics' }",
    )
    .unwrap();
    let args = [
        "--model_config_file",
        text(&models),
        "--enable_batching",
        "--batching_parameters_file",
        text(&batching),
        "--monitoring_config_file",
        text(&monitoring),
    ];
    let started = Started::new(&args, &[]);
    assert_eq!(started.get("/v1/models/a/versions/2/metadata"), 200);
    assert_eq!(started.get("/v1/models/a/versions/1/metadata"), 404);
    assert_eq!(started.get("/v1/models/b/labels/old/metadata"), 200);
    assert_eq!(started.get("/metrics"), 200);
    assert_eq!(started.get("/monitoring/prometheus/metrics"), 404);
    let body = br#"{"instances":["a","b","c"]}"#;
    let answer = ask(started.rest, "POST", "/v1/models/a:predict", &[], body);
    answer.is_error(400, "Task size 3 is larger than maximum input batch size 2");
    assert_eq!(started.stop().0, 0);
}

#[test]
fn what_cannot_be_served_is_told_before_anything_listens() {
    let folder = Folder::new();
    let (good, empty, saved) = (
        folder.path("good"),
        folder.path("empty"),
        folder.path("saved"),
    );
    for path in [&good, &empty, &saved] {
        fs::create_dir(path).unwrap();
    }
    add_version(&good, "1", "contract.onnx");
    fs::create_dir(saved.join("1")).unwrap();
    fs::write(saved.join("1/saved_model.pb"), "").unwrap();
    let wrong = folder.path("wrong");
    fs::write(&wrong, "max_batch_size: 8").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let base = |path: &Path| vec!["--model_base_path".to_owned(), text(path).to_owned()];
    let with = |more: &[&str]| {
        let mut args = base(&good);
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args
    };
    for (args, expected) in [
        (
            base(&folder.path("nowhere")),
            "cannot read the model folder",
        ),
        (base(&empty), "holds no version of the model model"),
        (base(&saved), "hint: hvmap-model package "),
        (base(&saved.join("1")), "hint: hvmap-model package "),
        (with(&["--no_such_flag"]), "unexpected argument"),
        (with(&["--port", "70000"]), "70000"),
        (
            with(&["--model_config_file", text(&wrong)]),
            "cannot be used with",
        ),
        (
            with(&["--batching_parameters_file", text(&wrong)]),
            "hint: add --enable_batching",
        ),
        (
            with(&[
                "--enable_batching",
                "--batching_parameters_file",
                text(&wrong),
            ]),
            "cannot be followed",
        ),
        (
            with(&["--monitoring_config_file", text(&folder.path("nowhere"))]),
            "cannot read",
        ),
        (
            with(&["--port", "0", "--rest_api_port", &port]),
            "hint: is another server using this port? name another one with --rest_api_port",
        ),
        (
            with(&["--rest_api_port", "0", "--port", &port]),
            "name another one with --port",
        ),
    ] {
        let output = hvmap(["serve".to_owned()].into_iter().chain(args));
        assert_eq!(output.code, 2, "{output}");
        assert!(output.stderr.contains(expected), "{expected}: {output}");
        assert!(!output.stderr.contains("listening"), "{output}");
    }
}
