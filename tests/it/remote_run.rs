//! `hvmap run` over `hvmap serve`, each as a process of its own, some of them killed.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    model_peer::{Behaviour, Peer},
    run_command::{AREA, SMALL_AREA, exports, stderr},
    serving::{self, Serving},
    tile_server::{TileServer, picture},
};

/// Tiles that are given out before the gate; the area has about 4,000.
const BEFORE_THE_GATE: usize = 1500;

/// Lets tiles through up to a number, and the rest when it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<GateState>);

#[derive(Default)]
struct GateState {
    tiles: AtomicUsize,
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        if self.0.tiles.fetch_add(1, Ordering::SeqCst) >= BEFORE_THE_GATE {
            let open = self.0.open.lock().unwrap();
            drop(self.0.changed.wait_while(open, |open| !*open).unwrap());
        }
    }

    fn is_reached(&self) -> bool {
        self.0.tiles.load(Ordering::SeqCst) > BEFORE_THE_GATE
    }

    fn open(&self) {
        *self.0.open.lock().unwrap() = true;
        self.0.changed.notify_all();
    }
}

/// `hvmap serve`, killed when dropped.
struct ServeProcess {
    child: Child,
    address: String,
}

impl ServeProcess {
    fn start(folder: &Path, port: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hvmap"))
            .arg("serve")
            .args([
                "--model_name",
                "half",
                "--port",
                "0",
                "--rest_api_port",
                port,
                "--workers",
                "1",
            ])
            .arg("--model_base_path")
            .arg(folder)
            .env("XDG_CONFIG_HOME", folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended early");
            if let Some((_, rest)) = line.split_once("http://") {
                break rest.split('/').next().unwrap().to_owned();
            }
        };
        // Read to its end, so that it never waits for room.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, address }
    }

    fn url(&self) -> String {
        format!("http://{}/v1/models/half", self.address)
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn model_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    serving::add_version(folder.path(), "1", "contract.onnx");
    folder
}

fn remote_run(home: &Path, imagery: &str, urls: &[String]) -> Command {
    remote_run_of(AREA, home, imagery, urls)
}

fn remote_run_of(area: &str, home: &Path, imagery: &str, urls: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hvmap"));
    command
        .current_dir(home)
        .env("XDG_CONFIG_HOME", home)
        .args(["run", area, "--zoom", "18", "--imagery", imagery])
        .args(["--threshold", "0.99", "--allow-synthetic-model"])
        .args(["--out", "run", "--json"]);
    for url in urls {
        command.args(["--model", url]);
    }
    if urls.iter().all(|url| url.starts_with("http")) {
        command.args(["--server-patience", "1"]);
    }
    command
}

/// Starts the run, does something to the servers when tiles have come up to the gate, and lets the
/// rest through.
fn disturbed(mut command: Command, gate: &Gate, disturb: impl FnOnce()) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !gate.is_reached() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    disturb();
    gate.open();
    child.wait_with_output().unwrap()
}

/// What a run over one server gives that nothing happens to.
fn undisturbed_exports(imagery: &str) -> [Vec<u8>; 2] {
    let folder = model_folder();
    let server = ServeProcess::start(folder.path(), "0");
    let home = tempfile::tempdir().unwrap();
    let whole = remote_run(home.path(), imagery, &[server.url()])
        .output()
        .unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    exports(&home.path().join("run"))
}

fn gated_tiles() -> (Gate, TileServer) {
    let gate = Gate::default();
    let passing = gate.clone();
    let tiles = TileServer::start(move |tile| {
        passing.pass();
        picture(tile)
    });
    (gate, tiles)
}

#[test]
fn a_run_whose_only_server_is_killed_stops_and_goes_on_when_it_is_back() {
    let folder = model_folder();
    let mut server = ServeProcess::start(folder.path(), "0");
    let (gate, tiles) = gated_tiles();
    let home = tempfile::tempdir().unwrap();
    let urls = [server.url()];
    let run = || remote_run(home.path(), &tiles.template(), &urls);

    let stopped = disturbed(run(), &gate, || server.kill());
    let said = stderr(&stopped);
    assert_eq!(stopped.status.code(), Some(2), "{said}");
    assert!(
        said.contains("no model server has answered for 1 s"),
        "{said}"
    );
    assert!(said.contains("go on with"), "{said}");

    let port = server.port().to_owned();
    let _again = ServeProcess::start(folder.path(), &port);
    let whole = run().output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let got = exports(&home.path().join("run"));
    assert!(got == undisturbed_exports(&tiles.template()));
}

