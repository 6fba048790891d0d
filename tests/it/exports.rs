//! `hvmap export` and `hvmap eval` on a small ledger, and what real readers make of the files.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use half::f16;
use hvmap::{
    ledger::{AreaRecord, ImageryRecord, Ledger, MANIFEST_FORMAT_VERSION, Manifest, ModelRecord},
    tiles::{
        AttributionGrid, BlockCoord, BlockOutcome, Candidate, LonLat, TileOutcome, UnitImages,
        VisitReason,
    },
};
use serde_json::{Value, json};

use crate::{
    needs,
    program::{Folder, Output, hvmap},
};

/// The north-western tile of San Marino's first block at zoom 18.
const BLOCK: BlockCoord = BlockCoord {
    z: 18,
    x: 2_189,
    y: 1_492,
};

/// A run over 512 tiles, 40 of them candidates, every second one located.
fn run_folder(folder: &Folder) -> String {
    let cells_px: Vec<f32> = (0..4).map(|i| i as f32 * 64.0 + 32.0).collect();
    let manifest = Manifest {
        format_version: MANIFEST_FORMAT_VERSION,
        area: AreaRecord {
            label: "San Marino".into(),
            source: "a test".into(),
            tiles: 512,
            digest: "00".into(),
            outline: Vec::new(),
        },
        zoom: 18,
        imagery: ImageryRecord {
            name: "https://example.org/{z}/{x}/{y}.jpg".into(),
            attribution: "© Example, \"Imagery\"".into(),
            terms: None,
            synthetic: false,
            rules: Vec::new(),
        },
        model: ModelRecord {
            name: "hv_grid.onnx".into(),
            checksum: "c0ffee".into(),
            classes: vec!["negative".into(), "tower".into()],
            positives: vec!["tower".into()],
            precision: None,
            adaptation: None,
            trained_on_synthetic: false,
            attribution_columns_px: Some(cells_px.clone()),
            attribution_rows_px: Some(cells_px),
            answers: None,
        },
        threshold: 0.5,
        keep_threshold: 0.4,
        keep_payloads: false,
        unit_tiles_max: 512,
    };
    let score = |i: u16| 0.5 + f32::from(i % 7) / 16.0;
    let mut tiles = vec![TileOutcome::Scored(0.125); 512];
    let candidates = (0..40u16)
        .map(|i| {
            tiles[usize::from(i) * 12] = TileOutcome::Scored(score(i));
            let grid = || AttributionGrid {
                width: 4,
                height: 4,
                cells: (0..16)
                    .map(|cell| f16::from_f32(f32::from(cell == i % 16)))
                    .collect(),
            };
            Candidate {
                index: i * 12,
                score: score(i),
                attribution: (i % 2 == 0).then(grid),
                boxes: Vec::new(),
                content_hash: i.into(),
                payload: None,
            }
        })
        .collect();
    let run = folder.path("run");
    fs::create_dir(&run).unwrap();
    let mut ledger = Ledger::create(&run, &manifest).unwrap();
    ledger
        .record(
            &BlockOutcome {
                sequence: 0,
                block: BLOCK,
                wanted: (0..512).collect(),
                tiles,
                candidates,
                low_contrast: Vec::new(),
                stages: Vec::new(),
                images: UnitImages::default(),
            },
            VisitReason::Everything,
        )
        .unwrap();
    run.to_str().unwrap().to_owned()
}

fn export(run: &str, format: &str, path: &Path, more: &[&str]) -> Output {
    let path = path.to_str().unwrap();
    hvmap([&["export", run, "--format", format, "-o", path], more].concat())
}

/// Features by id, from any text that OGR turns into GeoJSON. `None` where there is no OGR.
fn read_by_ogr(path: &Path, layer: &[&str]) -> Option<BTreeMap<String, Value>> {
    if !needs::program("ogr2ogr") {
        return None;
    }
    let output = Command::new("ogr2ogr")
        .args([
            "-f",
            "GeoJSON",
            "-t_srs",
            "EPSG:4326",
            "-lco",
            "COORDINATE_PRECISION=9",
        ])
        .arg("/vsistdout/")
        .arg(path)
        .args(layer)
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && problems.is_empty(), "{problems}");
    let collection: Value = serde_json::from_slice(&output.stdout).unwrap();
    let features = collection["features"].as_array().unwrap();
    let keyed = features.iter().map(|feature| {
        // OGR takes a property `id` for the feature's own id where the file has both.
        let id = feature.get("id").unwrap_or(&feature["properties"]["id"]);
        (id.as_str().unwrap().to_owned(), feature.clone())
    });
    Some(keyed.collect())
}

