//! What a server has answered, kept in an MBTiles file so that it is never asked for again.
//!
//! The file is MBTiles 1.3 with one column and one table more: each tile's time of fetching, and
//! the tiles of which the server has no imagery. The metadata name the source, keys redacted, so
//! that tiles of two sources never mix.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Fetched, ImageryError};
use crate::{
    image::{Format, looks_whole},
    tiles::TileCoord,
};

/// How long to wait for another run that writes the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS metadata (name TEXT PRIMARY KEY, value TEXT);
    CREATE TABLE IF NOT EXISTS tiles (
        zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB,
        fetched_at INTEGER
    );
    CREATE UNIQUE INDEX IF NOT EXISTS tile_index
        ON tiles (zoom_level, tile_column, tile_row);
    CREATE TABLE IF NOT EXISTS no_imagery (
        zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, fetched_at INTEGER,
        PRIMARY KEY (zoom_level, tile_column, tile_row)
    ) WITHOUT ROWID;";

/// A file of answers. One writer at a time; other runs may read it meanwhile.
#[derive(Debug)]
pub(super) struct Cache {
    path: String,
    connection: Mutex<Connection>,
}

impl Cache {
    /// Opens a file of answers from a source, or begins one.
    pub(super) fn open(path: &Path, origin: &str) -> Result<Self, ImageryError> {
        let shown = path.display().to_string();
        let unusable = |source| ImageryError::Cache {
            path: shown.clone(),
            source,
        };
        let check = |connection: &Connection| match source_in(connection).map_err(unusable)? {
            Some(found) if found != origin => Err(ImageryError::CacheOfOther {
                path: shown.clone(),
                found,
                expected: origin.to_owned(),
            }),
            _ => Ok(()),
        };
        let mut connection = Connection::open(path).map_err(unusable)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(unusable)?;
        // Before anything is changed: the file may be somebody else's.
        check(&connection)?;
        prepare(&mut connection, origin).map_err(unusable)?;
        // Another run may have begun the file in between.
        check(&connection)?;
        Ok(Self {
            path: shown,
            connection: Mutex::new(connection),
        })
    }

    /// The answer that was kept for an address.
    pub(super) fn find(&self, address: TileCoord) -> Result<Option<Fetched>, ImageryError> {
        let key = params![address.z, address.x, address.tms_y()];
        self.run(|connection| {
            let payload: Option<Vec<u8>> = connection
                .prepare_cached(
                    "SELECT tile_data FROM tiles
                     WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3",
                )?
                .query_row(key, |row| row.get(0))
                .optional()?;
            if let Some(payload) = payload {
                return Ok(Some(Fetched::Payload(Bytes::from(payload))));
            }
            let absent = connection
                .prepare_cached(
                    "SELECT 1 FROM no_imagery
                     WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3",
                )?
                .exists(key)?;
            Ok(absent.then_some(Fetched::NoImagery))
        })
    }

    /// Keeps an answer, if it is one that the server would give again: an image that is whole, or
    /// that there is none.
    pub(super) fn keep(&self, address: TileCoord, found: &Fetched) -> Result<(), ImageryError> {
        let (z, x, row) = (address.z, address.x, address.tms_y());
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        self.run(|connection| {
            match found {
                Fetched::Payload(payload) => {
                    let Ok(format) = Format::of(payload) else {
                        return Ok(());
                    };
                    if !looks_whole(payload) {
                        return Ok(());
                    }
                    connection
                        .prepare_cached("INSERT OR REPLACE INTO tiles VALUES (?1, ?2, ?3, ?4, ?5)")?
                        .execute(params![z, x, row, payload.as_ref(), now])?;
                    connection
                        .prepare_cached("INSERT OR IGNORE INTO metadata VALUES ('format', ?1)")?
                        .execute([format.extension()])?;
                }
                Fetched::NoImagery => {
                    connection
                        .prepare_cached(
                            "INSERT OR REPLACE INTO no_imagery VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute(params![z, x, row, now])?;
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ImageryError> {
        let connection: MutexGuard<'_, Connection> = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|source| ImageryError::Cache {
            path: self.path.clone(),
            source,
        })
    }
}

/// The source that a file holds tiles of, in words where it does not say; `None` for an empty file.
fn source_in(connection: &Connection) -> rusqlite::Result<Option<String>> {
    if !connection
        .prepare("SELECT 1 FROM sqlite_master")?
        .exists([])?
    {
        return Ok(None);
    }
    let has_metadata = connection
        .prepare("SELECT 1 FROM sqlite_master WHERE name = 'metadata'")?
        .exists([])?;
    let named = if has_metadata {
        connection
            .query_row(
                "SELECT value FROM metadata WHERE name = 'hvmap_source'",
                [],
                |row| row.get(0),
            )
            .optional()?
    } else {
        None
    };
    Ok(Some(
        named.unwrap_or_else(|| "an unknown source".to_owned()),
    ))
}

/// Lays out an empty file and sets how it is written.
fn prepare(connection: &mut Connection, origin: &str) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may cost the last answers, never the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if source_in(&transaction)?.is_none() {
        transaction.execute_batch(SCHEMA)?;
        for (name, value) in [
            ("name", "hvmap imagery cache"),
            ("type", "baselayer"),
            ("hvmap_source", origin),
        ] {
            transaction.execute("INSERT INTO metadata VALUES (?1, ?2)", [name, value])?;
        }
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{encode_jpeg, test_images};

    const TILE: TileCoord = TileCoord { z: 18, x: 5, y: 9 };

    #[test]
    fn answers_are_found_again_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.mbtiles");
        let jpeg = Bytes::from(encode_jpeg(&test_images::scene(), 80));
        let absent = TileCoord { y: 10, ..TILE };
        let cache = Cache::open(&path, "https://h/{q}").unwrap();
        assert!(cache.find(TILE).unwrap().is_none());
        cache.keep(TILE, &Fetched::Payload(jpeg.clone())).unwrap();
        cache.keep(absent, &Fetched::NoImagery).unwrap();
        drop(cache);
        let cache = Cache::open(&path, "https://h/{q}").unwrap();
        assert!(matches!(cache.find(TILE).unwrap(), Some(Fetched::Payload(p)) if p == jpeg));
        assert!(matches!(
            cache.find(absent).unwrap(),
            Some(Fetched::NoImagery)
        ));
    }

    #[test]
    fn error_pages_and_torn_images_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("c.mbtiles"), "o").unwrap();
        let jpeg = encode_jpeg(&test_images::scene(), 80);
        for body in [b"<html>".to_vec(), jpeg[..jpeg.len() / 3].to_vec()] {
            cache
                .keep(TILE, &Fetched::Payload(Bytes::from(body)))
                .unwrap();
            assert!(cache.find(TILE).unwrap().is_none());
        }
    }

    #[test]
    fn a_cache_of_another_source_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.mbtiles");
        drop(Cache::open(&path, "https://one/{q}").unwrap());
        let error = Cache::open(&path, "https://two/{q}").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("holds tiles of https://one/{q} (expected https://two/{q})")
        );
    }

    #[test]
    fn a_file_of_somebody_else_is_refused_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        for schema in [
            "CREATE TABLE tiles (a); CREATE TABLE metadata (name, value)",
            "CREATE TABLE diary (entry)",
        ] {
            let path = folder.path().join(format!("{}.mbtiles", schema.len()));
            Connection::open(&path)
                .unwrap()
                .execute_batch(schema)
                .unwrap();
            let before = std::fs::read(&path).unwrap();
            let error = Cache::open(&path, "https://h/{q}").unwrap_err();
            assert!(error.to_string().contains("an unknown source"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }
}
