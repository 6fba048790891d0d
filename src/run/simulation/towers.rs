//! The known towers of a simulation.

use std::{collections::HashMap, path::Path};

use crate::{
    evaluation::read_truth,
    run::{Notice, Observer, RunError},
    tiles::{Cover, PixelPosition, TileCoord, mercator},
};

/// The tiles of the cover that hold a tower, and where in them the first one stands;
/// towers outside are counted and told.
pub(super) fn read(
    path: &Path,
    cover: &Cover,
    observer: &mut dyn Observer,
) -> Result<HashMap<TileCoord, PixelPosition>, RunError> {
    let towers = read_truth(path)?;
    let mut outside = 0;
    let mut tiles = HashMap::new();
    for &tower in &towers {
        let tile = mercator::tile_at(tower, cover.zoom());
        if cover.contains(tile) {
            let position = mercator::lon_lat_to_tile(tower, cover.zoom());
            tiles.entry(tile).or_insert(tile.pixel(position));
        } else {
            outside += 1;
        }
    }
    if outside > 0 {
        observer.notice(&Notice::TowersOutside {
            outside,
            towers: towers.len() as u64,
            file: path.to_owned(),
        });
    }
    if tiles.is_empty() {
        return Err(RunError::NoTowersInside {
            path: path.to_owned(),
        });
    }
    Ok(tiles)
}