#[test]
fn every_format_holds_the_same_detections_to_a_real_reader() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let read = |format: &str, name: &str, layer: &[&str]| {
        let path = folder.path(name);
        let output = export(&run, format, &path, &[]);
        assert_eq!(output.code, 0, "{output}");
        read_by_ogr(&path, layer)
    };
    let Some(geojson) = read("geojson", "a.geojson", &[]) else {
        return;
    };
    assert_eq!(geojson.len(), 40);
    let others = [
        ("geojsonseq", "a.geojsons", &[][..], 0.0),
        (
            "csv",
            "a.csv",
            &[
                "-oo",
                "X_POSSIBLE_NAMES=lon",
                "-oo",
                "Y_POSSIBLE_NAMES=lat",
                "-oo",
                "AUTODETECT_TYPE=YES",
                "-s_srs",
                "EPSG:4326",
            ],
            0.0,
        ),
        // A unit of zoom 14 is 1/4096 of a tile.
        (
            "mbtiles",
            "a.mbtiles",
            &["towers"],
            360.0 / f64::from(1 << 26),
        ),
    ];
    let others = others.into_iter().chain(
        [
            ("gpkg", "a.gpkg", &["towers"][..], 0.0),
            ("flatgeobuf", "a.fgb", &[], 0.0),
        ]
        .into_iter()
        .filter(|_| cfg!(feature = "gdal")),
    );
    for (format, name, arguments, tolerance) in others {
        let features = read(format, name, arguments).unwrap();
        assert_eq!(features.len(), geojson.len(), "{format}");
        for (id, expected) in &geojson {
            let got = &features[id];
            for property in ["rank", "score", "uncertainty_m"] {
                let [got, expected] =
                    [got, expected].map(|f| f["properties"][property].as_f64().unwrap());
                assert!((got - expected).abs() < 1e-6, "{format} {id} {property}");
            }
            assert_eq!(got["properties"]["tile"], expected["properties"]["tile"]);
            for property in ["chain", "place"] {
                let [got, expected] = [got, expected].map(|f| f["properties"][property].as_f64());
                assert_eq!(got, expected, "{format} {id} {property}");
            }
            for axis in 0..2 {
                let [got, expected] =
                    [got, expected].map(|f| f["geometry"]["coordinates"][axis].as_f64().unwrap());
                assert!((got - expected).abs() <= tolerance + 1e-6, "{format} {id}");
            }
        }
    }
}

#[test]
fn the_same_ledger_gives_the_same_bytes() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let mut formats = vec![
        "geojson",
        "geojsonseq",
        "csv",
        "mbtiles",
        "osm",
        "maproulette",
    ];
    if cfg!(feature = "gdal") {
        formats.extend(["gpkg", "flatgeobuf"]);
    }
    for format in formats {
        let [first, second] = ["first", "second"].map(|name| {
            let path = folder.path(&format!("{name}.{format}"));
            assert_eq!(export(&run, format, &path, &[]).code, 0);
            fs::read(path).unwrap()
        });
        assert!(first == second, "{format}");
        if !["mbtiles", "gpkg", "flatgeobuf"].contains(&format) {
            let piped = export(&run, format, Path::new("-"), &[]);
            assert!(piped.stdout.as_bytes() == first, "{format}");
        }
    }
}

#[test]
fn no_export_has_a_power_tag() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    for format in ["geojson", "geojsonseq", "csv", "osm", "maproulette"] {
        let piped = export(&run, format, Path::new("-"), &[]);
        assert_eq!(piped.code, 0, "{piped}");
        assert!(!piped.stdout.contains("\"power\""), "{format}");
        let header = piped.stdout.lines().next().unwrap();
        assert!(format != "csv" || !header.contains("power"), "{header}");
    }
}

#[test]
fn what_cannot_be_exported_is_said_with_what_to_do() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let path = folder.path("towers.csv");
    fs::write(&path, "mine").unwrap();
    let refused = [
        export(&run, "csv", &path, &[]),
        export(&run, "geojson", Path::new("-"), &["--threshold", "0.3"]),
        export(&run, "geojson", Path::new("-"), &["--threshold", "93"]),
        export(&run, "csv", Path::new("-"), &["--geometry", "tile"]),
        export(&run, "mbtiles", Path::new("-"), &[]),
        export(
            folder.path("elsewhere").to_str().unwrap(),
            "csv",
            Path::new("-"),
            &[],
        ),
    ];
    let said: Vec<String> = refused
        .iter()
        .map(|output| {
            assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output}");
            folder.filtered(&output.stderr)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    let forced = export(&run, "csv", &path, &["--force"]);
    assert_eq!(forced.code, 0, "{forced}");
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 41);
}

