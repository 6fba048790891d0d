//! GeoJSON (RFC 7946) and GeoJSON text sequences (RFC 8142).
//!
//! Coordinates have 6 decimals (11 cm), properties are flat, since editors drop nested ones, and
//! the id stands among them too, since JOSM ignores a feature's own.

use std::{
    fmt,
    io::{self, Write},
};

use serde::Serialize;

use super::{
    ExportError, ExportRequest, Geometry, Schema,
    credits::{Provenance, attribution, layer_name},
    table::{Row, hundredths, tenths},
};
use crate::{
    detections::{Detection, LikelyLine},
    tiles::{LonLat, TileCoord},
};

/// Starts a record of a text sequence (RFC 8142, section 2).
pub(super) const RECORD_SEPARATOR: u8 = 0x1e;

/// Writes one FeatureCollection. What the file is stands in members of the collection; a reader
/// that does not know them ignores them.
pub(super) fn write_collection(
    request: &ExportRequest<'_>,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    let head = Head {
        r#type: "FeatureCollection",
        name: layer_name(
            request.manifest(),
            match request.geometry {
                Geometry::Line => "lines",
                _ => "towers",
            },
        ),
        hvmap: Provenance::of(request),
    };
    let head = serde_json::to_string(&head).map_err(|e| ExportError::Stream(e.into()))?;
    // The collection's members, left open for the features.
    let open = head.strip_suffix('}').unwrap_or(&head);
    write!(out, "{open},\"features\":[").map_err(ExportError::Stream)?;
    let mut separator = "\n";
    let count = for_each_feature(request, None, out, |out| {
        let before = std::mem::replace(&mut separator, ",\n");
        out.write_all(before.as_bytes())
    })?;
    out.write_all(b"\n]}\n").map_err(ExportError::Stream)?;
    Ok(count)
}

/// Writes one feature a record. There is no place for what concerns them all, so each says whose
/// imagery it is and which run it comes from.
pub(super) fn write_sequence(
    request: &ExportRequest<'_>,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    let manifest = request.manifest();
    let origin = Origin {
        attribution: attribution(request),
        imagery: &manifest.imagery.name,
        model: &manifest.model.name,
        manifest: manifest.hash(),
    };
    let mut first = true;
    let count = for_each_feature(request, Some(&origin), out, |out| {
        if !std::mem::take(&mut first) {
            out.write_all(b"\n")?;
        }
        out.write_all(&[RECORD_SEPARATOR])
    })?;
    if count > 0 {
        out.write_all(b"\n").map_err(ExportError::Stream)?;
    }
    Ok(count)
}

/// Writes each detection or line behind what goes before it, and answers how many there were.
fn for_each_feature(
    request: &ExportRequest<'_>,
    origin: Option<&Origin<'_>>,
    out: &mut dyn Write,
    mut before: impl FnMut(&mut dyn Write) -> io::Result<()>,
) -> Result<u64, ExportError> {
    if request.geometry == Geometry::Line {
        let mut count = 0;
        for line in lines(request) {
            before(out)
                .and_then(|()| write_line(request, line, origin, out))
                .map_err(ExportError::Stream)?;
            count += 1;
        }
        return Ok(count);
    }
    request.for_each(|detection| {
        before(out)
            .and_then(|()| write_feature(request, detection, origin, out))
            .map_err(ExportError::Stream)
    })
}

#[derive(Serialize)]
struct Head<'a> {
    r#type: &'static str,
    name: String,
    hvmap: Provenance<'a>,
}

#[derive(Serialize)]
struct Properties<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    #[serde(flatten)]
    origin: Option<&'a Origin<'a>>,
}

#[derive(Serialize)]
struct Origin<'a> {
    attribution: String,
    imagery: &'a str,
    model: &'a str,
    manifest: String,
}

/// The property names of the tools of 2018. Their rows count from the north, as ours do.
#[derive(Serialize)]
struct LegacyProperties {
    #[serde(rename = "X")]
    x: u32,
    #[serde(rename = "Y")]
    y: u32,
    #[serde(rename = "Z")]
    z: u8,
    pred: f32,
    fill: String,
}

impl LegacyProperties {
    fn of(detection: &Detection) -> Self {
        // From yellow to red by score, as they filled their squares.
        let green = (255.0 * (1.0 - detection.score)).round() as u8;
        Self {
            x: detection.tile.x,
            y: detection.tile.y,
            z: detection.tile.z,
            pred: detection.score,
            fill: format!("#ff{green:02x}00"),
        }
    }
}

