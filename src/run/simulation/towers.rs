//! The known towers of a simulation.

use std::{collections::HashMap, path::Path};

use crate::{
    evaluation::read_truth,
    run::{Notice, Observer, RunError},
    tiles::{Cover, TILE_SIZE_PX, TileCoord, mercator},
};

/// The tiles of the cover that hold a tower, and where in them the first one stands, in pixels;
/// towers outside are counted and told.
pub(super) fn read(
    path: &Path,
    cover: &Cover,
    observer: &mut dyn Observer,
) -> Result<HashMap<TileCoord, (f32, f32)>, RunError> {
    let towers = read_truth(path)?;
    let mut outside = 0;
    let mut tiles = HashMap::new();
    for &(lon, lat) in &towers {
        let tile = mercator::tile_at(lon, lat, cover.zoom());
        if cover.contains(tile) {
            let (x, y) = mercator::lon_lat_to_tile(lon, lat, cover.zoom());
            let px = |at: f64| (at.fract() * f64::from(TILE_SIZE_PX)) as f32;
            tiles.entry(tile).or_insert((px(x), px(y)));
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