#[test]
fn a_run_is_measured_against_known_towers() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    // Two towers found, one missed, one far away.
    let places = [0, 12, 5]
        .map(|index| BLOCK.tile(index).centre())
        .into_iter()
        .chain([LonLat {
            lon: 12.0,
            lat: 42.0,
        }]);
    let features: Vec<Value> = places
        .map(|place| {
            json!({
                "type": "Feature", "properties": { "power": "tower" },
                "geometry": { "type": "Point", "coordinates": place },
            })
        })
        .collect();
    let truth = folder.path("truth.geojson");
    let collection = json!({ "type": "FeatureCollection", "features": features });
    fs::write(&truth, collection.to_string()).unwrap();
    let truth = truth.to_str().unwrap();

    let table = hvmap(["eval", &run, "--truth", truth]);
    assert_eq!(table.code, 0, "{table}");
    insta::assert_snapshot!(table.stdout);

    let json = hvmap(["eval", &run, "--truth", truth, "--json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["truth"]["in_scored_tiles"], 3);
    assert_eq!(json["at_threshold"]["true_positives"], 2);
    assert_eq!(json["at_threshold"]["false_positives"], 38);
    let all = &json["reported"][0];
    let counts = ["towers", "once", "more_than_once"].map(|name| all[name].as_u64());
    // One of the two was placed too far from its tower to be taken for it.
    assert_eq!(counts, [3, 1, 0].map(Some), "{all}");

    let picture = folder.path("curves.svg");
    let picture = picture.to_str().unwrap();
    let draw = || hvmap(["eval", &run, "--truth", truth, "--picture", picture]);
    assert_eq!(draw().code, 0);
    let svg = fs::read_to_string(picture).unwrap();
    assert_eq!(svg.matches("<polyline").count(), 3);
    assert_eq!(draw().code, 2, "never over a file without --force");
}

/// Towers and a line of OpenStreetMap's over the run's first candidates.
fn power(folder: &Folder) -> String {
    let [first, second] = [0, 12].map(|index| BLOCK.tile(index).centre());
    let LonLat { lon, lat } = BLOCK.tile(24).centre();
    let line = json!([[lon, lat - 0.002], [lon, lat + 0.002]]);
    let feature = |power: &str, kind: &str, coordinates: Value| {
        json!({
            "type": "Feature", "properties": { "power": power },
            "geometry": { "type": kind, "coordinates": coordinates },
        })
    };
    let features = [
        feature("tower", "Point", json!(first)),
        feature("tower", "Point", json!(second)),
        feature("line", "LineString", line),
    ];
    let path = folder.path("power.geojson");
    let collection = json!({ "type": "FeatureCollection", "features": features });
    fs::write(&path, collection.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_is_mapped_already_is_told_and_left_out_of_tasks() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let power = power(&folder);
    let compared = ["--osm", &power, "--osm-radius", "120"];
    let output = export(&run, "geojson", Path::new("-"), &compared);
    assert_eq!(output.code, 0, "{output}");
    assert!(
        output.stderr.contains("recall is about 100.0 %: 2 of 2"),
        "{output}"
    );
    let all: Value = serde_json::from_str(&output.stdout).unwrap();
    let statuses: Vec<&str> = all["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| feature["properties"]["osm_status"].as_str().unwrap())
        .collect();
    let count = |status: &str| statuses.iter().filter(|other| **other == status).count();
    assert_eq!(count("mapped"), 2);
    assert!(count("line_without_tower") >= 1);
    let credit = all["hvmap"]["attribution"].as_str().unwrap();
    assert!(
        credit.contains("OpenStreetMap contributors, ODbL"),
        "{credit}"
    );
    for format in ["maproulette", "osm"] {
        let tasks = export(&run, format, Path::new("-"), &compared).stdout;
        let marks = if format == "osm" { "<node " } else { "\u{1e}" };
        assert_eq!(tasks.matches(marks).count(), 38, "{format}");
    }
}

#[test]
fn an_osm_file_of_another_country_is_told_from_one_without_towers() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let path = folder.path("power.geojson");
    let tower = json!({
        "type": "Feature", "properties": { "power": "tower" },
        "geometry": { "type": "Point", "coordinates": [72.5, 31.0] },
    });
    let collection = json!({ "type": "FeatureCollection", "features": [tower] });
    fs::write(&path, collection.to_string()).unwrap();
    let compared = ["--osm", path.to_str().unwrap()];
    let output = export(&run, "geojson", Path::new("-"), &compared);
    assert_eq!(output.code, 0, "{output}");
    assert!(
        output.stderr.contains("is it of the same country?"),
        "{output}"
    );
    assert!(!output.stderr.contains("recall"), "{output}");
    let here = power(&folder);
    let output = export(&run, "geojson", Path::new("-"), &["--osm", &here]);
    assert!(!output.stderr.contains("same country"), "{output}");
}

#[cfg(not(feature = "gdal"))]
#[test]
fn formats_that_take_gdal_are_refused_without_it_and_leave_nothing() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let path = folder.path("hints.gpkg");
    let refused = export(&run, "gpkg", &path, &[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(
        refused.stderr.contains("without GDAL") && refused.stderr.contains("hint:"),
        "{refused}"
    );
    assert!(!path.exists());
}

#[test]
fn a_layer_for_josm_keeps_its_order_in_a_relation() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let output = export(&run, "osm", Path::new("-"), &[]);
    assert_eq!(output.code, 0, "{output}");
    let ids = |start: &str| -> Vec<i64> {
        let ends = output
            .stdout
            .lines()
            .filter_map(|line| line.trim().strip_prefix(start));
        ends.map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect()
    };
    let nodes = ids("<node id=\"");
    assert_eq!(nodes.len(), 40);
    assert_eq!(ids("<member type=\"node\" ref=\""), nodes);
    assert!(ids("<nd ref=\"").iter().all(|node| nodes.contains(node)));
    let mut all = [nodes, ids("<way id=\""), ids("<relation id=\"")].concat();
    let count = all.len();
    assert!(all.iter().all(|&id| id < 0));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "an id is there twice");
}

#[test]
fn a_budget_keeps_the_best_ranked_hints() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let output = export(&run, "csv", Path::new("-"), &["--max-hints", "7"]);
    assert!(
        output.stderr.contains("the budget keeps the best 7 hints"),
        "{output}"
    );
    assert!(output.stderr.contains("unknown"), "{output}");
    let ranks: Vec<&str> = output
        .stdout
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(1).unwrap())
        .collect();
    assert_eq!(ranks, ["1", "2", "3", "4", "5", "6", "7"]);
    let hours = export(&run, "csv", Path::new("-"), &["--review-hours", "0.02"]);
    assert_eq!(hours.stdout.lines().count(), 21);
}

