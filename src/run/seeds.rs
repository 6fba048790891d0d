//! Where a guided scan begins.

use std::{collections::HashSet, path::PathBuf};

use super::{Notice, Observer, RunError};
use crate::{
    digest, osm,
    tiles::{Cover, TileCoord, mercator},
};

/// A file of OpenStreetMap's data, at whose loose ends of lines, substations and towers on no line a
/// guided scan begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFile {
    /// GeoJSON, `.osm` or `.osm.pbf`, gzipped or not.
    pub path: PathBuf,
    /// Look along the mapped lines too.
    pub along_lines: bool,
}

impl SeedFile {
    /// The tiles of a cover in which the file has something to begin at, each once, in the order of
    /// the file.
    ///
    /// # Errors
    /// When the file cannot be read, or knows of nothing in the area.
    pub(super) fn tiles(
        &self,
        cover: &Cover,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TileCoord>, RunError> {
        let features = osm::read_power(&self.path)?;
        if features.losses.any() {
            observer.notice(&Notice::OsmLosses {
                losses: features.losses,
                file: self.path.clone(),
            });
        }
        let mut seen = HashSet::new();
        let tiles: Vec<TileCoord> = features
            .seeds(self.along_lines)
            .iter()
            .map(|&place| mercator::tile_at(place, cover.zoom()))
            .filter(|&tile| cover.contains(tile) && seen.insert(tile))
            .collect();
        if tiles.is_empty() {
            return Err(RunError::NoSeeds {
                path: self.path.clone(),
            });
        }
        observer.notice(&Notice::Seeded {
            tiles: tiles.len() as u64,
            file: self.path.clone(),
        });
        Ok(tiles)
    }
}

/// The first tiles of two scans are the same in the same order where their digests are.
pub(super) fn digest(seeds: &[TileCoord]) -> String {
    let bytes: Vec<u8> = seeds
        .iter()
        .flat_map(|tile| [tile.x.to_le_bytes(), tile.y.to_le_bytes()].concat())
        .collect();
    digest::xxh3(bytes).to_string()
}