fn write_feature(
    request: &ExportRequest<'_>,
    detection: &Detection,
    origin: Option<&Origin<'_>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    // Every property is a string, a number or a flag, and ids hold no character to escape.
    write!(
        out,
        r#"{{"type":"Feature","id":"{}","geometry":"#,
        detection.id()
    )?;
    match request.geometry {
        Geometry::Point => write!(
            out,
            r#"{{"type":"Point","coordinates":[{},{}]}}"#,
            Degrees(detection.at.lon),
            Degrees(detection.at.lat)
        )?,
        Geometry::Tile | Geometry::Line => write_square(detection.tile, out)?,
    }
    out.write_all(br#","properties":"#)?;
    match request.schema {
        Schema::Hvmap => {
            let row = Row::of(request, detection);
            serde_json::to_writer(&mut *out, &Properties { row, origin })?;
        }
        Schema::Legacy => serde_json::to_writer(&mut *out, &LegacyProperties::of(detection))?,
    }
    out.write_all(b"}")
}

/// Writes a probable line as a feature.
fn write_line(
    request: &ExportRequest<'_>,
    line: &LikelyLine,
    origin: Option<&Origin<'_>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let number = line.number;
    write!(
        out,
        r#"{{"type":"Feature","id":"line-{number}","geometry":"#
    )?;
    let parts = line_parts(request, line);
    let positions = |part: &Vec<LonLat>| {
        let places: Vec<_> = part
            .iter()
            .map(|at| format!("[{},{}]", Degrees(at.lon), Degrees(at.lat)))
            .collect();
        format!("[{}]", places.join(","))
    };
    match parts.as_slice() {
        [one] => write!(
            out,
            r#"{{"type":"LineString","coordinates":{}}}"#,
            positions(one)
        )?,
        parts => {
            let parts: Vec<_> = parts.iter().map(positions).collect();
            let parts = parts.join(",");
            write!(
                out,
                r#"{{"type":"MultiLineString","coordinates":[{parts}]}}"#
            )?;
        }
    }
    #[derive(Serialize)]
    struct LineProperties<'a> {
        id: String,
        line: u32,
        towers: usize,
        length_m: f64,
        confidence: f64,
        synthetic: bool,
        desc: String,
        #[serde(flatten)]
        origin: Option<&'a Origin<'a>>,
    }
    let mark = if request.manifest().imagery.synthetic {
        "SYNTHETIC "
    } else {
        ""
    };
    out.write_all(br#","properties":"#)?;
    serde_json::to_writer(
        &mut *out,
        &LineProperties {
            id: format!("line-{number}"),
            line: number,
            towers: line.towers.len(),
            length_m: tenths(line.length_m),
            confidence: hundredths(line.confidence),
            synthetic: request.manifest().imagery.synthetic,
            desc: format!("{mark}probable line {number}: verify, do not upload"),
            origin,
        },
    )?;
    out.write_all(b"}")
}

/// A chain's places, in two or more parts where it crosses the antimeridian (RFC 7946, 3.1.9).
pub(super) fn line_parts(request: &ExportRequest<'_>, line: &LikelyLine) -> Vec<Vec<LonLat>> {
    let mut parts: Vec<Vec<LonLat>> = vec![Vec::new()];
    for &tower in &line.towers {
        let here = request.grid().towers()[tower as usize].at;
        let open = parts.last_mut().expect("there is always one");
        match open.last().copied() {
            Some(last) if (here.lon - last.lon).abs() > 180.0 => {
                let edge = 180f64.copysign(last.lon);
                let beyond = here.lon + 2.0 * edge;
                let share = (edge - last.lon) / (beyond - last.lon);
                let lat = last.lat + share * (here.lat - last.lat);
                open.push(LonLat { lon: edge, lat });
                parts.push(vec![LonLat { lon: -edge, lat }, here]);
            }
            _ => open.push(here),
        }
    }
    parts
}

/// The chains that still have two towers.
pub(super) fn lines<'a>(request: &'a ExportRequest<'_>) -> impl Iterator<Item = &'a LikelyLine> {
    request
        .grid()
        .lines()
        .iter()
        .filter(|line| line.towers.len() > 1)
}

/// The tile's square: one ring, counter-clockwise from the south-west, closed.
fn write_square(tile: TileCoord, out: &mut dyn Write) -> io::Result<()> {
    let bounds = tile.bounds();
    let (west, south) = (Degrees(bounds.west), Degrees(bounds.south));
    let (east, north) = (Degrees(bounds.east), Degrees(bounds.north));
    write!(
        out,
        r#"{{"type":"Polygon","coordinates":[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]}}"#
    )
}

/// Degrees with 6 decimals, as RFC 7946 recommends, and no negative zero.
pub(super) struct Degrees(pub(super) f64);

impl fmt::Display for Degrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micro = (self.0 * 1e6).round();
        write!(f, "{:.6}", (micro + 0.0) / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Format, *};
    use crate::detections::testing::TestRun;

    fn text(run: &TestRun, format: Format, geometry: Geometry) -> String {
        let ledger = run.ledger();
        let request = ExportRequest::new(&ledger, 0.5)
            .unwrap()
            .with_geometry(geometry);
        let mut out = Vec::new();
        super::super::write_to(format, &request, &mut out).unwrap();
        String::from_utf8(out)
            .unwrap()
            .replace(env!("CARGO_PKG_VERSION"), "VERSION")
            .replace(&run.manifest.hash(), "HASH")
    }

    fn two_towers() -> TestRun {
        let mut run = TestRun::default();
        run.add(
            TileCoord {
                z: 18,
                x: 140_143,
                y: 95_508,
            },
            0.75,
            1,
        );
        run.add(
            TileCoord {
                z: 18,
                x: 140_144,
                y: 95_510,
            },
            0.968_75,
            2,
        );
        run.add(
            TileCoord {
                z: 18,
                x: 140_150,
                y: 95_510,
            },
            0.3,
            3,
        );
        run
    }

    #[test]
    fn points_are_a_feature_collection_in_order_of_rank() {
        insta::assert_snapshot!(text(&two_towers(), Format::Geojson, Geometry::Point));
    }

    #[test]
    fn tile_squares_run_counter_clockwise_and_close() {
        insta::assert_snapshot!(text(&two_towers(), Format::Geojson, Geometry::Tile));
    }

    #[test]
    fn a_sequence_has_a_record_separator_before_and_a_line_feed_after_each_feature() {
        let text = text(&two_towers(), Format::Geojsonseq, Geometry::Point);
        assert_eq!(text.matches('\u{1e}').count(), 2);
        assert!(
            text.split_inclusive('\n')
                .all(|line| line.starts_with('\u{1e}'))
        );
        insta::assert_snapshot!(text.replace('\u{1e}', "<RS>"));
    }

    #[test]
    fn drawn_imagery_marks_the_layer_and_every_feature() {
        let mut run = two_towers();
        run.manifest.imagery.synthetic = true;
        let collection: serde_json::Value =
            serde_json::from_str(&text(&run, Format::Geojson, Geometry::Point)).unwrap();
        assert_eq!(collection["name"], "SYNTHETIC towers");
        assert_eq!(collection["hvmap"]["synthetic"], true);
        for feature in collection["features"].as_array().unwrap() {
            assert_eq!(feature["properties"]["synthetic"], true);
            assert!(
                feature["properties"]["desc"]
                    .as_str()
                    .unwrap()
                    .starts_with("SYNTHETIC ")
            );
        }
    }

    #[test]
    fn no_detections_are_an_empty_collection() {
        let text = text(&TestRun::default(), Format::Geojson, Geometry::Point);
        let collection: geojson::FeatureCollection = text.parse().unwrap();
        assert!(collection.features.is_empty());
    }

    #[test]
    fn tiles_at_the_antimeridian_stay_on_their_side() {
        let mut run = TestRun::default();
        let last = (1 << 18) - 1;
        run.add(
            TileCoord {
                z: 18,
                x: last,
                y: 140_000,
            },
            0.9,
            1,
        );
        run.add(
            TileCoord {
                z: 18,
                x: 0,
                y: 140_000,
            },
            0.8,
            2,
        );
        let text = text(&run, Format::Geojson, Geometry::Tile);
        assert!(text.contains("[180.000000,") && text.contains("[179.998627,"));
        assert!(text.contains("[-180.000000,") && text.contains("[-179.998627,"));
    }

    /// Ten hints in a row, 250 m apart, five on either side of the antimeridian.
    fn across_the_antimeridian() -> TestRun {
        let side = 1u32 << 18;
        let mut run = TestRun::default();
        for i in 0..10u32 {
            let x = (side - 10 + 2 * i) % side;
            run.add(
                TileCoord {
                    z: 18,
                    x,
                    y: 131_000,
                },
                0.9,
                i.into(),
            );
        }
        run
    }

    #[test]
    fn a_line_across_the_antimeridian_is_split_there() {
        let text = text(&across_the_antimeridian(), Format::Geojson, Geometry::Line);
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        let features = all["features"].as_array().unwrap();
        assert_eq!(features.len(), 1);
        assert_eq!(features[0]["properties"]["towers"], 10);
        let geometry = &features[0]["geometry"];
        assert_eq!(geometry["type"], "MultiLineString");
        let parts: Vec<Vec<LonLat>> =
            serde_json::from_value(geometry["coordinates"].clone()).unwrap();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6]);
        for part in &parts {
            let west = part[0].lon < 0.0 || part[1].lon < 0.0;
            assert!(
                part.iter()
                    .all(|at| (at.lon < 0.0) == west && at.lon.abs() <= 180.0)
            );
        }
        let (end, start) = (parts[0][5], parts[1][0]);
        assert_eq!(
            (end.lon.abs(), start.lon, end.lat),
            (180.0, -end.lon, start.lat)
        );
    }

    #[test]
    fn a_way_for_josm_stops_at_the_antimeridian() {
        let text = text(&across_the_antimeridian(), Format::Osm, Geometry::Point);
        assert_eq!(text.matches("<way ").count(), 2);
        assert_eq!(text.matches("<nd ").count(), 10);
    }

    proptest! {
        #[test]
        fn coordinates_round_trip_to_6_decimals(lon in -180.0f64..=180.0, lat in -85.06f64..=85.06) {
            for degrees in [lon, lat] {
                let text = Degrees(degrees).to_string();
                prop_assert_eq!(text.rsplit('.').next().unwrap().len(), 6);
                let back: f64 = text.parse().unwrap();
                prop_assert!((back - degrees).abs() <= 0.500_001e-6);
                prop_assert_eq!(Degrees(back).to_string(), text);
            }
        }
    }

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(Degrees(-1e-9).to_string(), "0.000000");
    }
}