#[test]
fn labels_of_a_sample_tell_how_many_hints_are_true() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let table = export(&run, "csv", Path::new("-"), &[]).stdout;
    // Every second hint is reviewed, and of those every fourth rejected.
    let mut labels = "id,label\n".to_owned();
    let mut rejected = Vec::new();
    for (i, row) in table
        .lines()
        .skip(1)
        .enumerate()
        .filter(|(i, _)| i % 2 == 0)
    {
        let id = row.split(',').next().unwrap();
        let label = if i % 8 == 0 { "rejected" } else { "accepted" };
        labels += &format!("{id},{label}\n");
        rejected.extend((i % 8 == 0).then(|| id.to_owned()));
    }
    labels += "18-1-1-1,accepted\n18-1-1-2,unsure\n";
    let path = folder.path("labels.csv");
    fs::write(&path, labels).unwrap();
    let reviewed = ["--reviewed", path.to_str().unwrap()];

    let output = export(&run, "osm", Path::new("-"), &reviewed);
    assert_eq!(output.code, 0, "{output}");
    insta::assert_snapshot!(output.stderr);
    assert_eq!(output.stdout.matches("<node ").count(), 35);
    for id in rejected {
        assert!(!output.stdout.contains(&format!("v=\"{id}\"")), "{id}");
    }
    let budget = [&reviewed[..], &["--max-hints", "10"]].concat();
    let output = export(&run, "geojson", Path::new("-"), &budget);
    assert!(
        output
            .stderr
            .contains("of 10 hints about 6 are true towers"),
        "{output}"
    );
    let all: Value = serde_json::from_str(&output.stdout).unwrap();
    let review = &all["features"][0]["properties"]["review"];
    assert_eq!(review, "rejected");

    let table = hvmap([&["eval", &run], &reviewed[..]].concat());
    assert_eq!(table.code, 0, "{table}");
    insta::assert_snapshot!(table.stdout);
    let json = hvmap([&["eval", &run, "--json"], &reviewed[..]].concat());
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["reviewed"]["accepted"], 15);
    assert_eq!(json["reviewed"]["elsewhere"], 1);
    assert_eq!(json["reviewed"]["best"][0]["towers"], 30.0);

    fs::write(&path, "id,label\n18-1-1-1,accepted\n").unwrap();
    let foreign = export(&run, "csv", Path::new("-"), &reviewed);
    assert!(
        foreign.stderr.contains("are they of another one?"),
        "{foreign}"
    );
    assert!(foreign.stderr.contains("is unknown"), "{foreign}");
    fs::write(&path, "id,label\n18-1-1-1,perhaps\n").unwrap();
    let refused = export(&run, "csv", Path::new("-"), &reviewed);
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (2, ""),
        "{refused}"
    );
    assert!(
        refused.stderr.contains("line 2") && refused.stderr.contains("hint:"),
        "{refused}"
    );
    assert_eq!(hvmap(["eval", &run]).code, 2, "truth or labels are needed");
}

