//! A ledger of version 1, which hvmap 0.1 wrote, is read, resumed, retried and exported as it is, and
//! today's program says of it what the one of its time said (tests/fixtures/ledger).

use std::{
    fs,
    path::{Path, PathBuf},
};

use hvmap::{
    image::encode_jpeg,
    ledger::{LedgerReader, LedgerVersion},
};
use serde_json::Value;

use crate::program::{Output, command};

/// Column and row of the area's north-western tile at zoom 18.
const FIRST: (u32, u32) = (140_096, 95_488);
const EXPORTS: [(&str, &str, &str); 3] = [
    ("csv", "point", "towers.csv"),
    ("geojson", "point", "towers.geojson"),
    ("geojson", "line", "lines.geojson"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/ledger/version_1")
        .join(name)
}

fn expected(name: &str) -> String {
    fs::read_to_string(fixture(name)).unwrap()
}

/// A folder with the ledger in `run`.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("run")).unwrap();
    fs::copy(fixture("run.hvmap"), home.path().join("run/run.hvmap")).unwrap();
    home
}

fn hvmap(home: &Path, args: &[&str]) -> Output {
    let output = command(args).current_dir(home).output().unwrap();
    Output {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Goes on with the run, in an area whose imagery is no longer there.
fn run(home: &Path, more: &[&str]) -> Output {
    let bbox = expected("bbox.txt");
    let mut args = vec![
        "run",
        "--zoom",
        "18",
        "--imagery",
        "imagery",
        "--attribution",
    ];
    args.extend([
        "© nobody, 2026",
        "--model",
        "demo",
        "--allow-synthetic-model",
    ]);
    args.extend([
        "--keep-images",
        "--keep-threshold",
        "0.2",
        "--out",
        "run",
        "--json",
    ]);
    args.push(bbox.trim());
    args.extend(more);
    hvmap(home, &args)
}

fn told_as(home: &Path, name: &str) {
    let table = hvmap(home, &["status", "run"]);
    assert_eq!(
        table.stdout,
        expected(&format!("{name}.status.txt")),
        "{table}"
    );
    let json = hvmap(home, &["status", "run", "--json"]);
    assert_eq!(
        json.stdout,
        expected(&format!("{name}.status.json")),
        "{json}"
    );
}

/// What the columns of version 1's time are called now.
fn renamed(column: &str) -> &str {
    match column {
        "chain" => "line",
        "place" => "line_position",
        other => other,
    }
}

/// Columns that came later, and say nothing of such a ledger.
const LATER: [&str; 5] = ["imagery", "imagery_date", "class", "box_m", "stage"];

fn same_rows(expected: &str, got: &str) {
    let rows = |text: &str| -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let records = reader.records();
        records
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect()
    };
    let (expected, got) = (rows(expected), rows(got));
    assert_eq!(expected.len(), got.len());
    // The columns may still have their names of that time.
    let at: Vec<usize> = expected[0]
        .iter()
        .map(|name| {
            let mut columns = got[0].iter();
            let found = columns.position(|column| column == renamed(name) || column == name);
            found.unwrap_or_else(|| panic!("no column {name} in {:?}", got[0]))
        })
        .collect();
    for (before, now) in expected.iter().zip(&got).skip(1) {
        let kept: Vec<&String> = at.iter().map(|&column| &now[column]).collect();
        assert_eq!(kept, before.iter().collect::<Vec<_>>());
    }
    for (column, name) in got[0].iter().enumerate() {
        if !at.contains(&column) {
            assert!(LATER.contains(&name.as_str()), "{name}");
            assert!(got[1..].iter().all(|row| row[column].is_empty()), "{name}");
        }
    }
}

fn same_features(expected: &str, got: &str) {
    let [mut expected, mut got] =
        [expected, got].map(|text| serde_json::from_str::<Value>(text).unwrap());
    for side in [&mut expected, &mut got] {
        for feature in side["features"].as_array_mut().unwrap() {
            let properties = feature["properties"].as_object_mut().unwrap();
            *properties = std::mem::take(properties)
                .into_iter()
                .filter(|(name, value)| !(LATER.contains(&name.as_str()) && value.is_null()))
                .map(|(name, value)| (renamed(&name).to_owned(), value))
                .collect();
        }
    }
    assert_eq!(got, expected);
}

#[test]
fn a_ledger_of_version_1_is_read_resumed_retried_and_exported_as_it_was() {
    let home = home();
    let home = home.path();
    told_as(home, "interrupted");
    let verified = hvmap(home, &["status", "run", "--verify", "--json"]);
    let value: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!(value["verified"]["checksums"], false, "{verified}");

    let outside = home.join(format!("imagery/18/{}", FIRST.0 - 1));
    fs::create_dir_all(&outside).unwrap();
    let field: Vec<u8> = (0..256 * 256 * 3).map(|i| (i % 251) as u8).collect();
    fs::write(
        outside.join(format!("{}.jpg", FIRST.1)),
        encode_jpeg(&field, 85),
    )
    .unwrap();
    let resumed = run(home, &[]);
    assert_eq!(resumed.code, 1, "{resumed}");
    told_as(home, "resumed");
    let retried = run(home, &["--retry-failed"]);
    assert_eq!(retried.code, 0, "{retried}");
    told_as(home, "retried");

    let ledger = LedgerReader::open(&home.join("run")).unwrap();
    assert_eq!(ledger.version(), LedgerVersion::One);
    assert_eq!(ledger.run_id().unwrap(), None);
    for (form, geometry, file) in EXPORTS {
        let mut args = vec!["export", "run", "--format", form, "--geometry", geometry];
        args.extend(["--threshold", "0.3", "-o", file]);
        let export = hvmap(home, &args);
        assert_eq!(export.code, 0, "{export}");
        let got = fs::read_to_string(home.join(file)).unwrap();
        match form {
            "csv" => same_rows(&expected(file), &got),
            _ => same_features(&expected(file), &got),
        }
    }
}

#[test]
fn damage_is_told_and_ends_with_exit_code_2() {
    let home = home();
    let home = home.path();
    rusqlite::Connection::open(home.join("run/run.hvmap"))
        .unwrap()
        .execute(
            "UPDATE state_count SET tiles = tiles + 1 WHERE state = 1",
            [],
        )
        .unwrap();
    let verified = hvmap(home, &["status", "run", "--verify"]);
    assert_eq!(verified.code, 2, "{verified}");
    assert!(
        verified.stderr.contains("the kept counts are"),
        "{verified}"
    );
    assert!(
        verified.stderr.contains("is damaged (1 problem"),
        "{verified}"
    );
}
