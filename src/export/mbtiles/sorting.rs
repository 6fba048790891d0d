//! Towers, lines and scanned tiles, sorted by the vector tile they fall into.
//!
//! A country's worth does not belong in memory, so it is sorted by a temporary SQLite file beside
//! the output.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, Rows, params};

use super::{
    lines::Piece,
    mvt::EXTENT,
    pyramid::{LEAF_SIDE_MAX, Leaf, Tower},
    quadtree,
};
use crate::{
    detections::Detection,
    export::{ExportError, ExportRequest, table::Row},
    tiles::{TileCoord, TilePosition, mercator},
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
                 leaf INTEGER, rank INTEGER, x INTEGER, y INTEGER, fields BLOB,
                 PRIMARY KEY (leaf, rank)
             ) WITHOUT ROWID;
             CREATE TABLE lines (
                 leaf INTEGER, line INTEGER, part INTEGER, points BLOB,
                 PRIMARY KEY (leaf, line, part)
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

    pub(super) fn add_tower(
        &self,
        request: &ExportRequest<'_>,
        tower: &Detection,
    ) -> Result<(), ExportError> {
        let TilePosition { x, y } = mercator::lon_lat_to_tile(tower.at, self.leaf_zoom);
        let leaf = mercator::tile_at(tower.at, self.leaf_zoom);
        let unit = |position: f64, tile: u32| {
            let inside = (position - f64::from(tile)) * f64::from(EXTENT);
            (inside as i64).clamp(0, i64::from(EXTENT) - 1)
        };
        let row = Row::of(request, tower);
        let values: Vec<_> = row.iter().map(|(_, value)| value).collect();
        let values = serde_json::to_vec(&values).map_err(|e| ExportError::Stream(e.into()))?;
        self.connection
            .prepare_cached("INSERT INTO towers VALUES (?, ?, ?, ?, ?)")?
            .execute(params![
                quadtree::number(leaf) as i64,
                tower.rank as i64,
                unit(x, leaf.x),
                unit(y, leaf.y),
                values,
            ])?;
        Ok(())
    }

    /// Adds a line's way through one leaf.
    pub(super) fn add_piece(&self, leaf: TileCoord, piece: &Piece) -> Result<(), ExportError> {
        let units = piece.points.iter().flat_map(|&(x, y)| [x, y]);
        let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        self.connection
            .prepare_cached("INSERT INTO lines VALUES (?, ?, ?, ?)")?
            .execute(params![
                quadtree::number(leaf) as i64,
                piece.line,
                piece.part,
                bytes
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
        mut visit: impl FnMut(Leaf) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let mut towers = self
            .connection
            .prepare("SELECT * FROM towers ORDER BY leaf, rank")?;
        let mut towers = Towers {
            rows: towers.query([])?,
        };
        let mut lines = self
            .connection
            .prepare("SELECT * FROM lines ORDER BY leaf, line, part")?;
        let mut lines = lines.query([])?;
        let mut scanned = self
            .connection
            .prepare("SELECT leaf, cells FROM scanned ORDER BY leaf, sequence")?;
        let mut scanned = scanned.query([])?;
        let (mut next_tower, mut next_scanned) = (towers.next()?, next_cells(&mut scanned)?);
        let mut next_piece = next_line_piece(&mut lines)?;
        loop {
            let tower_leaf = next_tower.as_ref().map(|&(leaf, _)| leaf);
            let scanned_leaf = next_scanned.as_ref().map(|&(leaf, _)| leaf);
            let piece_leaf = next_piece.as_ref().map(|&(leaf, _)| leaf);
            let leaves = [tower_leaf, piece_leaf, scanned_leaf];
            let Some(number) = leaves.into_iter().flatten().min() else {
                return Ok(());
            };
            let mut leaf = Leaf {
                number,
                towers: Vec::new(),
                lines: Vec::new(),
                cells: [0; LEAF_SIDE_MAX],
            };
            while let Some((_, tower)) = next_tower.take_if(|(leaf, _)| *leaf == number) {
                leaf.towers.push(tower);
                next_tower = towers.next()?;
            }
            while let Some((_, piece)) = next_piece.take_if(|(leaf, _)| *leaf == number) {
                leaf.lines.push(piece);
                next_piece = next_line_piece(&mut lines)?;
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

fn next_line_piece(rows: &mut Rows<'_>) -> Result<Option<(u64, Piece)>, ExportError> {
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let bytes: Vec<u8> = row.get(3)?;
    let unit = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
    let points = bytes.chunks_exact(4);
    let piece = Piece {
        line: row.get(1)?,
        part: row.get(2)?,
        points: points
            .map(|point| (unit(point), unit(&point[2..])))
            .collect(),
    };
    Ok(Some((row.get::<_, i64>(0)? as u64, piece)))
}

struct Towers<'a> {
    rows: Rows<'a>,
}

impl Towers<'_> {
    fn next(&mut self) -> Result<Option<(u64, Tower)>, ExportError> {
        let Some(row) = self.rows.next()? else {
            return Ok(None);
        };
        let tower = Tower {
            rank: row.get::<_, i64>(1)? as u64,
            position: (row.get(2)?, row.get(3)?),
            values: row.get(4)?,
        };
        Ok(Some((row.get::<_, i64>(0)? as u64, tower)))
    }
}
