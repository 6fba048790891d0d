//! Areas through the built binary: what is read, what is refused, and in which words.

use std::{fs, path::Path};

use crate::program::{Folder, hvmap};

/// Writes a feature collection of polygons, each given by its rings.
fn write_polygons(path: &Path, polygons: &[serde_json::Value]) {
    let features: Vec<_> = polygons
        .iter()
        .map(|rings| {
            serde_json::json!({
                "type": "Feature",
                "properties": {},
                "geometry": {"type": "Polygon", "coordinates": rings},
            })
        })
        .collect();
    let collection = serde_json::json!({"type": "FeatureCollection", "features": features});
    fs::write(path, collection.to_string()).unwrap();
}

fn square(west: f64, south: f64, side: f64) -> serde_json::Value {
    let (east, north) = (west + side, south + side);
    serde_json::json!([[
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south]
    ]])
}

fn count(args: &[&str]) -> u64 {
    let out = hvmap([&["tiles", "--count"], args].concat());
    assert_eq!(out.code, 0, "{}", out.stderr);
    out.stdout.trim().parse().unwrap()
}

#[test]
fn countries_are_counted_as_other_tools_count_them() {
    // The counts on which supermercado 0.3.0 and tile-cover 3.0.2 agree for these outlines.
    assert_eq!(count(&["--country", "san-marino", "--zoom", "18"]), 5_202);
    assert_eq!(count(&["--country", "LSO", "--zoom", "16"]), 107_765);
    assert_eq!(count(&["--country", "380", "--zoom", "14"]), 96_491);
    assert_eq!(
        count(&["--country", "pakistan", "--zoom", "18"]),
        50_181_411
    );
    assert_eq!(count(&["--country", "NG", "--zoom", "18"]), 40_285_552);
    assert_eq!(count(&["--country", "Zambia", "--zoom", "18"]), 34_302_721);
}

#[test]
fn an_enclave_is_left_out_of_the_country_around_it() {
    let alone = count(&["--country", "south africa", "--zoom", "12"]);
    let with = count(&[
        "--country",
        "south africa",
        "--country",
        "lesotho",
        "--zoom",
        "12",
    ]);
    let lesotho = count(&["--country", "lesotho", "--zoom", "12"]);
    assert!(
        alone < with && with < alone + lesotho,
        "{alone} {with} {lesotho}"
    );
    let inside = hvmap([
        "tiles",
        "--country",
        "za",
        "--bbox",
        "28.2,-29.6,28.3,-29.5",
        "--zoom",
        "12",
    ]);
    assert_eq!(inside.code, 2, "two areas at once are refused");
}

#[test]
fn a_country_across_the_antimeridian_lies_on_both_sides_of_the_map() {
    let out = hvmap([
        "tiles",
        "--country",
        "fiji",
        "--zoom",
        "10",
        "--format",
        "text",
    ]);
    let columns: Vec<u32> = out
        .stdout
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(columns.iter().all(|&x| x < 1024));
    assert!(columns.contains(&0) && columns.contains(&1023));
    assert!(
        columns.iter().all(|&x| !(20..1000).contains(&x)),
        "nothing in between"
    );
}

#[test]
fn a_box_across_the_antimeridian_is_two_boxes() {
    assert_eq!(count(&["--bbox", "179,-1,-179,1", "--zoom", "9"]), 4 * 4);
    assert_eq!(count(&["--bbox=-180,-90,180,90", "--zoom", "5"]), 1 << 10);
}

#[test]
fn all_features_of_a_file_are_united() {
    let folder = Folder::new();
    let file = folder.path("two.geojson");
    write_polygons(&file, &[square(10.0, 45.0, 0.1), square(10.05, 45.0, 0.1)]);
    let both = count(&["--area", file.to_str().unwrap(), "--zoom", "14"]);
    write_polygons(&file, &[square(10.0, 45.0, 0.1)]);
    let one = count(&["--area", file.to_str().unwrap(), "--zoom", "14"]);
    assert!(one < both && both < 2 * one);
}

