//! What a server has answered, kept in an MBTiles file so that it is never asked for again.
//!
//! The metadata name the source, keys redacted, so that tiles of two sources never mix.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;

use super::{Fetched, ImageryError};
use crate::{
    image::{Format, looks_whole},
    mbtiles::{Kept, Origin, TileStore},
    tiles::TileCoord,
};

/// A file of answers. One writer at a time; other runs may read it meanwhile.
#[derive(Debug)]
pub(super) struct Cache {
    path: String,
    store: Mutex<TileStore>,
}

impl Cache {
    /// Opens a file of answers from a source, or begins one.
    pub(super) fn open(path: &Path, origin: &str) -> Result<Self, ImageryError> {
        let shown = path.display().to_string();
        let unusable = |source| ImageryError::Cache {
            path: shown.clone(),
            source,
        };
        let check = |store: &TileStore| {
            let found = match store.origin().map_err(unusable)? {
                Origin::New => return Ok(()),
                Origin::Named(found) if found == origin => return Ok(()),
                Origin::Named(found) => found,
                Origin::Unnamed => "an unknown source".to_owned(),
            };
            Err(ImageryError::CacheOfOther {
                path: shown.clone(),
                found,
                expected: origin.to_owned(),
            })
        };
        let mut store = TileStore::open(path).map_err(unusable)?;
        // Before anything is changed: the file may be somebody else's.
        check(&store)?;
        store.prepare(origin).map_err(unusable)?;
        // Another run may have begun the file in between.
        check(&store)?;
        Ok(Self {
            path: shown,
            store: Mutex::new(store),
        })
    }

    /// The answer that was kept for an address.
    pub(super) fn find(&self, address: TileCoord) -> Result<Option<Fetched>, ImageryError> {
        let kept = self.run(|store| store.find(address))?;
        Ok(kept.map(|kept| match kept {
            Kept::Tile(payload) => Fetched::Payload(Bytes::from(payload)),
            Kept::Missing => Fetched::NoImagery,
        }))
    }

    /// Keeps an answer, if it is one that the server would give again: an image that is whole, or
    /// that there is none.
    pub(super) fn keep(&self, address: TileCoord, found: &Fetched) -> Result<(), ImageryError> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        match found {
            Fetched::Payload(payload) => {
                let Ok(format) = Format::of(payload) else {
                    return Ok(());
                };
                if !looks_whole(payload) {
                    return Ok(());
                }
                self.run(|store| store.keep_tile(address, payload, format.extension(), now))
            }
            Fetched::NoImagery => self.run(|store| store.keep_missing(address, now)),
            _ => Ok(()),
        }
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&TileStore) -> rusqlite::Result<T>,
    ) -> Result<T, ImageryError> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        work(&store).map_err(|source| ImageryError::Cache {
            path: self.path.clone(),
            source,
        })
    }
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
            rusqlite::Connection::open(&path)
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
