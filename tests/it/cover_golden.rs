//! Covers against what independent tools get for the same polygons.

use std::fmt::Write as _;

use geo::MultiPolygon;
use hvmap::tiles::Cover;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The cover of a boundary that ships with hvmap, as `tests/data/covers/make.py` got it.
#[derive(Deserialize)]
struct CountryCover {
    country: String,
    zoom: u8,
    tiles: u64,
    /// Of the lines `x y z`, row by row, joined by line feeds.
    sha256: String,
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
fn covers_of_countries_are_those_of_supermercado() {
    let covers: Vec<CountryCover> =
        serde_json::from_str(include_str!("../data/covers/countries.json")).unwrap();
    assert!(covers.len() >= 5);
    for expected in covers {
        let what = format!("{} at zoom {}", expected.country, expected.zoom);
        let area = hvmap::area::country::of_names(&[expected.country]).unwrap();
        let cover = area.cover(expected.zoom).unwrap();
        assert_eq!(cover.count(), expected.tiles, "{what}");
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
        assert_eq!(got.to_string(), expected.sha256, "{what}");
    }
}
