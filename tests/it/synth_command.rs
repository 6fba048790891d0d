//! `hvmap synth imagery`: drawn tiles that lie in a file.

use std::{fs, path::Path};

use serde_json::Value;

use crate::program::{Output, hvmap};

/// A hundred tiles that a line crosses in every world.
const BBOX: &str = "--bbox=12.445,43.935,12.458,43.944";

fn run(folder: &Path, imagery: &str, out: &str) -> Value {
    let out = folder.join(out).display().to_string();
    let output = hvmap([
        "run",
        BBOX,
        "--zoom=18",
        "--imagery",
        imagery,
        "--model=demo",
        "--json",
        "--out",
        &out,
    ]);
    assert_eq!(output.code, 0, "{output}");
    serde_json::from_str(&output.stdout).unwrap()
}

/// What stands where, without what names the imagery.
fn towers(folder: &Path, out: &str) -> Vec<Value> {
    let text = fs::read(folder.join(out).join("towers.geojson")).unwrap();
    let map: Value = serde_json::from_slice(&text).unwrap();
    let features = map["features"].as_array().unwrap();
    features
        .iter()
        .map(|feature| feature["geometry"].clone())
        .collect()
}

#[test]
fn a_file_of_drawn_tiles_gives_the_map_of_the_world_it_was_drawn_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.mbtiles").display().to_string();
    let write = |more: &[&str]| -> Output {
        let args = [
            "synth",
            "imagery",
            BBOX,
            "--seed=5",
            // One of those that hand JPEG over, so that the bytes are the same.
            "--style=savanna",
            "-o",
            &file,
        ];
        hvmap([&args, more].concat())
    };
    let written = write(&[]);
    assert_eq!(written.code, 0, "{written}");
    assert!(written.stderr.contains("SYNTHETIC"), "{written}");

    let drawn = run(folder.path(), "synthetic:5/savanna", "drawn");
    let stored = run(folder.path(), &file, "stored");
    for field in ["planned", "scored", "detections", "synthetic"] {
        assert_eq!(stored[field], drawn[field], "{field}");
    }
    assert_eq!(stored["scored"], stored["planned"]);
    assert_eq!(stored["synthetic"], true);
    let found = towers(folder.path(), "stored");
    assert!(!found.is_empty());
    assert_eq!(found, towers(folder.path(), "drawn"));

    let refused = write(&[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.stderr.contains("hint:"), "{refused}");
    assert_eq!(write(&["--force"]).code, 0);
    // Nothing half written is left.
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("partial"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
