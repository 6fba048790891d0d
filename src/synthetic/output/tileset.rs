//! All tiles of an area as an MBTiles file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

use crossbeam_channel::{Sender, bounded};

use crate::{
    image::{RgbTile, encode_jpeg},
    mbtiles::{Key, Writer},
    synthetic::{ATTRIBUTION, World},
    tiles::{BlockCoord, Cover, TileCoord, TileMask},
};

/// Columns of tiles that wait to be written: at most 64 tiles of some 15 kB each.
const COLUMNS_QUEUED_MAX: usize = 64;

/// Why a file of tiles could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TilesetError {
    #[error("{} names no file", path.display())]
    NoFileName { path: PathBuf },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {}", path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

/// Draws every tile of a cover as JPEG into an MBTiles file, on all cores, in place of a file that is
/// there.
///
/// The file appears whole or not at all: one that was cut short would look like an area with holes.
/// Its metadata say that it is synthetic.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tileset(world: &World, cover: &Cover, path: &Path) -> Result<(), TilesetError> {
    let partial = hidden_beside(path)?;
    let written = write(world, cover, &partial).and_then(|()| Ok(fs::rename(&partial, path)?));
    written.map_err(|failure| {
        // What cannot be removed is replaced the next time.
        let _ = fs::remove_file(&partial);
        let path = path.to_owned();
        match failure {
            Failure::Io(source) => TilesetError::Write { path, source },
            Failure::Sqlite(source) => TilesetError::Database { path, source },
        }
    })
}

/// What went wrong, before it is told of which file.
enum Failure {
    Io(io::Error),
    Sqlite(rusqlite::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// `.NAME.partial` in the folder of a file.
fn hidden_beside(path: &Path) -> Result<PathBuf, TilesetError> {
    let name = path.file_name().ok_or_else(|| TilesetError::NoFileName {
        path: path.to_owned(),
    })?;
    Ok(path.with_file_name(format!(".{}.partial", name.to_string_lossy())))
}

/// Draws on all cores and writes on this thread.
fn write(world: &World, cover: &Cover, path: &Path) -> Result<(), Failure> {
    File::create(path)?;
    let writer = Writer::create(path)?;
    for (key, value) in metadata(world, cover) {
        writer.metadata(key, &value)?;
    }
    let blocks = Mutex::new(cover.blocks());
    let (columns_in, columns) = bounded(COLUMNS_QUEUED_MAX);
    thread::scope(|scope| -> Result<(), Failure> {
        // Its end stops the drawing when writing fails.
        let columns = columns;
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let columns_in = columns_in.clone();
            let blocks = &blocks;
            scope.spawn(move || {
                let next = || blocks.lock().ok().and_then(|mut blocks| blocks.next());
                while let Some((block, wanted)) = next() {
                    if draw(world, block, &wanted, &columns_in).is_none() {
                        return;
                    }
                }
            });
        }
        drop(columns_in);
        for (tile, payload) in columns.iter().flatten() {
            writer.tile(tile, &payload)?;
        }
        Ok(())
    })?;
    writer.finish()?;
    Ok(File::open(path)?.sync_all()?)
}

/// Draws a block column by column, as readers take it; `None` when nobody takes it any more.
fn draw(
    world: &World,
    block: BlockCoord,
    wanted: &TileMask,
    columns: &Sender<Vec<(TileCoord, Vec<u8>)>>,
) -> Option<()> {
    let mut tiles: Vec<TileCoord> = wanted.iter().map(|index| block.tile(index)).collect();
    tiles.sort_by_key(|tile| (tile.x, tile.y));
    let mut pixels = RgbTile::new();
    for column in tiles.chunk_by(|a, b| a.x == b.x) {
        let drawn = column.iter().map(|&tile| {
            world.draw(tile, &mut pixels);
            let quality = world.style_at(tile).jpeg_quality;
            (tile, encode_jpeg(pixels.as_bytes(), quality))
        });
        columns.send(drawn.collect()).ok()?;
    }
    Some(())
}

/// <https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md#metadata>
fn metadata(world: &World, cover: &Cover) -> Vec<(Key, String)> {
    let zoom = cover.zoom().to_string();
    let mut metadata = vec![
        (Key::Name, format!("SYNTHETIC {}", world.name())),
        (Key::Format, "jpg".to_owned()),
        (Key::Type, "baselayer".to_owned()),
        (Key::Attribution, ATTRIBUTION.to_owned()),
        (Key::Synthetic, "true".to_owned()),
        (Key::ZoomMin, zoom.clone()),
        (Key::ZoomMax, zoom),
    ];
    // West beyond east where the area crosses the antimeridian, which the format has no word for.
    if let Some(bounds) = cover.bounds().filter(|bounds| bounds.west < bounds.east) {
        let edges = [bounds.west, bounds.south, bounds.east, bounds.north];
        metadata.push((Key::Bounds, edges.map(|edge| edge.to_string()).join(",")));
    }
    metadata
}
