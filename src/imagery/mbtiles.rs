//! Tiles from an MBTiles file.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::{
    Emit, FetchFailure, Fetched, ImageryError, ImagerySource, RetryClass, SourceDescription,
    SourceOptions, addressing::ImageSize,
};
use crate::{
    mbtiles::{Key, Reader},
    tiles::{TileCoord, WorkUnit, ZOOM_MAX},
};

/// Units worth fetching at once: one being read while another is taken.
const CONCURRENT_UNITS: usize = 2;

/// An MBTiles file.
#[derive(Debug)]
pub struct MbtilesSource {
    path: PathBuf,
    description: SourceDescription,
    size: ImageSize,
    /// Readers that no thread is using: one for each fetching thread at most.
    idle: Mutex<Vec<Reader>>,
    /// The zoom last found to hold tiles.
    zoom_checked: Mutex<Option<u8>>,
}

impl MbtilesSource {
    /// Opens a file and reads its metadata.
    ///
    /// # Errors
    /// When the file is missing, is no MBTiles file, holds vector tiles or no tiles at all.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Self, ImageryError> {
        let origin = path.display().to_string();
        let invalid = |reason: String| ImageryError::InvalidSource {
            origin: origin.clone(),
            reason,
        };
        std::fs::File::open(path).map_err(|source| ImageryError::Unreadable {
            origin: origin.clone(),
            source,
        })?;
        let database = |source| ImageryError::Database {
            origin: origin.clone(),
            source,
        };
        let reader = Reader::open(path).map_err(database)?;
        let metadata = reader.metadata().map_err(database)?;
        if let Some(format) = metadata.vector_format() {
            return Err(invalid(format!(
                "it holds vector tiles (format {format}, expected jpg, png or webp)"
            )));
        }
        let Some(sample) = reader.any_tile().map_err(database)? else {
            return Err(invalid("it holds no tiles".to_owned()));
        };
        let size = ImageSize::of(&sample).unwrap_or(ImageSize::Single);
        Ok(Self {
            path: path.to_owned(),
            description: options.overlay(SourceDescription {
                name: origin,
                attribution: metadata
                    .get(Key::Attribution)
                    .unwrap_or_default()
                    .to_owned(),
                terms: None,
                synthetic: metadata.synthetic(),
                zoom_max: metadata.zoom_max().map(|zoom| zoom + size.zooms_above()),
            }),
            size,
            idle: Mutex::new(vec![reader]),
            zoom_checked: Mutex::new(None),
        })
    }

    fn take_reader(&self) -> Result<Reader, ImageryError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(reader) => Ok(reader),
            None => Reader::open(&self.path).map_err(|source| self.database(source)),
        }
    }

    fn database(&self, source: rusqlite::Error) -> ImageryError {
        ImageryError::Database {
            origin: self.description.name.clone(),
            source,
        }
    }

    /// Refuses a zoom of which the file holds not one tile: the wrong zoom was asked for.
    fn check_zoom(&self, reader: &Reader, zoom: u8) -> Result<(), ImageryError> {
        let mut checked = self
            .zoom_checked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *checked == Some(zoom) {
            return Ok(());
        }
        let above = self.size.zooms_above();
        let holds = |zoom| {
            reader
                .has_zoom(zoom)
                .map_err(|source| self.database(source))
        };
        if zoom >= above && holds(zoom - above)? {
            *checked = Some(zoom);
            return Ok(());
        }
        let mut available = Vec::new();
        for stored in 0..=ZOOM_MAX {
            if holds(stored)? {
                available.push((stored + above).to_string());
            }
        }
        Err(ImageryError::ZoomMissing {
            origin: self.description.name.clone(),
            zoom,
            available: available.join(", "),
        })
    }
}

impl ImagerySource for MbtilesSource {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        CONCURRENT_UNITS
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        let reader = self.take_reader()?;
        self.check_zoom(&reader, unit.block.z)?;
        let addresses = self.size.addresses(unit);
        for run in addresses.chunk_by(|a, b| a.x == b.x && a.y + 1 == b.y) {
            if read_run(&reader, run, &mut |address, found| {
                self.size.deliver(unit, address, found, emit)
            })
            .is_break()
            {
                break;
            }
        }
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(reader);
        Ok(())
    }
}

