//! `--scan follow` as a person runs it: simulated, and on drawn imagery with the demo model.

use std::{
    fmt::Write,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::run_command::{committed, exports, stderr};

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
    let all = json(&simulate(home.path(), &["--recall=0.95", "--out=run"]));
    assert_eq!(all["visited"], all["planned"]);
    assert_eq!(all["true_positives"], all["full_scan_true_positives"]);
    assert_eq!(all["false_positives"], all["full_scan_false_positives"]);
    assert!(before.is_subset(&committed(&home.path().join("run"))));
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
            ])
            .args(["--audit=50", "--json", "--out", out]);
        command
    };
    let whole = run("whole").output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let report = json(&whole);
    assert!(report["not_visited"].as_u64().unwrap() > 0, "{report}");
    let states: u64 = [
        "scored",
        "no_imagery",
        "blank",
        "undecodable",
        "fetch_failed",
        "predict_failed",
        "not_visited",
    ]
    .iter()
    .map(|state| report[state].as_u64().unwrap())
    .sum();
    assert_eq!(states, report["planned"].as_u64().unwrap());
    let audit: Value =
        serde_json::from_slice(&fs::read(home.path().join("whole/audit.geojson")).unwrap())
            .unwrap();
    assert_eq!(audit["features"].as_array().unwrap().len(), 50);
    assert_eq!(audit["drawn_from"], "not_visited");

    for tiles in [0, 40, 90] {
        let mut child = run("killed")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none()
            && committed(&home.path().join("killed")).len() <= tiles
        {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
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
