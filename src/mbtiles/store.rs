//! A file that is added to and read at the same time.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{
    BUSY_TIMEOUT,
    metadata::Key,
    schema::{GROWING, mark},
};
use crate::tiles::TileCoord;

/// A growing file of tiles from one source. One process writes at a time, others wait for it; any
/// number read meanwhile.
///
/// ```
/// use hvmap::{
///     mbtiles::{Kept, TileStore},
///     tiles::TileCoord,
/// };
///
/// # let folder = tempfile::tempdir()?;
/// let mut store = TileStore::open(&folder.path().join("cache.mbtiles"))?;
/// store.prepare("https://tiles.example/{z}/{x}/{y}.png")?;
/// let tile = TileCoord::new(18, 140_143, 95_508)?;
/// assert_eq!(store.find(tile)?, None, "never fetched");
///
/// store.keep_tile(tile, b"an image", "png", 1_764_547_200)?;
/// assert_eq!(store.find(tile)?, Some(Kept::Tile(b"an image".to_vec())));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TileStore {
    connection: Connection,
}

/// Whose tiles a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody's yet: the file is new.
    New,
    /// Those of the source that the metadata name.
    Named(String),
    /// The file has tables, but does not say whose.
    Unnamed,
}

/// What is known of a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Its encoded bytes.
    Tile(Vec<u8>),
    /// The source has none here.
    Missing,
}

impl TileStore {
    /// Opens a file, or begins an empty one, and changes nothing: it may be somebody else's. What it
    /// holds is told by [`TileStore::origin`], and [`TileStore::prepare`] makes it ready.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self { connection })
    }

    /// Whose tiles the file holds.
    ///
    /// # Errors
    /// When the file is no database, or its metadata are not laid out as those of MBTiles.
    pub fn origin(&self) -> rusqlite::Result<Origin> {
        origin_of(&self.connection)
    }

    /// Sets how the file is written and, where it is new, lays it out and names the source. The file
    /// may belong to another process's source afterwards, which began it in between.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn prepare(&mut self, source: &str) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        // A power cut may cost the last answers, never the file.
        self.connection
            .pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if origin_of(&transaction)? == Origin::New {
            mark(&transaction)?;
            transaction.execute_batch(GROWING)?;
            for (key, value) in [
                (Key::Name, "hvmap imagery cache"),
                (Key::Type, "baselayer"),
                (Key::Source, source),
            ] {
                transaction.execute("INSERT INTO metadata VALUES (?1, ?2)", [key.name(), value])?;
            }
        }
        transaction.commit()
    }

    /// What was kept of a tile, if anything was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, tile: TileCoord) -> rusqlite::Result<Option<Kept>> {
        let key = params![tile.z, tile.x, tile.tms_y()];
        let data: Option<Vec<u8>> = self
            .connection
            .prepare_cached(
                "SELECT tile_data FROM tiles
                 WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3",
            )?
            .query_row(key, |row| row.get(0))
            .optional()?;
        if let Some(data) = data {
            return Ok(Some(Kept::Tile(data)));
        }
        let missing = self
            .connection
            .prepare_cached(
                "SELECT 1 FROM no_imagery
                 WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3",
            )?
            .exists(key)?;
        Ok(missing.then_some(Kept::Missing))
    }

    /// Keeps a tile in place of what was kept of it. `format` is what the metadata call the format of
    /// the first tile; `fetched_at` counts seconds since 1970.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_tile(
        &self,
        tile: TileCoord,
        data: &[u8],
        format: &str,
        fetched_at: i64,
    ) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO tiles VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![tile.z, tile.x, tile.tms_y(), data, fetched_at])?;
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO metadata VALUES (?1, ?2)")?
            .execute([Key::Format.name(), format])?;
        Ok(())
    }

    /// Keeps that the source has no such tile.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_missing(&self, tile: TileCoord, fetched_at: i64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO no_imagery VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![tile.z, tile.x, tile.tms_y(), fetched_at])?;
        Ok(())
    }
}

fn origin_of(connection: &Connection) -> rusqlite::Result<Origin> {
    if !connection
        .prepare("SELECT 1 FROM sqlite_master")?
        .exists([])?
    {
        return Ok(Origin::New);
    }
    let has_metadata = connection
        .prepare("SELECT 1 FROM sqlite_master WHERE name = 'metadata'")?
        .exists([])?;
    if !has_metadata {
        return Ok(Origin::Unnamed);
    }
    let named = connection
        .query_row(
            "SELECT value FROM metadata WHERE name = ?1",
            [Key::Source.name()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(named.map_or(Origin::Unnamed, Origin::Named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mbtiles::{APPLICATION_ID, Reader};

    const TILE: TileCoord = TileCoord { z: 18, x: 5, y: 9 };

    fn application_id(path: &Path) -> i32 {
        Connection::open(path)
            .unwrap()
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_new_file_is_mbtiles_that_names_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.mbtiles");
        let mut store = TileStore::open(&path).unwrap();
        assert_eq!(store.origin().unwrap(), Origin::New);
        store.prepare("https://h/{q}").unwrap();
        assert_eq!(
            store.origin().unwrap(),
            Origin::Named("https://h/{q}".to_owned())
        );
        assert_eq!(application_id(&path), APPLICATION_ID);
        store.keep_tile(TILE, b"image", "jpg", 7).unwrap();
        let metadata = Reader::open(&path).unwrap().metadata().unwrap();
        assert_eq!(metadata.get(Key::Format), Some("jpg"));
    }

    #[test]
    fn a_file_of_an_older_program_without_the_application_id_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.mbtiles");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(GROWING).unwrap();
        connection
            .execute_batch(
                "INSERT INTO metadata VALUES ('hvmap_source', 'https://h/{q}');
                 INSERT INTO tiles VALUES (18, 5, 262134, x'010203', 1)",
            )
            .unwrap();
        drop(connection);
        let mut store = TileStore::open(&path).unwrap();
        assert_eq!(
            store.origin().unwrap(),
            Origin::Named("https://h/{q}".to_owned())
        );
        store.prepare("https://h/{q}").unwrap();
        assert_eq!(store.find(TILE).unwrap(), Some(Kept::Tile(vec![1, 2, 3])));
        let beside = TileCoord { y: 10, ..TILE };
        store.keep_missing(beside, 2).unwrap();
        assert_eq!(store.find(beside).unwrap(), Some(Kept::Missing));
    }
}
