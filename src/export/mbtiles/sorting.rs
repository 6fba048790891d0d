//! Towers and scanned tiles, sorted by the vector tile they fall into.
//!
//! A country's worth does not belong in memory, so it is sorted by a temporary SQLite file beside
//! the output.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, Rows, params};

use super::{
    mvt::EXTENT,
    pyramid::{LEAF_SIDE_MAX, Leaf, Tower},
    quadtree,
};
use crate::{
    detections::Detection,
    export::ExportError,
    tiles::{TileCoord, mercator},
};

/// Memory for SQLite's pages, in KiB.
const CACHE_KIB: i64 = 16 * 1024;

/// The temporary file. Removed when dropped.
pub(super) struct Sorting {
    connection: Connection,
    _file: TemporaryFile,
    leaf_zoom: u8,
}

struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // Whatever stays is written over by the next export of the same name.
        let _ = fs::remove_file(&self.0);
    }
}

impl Sorting {
    /// Opens the file, empty, in one transaction that is never committed for good.
    pub(super) fn create(path: &Path, leaf_zoom: u8) -> Result<Self, ExportError> {
        let file = TemporaryFile(path.to_owned());
        let _ = fs::remove_file(path);
        let connection = Connection::open(path)?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA cache_size = -{CACHE_KIB};
             BEGIN;
             CREATE TABLE towers (
                 leaf INTEGER, rank INTEGER, x INTEGER, y INTEGER, id TEXT, score REAL,
                 tile_x INTEGER, tile_y INTEGER, uncertainty_m REAL, located INTEGER,
                 chain INTEGER, place INTEGER,
                 PRIMARY KEY (leaf, rank)
             ) WITHOUT ROWID;
             CREATE TABLE scanned (
                 leaf INTEGER, sequence INTEGER, cells BLOB, PRIMARY KEY (leaf, sequence)
             ) WITHOUT ROWID;"
        ))?;
        Ok(Self {
            connection,
            _file: file,
            leaf_zoom,
        })
    }

    pub(super) fn add_tower(&self, tower: &Detection) -> Result<(), ExportError> {
        let (x, y) = mercator::lon_lat_to_tile(tower.lon, tower.lat, self.leaf_zoom);
        let leaf = mercator::tile_at(tower.lon, tower.lat, self.leaf_zoom);
        let unit = |position: f64, tile: u32| {
            let inside = (position - f64::from(tile)) * f64::from(EXTENT);
            (inside as i64).clamp(0, i64::from(EXTENT) - 1)
        };
        self.connection
            .prepare_cached("INSERT INTO towers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
            .execute(params![
                quadtree::number(leaf) as i64,
                tower.rank as i64,
                unit(x, leaf.x),
                unit(y, leaf.y),
                tower.id,
                f64::from(tower.score),
                tower.tile.x,
                tower.tile.y,
                tower.uncertainty_m,
                tower.located,
                tower.chain,
                tower.place,
            ])?;
        Ok(())
    }

    /// Adds scanned tiles of one leaf: a bit for each, row by row.
    pub(super) fn add_scanned(
        &self,
        leaf: TileCoord,
        sequence: u64,
        cells: &LeafCells,
    ) -> Result<(), ExportError> {
        let bytes: Vec<u8> = cells.iter().flat_map(|row| row.to_le_bytes()).collect();
        self.connection
            .prepare_cached("INSERT INTO scanned VALUES (?, ?, ?)")?
            .execute(params![
                quadtree::number(leaf) as i64,
                sequence as i64,
                bytes
            ])?;
        Ok(())
    }

    /// Hands over each leaf that holds anything, in Z-order; its towers by rank.
    pub(super) fn for_each_leaf(
        &self,
        run_zoom: u8,
        mut visit: impl FnMut(Leaf) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let mut towers = self
            .connection
            .prepare("SELECT * FROM towers ORDER BY leaf, rank")?;
        let mut towers = Towers {
            rows: towers.query([])?,
            run_zoom,
        };
        let mut scanned = self
            .connection
            .prepare("SELECT leaf, cells FROM scanned ORDER BY leaf, sequence")?;
        let mut scanned = scanned.query([])?;
        let (mut next_tower, mut next_scanned) = (towers.next()?, next_cells(&mut scanned)?);
        loop {
            let tower_leaf = next_tower.as_ref().map(|&(leaf, _)| leaf);
            let scanned_leaf = next_scanned.as_ref().map(|&(leaf, _)| leaf);
            let Some(number) = tower_leaf.into_iter().chain(scanned_leaf).min() else {
                return Ok(());
            };
            let mut leaf = Leaf {
                number,
                towers: Vec::new(),
                cells: [0; LEAF_SIDE_MAX],
            };
            while let Some((_, tower)) = next_tower.take_if(|(leaf, _)| *leaf == number) {
                leaf.towers.push(tower);
                next_tower = towers.next()?;
            }
            while let Some((_, cells)) = next_scanned.take_if(|(leaf, _)| *leaf == number) {
                leaf.cells
                    .iter_mut()
                    .zip(cells)
                    .for_each(|(row, more)| *row |= more);
                next_scanned = next_cells(&mut scanned)?;
            }
            visit(leaf)?;
        }
    }
}

/// Scanned tiles of a leaf: one word a row, bit 0 the westernmost.
pub(super) type LeafCells = [u16; LEAF_SIDE_MAX];

fn next_cells(rows: &mut Rows<'_>) -> Result<Option<(u64, LeafCells)>, ExportError> {
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let bytes: [u8; 2 * LEAF_SIDE_MAX] = row.get(1)?;
    let mut cells = [0; LEAF_SIDE_MAX];
    for (cell, pair) in cells.iter_mut().zip(bytes.chunks_exact(2)) {
        *cell = u16::from_le_bytes([pair[0], pair[1]]);
    }
    Ok(Some((row.get::<_, i64>(0)? as u64, cells)))
}

struct Towers<'a> {
    rows: Rows<'a>,
    run_zoom: u8,
}

impl Towers<'_> {
    fn next(&mut self) -> Result<Option<(u64, Tower)>, ExportError> {
        let Some(row) = self.rows.next()? else {
            return Ok(None);
        };
        let tower = Tower {
            rank: row.get::<_, i64>(1)? as u64,
            position: (row.get(2)?, row.get(3)?),
            id: row.get(4)?,
            score: row.get::<_, f64>(5)? as f32,
            tile: TileCoord {
                z: self.run_zoom,
                x: row.get(6)?,
                y: row.get(7)?,
            },
            uncertainty_m: row.get(8)?,
            located: row.get(9)?,
            chain: row.get(10)?,
            place: row.get(11)?,
        };
        Ok(Some((row.get::<_, i64>(0)? as u64, tower)))
    }
}
