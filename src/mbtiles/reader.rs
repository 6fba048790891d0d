//! Reading a file without changing it.

use std::{ops::ControlFlow, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{BUSY_TIMEOUT, metadata::Metadata};
use crate::tiles::{TileCoord, mercator};

/// A run of one column. The table's index leads with zoom and column, so that a run of rows is one
/// contiguous range of it, which a run of columns would not be.
const COLUMN_RUN: &str = "SELECT tile_row, tile_data FROM tiles
     WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row BETWEEN ?3 AND ?4";

/// A file that is open for reading, by one thread at a time.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens a file that can only be read.
    ///
    /// A file that nobody has open for writing is opened as immutable, which saves all locking. It is
    /// not mapped into memory: a file that is cut short while it is read must be an error, not a
    /// crash.
    ///
    /// # Errors
    /// When the file cannot be opened. Whether it is a database shows when it is read.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let beside = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            Path::new(&name).exists()
        };
        let being_written = beside("-wal") || beside("-journal");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let connection = match path.to_str() {
            Some(text) if !being_written => {
                let escaped = text
                    .replace('%', "%25")
                    .replace('?', "%3f")
                    .replace('#', "%23");
                Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?
            }
            _ => Connection::open_with_flags(path, flags & !OpenFlags::SQLITE_OPEN_URI)?,
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self { connection })
    }

    /// The metadata.
    ///
    /// # Errors
    /// When the file is no database or has no table of metadata.
    pub fn metadata(&self) -> rusqlite::Result<Metadata> {
        Metadata::read(&self.connection)
    }

    /// The bytes of whichever tile comes first; `None` where the file has no tiles.
    ///
    /// # Errors
    /// When the file has no table of tiles or cannot be read.
    pub fn any_tile(&self) -> rusqlite::Result<Option<Vec<u8>>> {
        self.connection
            .query_row("SELECT tile_data FROM tiles LIMIT 1", [], |row| row.get(0))
            .optional()
    }

    /// Whether the file holds a tile of a zoom.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_zoom(&self, zoom: u8) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached("SELECT 1 FROM tiles WHERE zoom_level = ?1 LIMIT 1")?
            .exists([zoom])
    }

    /// Calls `visit` with the index in the run and the bytes of each stored tile, until it breaks.
    /// Tiles come in any order; one that has no bytes comes with none.
    ///
    /// The run holds neighbours of one column, from north to south.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn visit_column_run(
        &self,
        run: &[TileCoord],
        mut visit: impl FnMut(usize, &[u8]) -> ControlFlow<()>,
    ) -> rusqlite::Result<ControlFlow<()>> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(ControlFlow::Continue(()));
        };
        let mut statement = self.connection.prepare_cached(COLUMN_RUN)?;
        // Rows count from the south in the file, so the run's last tile has the lowest row.
        let mut rows = statement.query(params![first.z, first.x, last.tms_y(), first.tms_y()])?;
        while let Some(row) = rows.next()? {
            let tms_row: u32 = row.get(0)?;
            let y = mercator::tiles_per_side(first.z) - 1 - tms_row;
            let data = row.get_ref(1)?.as_bytes_or_null()?.unwrap_or_default();
            if visit((y - first.y) as usize, data).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