#[test]
fn an_empty_polygon_beside_another_counts_for_nothing() {
    let folder = Folder::new();
    let file = folder.path("area.geojson");
    let count = || count(&["--area", file.to_str().unwrap(), "--zoom", "14"]);
    write_polygons(&file, &[square(10.0, 45.0, 0.1)]);
    let alone = count();
    for empty in [serde_json::json!([]), serde_json::json!([[]])] {
        write_polygons(&file, &[empty, square(10.0, 45.0, 0.1)]);
        assert_eq!(count(), alone);
    }
}

#[test]
fn a_margin_widens_an_area_and_gives_a_line_one() {
    let folder = Folder::new();
    let file = folder.path("line.geojson");
    fs::write(
        &file,
        r#"{"type": "LineString", "coordinates": [[10, 45], [10.2, 45.1]]}"#,
    )
    .unwrap();
    let bare = hvmap(["tiles", "--area", file.to_str().unwrap(), "--zoom", "14"]);
    assert_eq!(bare.code, 2);
    insta::assert_snapshot!(folder.filtered(&bare.stderr));
    let narrow = count(&[
        "--area",
        file.to_str().unwrap(),
        "--zoom",
        "14",
        "--buffer",
        "100m",
    ]);
    let wide = count(&[
        "--area",
        file.to_str().unwrap(),
        "--zoom",
        "14",
        "--buffer",
        "2km",
    ]);
    assert!(narrow < wide);
    let bare = count(&["--country", "lesotho", "--zoom", "12"]);
    assert!(bare < count(&["--country", "lesotho", "--zoom", "12", "--buffer", "2km"]));
}

#[test]
fn a_ring_that_crosses_itself_is_mended_and_its_place_told() {
    let folder = Folder::new();
    let file = folder.path("bow.geojson");
    write_polygons(
        &file,
        &[
            square(20.0, 45.0, 0.1),
            serde_json::json!([[[10, 45], [14, 49], [14, 45], [10, 49], [10, 45]]]),
        ],
    );
    let out = hvmap(["tiles", "--area", file.to_str().unwrap(), "--zoom", "6"]);
    insta::assert_snapshot!(folder.filtered(&out.to_string()));
}

#[test]
fn rings_that_jump_across_the_antimeridian_are_recognised() {
    let folder = Folder::new();
    let file = folder.path("jump.geojson");
    write_polygons(
        &file,
        &[serde_json::json!([[
            [179.5, -17],
            [-179.5, -17],
            [-179.5, -16],
            [179.5, -16],
            [179.5, -17]
        ]])],
    );
    let out = hvmap(["tiles", "--area", file.to_str().unwrap(), "--zoom", "6"]);
    insta::assert_snapshot!(folder.filtered(&out.to_string()));
}

#[test]
fn what_cannot_be_an_area_is_refused_with_its_place() {
    let folder = Folder::new();
    let mut told = String::new();
    let flat = serde_json::json!([[[10, 45], [11, 46], [12, 47], [10, 45]]]);
    for (name, rings) in [
        (
            "open",
            serde_json::json!([[[10, 45], [11, 45], [11, 46], [10, 46]]]),
        ),
        ("short", serde_json::json!([[[10, 45], [11, 45], [10, 45]]])),
        (
            "metres",
            serde_json::json!([[
                [500000, 4649776],
                [500100, 4649776],
                [500100, 4649876],
                [500000, 4649776]
            ]]),
        ),
        ("empty", serde_json::json!([])),
        ("flat", flat),
    ] {
        let file = folder.path(&format!("{name}.geojson"));
        // Beside a good polygon these two count for nothing.
        let is_alone = name == "empty" || name == "flat";
        let good = (!is_alone).then(|| square(20.0, 45.0, 0.1));
        write_polygons(&file, &good.into_iter().chain([rings]).collect::<Vec<_>>());
        let out = hvmap(["tiles", "--area", file.to_str().unwrap(), "--zoom", "8"]);
        told += &format!("{name}: {out}\n");
    }
    let broken = folder.path("broken.geojson");
    fs::write(&broken, "{\"type\": \"Polygon\"").unwrap();
    told += &format!(
        "broken: {}\n",
        hvmap(["tiles", "--area", broken.to_str().unwrap(), "--zoom", "8"])
    );
    let utm = folder.path("utm.geojson");
    fs::write(
        &utm,
        r#"{"type": "FeatureCollection", "features": [], "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}}"#,
    )
    .unwrap();
    told += &format!(
        "utm: {}\n",
        hvmap(["tiles", "--area", utm.to_str().unwrap(), "--zoom", "8"])
    );
    let missing = folder.path("missing.gpkg");
    told += &format!(
        "missing: {}\n",
        hvmap(["tiles", "--area", missing.to_str().unwrap(), "--zoom", "8"])
    );
    insta::assert_snapshot!(folder.filtered(&told));
}

