//! `hvmap labels`, over the synthetic world, whose truth stands for mapped towers.

use std::{collections::HashMap, fs, path::Path};

use crate::program::{Output, hvmap};

const BBOX: &str = "--bbox=12.40,43.89,12.52,43.99";

fn truth(folder: &Path) -> String {
    let file = folder.join("towers.geojson").display().to_string();
    let output = hvmap(["synth", "truth", "--seed=1", BBOX, "-o", &file]);
    assert_eq!(output.code, 0, "{output}");
    file
}

fn labels(folder: &Path, osm: &str, name: &str, more: &[&str]) -> Output {
    let out = folder.join(name).display().to_string();
    let mut args = vec![
        "labels",
        BBOX,
        "--osm",
        osm,
        "--imagery=synthetic:1",
        "-o",
        &out,
    ];
    args.extend(more);
    hvmap(args)
}

fn rows(folder: &Path) -> Vec<HashMap<String, String>> {
    let text = fs::read_to_string(folder.join("labels.csv")).unwrap();
    let mut lines = text
        .lines()
        .map(|line| line.split(',').map(String::from).collect());
    let names: Vec<String> = lines.next().unwrap();
    lines
        .map(|values: Vec<String>| names.iter().cloned().zip(values).collect())
        .collect()
}

#[test]
fn mapped_towers_become_a_training_set_with_its_split_and_pages_to_strike_out_on() {
    let folder = tempfile::tempdir().unwrap();
    let osm = truth(folder.path());
    let wanted = ["--positives=20", "--negatives=24", "--validation=0.5"];
    let output = labels(folder.path(), &osm, "tiles", &wanted);
    assert_eq!(output.code, 0, "{output}");
    assert!(output.stderr.contains("SYNTHETIC"), "{output}");
    let out = folder.path().join("tiles");
    let rows = rows(&out);
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!((of("tower"), of("near-line"), of("anywhere")), (20, 12, 12));
    let mut sides: HashMap<(u32, u32), &str> = HashMap::new();
    for row in &rows {
        assert!(out.join(&row["file"]).is_file(), "{row:?}");
        let number = |name: &str| row[name].parse::<u32>().unwrap();
        let block = (number("x") / 64, number("y") / 64);
        assert_eq!(*sides.entry(block).or_insert(&row["split"]), row["split"]);
        if row["label"] == "tower" {
            let px = |name: &str| row[name].parse::<f64>().unwrap();
            assert!((0.0..256.0).contains(&px("base_px")), "{row:?}");
        } else {
            assert_eq!(row["bases"], "");
        }
    }
    let page = fs::read_to_string(out.join("sheet-tower.html")).unwrap();
    assert_eq!(page.matches("<figure").count(), 20);
    assert!(page.contains("SYNTHETIC"));
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["tiles"]["tower"], 20);
    assert_eq!(
        manifest["osm_attribution"],
        "© OpenStreetMap contributors, ODbL 1.0"
    );
}

#[test]
fn the_same_seed_chooses_the_same_tiles_and_rejected_hints_become_hard_negatives() {
    let folder = tempfile::tempdir().unwrap();
    let osm = truth(folder.path());
    let rejected = folder.path().join("rejected.geojson");
    let point = r#"{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[12.401,43.9801]}}"#;
    fs::write(
        &rejected,
        format!(r#"{{"type":"FeatureCollection","features":[{point}]}}"#),
    )
    .unwrap();
    let rejected = format!("--rejected={}", rejected.display());
    let wanted = ["--positives=5", "--negatives=6", &rejected];
    for name in ["one", "two"] {
        let output = labels(folder.path(), &osm, name, &wanted);
        assert_eq!(output.code, 0, "{output}");
    }
    let csv = |name: &str| fs::read_to_string(folder.path().join(name).join("labels.csv")).unwrap();
    assert_eq!(csv("one"), csv("two"));
    assert_eq!(csv("one").matches(",rejected,").count(), 1);
}

#[test]
fn a_reviews_accepted_hints_are_towers_and_its_rejected_ones_hard_negatives() {
    let folder = tempfile::tempdir().unwrap();
    let osm = truth(folder.path());
    // All that is mapped is one tower, in the area's corner; people accepted another.
    let towers: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&osm).unwrap()).unwrap();
    let points: Vec<&serde_json::Value> = towers["features"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|feature| feature["geometry"]["type"] == "Point")
        .collect();
    let mapped = folder.path().join("mapped.geojson");
    let one = serde_json::json!({ "type": "FeatureCollection", "features": [points[0]] });
    fs::write(&mapped, one.to_string()).unwrap();
    let accepted = &points[points.len() / 2]["geometry"]["coordinates"];
    let review = folder.path().join("review.csv");
    let lines = format!(
        "label,lon,lat\naccepted,{},{}\nrejected,12.401,43.9801\nunsure,12.402,43.9802\n",
        accepted[0], accepted[1]
    );
    fs::write(&review, lines).unwrap();
    let mapped = mapped.display().to_string();
    let reviewed = format!("--reviewed={}", review.display());
    let wanted = ["--negatives=4", "--edge-px=0", &reviewed];
    let output = labels(folder.path(), &mapped, "tiles", &wanted);
    assert_eq!(output.code, 0, "{output}");
    let rows = rows(&folder.path().join("tiles"));
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!((of("tower"), of("rejected")), (2, 1), "{rows:?}");

    fs::write(&review, "label,id\naccepted,7\n").unwrap();
    let output = labels(folder.path(), &mapped, "nowhere", &wanted);
    assert_eq!(output.code, 2, "{output}");
    assert!(output.stderr.contains("says where it is"), "{output}");
}

#[test]
fn what_cannot_be_labelled_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let osm = truth(folder.path());
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/file"), "").unwrap();
    let output = labels(folder.path(), &osm, "full", &[]);
    assert_eq!(output.code, 2, "{output}");
    assert!(output.stderr.contains("is not empty"), "{output}");
    let far = folder.path().join("far").display().to_string();
    let output = hvmap([
        "labels",
        "--bbox=-140,-1,-139.99,-0.99",
        "--osm",
        &osm,
        "--imagery=synthetic:1",
        "-o",
        &far,
    ]);
    assert_eq!(output.code, 2, "{output}");
    assert!(
        output.stderr.contains("holds no tower in the area"),
        "{output}"
    );
}
