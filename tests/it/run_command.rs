//! `hvmap run` as a person runs it: the built program, a real server, real files.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use axum::{http::StatusCode, response::IntoResponse};
use hvmap::{
    ledger::{LedgerError, LedgerReader},
    tiles::{StateCounts, TileCoord},
};
use serde_json::Value;

use crate::tile_server::{TileServer, picture};

/// About 4,000 tiles at zoom 18.
pub const AREA: &str = "--bbox=12.40,43.90,12.48,43.95";
/// About 70 tiles at zoom 18.
pub const SMALL_AREA: &str = "--bbox=12.40,43.90,12.41,43.905";
/// Far more than a start of a run takes here, and an end to waiting should it hang.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a stalled server stalls.
const STALL: Duration = Duration::from_secs(30);

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/contract.onnx")
}

/// `hvmap run` in an empty folder, untouched by the configuration of whoever runs the tests.
pub fn hvmap_run(home: &Path, area: &str, imagery: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hvmap"));
    command
        .current_dir(home)
        .env("XDG_CONFIG_HOME", home)
        .args(["run", area, "--zoom", "18", "--imagery", imagery])
        .args(["--threshold", "0.99", "--allow-synthetic-model"])
        .arg("--model")
        .arg(model())
        .args(["--out", "run", "--json"]);
    command
}