#[test]
fn names_that_mean_nothing_or_too_much_are_refused() {
    let mut told = String::new();
    for name in ["pakstan", "congo", "vatican", "atlantis"] {
        told += &format!(
            "{name}: {}\n",
            hvmap(["tiles", "--country", name, "--zoom", "8"])
        );
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_people_should_know_about_a_country_is_told() {
    let mut told = String::new();
    for name in ["france", "ukraine", "antarctica", "metropolitan france"] {
        told += &format!(
            "{name}: {}\n",
            hvmap(["tiles", "--country", name, "--zoom", "6", "--count"])
        );
    }
    insta::assert_snapshot!(told);
}

#[cfg(feature = "gdal")]
mod with_gdal {
    use gdal::{
        DriverManager,
        spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef},
        vector::{Geometry, LayerAccess, LayerOptions, OGRwkbGeometryType},
    };

    use super::*;

    /// Stores a square of degrees in another format and other coordinates.
    fn write_square(path: &Path, driver: &str, epsg: u32) {
        let mut lon_lat = SpatialRef::from_epsg(4326).unwrap();
        lon_lat.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        let mut srs = SpatialRef::from_epsg(epsg).unwrap();
        srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        let transform = CoordTransform::new(&lon_lat, &srs).unwrap();
        let driver = DriverManager::get_driver_by_name(driver).unwrap();
        let mut dataset = driver.create_vector_only(path).unwrap();
        let mut layer = dataset
            .create_layer(LayerOptions {
                name: "outline",
                srs: Some(&srs),
                ty: OGRwkbGeometryType::wkbPolygon,
                options: None,
            })
            .unwrap();
        let mut x = vec![10.0, 10.1, 10.1, 10.0, 10.0];
        let mut y = vec![45.0, 45.0, 45.1, 45.1, 45.0];
        transform.transform_coords(&mut x, &mut y, &mut []).unwrap();
        let mut ring = Geometry::empty(OGRwkbGeometryType::wkbLinearRing).unwrap();
        for (x, y) in x.into_iter().zip(y) {
            ring.add_point_2d((x, y));
        }
        let mut polygon = Geometry::empty(OGRwkbGeometryType::wkbPolygon).unwrap();
        polygon.add_geometry(ring).unwrap();
        layer.create_feature(polygon).unwrap();
    }

    #[test]
    fn every_format_and_projection_gives_the_tiles_of_the_geojson() {
        let folder = Folder::new();
        let plain = folder.path("plain.geojson");
        write_polygons(&plain, &[square(10.0, 45.0, 0.1)]);
        // A zoom at which the bend of an edge in another projection stays within its tiles.
        let expected = hvmap(["tiles", "--area", plain.to_str().unwrap(), "--zoom", "13"]).stdout;
        for (name, driver, epsg) in [
            ("lonlat.gpkg", "GPKG", 4326),
            ("utm.gpkg", "GPKG", 32632),
            ("mercator.shp", "ESRI Shapefile", 3857),
            ("laea.fgb", "FlatGeobuf", 3035),
        ] {
            let file = folder.path(name);
            write_square(&file, driver, epsg);
            let out = hvmap(["tiles", "--area", file.to_str().unwrap(), "--zoom", "13"]);
            assert_eq!(out.code, 0, "{name}: {}", out.stderr);
            assert_eq!(out.stdout, expected, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_no_vector_file_is_refused() {
        let folder = Folder::new();
        let file = folder.path("notes.txt");
        fs::write(&file, "nothing to see").unwrap();
        let out = hvmap(["tiles", "--area", file.to_str().unwrap(), "--zoom", "8"]);
        assert_eq!(out.code, 2);
        assert!(
            out.stderr
                .starts_with("error: GDAL cannot read the file in "),
            "{}",
            out.stderr
        );
    }
}
