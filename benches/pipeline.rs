//! What the pipeline costs: `hvmap run`'s own path, from JPEG tiles in an MBTiles file to a ledger,
//! against the same model fed from memory.
//!
//! The two take turns in one process, and the figure is the ratio of each pair:
//!
//! ```sh
//! cargo bench --bench pipeline                              # the built-in demo model
//! HVMAP_BENCH_MODEL=xception.onnx cargo bench --bench pipeline
//! ```
//!
//! Decoding a JPEG takes a worker's thread about as long whatever the model, so the share it costs
//! falls as the model grows.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use hvmap::{
    image::{RgbTile, encode_jpeg},
    imagery::{self, SourceOptions},
    ledger::{AreaRecord, ImageryRecord, Ledger, MANIFEST_FORMAT_VERSION, Manifest},
    mbtiles::{Key, Writer},
    pipeline::{Drive, Ending, Local, LocalOptions, Recording, Stages, model_record},
    predict::{Model, bench::bare_session},
    run::ModelChoice,
    scan::Everything,
    synthetic::{StyleChoice, World},
    telemetry::{Stage, Trouble},
    tiles::{Cover, TileCoord, UNIT_TILES_MAX},
};

/// Different tiles drawn; they repeat over the file.
const TILES_DRAWN: u32 = 128;
/// Seconds that each side of a pair runs, about.
const SIDE_S: f64 = 6.0;
const PAIRS: usize = 5;
/// Of an aerial tile; servers use 75 to 90.
const JPEG_QUALITY: u8 = 85;
/// A corner of San Marino, so that the drawn tiles hold a line.
const CORNER: TileCoord = TileCoord {
    z: 18,
    x: 140_100,
    y: 95_360,
};

fn main() {
    let name = std::env::var("HVMAP_BENCH_MODEL").unwrap_or_else(|_| "demo".to_owned());
    let model = ModelChoice::named(&name)
        .load(&mut ())
        .unwrap_or_else(|error| panic!("{:#}", anyhow::Error::from(error)));
    let model = Arc::clone(model.model());

    let drawn = draw();
    let images: Vec<u8> = drawn
        .iter()
        .flat_map(|tile| tile.as_bytes())
        .copied()
        .collect();
    let warm_up = bare_session(model.as_ref(), &images, Duration::from_secs(1))
        .expect("the model classifies drawn tiles");
    let tiles = ((warm_up.tiles_per_s * SIDE_S) as u32).next_multiple_of(TILES_DRAWN);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tiles.mbtiles");
    let cover = write_mbtiles(&file, &drawn, tiles);

    println!(
        "{} on {}, {} workers, {} JPEG tiles a side",
        model.info().name,
        model.info().engine,
        warm_up.workers,
        cover.count()
    );
    println!("{:>18}{:>18}{:>10}", "bare tiles/s", "run tiles/s", "ratio");
    let mut ratios: Vec<f64> = (0..PAIRS)
        .map(|pair| {
            let bare = bare_session(model.as_ref(), &images, Duration::from_secs_f64(SIDE_S))
                .expect("the model classifies drawn tiles")
                .tiles_per_s;
            let ledger = folder.path().join(format!("run-{pair}"));
            let run = run(&model, &file, &cover, &ledger);
            println!("{bare:>18.1}{run:>18.1}{:>10.3}", run / bare);
            run / bare
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios[PAIRS / 2]);
}

fn draw() -> Vec<RgbTile> {
    let world = World::new(1, StyleChoice::Mosaic);
    (0..TILES_DRAWN)
        .map(|number| {
            let mut tile = RgbTile::new();
            let coord = TileCoord {
                x: CORNER.x + number % 16,
                y: CORNER.y + number / 16,
                ..CORNER
            };
            world.draw(coord, &mut tile);
            tile
        })
        .collect()
}

/// Writes `tiles` tiles in rows of 64 and answers what they cover.
fn write_mbtiles(path: &Path, drawn: &[RgbTile], tiles: u32) -> Cover {
    let encoded: Vec<Vec<u8>> = drawn
        .iter()
        .map(|tile| encode_jpeg(tile.as_bytes(), JPEG_QUALITY))
        .collect();
    let coords: Vec<TileCoord> = (0..tiles)
        .map(|number| TileCoord {
            x: CORNER.x / 64 * 64 + number % 64,
            y: CORNER.y / 64 * 64 + number / 64,
            ..CORNER
        })
        .collect();
    let writer = Writer::create(path).expect("a new file");
    for (key, value) in [(Key::Name, "bench"), (Key::Format, "jpg")] {
        writer
            .metadata(key, value)
            .expect("a new file takes metadata");
    }
    for (number, &coord) in coords.iter().enumerate() {
        writer
            .tile(coord, &encoded[number % encoded.len()])
            .expect("a new file takes tiles");
    }
    writer.finish().expect("no tile was added twice");
    Cover::from_tiles(coords).expect("the tiles exist")
}

/// Tiles a second of one whole run, from opening the ledger to its last commit.
fn run(model: &Arc<dyn Model>, file: &Path, cover: &Cover, out: &Path) -> f64 {
    std::fs::create_dir(out).expect("a new folder");
    let source = imagery::open(&file.display().to_string(), &SourceOptions::default())
        .expect("the file just written");
    let manifest = manifest(model.as_ref(), cover);
    // All sessions but the first are opened on this side's clock, while the first works.
    let mut executor = Local::start(
        Arc::from(source),
        model,
        LocalOptions {
            keep_threshold: manifest.keep_threshold,
            keep_payloads: false,
        },
        Arc::new(Stages::default()),
        Arc::new(Trouble::default()),
    )
    .expect("the model opens");
    let start = Instant::now();
    let mut ledger = Ledger::create(out, &manifest).expect("a new ledger");
    let ending = Drive {
        ledger: &mut ledger,
        recording: Recording::First,
        threshold: manifest.threshold,
        stop: &AtomicBool::new(false),
        record: &Stage::new("record"),
        observe: &mut |_| {},
    }
    .run(
        &mut Everything::new(cover.blocks(), cover.count(), UNIT_TILES_MAX),
        &mut executor,
    )
    .expect("the run completes");
    let elapsed = start.elapsed();
    assert_eq!(ending, Ending::Complete);
    let counts = ledger
        .reader()
        .counts(cover.count())
        .expect("a whole ledger");
    assert_eq!(counts.scored, cover.count(), "every tile was classified");
    cover.count() as f64 / elapsed.as_secs_f64()
}

fn manifest(model: &dyn Model, cover: &Cover) -> Manifest {
    Manifest {
        format_version: MANIFEST_FORMAT_VERSION,
        area: AreaRecord {
            label: "bench".into(),
            source: "bench".into(),
            tiles: cover.count(),
            digest: cover.digest(),
            outline: Vec::new(),
        },
        zoom: cover.zoom(),
        imagery: ImageryRecord {
            name: "bench".into(),
            attribution: "SYNTHETIC".into(),
            terms: None,
            synthetic: true,
            rules: Vec::new(),
        },
        model: model_record(model.info()),
        threshold: 0.9,
        keep_threshold: 0.45,
        keep_payloads: false,
        unit_tiles_max: UNIT_TILES_MAX,
    }
}
