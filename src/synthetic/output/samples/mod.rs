//! Labelled tiles for training and tests.

mod choice;

use std::{fs, io, path::Path, sync::Mutex, thread};

use choice::{Sample, choose};

use crate::{
    image::{RgbTile, encode_jpeg},
    synthetic::{Label, World},
    tiles::TileCoord,
};

/// The columns of `labels.csv`.
const COLUMNS: [&str; 11] = [
    "file", "label", "kind", "style", "z", "x", "y", "base_px", "base_py", "bases", "quality",
];

/// How many tiles are wanted, and which.
#[derive(Clone, Copy, Debug, Default)]
pub struct Samples {
    /// Tiles that hold a tower's base.
    pub positives: usize,
    /// Random tiles without any tower.
    pub negatives: usize,
    /// Tiles with wires or distractors, but no tower.
    pub hard_negatives: usize,
    /// Zoom of the tiles, from 14, where towers begin to be drawn.
    pub zoom: u8,
    /// Which sample of the same world: another number chooses other places.
    pub sample: u64,
}

/// Draws labelled tiles on all cores into `folder/tower` and `folder/negative`, and writes
/// `folder/labels.csv`. Gives the number of tiles.
///
/// Tiles that show only part of a tower are never chosen. The same world and settings give the same
/// files.
///
/// # Errors
/// When a folder or a file cannot be written.
pub fn write_samples(world: &World, wanted: &Samples, folder: &Path) -> io::Result<usize> {
    for label in ["tower", "negative"] {
        fs::create_dir_all(folder.join(label))?;
    }
    let samples = choose(world, wanted);
    let mut rows = write_all(world, &samples, folder)?;
    rows.sort_by_key(|(position, _)| *position);
    let mut table = csv::Writer::from_path(folder.join("labels.csv"))?;
    table.write_record(COLUMNS)?;
    for (_, row) in &rows {
        table.write_record(row)?;
    }
    table.flush()?;
    Ok(samples.len())
}

/// A row of `labels.csv`.
type Row = [String; COLUMNS.len()];

/// Draws and writes the samples on all cores; gives their rows of `labels.csv` by position.
fn write_all(world: &World, samples: &[Sample], folder: &Path) -> io::Result<Vec<(usize, Row)>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let rows = Mutex::new(Vec::with_capacity(samples.len()));
    let outcome: io::Result<()> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| {
                let rows = &rows;
                scope.spawn(move || {
                    let mut pixels = RgbTile::new();
                    let mut own = Vec::new();
                    for (i, sample) in samples.iter().enumerate().skip(core).step_by(cores) {
                        own.push((i, write_one(world, sample, &mut pixels, folder)?));
                    }
                    if let Ok(mut rows) = rows.lock() {
                        rows.extend(own);
                    }
                    Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    });
    outcome?;
    Ok(rows
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Draws and writes one sample; gives its row.
fn write_one(
    world: &World,
    sample: &Sample,
    pixels: &mut RgbTile,
    folder: &Path,
) -> io::Result<Row> {
    let TileCoord { z, x, y } = sample.tile;
    let style = world.style_at(sample.tile);
    world.draw(sample.tile, pixels);
    let (class, kind, bases) = match &sample.label {
        Label::Positive(bases) => ("tower", "tower", bases.as_slice()),
        Label::Partial => ("negative", "partial", [].as_slice()),
        Label::Negative { wires, distractor } => (
            "negative",
            match (wires, distractor) {
                (true, _) => "wires",
                (false, true) => "distractor",
                (false, false) => "plain",
            },
            [].as_slice(),
        ),
    };
    let file = format!("{class}/{z}-{x}-{y}.jpg");
    fs::write(
        folder.join(&file),
        encode_jpeg(pixels.as_bytes(), style.jpeg_quality),
    )?;
    let (px, py) = bases
        .first()
        .map_or((String::new(), String::new()), |base| {
            (format!("{:.2}", base.x_px), format!("{:.2}", base.y_px))
        });
    let all: Vec<String> = bases
        .iter()
        .map(|base| format!("{:.2} {:.2}", base.x_px, base.y_px))
        .collect();
    Ok([
        file,
        class.to_owned(),
        kind.to_owned(),
        style.name.to_owned(),
        z.to_string(),
        x.to_string(),
        y.to_string(),
        px,
        py,
        all.join(";"),
        style.jpeg_quality.to_string(),
    ])
}
