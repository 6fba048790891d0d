//! The images of the chosen tiles, as files.

use std::{collections::BTreeMap, fs, io, ops::ControlFlow, path::Path};

use super::{LabelsError, choice::Chosen};
use crate::{
    image::{Format, RgbTile, decode, encode_png, is_blank},
    imagery::{Fetched, ImagerySource},
    tiles::{BlockCoord, TileCoord, TileMask, UNIT_TILES_MAX, VisitReason, WorkUnit},
};

/// Files that were written, below the folder, by tile.
pub(super) type Written = BTreeMap<TileCoord, String>;

/// Fetches the chosen tiles, block by block, and writes them into the folder of their label. Tiles
/// without usable imagery are left out.
///
/// # Errors
/// When the imagery cannot be used any more, or a file cannot be written.
pub(super) fn fetch_all(
    source: &dyn ImagerySource,
    chosen: &BTreeMap<TileCoord, Chosen>,
    folder: &Path,
) -> Result<Written, LabelsError> {
    let mut written = Written::new();
    let mut failed_write = None;
    for unit in units(chosen.keys().copied()) {
        source.fetch(&unit, &mut |tile, fetched| match write_tile(
            folder,
            tile,
            &chosen[&tile],
            fetched,
        ) {
            Ok(Some(file)) => {
                written.insert(tile, file);
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => {
                failed_write = Some(error);
                ControlFlow::Break(())
            }
        })?;
        if let Some(error) = failed_write {
            return Err(error.into());
        }
    }
    Ok(written)
}

/// Work units of the tiles, block by block.
fn units(tiles: impl Iterator<Item = TileCoord>) -> Vec<WorkUnit> {
    let mut blocks: BTreeMap<BlockCoord, Vec<u16>> = BTreeMap::new();
    for tile in tiles {
        blocks
            .entry(BlockCoord::of(tile))
            .or_default()
            .push(BlockCoord::index_of(tile));
    }
    let mut units = Vec::new();
    for (block, indices) in blocks {
        for some in indices.chunks(UNIT_TILES_MAX) {
            let mut wanted = TileMask::default();
            for &index in some {
                wanted.insert(index);
            }
            units.push(WorkUnit {
                sequence: units.len() as u64,
                block,
                wanted,
                reason: VisitReason::Everything,
            });
        }
    }
    units
}

/// Writes one tile as it came, or as PNG where it came as pixels; `None` where it is no use.
fn write_tile(
    folder: &Path,
    tile: TileCoord,
    label: &Chosen,
    fetched: Fetched,
) -> io::Result<Option<String>> {
    let mut pixels = RgbTile::new();
    let (bytes, extension) = match fetched {
        Fetched::Payload(payload) => {
            let Ok(format) = Format::of(&payload) else {
                return Ok(None);
            };
            if decode(&payload, pixels.as_bytes_mut()).is_err() {
                return Ok(None);
            }
            (payload.to_vec(), format.extension())
        }
        Fetched::Pixels(drawn) => {
            let png = encode_png(drawn.as_bytes());
            pixels = drawn;
            (png, "png")
        }
        Fetched::NoImagery | Fetched::Undecodable(_) | Fetched::Failed(_) => return Ok(None),
    };
    if is_blank(pixels.as_bytes()) {
        return Ok(None);
    }
    let TileCoord { z, x, y } = tile;
    let file = format!("{}/{z}-{x}-{y}.{extension}", label.folder());
    fs::write(folder.join(&file), bytes)?;
    Ok(Some(file))
}
