//! Draws what a run looked at and found, a pixel a tile (or a square of tiles), as a PNG.
//!
//! ```text
//! cargo run --release --example scan_map -- runs/zambia zambia.png
//! cargo run --release --example scan_map -- runs/zambia zambia.png --truth towers.geojson --shrink 4
//! ```
//!
//! Grey is the area, the blues are what was looked at (net, follow and the rest), green a hit. With
//! known towers a hit without one is orange, a tower that was not found red, and what it says in the end
//! is how many of the tiles with a tower were looked at, and how many of those were hits.

#![allow(clippy::print_stdout, reason = "an example prints what it found")]

use std::{collections::HashSet, error::Error, ops::ControlFlow, path::Path};

use hvmap::{
    evaluation::read_truth,
    ledger::{LedgerError, LedgerReader},
    tiles::{TileCoord, VisitReason, mercator},
};

const NOT_VISITED: [u8; 3] = [36, 36, 40];
const HIT: [u8; 3] = [90, 220, 110];
const FALSE_HIT: [u8; 3] = [255, 165, 0];
const MISSED: [u8; 3] = [255, 40, 60];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let [run, picture, ..] = arguments.as_slice() else {
        return Err("expected the folder of a run and a PNG to write".into());
    };
    let shrink: u32 = option("--shrink").map_or(Ok(1), |text| text.parse())?;
    let ledger = LedgerReader::open(Path::new(run))?;
    let manifest = ledger.manifest()?;
    let truth: Option<HashSet<TileCoord>> = match option("--truth") {
        Some(file) => Some(
            read_truth(Path::new(file))?
                .into_iter()
                .map(|tower| mercator::tile_at(tower, manifest.zoom))
                .collect(),
        ),
        None => None,
    };

    let visits = ledger.visits()?;
    let tiles = || {
        visits
            .iter()
            .flat_map(|(reason, block, mask)| mask.iter().map(move |at| (*reason, block.tile(at))))
    };
    let edge = |of: fn(TileCoord) -> u32| {
        let values = tiles().map(|(_, tile)| of(tile));
        values.fold((u32::MAX, 0), |(low, high), at| (low.min(at), high.max(at)))
    };
    let ((left, right), (top, bottom)) = (edge(|tile| tile.x), edge(|tile| tile.y));
    if left > right {
        return Err(format!("{run} has not looked at any tile yet").into());
    }
    let (width, height) = ((right - left) / shrink + 1, (bottom - top) / shrink + 1);
    let mut canvas = image::RgbImage::from_pixel(width, height, image::Rgb(NOT_VISITED));
    let visited: HashSet<TileCoord> = tiles().map(|(_, tile)| tile).collect();
    let mut paint = |tile: TileCoord, colour: [u8; 3]| {
        if (left..=right).contains(&tile.x) && (top..=bottom).contains(&tile.y) {
            let at = ((tile.x - left) / shrink, (tile.y - top) / shrink);
            canvas.put_pixel(at.0, at.1, image::Rgb(colour));
        }
    };
    for (reason, tile) in tiles() {
        paint(tile, colour_of(reason));
    }
    let mut hits = HashSet::new();
    ledger.candidates_by_rank(manifest.threshold, |candidate| {
        hits.insert(candidate.tile);
        Ok::<_, LedgerError>(ControlFlow::Continue(()))
    })?;
    if let Some(truth) = &truth {
        println!(
            r#"{{"visited":{},"tower_tiles_visited":{},"tower_tiles_hit":{}}}"#,
            visited.len(),
            visited.intersection(truth).count(),
            hits.intersection(truth).count()
        );
    }
    let is_tower = |tile| truth.as_ref().is_none_or(|truth| truth.contains(tile));
    let missed = truth.iter().flatten().filter(|tile| !hits.contains(tile));
    missed.for_each(|&tile| paint(tile, MISSED));
    let (towers, others): (Vec<_>, Vec<_>) = hits.iter().partition(|tile| is_tower(tile));
    others.into_iter().for_each(|&tile| paint(tile, FALSE_HIT));
    towers.into_iter().for_each(|&tile| paint(tile, HIT));
    canvas.save(picture)?;
    Ok(())
}

fn colour_of(reason: VisitReason) -> [u8; 3] {
    match reason {
        VisitReason::Net => [60, 80, 170],
        VisitReason::Follow => [90, 150, 230],
        VisitReason::Neighbour => [60, 130, 150],
        VisitReason::End => [130, 100, 200],
        VisitReason::Seed => [230, 230, 120],
        VisitReason::Everything => [80, 80, 90],
    }
}
