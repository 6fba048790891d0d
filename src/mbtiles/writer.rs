//! Writing a whole new file.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{
    metadata::Key,
    schema::{INDEXES, TABLES, mark},
};
use crate::tiles::TileCoord;

/// A file that is being written. Nobody may read it before [`Writer::finish`]: it has neither a
/// journal nor, until then, its indexes, so what was begun and not finished is to be thrown away.
/// The caller writes it beside its place and renames it there.
///
/// The bytes of the file depend on the order of the calls alone.
///
/// ```
/// use hvmap::{
///     mbtiles::{Key, Reader, Writer},
///     tiles::TileCoord,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("one.mbtiles");
/// let tile = TileCoord::new(18, 140_143, 95_508)?;
/// let writer = Writer::create(&path)?;
/// writer.metadata(Key::Format, "png")?;
/// writer.tile(tile, b"an image")?;
/// writer.finish()?;
///
/// let reader = Reader::open(&path)?;
/// assert_eq!(reader.metadata()?.get(Key::Format), Some("png"));
/// assert!(reader.has_zoom(18)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
}

impl Writer {
    /// Begins a file. One that is there must be empty.
    ///
    /// # Errors
    /// When the file cannot be opened, or has tables already.
    pub fn create(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // Nobody reads the file before it is whole, so there is nothing to protect.
        connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        mark(&connection)?;
        connection.execute_batch("BEGIN")?;
        connection.execute_batch(TABLES)?;
        Ok(Self { connection })
    }

    /// Adds one entry of metadata.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn metadata(&self, key: Key, value: &str) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT INTO metadata VALUES (?, ?)")?
            .execute([key.name(), value])
            .map(|_| ())
    }

    /// Adds a tile.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn tile(&self, tile: TileCoord, data: &[u8]) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT INTO tiles VALUES (?, ?, ?, ?)")?
            .execute(params![tile.z, tile.x, tile.tms_y(), data])
            .map(|_| ())
    }

    /// Makes the indexes and closes the file. Whether its bytes have reached the disk is up to the
    /// operating system until the caller asks for that.
    ///
    /// # Errors
    /// When the file cannot be written, or a tile or a key was added twice.
    pub fn finish(self) -> rusqlite::Result<()> {
        self.connection.execute_batch(INDEXES)?;
        self.connection.execute_batch("COMMIT")?;
        self.connection.close().map_err(|(_, error)| error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mbtiles::APPLICATION_ID;

    const TILE: TileCoord = TileCoord { z: 3, x: 1, y: 2 };

    #[test]
    fn a_file_says_that_it_is_mbtiles_and_counts_its_rows_from_the_south() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mbtiles");
        let writer = Writer::create(&path).unwrap();
        writer.tile(TILE, b"image").unwrap();
        writer.finish().unwrap();
        let connection = Connection::open(&path).unwrap();
        let id: i32 = connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .unwrap();
        assert_eq!(id, APPLICATION_ID);
        let row: (u8, u32, u32) = connection
            .query_row(
                "SELECT zoom_level, tile_column, tile_row FROM tiles",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        assert_eq!(row, (3, 1, 5));
    }

    #[test]
    fn a_tile_that_was_added_twice_is_refused_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::create(&folder.path().join("a.mbtiles")).unwrap();
        writer.tile(TILE, b"one").unwrap();
        writer.tile(TILE, b"two").unwrap();
        assert!(writer.finish().is_err());
    }
}