/// Reads neighbouring tiles of one column and hands over each of them once, stored or not.
fn read_run(
    reader: &Reader,
    run: &[TileCoord],
    deliver: &mut dyn FnMut(TileCoord, Fetched) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut seen = vec![false; run.len()];
    let outcome = reader.visit_column_run(run, |at, data| {
        if std::mem::replace(&mut seen[at], true) {
            return ControlFlow::Continue(());
        }
        let found = if data.is_empty() {
            Fetched::NoImagery
        } else {
            Fetched::Payload(Bytes::copy_from_slice(data))
        };
        deliver(run[at], found)
    });
    let failure = match outcome {
        Ok(flow) => {
            flow?;
            None
        }
        Err(error) => Some(failure(&error)),
    };
    for (&address, _) in run.iter().zip(seen).filter(|(_, seen)| !seen) {
        deliver(
            address,
            failure.clone().map_or(Fetched::NoImagery, Fetched::Failed),
        )?;
    }
    ControlFlow::Continue(())
}

fn failure(error: &rusqlite::Error) -> FetchFailure {
    let busy = matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    );
    FetchFailure {
        retry: if busy {
            RetryClass::Transient
        } else {
            RetryClass::Permanent
        },
        reason: format!("the database answered: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        imagery::test_units::{collect, unit_of},
        mbtiles::Writer,
    };

    const Z: u8 = 18;

    /// An MBTiles file with the given metadata and tiles.
    fn write(metadata: &[(Key, &str)], tiles: &[(TileCoord, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::create(&folder.path().join("it #1?.mbtiles")).unwrap();
        for (key, value) in metadata {
            writer.metadata(*key, value).unwrap();
        }
        for (tile, data) in tiles {
            writer.tile(*tile, data).unwrap();
        }
        writer.finish().unwrap();
        folder
    }

    fn open(folder: &tempfile::TempDir) -> Result<MbtilesSource, ImageryError> {
        let path = folder.path().join("it #1?.mbtiles");
        MbtilesSource::open(&path, &SourceOptions::default())
    }

    #[test]
    fn each_wanted_tile_is_found_under_its_flipped_row() {
        let at = |x, y| TileCoord { z: Z, x, y };
        let stored: Vec<(TileCoord, Vec<u8>)> = (0..6)
            .flat_map(|x| (0..6).map(move |y| at(1000 + x, 2000 + y)))
            .filter(|tile| (tile.x + tile.y) % 3 != 0)
            .map(|tile| (tile, format!("image of {tile}").into_bytes()))
            .collect();
        let borrowed: Vec<_> = stored.iter().map(|(t, d)| (*t, d.as_slice())).collect();
        let folder = write(
            &[(Key::Attribution, "© Somebody"), (Key::ZoomMax, "18")],
            &borrowed,
        );
        let source = open(&folder).unwrap();
        assert_eq!(source.description().attribution, "© Somebody");
        assert_eq!(source.description().zoom_max, Some(18));
        let wanted: Vec<_> = (0..6)
            .flat_map(|x| (0..6).map(move |y| at(1000 + x, 2000 + y)))
            .filter(|tile| tile.x % 2 == 0 || tile.y == 2003)
            .collect();
        for (tile, found) in collect(&source, &unit_of(&wanted)) {
            match found {
                Fetched::Payload(payload) => assert_eq!(payload, format!("image of {tile}")),
                Fetched::NoImagery => assert_eq!((tile.x + tile.y) % 3, 0),
                other => panic!("{tile}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_empty_blob_is_no_imagery() {
        let tile = TileCoord { z: Z, x: 5, y: 7 };
        let folder = write(&[], &[(tile, b"")]);
        let found = collect(&open(&folder).unwrap(), &unit_of(&[tile]));
        assert!(matches!(found[&tile], Fetched::NoImagery));
    }

    #[test]
    fn vector_tiles_are_refused_by_name() {
        let tile = TileCoord { z: Z, x: 5, y: 7 };
        let error = open(&write(&[(Key::Format, "pbf")], &[(tile, b"x")])).unwrap_err();
        assert!(error.to_string().contains("vector tiles"), "{error}");
    }

    #[test]
    fn a_zoom_without_tiles_is_refused_with_those_that_have_some() {
        let tile = TileCoord { z: 17, x: 5, y: 7 };
        let source = open(&write(&[], &[(tile, b"x")])).unwrap();
        let unit = unit_of(&[TileCoord { z: 18, x: 0, y: 0 }]);
        let error = source
            .fetch(&unit, &mut |_, _| ControlFlow::Continue(()))
            .unwrap_err();
        assert!(
            error.to_string().ends_with("has no zoom 18 (it has 17)"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("it #1?.mbtiles"),
            "not a database at all",
        )
        .unwrap();
        assert!(matches!(open(&folder), Err(ImageryError::Database { .. })));
    }
}
