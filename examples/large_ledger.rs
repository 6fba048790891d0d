//! Writes the ledger of a made-up run of any size, to measure what reads ledgers.
//!
//! ```text
//! cargo run --release --example large_ledger -- runs/large 1000000
//! /usr/bin/time -v target/release/hvmap export runs/large --format mbtiles -o large.mbtiles
//! ```

use std::{error::Error, path::Path};

use half::f16;
use hvmap::{
    ledger::{AreaRecord, ImageryRecord, Ledger, MANIFEST_FORMAT_VERSION, Manifest, ModelRecord},
    random::hash,
    tiles::{
        AttributionGrid, BLOCK_SIDE, BlockCoord, BlockOutcome, Candidate, TileMask, TileOutcome,
        UNIT_TILES_MAX, UnitImages, VisitReason,
    },
};

/// Candidates in each unit of [`UNIT_TILES_MAX`] tiles.
const CANDIDATES_PER_UNIT: u64 = 20;
/// Side of the attribution grids, as a network of stride 16 has it.
const GRID_SIDE: u16 = 16;
/// North-western block, in the Punjab.
const FIRST_BLOCK: (u32, u32) = (2_870, 1_650);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, candidates] = arguments.as_slice() else {
        return Err("expected a folder and a number of candidates".into());
    };
    let units = candidates.parse::<u64>()?.div_ceil(CANDIDATES_PER_UNIT);
    std::fs::create_dir_all(folder)?;
    let mut ledger = Ledger::create(Path::new(folder), &manifest(units))?;
    let units_per_block = u64::from(BLOCK_SIDE * BLOCK_SIDE) / UNIT_TILES_MAX as u64;
    let blocks_per_row = (units.div_ceil(units_per_block) as f64).sqrt().ceil() as u64;
    for sequence in 0..units {
        let block = sequence / units_per_block;
        let block = BlockCoord {
            z: 18,
            x: FIRST_BLOCK.0 + (block % blocks_per_row) as u32,
            y: FIRST_BLOCK.1 + (block / blocks_per_row) as u32,
        };
        let first = (sequence % units_per_block) as u16 * UNIT_TILES_MAX as u16;
        ledger.record(&outcome(sequence, block, first), VisitReason::Everything)?;
    }
    Ok(())
}

fn manifest(units: u64) -> Manifest {
    let pitch = 256.0 / f32::from(GRID_SIDE);
    let cells_px: Vec<f32> = (0..GRID_SIDE)
        .map(|i| (f32::from(i) + 0.5) * pitch)
        .collect();
    Manifest {
        format_version: MANIFEST_FORMAT_VERSION,
        area: AreaRecord {
            label: "made up".into(),
            source: "none".into(),
            tiles: units * UNIT_TILES_MAX as u64,
            digest: String::new(),
            outline: Vec::new(),
        },
        zoom: 18,
        imagery: ImageryRecord {
            name: "made up".into(),
            attribution: "none".into(),
            terms: None,
            synthetic: true,
            rules: Vec::new(),
        },
        model: ModelRecord {
            name: "made up".into(),
            checksum: String::new(),
            classes: vec!["negative".into(), "tower".into()],
            positives: vec!["tower".into()],
            precision: None,
            adaptation: None,
            trained_on_synthetic: true,
            attribution_columns_px: Some(cells_px.clone()),
            attribution_rows_px: Some(cells_px),
            answers: None,
        },
        threshold: 0.5,
        keep_threshold: 0.5,
        keep_payloads: false,
        unit_tiles_max: UNIT_TILES_MAX,
    }
}

fn outcome(sequence: u64, block: BlockCoord, first: u16) -> BlockOutcome {
    let wanted: TileMask = (first..first + UNIT_TILES_MAX as u16).collect();
    let mut tiles = vec![TileOutcome::Scored(0.01); UNIT_TILES_MAX];
    let step = UNIT_TILES_MAX as u64 / CANDIDATES_PER_UNIT;
    let candidates = (0..CANDIDATES_PER_UNIT).map(|i| {
        let random = hash(sequence * CANDIDATES_PER_UNIT + i);
        let offset = (i * step + random % step) as u16;
        let score = 0.5 + (random >> 40) as f32 / (1u64 << 25) as f32;
        tiles[usize::from(offset)] = TileOutcome::Scored(score);
        let peak = (random >> 8) as u16 % (GRID_SIDE * GRID_SIDE);
        Candidate {
            index: first + offset,
            score,
            attribution: Some(AttributionGrid {
                width: GRID_SIDE,
                height: GRID_SIDE,
                cells: (0..GRID_SIDE * GRID_SIDE)
                    .map(|cell| f16::from_f32(f32::from(cell == peak)))
                    .collect(),
            }),
            boxes: Vec::new(),
            content_hash: random,
            payload: None,
        }
    });
    let candidates = candidates.collect();
    BlockOutcome {
        sequence,
        block,
        wanted,
        tiles,
        candidates,
        low_contrast: Vec::new(),
        stages: Vec::new(),
        images: UnitImages::default(),
    }
}
