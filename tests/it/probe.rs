//! Probes of sources with something wrong, and the command that makes them.

use std::{ops::ControlFlow, path::Path, process::Command};

use bytes::Bytes;
use hvmap::{
    image::{RGB_BYTES, encode_png},
    imagery::{
        BodyHash, Emit, Fetched, ImageryError, ImagerySource, SourceDescription, SyntheticSource,
        probe::{Finding, Probe, RowOrderFinding, contact_sheet, probe},
    },
    tiles::{BlockCoord, Cover, TileCoord, TileMask, VisitReason, WorkUnit, mercator},
};
use tempfile::TempDir;

/// A source that answers each tile by a function.
struct Answering<F> {
    description: SourceDescription,
    answer: F,
}

impl<F: Fn(TileCoord) -> Fetched + Send + Sync> ImagerySource for Answering<F> {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        1
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        for tile in unit.tiles() {
            if emit(tile, (self.answer)(tile)).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn answering<F: Fn(TileCoord) -> Fetched + Send + Sync>(answer: F) -> Answering<F> {
    Answering {
        description: synthetic().description().clone(),
        answer,
    }
}

fn synthetic() -> SyntheticSource {
    SyntheticSource::parse("synthetic:1").unwrap()
}

fn drawn(source: &SyntheticSource, tile: TileCoord) -> Fetched {
    let unit = WorkUnit {
        sequence: 0,
        block: BlockCoord::of(tile),
        wanted: TileMask::from_iter([BlockCoord::index_of(tile)]),
        reason: VisitReason::Everything,
    };
    let mut answer = None;
    source
        .fetch(&unit, &mut |_, fetched| {
            answer = Some(fetched);
            ControlFlow::Continue(())
        })
        .unwrap();
    answer.unwrap()
}

/// Ten by ten tiles in San Marino.
fn cover() -> Cover {
    let corner = mercator::tile_at((12.45, 43.95).into(), 18);
    let tiles = (0..100).map(|n| TileCoord {
        z: corner.z,
        x: corner.x + n % 10,
        y: corner.y + n / 10,
    });
    Cover::from_tiles(tiles).unwrap()
}

fn look(source: &dyn ImagerySource) -> Probe {
    probe(source, &cover(), 12, 1).unwrap()
}

fn count(probe: &Probe, finding: &Finding) -> usize {
    probe
        .tiles
        .iter()
        .filter(|tile| tile.finding == *finding)
        .count()
}

#[test]
fn a_good_source_is_real_and_its_rows_are_right() {
    let probe = look(&synthetic());
    assert!(count(&probe, &Finding::Real) >= 10, "{:?}", probe.tiles);
    assert_eq!(probe.row_order, RowOrderFinding::Right);
}

#[test]
fn rows_counted_from_the_other_end_are_told_by_their_seams() {
    let world = synthetic();
    let flipped = answering(|tile| {
        drawn(
            &world,
            TileCoord {
                y: tile.tms_y(),
                ..tile
            },
        )
    });
    assert_eq!(look(&flipped).row_order, RowOrderFinding::Flipped);
}

#[test]
fn an_area_that_exists_only_under_flipped_rows_is_told() {
    let world = synthetic();
    let cover = cover();
    let flipped = answering(|tile| {
        let meant = TileCoord {
            y: tile.tms_y(),
            ..tile
        };
        if cover.contains(meant) {
            drawn(&world, meant)
        } else {
            Fetched::NoImagery
        }
    });
    let probe = look(&flipped);
    assert_eq!(count(&probe, &Finding::NoImagery), 12);
    assert_eq!(probe.row_order, RowOrderFinding::Flipped);
    // With nothing anywhere, nothing is known.
    let empty = answering(|_| Fetched::NoImagery);
    assert_eq!(look(&empty).row_order, RowOrderFinding::Unknown);
}

#[test]
fn one_image_at_several_places_is_a_placeholder() {
    let world = synthetic();
    let sorry: Bytes = match drawn(&world, cover().nth(0).unwrap()) {
        Fetched::Payload(payload) => payload,
        Fetched::Pixels(pixels) => encode_png(pixels.as_bytes()).into(),
        other => panic!("{other:?}"),
    };
    let source = answering(|tile| {
        if tile.x % 2 == 0 {
            Fetched::Payload(sorry.clone())
        } else {
            drawn(&world, tile)
        }
    });
    let probe = look(&source);
    for tile in &probe.tiles {
        let placeholder = tile.finding == Finding::Placeholder;
        assert_eq!(placeholder, tile.tile.x % 2 == 0, "{}", tile.tile);
        if placeholder {
            assert_eq!(tile.body_hash, Some(BodyHash::sha256_of(&sorry)));
        }
    }
    assert!(count(&probe, &Finding::Placeholder) > 2);
}

#[test]
fn one_colour_is_blank_and_nonsense_undecodable() {
    let white: Bytes = encode_png(&[255; RGB_BYTES]).into();
    let blank = answering(|_| Fetched::Payload(white.clone()));
    assert_eq!(count(&look(&blank), &Finding::Blank), 12);
    let nonsense = answering(|_| Fetched::Payload(Bytes::from_static(b"<html>")));
    let probe = look(&nonsense);
    let undecodable = |f: &Finding| matches!(f, Finding::Undecodable { .. });
    assert!(probe.tiles.iter().all(|tile| undecodable(&tile.finding)));
}

#[test]
fn the_sheet_has_a_cell_for_each_tile() {
    let probe = look(&synthetic());
    let png = contact_sheet(&probe.tiles);
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    // Five columns and three rows of 256 pixels, labels and gaps.
    assert_eq!((number(16), number(20)), (5 * 264 + 8, 3 * 308 + 8));
}

fn hvmap(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hvmap"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

const PROBE: [&str; 9] = [
    "imagery",
    "probe",
    "synthetic:1",
    "--bbox",
    "12.44,43.93,12.47,43.95",
    "--zoom",
    "18",
    "--count",
    "6",
];

#[test]
fn the_command_prints_a_table_and_writes_the_sheet() {
    let folder = TempDir::new().unwrap();
    let (code, table, errors) = hvmap(folder.path(), &PROBE);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(
        table.lines().filter(|line| line.starts_with("18/")).count(),
        6,
        "{table}"
    );
    assert!(table.contains("row order: "), "{table}");
    assert!(errors.contains("contact sheet: probe.png"), "{errors}");
    assert!(folder.path().join("probe.png").is_file());

    let (code, _, errors) = hvmap(folder.path(), &PROBE);
    assert_eq!(code, Some(2));
    assert!(errors.contains("probe.png exists already"), "{errors}");
    assert!(errors.contains("hint: --force"), "{errors}");
}

#[test]
fn the_command_prints_one_json_object() {
    let folder = TempDir::new().unwrap();
    let mut arguments = PROBE.to_vec();
    arguments.extend(["--json", "-o", "look.png"]);
    let (code, text, errors) = hvmap(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{errors}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tiles = report["tiles"].as_array().unwrap();
    assert_eq!(tiles.len(), 6);
    assert_eq!(tiles[0]["z"], 18);
    assert!(tiles[0]["finding"].is_string());
    assert!((tiles[0]["metres_per_px"].as_f64().unwrap() - 0.43).abs() < 0.01);
    assert_eq!(report["sheet"], "look.png");
}