fn output(mut command: Command) -> Output {
    command.output().unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

pub fn exports(run: &Path) -> [Vec<u8>; 2] {
    ["towers.geojson", "towers.mbtiles"].map(|name| std::fs::read(run.join(name)).unwrap())
}

pub fn committed(run: &Path) -> HashSet<TileCoord> {
    let mut tiles = HashSet::new();
    match LedgerReader::open(run) {
        Ok(ledger) => ledger
            .outcomes(|outcome| {
                tiles.extend(outcome.iter().map(|(tile, _)| tile));
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            })
            .unwrap(),
        Err(LedgerError::NoRun { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    tiles
}

/// Waits until the run has committed more than `tiles`, or has ended.
pub fn wait_for_progress(run: &Path, child: &mut Child, tiles: usize) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE && child.try_wait().unwrap().is_none() {
        if committed(run).len() > tiles {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn killed_at_many_moments_a_run_ends_as_if_nothing_had_happened() {
    let undisturbed = tempfile::tempdir().unwrap();
    let server = TileServer::start(picture);
    let whole = output(hvmap_run(undisturbed.path(), AREA, &server.template()));
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));

    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let mut known = HashSet::new();
    let mut kills = 0;
    loop {
        let before = server.requests();
        let mut child = hvmap_run(home.path(), AREA, &server.template())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Between two commits, at no chosen point of either thread.
        wait_for_progress(&run, &mut child, known.len());
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let now = committed(&run);
        assert!(now.is_superset(&known), "committed work stays");
        for (tile, count) in server.requests() {
            let again = count > before.get(&tile).copied().unwrap_or(0);
            assert!(
                !(again && known.contains(&tile)),
                "{tile} was committed and yet fetched again"
            );
        }
        if status.code() == Some(0) {
            break;
        }
        kills += 1;
        assert!(now.len() > known.len(), "each start gets somewhere");
        known = now;
    }
    assert!(kills >= 3, "only {kills} kills hit the run");
    let ended = output(hvmap_run(home.path(), AREA, &server.template()));
    assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
    assert_eq!(exports(&run), exports(&undisturbed.path().join("run")));
    assert!(report(&ended)["detections"].as_u64() > Some(10));
}

#[test]
fn every_kind_of_answer_ends_in_its_own_state_and_retry_takes_only_the_failed() {
    let home = tempfile::tempdir().unwrap();
    let broken = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let down = std::sync::Arc::clone(&broken);
    let server = TileServer::start(move |tile| match (tile.x + tile.y) % 8 {
        0 => StatusCode::NOT_FOUND.into_response(),
        1 => "<html>sorry</html>".into_response(),
        2 if down.load(std::sync::atomic::Ordering::Relaxed) => {
            StatusCode::BAD_REQUEST.into_response()
        }
        3 => {
            let mut jpeg = bytes_of(picture(tile));
            jpeg.truncate(jpeg.len() / 3);
            jpeg.into_response()
        }
        4 => ().into_response(),
        _ => picture(tile),
    });
    let first = output(hvmap_run(home.path(), SMALL_AREA, &server.template()));
    assert_eq!(first.status.code(), Some(1), "{}", stderr(&first));
    let told = stderr(&first);
    assert!(told.contains("--retry-failed"), "{told}");
    assert!(told.contains("an HTML page"), "{told}");
    let counts: StateCounts = serde_json::from_value(report(&first)).unwrap();
    assert!(counts.no_imagery > 0 && counts.undecodable > 0 && counts.fetch_failed > 0);
    assert_eq!(
        counts.planned(),
        report(&first)["planned"].as_u64().unwrap()
    );

    broken.store(false, std::sync::atomic::Ordering::Relaxed);
    let before = server.requests();
    let mut retry = hvmap_run(home.path(), SMALL_AREA, &server.template());
    retry.arg("--retry-failed");
    let second = output(retry);
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
    let asked_again: u64 = server
        .requests()
        .iter()
        .map(|(tile, count)| (count - before.get(tile).unwrap_or(&0)) as u64)
        .sum();
    assert_eq!(asked_again, counts.fetch_failed);
    let after: StateCounts = serde_json::from_value(report(&second)).unwrap();
    assert_eq!(after.scored, counts.scored + counts.fetch_failed);
}

fn bytes_of(response: axum::response::Response) -> Vec<u8> {
    // Called on the server's own runtime, whose body is in memory already.
    futures_now(axum::body::to_bytes(response.into_body(), usize::MAX))
        .unwrap()
        .to_vec()
}

/// The result of a future that does not wait for anything.
fn futures_now<F: Future>(future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the body is not in memory"),
    }
}

#[test]
fn other_settings_in_the_same_folder_are_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let first = output(hvmap_run(home.path(), SMALL_AREA, "synthetic:7"));
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let mut other = hvmap_run(home.path(), SMALL_AREA, "synthetic:8");
    other.args(["--keep-threshold", "0.3"]);
    let refused = output(other);
    assert_eq!(refused.status.code(), Some(2));
    let told = stderr(&refused);
    assert!(
        told.contains("imagery.name is \"synthetic:7\" there and \"synthetic:8\" here"),
        "{told}"
    );
    assert!(told.contains("keep_threshold"), "{told}");
    assert!(told.contains("hint:"), "{told}");
}

#[test]
fn a_finished_run_is_exported_again_byte_for_byte() {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let first = output(hvmap_run(home.path(), SMALL_AREA, "synthetic:7"));
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let before = exports(&run);
    let second = output(hvmap_run(home.path(), SMALL_AREA, "synthetic:7"));
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
    assert_eq!(before, exports(&run));
}

#[test]
fn a_second_process_on_the_same_run_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let server = TileServer::start(picture);
    let mut first = hvmap_run(home.path(), AREA, &server.template())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_progress(&home.path().join("run"), &mut first, 0);
    let second = output(hvmap_run(home.path(), AREA, &server.template()));
    let pid = first.id();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let told = stderr(&second);
    assert!(told.contains(&format!("pid {pid}")), "{told}");
}

#[test]
fn an_interrupted_run_ends_soon_even_when_the_server_stalls_and_says_how_to_go_on() {
    let home = tempfile::tempdir().unwrap();
    // Late enough that some of the units, fetched side by side, are committed before.
    let served = std::sync::atomic::AtomicUsize::new(0);
    let server = TileServer::start(move |tile| {
        if served.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 2_600 {
            std::thread::sleep(STALL);
        }
        picture(tile)
    });
    let run = home.path().join("run");
    let mut child = hvmap_run(home.path(), AREA, &server.template())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_progress(&run, &mut child, 0);
    let interrupted = Instant::now();
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ended = child.wait_with_output().unwrap();
    assert!(
        interrupted.elapsed() < STALL / 2,
        "it waited for the server"
    );
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    let told = stderr(&ended);
    assert!(told.contains("go on with\n  hvmap run"), "{told}");
    let counts: StateCounts = serde_json::from_value(report(&ended)).unwrap();
    assert!(counts.scored > 0 && counts.not_visited > 0);
    // What it says it found is what an export of what is there holds.
    let exported = Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .args(["export", "--format", "csv", "-o", "-"])
        .arg(&run)
        .output()
        .unwrap();
    assert!(exported.status.success(), "{}", stderr(&exported));
    let rows = String::from_utf8(exported.stdout).unwrap().lines().count() - 1;
    assert_eq!(report(&ended)["detections"].as_u64(), Some(rows as u64));

    // A retry of the failures takes no tile that is merely unvisited, and says so.
    let mut retry = hvmap_run(home.path(), AREA, &server.template());
    retry.arg("--retry-failed");
    let retried = output(retry);
    assert_eq!(retried.status.code(), Some(0), "{}", stderr(&retried));
    assert!(
        stderr(&retried).contains("not visited yet"),
        "{}",
        stderr(&retried)
    );
}

#[test]
fn the_report_of_an_area_from_a_file_shows_its_outline_with_its_hole() {
    let home = tempfile::tempdir().unwrap();
    let ring = |west: f64, south: f64, side: f64| {
        let (east, north) = (west + side, south + side);
        serde_json::json!([
            [west, south],
            [east, south],
            [east, north],
            [west, north],
            [west, south]
        ])
    };
    let file = home.path().join("plain.geojson");
    let polygon = serde_json::json!({
        "type": "Polygon",
        "coordinates": [ring(12.40, 43.90, 0.01), ring(12.403, 43.903, 0.004)],
    });
    std::fs::write(&file, polygon.to_string()).unwrap();
    let server = TileServer::start(picture);
    let area = format!("--area={}", file.display());
    let ended = output(hvmap_run(home.path(), &area, &server.template()));
    assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
    // The report needs the run alone.
    std::fs::remove_file(&file).unwrap();
    let report = Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .args(["export", "--format", "report", "-o", "-"])
        .arg(home.path().join("run"))
        .output()
        .unwrap();
    assert!(report.status.success(), "{}", stderr(&report));
    let html = String::from_utf8(report.stdout).unwrap();
    let outline = html.split("<path id=area").nth(1).unwrap();
    let outline = outline.split("/>").next().unwrap();
    assert_eq!(outline.matches('M').count(), 2, "{outline}");
    assert_eq!(outline.matches('L').count(), 8, "{outline}");
}

#[test]
fn there_is_nothing_to_retry_where_no_run_is() {
    let home = tempfile::tempdir().unwrap();
    let mut retry = hvmap_run(home.path(), SMALL_AREA, "synthetic:7");
    retry.arg("--retry-failed");
    let refused = output(retry);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("there is no run in run"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn without_imagery_and_model_the_program_says_what_to_type() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .current_dir(home.path())
        .env("XDG_CONFIG_HOME", home.path())
        .args(["run", "--country", "pakistan", "--zoom", "18"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @r#"
    error: no imagery and no model are configured
    hint: the demo draws its own imagery and brings a model that knows it:
    hint:   hvmap run --country san-marino --zoom 18 --demo
    hint: your own imagery and model:
    hint:   hvmap run --country pakistan --zoom 18 --imagery imagery.mbtiles --model model.onnx
    hint: or set them once in hvmap.toml, here or in ~/.config/hvmap:
    hint:   [run]
    hint:   imagery = "imagery.mbtiles"
    hint:   model = "model.onnx"
    "#);
}

#[test]
fn defaults_come_from_hvmap_toml_and_unknown_keys_are_named() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("hvmap.toml");
    let text = format!(
        "[run]\nimagery = \"synthetic:7\"\nmodel = {:?}\nthreshold = 0.99\n\
         allow-synthetic-model = true\nout = \"from-toml\"\n",
        model()
    );
    std::fs::write(&config, text).unwrap();
    let run = || {
        Command::new(env!("CARGO_BIN_EXE_hvmap"))
            .current_dir(home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .args(["run", SMALL_AREA])
            .output()
            .unwrap()
    };
    let ran = run();
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    assert!(home.path().join("from-toml/towers.geojson").exists());
    std::fs::write(&config, "[run]\nimagary = \"synthetic:7\"\n").unwrap();
    let refused = run();
    assert_eq!(refused.status.code(), Some(2));
    let told = stderr(&refused);
    assert!(told.contains("`hvmap run` has no flag --imagary"), "{told}");
}

#[test]
fn the_demo_model_is_refused_on_imagery_that_is_not_drawn() {
    let home = tempfile::tempdir().unwrap();
    let server = TileServer::start(picture);
    let output = Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .current_dir(home.path())
        .env("XDG_CONFIG_HOME", home.path())
        .args(["run", SMALL_AREA, "--model", "demo", "--imagery"])
        .arg(server.template())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("--allow-synthetic-model"),
        "{}",
        stderr(&output)
    );
}
