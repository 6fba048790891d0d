//! Tiles from an MBTiles file, read-only.
//!
//! Format: <https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md>. Its rows count from
//! the south (TMS) and are flipped here.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{
    Emit, FetchFailure, Fetched, ImageryError, ImagerySource, RetryClass, SourceDescription,
    SourceOptions, addressing::ImageSize,
};
use crate::tiles::{TileCoord, WorkUnit, ZOOM_MAX, mercator};

/// Units worth fetching at once: one being read while another is taken.
const CONCURRENT_UNITS: usize = 2;
/// How long to wait for another program that is writing the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Name of the metadata that says `true` of drawn imagery.
pub const SYNTHETIC_KEY: &str = "synthetic";

/// A run of one column. The table's index leads with zoom and column, so that a run of rows is one
/// contiguous range of it, which a run of columns would not be.
const COLUMN_RUN: &str = "SELECT tile_row, tile_data FROM tiles
     WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row BETWEEN ?3 AND ?4";

/// An MBTiles file.
#[derive(Debug)]
pub struct MbtilesSource {
    path: PathBuf,
    description: SourceDescription,
    size: ImageSize,
    /// Connections that no thread is using: one for each fetching thread at most.
    idle: Mutex<Vec<Connection>>,
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
        let connection = connect(path).map_err(database)?;
        let metadata = read_metadata(&connection).map_err(database)?;
        if let Some(format) = metadata.get("format")
            && matches!(format.as_str(), "pbf" | "mvt")
        {
            return Err(invalid(format!(
                "it holds vector tiles (format {format}, expected jpg, png or webp)"
            )));
        }
        let sample: Option<Vec<u8>> = connection
            .query_row("SELECT tile_data FROM tiles LIMIT 1", [], |row| row.get(0))
            .optional()
            .map_err(database)?;
        let Some(sample) = sample else {
            return Err(invalid("it holds no tiles".to_owned()));
        };
        let size = ImageSize::of(&sample).unwrap_or(ImageSize::Single);
        let zoom_max = metadata
            .get("maxzoom")
            .and_then(|zoom| zoom.parse::<u8>().ok())
            .filter(|zoom| *zoom <= ZOOM_MAX)
            .map(|zoom| zoom + size.zooms_above());
        Ok(Self {
            path: path.to_owned(),
            description: options.overlay(SourceDescription {
                name: origin,
                attribution: metadata.get("attribution").cloned().unwrap_or_default(),
                terms: None,
                // As `hvmap synth imagery` marks its files.
                synthetic: metadata
                    .get(SYNTHETIC_KEY)
                    .is_some_and(|value| value == "true"),
                zoom_max,
            }),
            size,
            idle: Mutex::new(vec![connection]),
            zoom_checked: Mutex::new(None),
        })
    }

    fn take_connection(&self) -> Result<Connection, ImageryError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(connection) => Ok(connection),
            None => connect(&self.path).map_err(|source| self.database(source)),
        }
    }

    fn database(&self, source: rusqlite::Error) -> ImageryError {
        ImageryError::Database {
            origin: self.description.name.clone(),
            source,
        }
    }

    /// Refuses a zoom of which the file holds not one tile: the wrong zoom was asked for.
    fn check_zoom(&self, connection: &Connection, zoom: u8) -> Result<(), ImageryError> {
        let mut checked = self
            .zoom_checked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *checked == Some(zoom) {
            return Ok(());
        }
        let above = self.size.zooms_above();
        let holds = |zoom: u8| -> Result<bool, ImageryError> {
            connection
                .query_row(
                    "SELECT 1 FROM tiles WHERE zoom_level = ?1 LIMIT 1",
                    [zoom],
                    |_| Ok(()),
                )
                .optional()
                .map(|row| row.is_some())
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
        let connection = self.take_connection()?;
        self.check_zoom(&connection, unit.block.z)?;
        let addresses = self.size.addresses(unit);
        for run in addresses.chunk_by(|a, b| a.x == b.x && a.y + 1 == b.y) {
            if read_run(&connection, run, &mut |address, found| {
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
            .push(connection);
        Ok(())
    }
}

/// Reads neighbouring tiles of one column and hands over each of them once, stored or not.
fn read_run(
    connection: &Connection,
    run: &[TileCoord],
    deliver: &mut dyn FnMut(TileCoord, Fetched) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut seen = vec![false; run.len()];
    let outcome = visit_run(connection, run, |at, data| {
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

/// Calls `visit` with the index in the run and the bytes of each stored tile.
fn visit_run(
    connection: &Connection,
    run: &[TileCoord],
    mut visit: impl FnMut(usize, &[u8]) -> ControlFlow<()>,
) -> rusqlite::Result<ControlFlow<()>> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(ControlFlow::Continue(()));
    };
    let mut statement = connection.prepare_cached(COLUMN_RUN)?;
    // Rows count from the south here, so the run's last tile has the lowest row.
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

/// Opens a connection that can only read.
///
/// A file that nobody has open for writing is opened as immutable, which saves all locking. It is
/// not mapped into memory: a file that is cut short while it is read must be an error, not a crash.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
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
    Ok(connection)
}

fn read_metadata(connection: &Connection) -> rusqlite::Result<HashMap<String, String>> {
    let mut statement = connection.prepare("SELECT name, value FROM metadata")?;
    let rows = statement.query_map([], |row| {
        // Some writers store numbers as numbers.
        let text = |value: rusqlite::types::Value| match value {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Real(number) => number.to_string(),
            _ => String::new(),
        };
        Ok((text(row.get(0)?), text(row.get(1)?)))
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        imagery::test_units::{collect, unit_of},
        tiles::TileCoord,
    };

    const Z: u8 = 18;

    /// An MBTiles file with the given metadata and tiles, rows given as XYZ.
    fn write(metadata: &[(&str, &str)], tiles: &[(TileCoord, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("it #1?.mbtiles")).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE metadata (name text, value text);
                 CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer,
                                     tile_data blob);
                 CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);",
            )
            .unwrap();
        for pair in metadata {
            connection
                .execute("INSERT INTO metadata VALUES (?1, ?2)", *pair)
                .unwrap();
        }
        for (tile, data) in tiles {
            connection
                .execute(
                    "INSERT INTO tiles VALUES (?1, ?2, ?3, ?4)",
                    params![tile.z, tile.x, tile.tms_y(), data],
                )
                .unwrap();
        }
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
            &[("attribution", "© Somebody"), ("maxzoom", "18")],
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
        let error = open(&write(&[("format", "pbf")], &[(tile, b"x")])).unwrap_err();
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
