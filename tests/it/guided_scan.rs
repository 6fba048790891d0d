//! `--scan follow` as a person runs it: simulated, and on drawn imagery with the demo model.

use std::{
    fmt::Write,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use axum::{http::StatusCode, response::IntoResponse};
use hvmap::tiles::StateCounts;

use crate::{
    run_command::{self, committed, exports, hvmap_run, stderr, wait_for_progress},
    tile_server::{TileServer, picture},
};

/// About 60,000 tiles at zoom 18.
const AREA: &str = "--bbox=70.0,30.0,70.4,30.3";

fn hvmap(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .current_dir(home)
        .env("XDG_CONFIG_HOME", home)
        .args(args)
        .output()
        .unwrap()
}

/// A straight line of towers through the area, 300 m apart.
fn towers(home: &Path) {
    let mut features = String::new();
    for number in 0..130 {
        let at = f64::from(number) * 0.003;
        let comma = if number == 0 { "" } else { "," };
        write!(
            features,
            r#"{comma}{{"type":"Feature","properties":{{"power":"tower"}},"geometry":{{"type":"Point","coordinates":[{},{}]}}}}"#,
            70.001 + at,
            30.05 + 0.5 * at
        )
        .unwrap();
    }
    let text = format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#);
    fs::write(home.join("towers.geojson"), text).unwrap();
}

fn simulate(home: &Path, more: &[&str]) -> Output {
    let args = [
        "simulate",
        AREA,
        "--zoom=18",
        "--towers=towers.geojson",
        "--false-positive-rate=0.0005",
        "--seed=3",
        "--json",
    ];
    hvmap(home, &[&args, more].concat())
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

#[test]
fn a_guided_scan_finds_a_line_in_a_part_of_the_tiles_and_everything_goes_on_from_there() {
    let home = tempfile::tempdir().unwrap();
    towers(home.path());
    let guided = ["--recall=0.95", "--scan=follow", "--out=run"];
    let first = json(&simulate(home.path(), &guided));
    assert!(
        first["visited_fraction"].as_f64().unwrap() < 0.25,
        "{first}"
    );
    assert!(
        first["recall_of_full_scan"].as_f64().unwrap() > 0.9,
        "{first}"
    );
    // The same command has nothing left to do.
    assert_eq!(json(&simulate(home.path(), &guided)), first);
    let before = committed(&home.path().join("run"));
    assert_eq!(
        json(&simulate(
            home.path(),
            &[&guided[..], &["--curve=course.csv"]].concat()
        )),
        first
    );
    check_course(&home.path().join("course.csv"), &first);
    let all = json(&simulate(home.path(), &["--recall=0.95", "--out=run"]));
    assert_eq!(all["visited"], all["planned"]);
    assert_eq!(all["true_positives"], all["full_scan_true_positives"]);
    assert_eq!(all["false_positives"], all["full_scan_false_positives"]);
    assert!(before.is_subset(&committed(&home.path().join("run"))));
}

/// A course rises to what the scan says at its end.
fn check_course(file: &Path, outcome: &Value) {
    let text = fs::read_to_string(file).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    assert_eq!(head, "visited,true_positives,false_positives");
    let rows: Vec<Vec<u64>> = rows
        .lines()
        .map(|row| row.split(',').map(|count| count.parse().unwrap()).collect())
        .collect();
    assert!(rows.len() > 50 && rows.len() <= 201, "{}", rows.len());
    for pair in rows.windows(2) {
        assert!(pair[0][0] < pair[1][0], "{pair:?}");
        assert!(
            pair[0]
                .iter()
                .zip(&pair[1])
                .all(|(before, after)| before <= after)
        );
    }
    let last = ["visited", "true_positives", "false_positives"]
        .map(|field| outcome[field].as_u64().unwrap());
    assert_eq!(rows.last().unwrap(), &last);
}

#[test]
fn a_budget_is_kept_and_a_larger_one_goes_on() {
    let home = tempfile::tempdir().unwrap();
    towers(home.path());
    let with = |budget: &str| {
        let budget = format!("--budget={budget}");
        json(&simulate(
            home.path(),
            &["--recall=1", "--scan=follow", "--out=run", &budget],
        ))
    };
    assert_eq!(with("700")["visited"], 700);
    let more = with("5000")["visited"].as_u64().unwrap();
    assert!(more > 700 && more <= 5_000, "{more}");
}

#[test]
fn bad_flags_and_towers_are_refused_in_one_line() {
    let home = tempfile::tempdir().unwrap();
    towers(home.path());
    fs::write(
        home.path().join("empty.geojson"),
        r#"{"type":"FeatureCollection","features":[]}"#,
    )
    .unwrap();
    let refused = |more: &[&str], expected: &str| {
        let output = simulate(home.path(), more);
        assert_eq!(output.status.code(), Some(2), "{more:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    };
    refused(&["--recall=1.5"], "from 0 to 1");
    refused(
        &["--recall=0.9", "--budget=10"],
        "--budget is for a guided scan",
    );
    refused(&["--auc=0.4"], "above 0.5");
    let output = hvmap(
        home.path(),
        &[
            "simulate",
            AREA,
            "--towers=empty.geojson",
            "--recall=0.9",
            "--false-positive-rate=0",
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("empty.geojson"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_guided_run_that_is_killed_goes_on_to_the_same_map_and_is_audited() {
    let home = tempfile::tempdir().unwrap();
    let run = |out: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hvmap"));
        command
            .current_dir(home.path())
            .env("XDG_CONFIG_HOME", home.path())
            // San Marino is crossed by a line.
            .args([
                "run",
                "--country=san-marino",
                "--zoom=17",
                "--demo",
                "--scan=follow",
                // So dense with towers that a scan without an end looks at every tile.
                "--budget=600",
            ])
            .args(["--audit=50", "--json", "--out", out]);
        command
    };
    let whole = run("whole").output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let report = json(&whole);
    assert!(report["not_visited"].as_u64().unwrap() > 0, "{report}");
    counts(&report);
    let audit: Value =
        serde_json::from_slice(&fs::read(home.path().join("whole/audit.geojson")).unwrap())
            .unwrap();
    assert_eq!(audit["features"].as_array().unwrap().len(), 50);
    assert_eq!(audit["drawn_from"], "not_visited");

    for tiles in [0, 40, 90] {
        let mut child = run("killed")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for_progress(&home.path().join("killed"), &mut child, tiles);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let resumed = run("killed").output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
    assert_eq!(
        committed(&home.path().join("killed")),
        committed(&home.path().join("whole"))
    );
    assert_eq!(
        exports(&home.path().join("killed")),
        exports(&home.path().join("whole"))
    );
}

/// The states of a report, which add up to its plan.
fn counts(report: &Value) -> StateCounts {
    let counts: StateCounts = serde_json::from_value(report.clone()).unwrap();
    assert_eq!(counts.planned(), report["planned"].as_u64().unwrap());
    counts
}

#[test]
fn failures_of_a_guided_run_are_retried_and_change_nothing_of_where_it_looks() {
    // A third of the server is down, until it is mended.
    let mended = Arc::new(AtomicBool::new(false));
    let whole = Arc::clone(&mended);
    let server = TileServer::start(move |tile| {
        if (tile.x + tile.y) % 3 == 0 && !whole.load(Ordering::Relaxed) {
            StatusCode::BAD_REQUEST.into_response()
        } else {
            picture(tile)
        }
    });
    let run = |home: &Path, more: &[&str]| {
        let mut command = hvmap_run(home, run_command::AREA, &server.template());
        // Hits lie anywhere in such pictures: without an end it would look at everything.
        command
            .args(["--scan", "follow", "--budget", "1500"])
            .args(more);
        command
    };
    let retry = |home: &Path| {
        mended.store(true, Ordering::Relaxed);
        let output = run(home, &["--retry-failed"]).output().unwrap();
        mended.store(false, Ordering::Relaxed);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        counts(&json(&output))
    };

    let undisturbed = tempfile::tempdir().unwrap();
    let first = run(undisturbed.path(), &[]).output().unwrap();
    assert_eq!(first.status.code(), Some(1), "{}", stderr(&first));
    let before = counts(&json(&first));
    assert!(
        before.not_visited > 0 && before.fetch_failed > 0,
        "{before:?}"
    );
    let looked_at = committed(&undisturbed.path().join("run"));
    let asked: usize = server.requests().values().sum();
    let after = retry(undisturbed.path());
    let asked_again = server.requests().values().sum::<usize>() - asked;
    assert_eq!(asked_again as u64, before.fetch_failed);
    assert_eq!(after.scored, before.scored + before.fetch_failed);
    assert_eq!(after.not_visited, before.not_visited);

    // Killed on its way, retried, gone on with: it looks where it would have looked.
    let disturbed = tempfile::tempdir().unwrap();
    let folder = disturbed.path().join("run");
    let mut child = run(disturbed.path(), &[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_progress(&folder, &mut child, looked_at.len() / 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let part = committed(&folder);
    retry(disturbed.path());
    assert_eq!(committed(&folder), part, "a retry looks at nothing new");
    let gone_on = run(disturbed.path(), &[]).output().unwrap();
    assert!(
        matches!(gone_on.status.code(), Some(0 | 1)),
        "{}",
        stderr(&gone_on)
    );
    counts(&json(&gone_on));
    assert_eq!(committed(&folder), looked_at);
    retry(disturbed.path());
    assert_eq!(exports(&folder), exports(&undisturbed.path().join("run")));

    // Done: the same command asks for nothing.
    let asked: usize = server.requests().values().sum();
    let again = run(disturbed.path(), &[]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(server.requests().values().sum::<usize>(), asked);
}

#[test]
fn a_dry_run_quotes_what_a_guided_scan_takes_of_the_area_and_begins_nothing() {
    let home = tempfile::tempdir().unwrap();
    let dry = |more: &[&str]| {
        let mut args = vec!["run", AREA, "--zoom=18", "--demo", "--scan=follow"];
        args.extend(["--dry-run", "--price-per-1000=0.5", "--out=run"]);
        args.extend(more);
        let output = hvmap(home.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output
    };
    let estimate = json(&dry(&["--json"]));
    let (tiles, guided) = (estimate["tiles"].as_u64().unwrap(), &estimate["guided"]);
    let (least, most) = (&guided["tiles_least"], &guided["tiles_most"]);
    assert!(0 < least.as_u64().unwrap() && least.as_u64() <= most.as_u64());
    assert!(most.as_u64().unwrap() < tiles / 4, "{estimate}");
    let cut = json(&dry(&["--json", "--budget=100"]));
    assert_eq!(cut["guided"]["tiles_most"], 100);

    let told = String::from_utf8(dry(&[]).stdout).unwrap();
    assert!(told.contains("of these a guided scan takes"), "{told}");
    assert!(told.matches("price of imagery").count() == 2, "{told}");
    assert!(!home.path().join("run").exists());
}