#[test]
fn chips_that_the_run_did_not_keep_are_fetched_when_asked_for() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let report = |more: &[&str]| export(&run, "report", Path::new("-"), more);
    let without = report(&[]);
    assert_eq!(without.code, 0, "{without}");
    assert!(without.stdout.contains("--chips-from"), "{without}");
    assert_eq!(without.stdout.matches("data:image/jpeg").count(), 0);

    // Every second hint has an image.
    let images = folder.path("images");
    let tile = hvmap::image::encode_jpeg(&vec![90; 256 * 256 * 3], 90);
    for index in (0..40u16).step_by(2).map(|i| i * 12) {
        let tile_at = BLOCK.tile(index);
        let column = images.join(format!("18/{}", tile_at.x));
        fs::create_dir_all(&column).unwrap();
        fs::write(column.join(format!("{}.jpg", tile_at.y)), &tile).unwrap();
    }
    let fetched = report(&["--chips-from", images.to_str().unwrap()]);
    assert_eq!(fetched.code, 0, "{fetched}");
    assert_eq!(fetched.stdout.matches("data:image/jpeg").count(), 20);
    assert_eq!(
        fetched.stdout.matches("class=spot").count(),
        20,
        "located ones have a mark"
    );
    assert!(
        fetched.stderr.contains("not from the run's imagery"),
        "{fetched}"
    );
    assert!(fetched.stderr.contains("20 of 40 chips"), "{fetched}");

    let drawn = report(&["--chips-from", "synthetic:1"]);
    assert_eq!((drawn.code, drawn.stdout.as_str()), (2, ""), "{drawn}");
    let unknown = report(&["--chips-from", "no-such-folder"]);
    assert_eq!(unknown.code, 2, "{unknown}");
}

#[test]
fn legacy_squares_have_the_names_of_2018() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let more = ["--geometry", "tile", "--schema", "legacy"];
    let output = export(&run, "geojson", Path::new("-"), &more);
    let all: Value = serde_json::from_str(&output.stdout).unwrap();
    let properties = all["features"][0]["properties"].as_object().unwrap();
    let names: Vec<&String> = properties.keys().collect();
    assert_eq!(names, ["X", "Y", "Z", "pred", "fill"]);
    assert_eq!(
        export(&run, "csv", Path::new("-"), &["--schema", "legacy"]).code,
        2
    );
}

#[test]
fn a_bundle_holds_every_file_and_is_replaced_whole() {
    let folder = Folder::new();
    let run = run_folder(&folder);
    let path = folder.path("bundle");
    let to = path.to_str().unwrap();
    let output = hvmap(["export", &run, "--bundle", "-o", to]);
    assert_eq!(output.code, 0, "{output}");
    let mut names: Vec<String> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "hints.gpkg")
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "README.txt",
            "hints.csv",
            "hints.geojson",
            "hints.jos",
            "hints.mapcss",
            "hints.osm",
            "hints.qgz",
            "hints.qml",
            "lines.geojson",
            "lines.qml",
            "maplibre.json",
            "report.html",
            "tasks.geojsonl",
            "towers.mbtiles",
        ]
    );
    let report = fs::read_to_string(path.join("report.html")).unwrap();
    assert!(report.contains("San Marino") && report.contains("data:image/png;base64,"));
    assert!(
        !report.contains("http-equiv") && !report.contains("src=\"http"),
        "needs no network"
    );
    assert_eq!(hvmap(["export", &run, "--bundle", "-o", to]).code, 2);
    let forced = hvmap(["export", &run, "--bundle", "--force", "-o", to]);
    assert_eq!(forced.code, 0, "{forced}");
    let beside = fs::read_dir(path.parent().unwrap()).unwrap().flatten();
    let hidden = beside.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "leftovers");
}
