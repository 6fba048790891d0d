//! Covers against what independent tools get for the same polygons.

use std::{fmt::Write as _, fs, path::PathBuf};

use geo::MultiPolygon;
use hvmap::tiles::Cover;
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Golden {
    covers: Vec<GoldenCover>,
}

#[derive(Deserialize)]
struct GoldenCover {
    file: PathBuf,
    zoom: u8,
    tiles: u64,
    sha256: Option<String>,
}

/// The folder of large real inputs, which lies beside a developer's checkout and in no release.
fn shared_data() -> Option<PathBuf> {
    let parent = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    parent.is_dir().then_some(parent)
}

/// Small polygons and the tiles that `tests/data/covers/make.py` got for them from other tools.
#[derive(Deserialize)]
struct SmallCover {
    name: String,
    zoom: u8,
    geometry: geojson::Geometry,
    tiles: Vec<(u32, u32)>,
}

#[test]
fn small_covers_are_those_of_supermercado_and_mercantile() {
    let cases: Vec<SmallCover> =
        serde_json::from_str(include_str!("../data/covers/covers.json")).unwrap();
    assert!(cases.len() >= 16);
    for case in cases {
        let polygons = match geo::Geometry::try_from(case.geometry).unwrap() {
            geo::Geometry::Polygon(polygon) => MultiPolygon(vec![polygon]),
            geo::Geometry::MultiPolygon(many) => many,
            other => panic!("not a polygon: {other:?}"),
        };
        let cover = Cover::from_polygons(&polygons, case.zoom).unwrap();
        let tiles: Vec<(u32, u32)> = cover.iter().map(|tile| (tile.x, tile.y)).collect();
        assert_eq!(tiles, case.tiles, "{}", case.name);
    }
}

#[test]
fn covers_of_countries_agree_tile_for_tile_with_two_other_tools() {
    let Some(data) = shared_data() else {
        eprintln!("skipped: no ../shared/data beside this checkout");
        return;
    };
    let golden: Golden =
        serde_json::from_str(&fs::read_to_string(data.join("cover-golden.json")).unwrap()).unwrap();
    for expected in golden.covers {
        let what = format!("{} at zoom {}", expected.file.display(), expected.zoom);
        let area = hvmap::area::read_file(&data.join(&expected.file), None).unwrap();
        let cover = area.cover(expected.zoom).unwrap();
        assert_eq!(cover.count(), expected.tiles, "{what}");
        if let Some(sha256) = expected.sha256 {
            let mut hash = Sha256::new();
            let mut line = String::new();
            for (position, tile) in cover.iter().enumerate() {
                line.clear();
                if position > 0 {
                    line.push('\n');
                }
                write!(line, "{} {} {}", tile.x, tile.y, tile.z).unwrap();
                hash.update(&line);
            }
            let got = hvmap::digest::Digest(hash.finalize().into());
            assert_eq!(got.to_string(), sha256, "{what}");
        }
    }
}