#[test]
fn of_three_servers_one_may_die_and_the_export_is_the_same() {
    let folder = model_folder();
    let mut servers = [0; 3].map(|_| ServeProcess::start(folder.path(), "0"));
    let (gate, tiles) = gated_tiles();
    let home = tempfile::tempdir().unwrap();
    let urls: Vec<String> = servers.iter().map(ServeProcess::url).collect();

    let run = remote_run(home.path(), &tiles.template(), &urls);
    let whole = disturbed(run, &gate, || servers[1].kill());
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let got = exports(&home.path().join("run"));
    assert!(got == undisturbed_exports(&tiles.template()));
}

#[test]
fn exports_do_not_tell_whether_a_model_was_served_or_embedded() {
    let models = tempfile::tempdir().unwrap();
    let half = models.path().join("half");
    std::fs::create_dir(&half).unwrap();
    serving::add_version(&half, "1", "contract.onnx");
    let server = ServeProcess::start(&half, "0");
    let tiles = TileServer::start(picture);
    let file = half.join("1/model.onnx").to_str().unwrap().to_owned();
    let [served, embedded] = [server.url(), file].map(|model| {
        let home = tempfile::tempdir().unwrap();
        let output = remote_run_of(SMALL_AREA, home.path(), &tiles.template(), &[model])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        exports(&home.path().join("run"))
    });
    assert!(served == embedded);
    let geojson = String::from_utf8(served.into_iter().next().unwrap()).unwrap();
    assert!(geojson.contains("\"half version 1\""), "{geojson}");
}

#[test]
fn a_run_does_not_go_on_with_another_model_of_the_same_name_and_version() {
    let tiles = TileServer::start(picture);
    let home = tempfile::tempdir().unwrap();
    let run = |model: &'static str| {
        let peer = Peer::start(Behaviour {
            model,
            ..Behaviour::default()
        });
        remote_run_of(SMALL_AREA, home.path(), &tiles.template(), &[peer.url()])
            .args(["--positive", "1,2", "--model-activation", "none"])
            .args(["--model-combine", "sum"])
            .output()
            .unwrap()
    };
    for _ in 0..2 {
        let output = run("contract.onnx");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let output = run("contract_sigmoid.onnx");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("was begun with: the built-in tiles"),
        "{said}"
    );
    assert!(said.contains("--allow-model-change"), "{said}");
}

#[test]
fn a_run_goes_on_with_another_model_only_where_that_is_allowed_and_says_so() {
    let folder = model_folder();
    let mut server = ServeProcess::start(folder.path(), "0");
    let (gate, tiles) = gated_tiles();
    let home = tempfile::tempdir().unwrap();
    let urls = [server.url()];
    let run = |flags: &[&str]| {
        let mut command = remote_run(home.path(), &tiles.template(), &urls);
        command.args(flags);
        command
    };
    let stopped = disturbed(run(&[]), &gate, || server.kill());
    assert_eq!(stopped.status.code(), Some(2), "{}", stderr(&stopped));

    serving::add_version(folder.path(), "2", "contract_int8.onnx");
    let port = server.port().to_owned();
    let _again = ServeProcess::start(folder.path(), &port);
    let refused = run(&[]).output().unwrap();
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("do not hold the model that the run in run"),
        "{said}"
    );
    assert!(said.contains("hint: --allow-model-change"), "{said}");

    let allowed = run(&["--allow-model-change"]).output().unwrap();
    let said = stderr(&allowed);
    assert_eq!(allowed.status.code(), Some(0), "{said}");
    assert!(said.contains("mixes the scores of both"), "{said}");
    let status = Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .current_dir(home.path())
        .args(["status", "run"])
        .output()
        .unwrap();
    let told = String::from_utf8(status.stdout).unwrap();
    assert!(
        told.contains("with another model: half version 2"),
        "{told}"
    );
}

#[test]
fn a_run_does_not_begin_with_another_model_than_the_packaged_one() {
    let server = Serving::start();
    let home = tempfile::tempdir().unwrap();
    let url = format!("http://{}/v1/models/half", server.address());
    let fixture = |name: &str| serving::fixture(name).display().to_string();
    let run = |flags: &[&str]| {
        let imagery = "synthetic:1";
        let output = remote_run_of(SMALL_AREA, home.path(), imagery, std::slice::from_ref(&url))
            .args(flags)
            .output()
            .unwrap();
        (output.status.code(), stderr(&output))
    };
    let other = fixture("contract_int8.onnx");
    let (code, said) = run(&["--canary", &other]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("is not that of") && said.contains("canary tile"),
        "{said}"
    );
    let (code, said) = run(&["--canary", &other, "--allow-model-change"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot be used with"), "{said}");
    let (code, said) = run(&["--canary", &fixture("contract.onnx")]);
    assert_eq!(code, Some(0), "{said}");
}
