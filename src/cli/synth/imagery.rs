//! `hvmap synth imagery`: the drawn tiles of an area as an MBTiles file.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
    thread,
    time::Instant,
};

use crossbeam_channel::{Sender, bounded};

use super::place::{Place, refuse_existing};
use crate::{
    cli::{CliError, terminal},
    image::{RgbTile, encode_jpeg},
    mbtiles::{Key, Writer},
    synthetic::{ATTRIBUTION, World},
    tiles::{BlockCoord, Cover, TileCoord, TileMask},
};

/// Columns of tiles that wait to be written: at most 64 tiles of some 15 kB each.
const COLUMNS_QUEUED_MAX: usize = 64;

/// Write every tile of an area of the synthetic world into an MBTiles file, as JPEG
///
/// For what wants imagery that lies somewhere: measuring a run without the time that drawing takes,
/// or another program. `--imagery synthetic:SEED` draws the same tiles without a file; those that it
/// hands over as pixels have been through JPEG here.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hvmap synth imagery --country san-marino --seed 1 -o san-marino.mbtiles
  hvmap run --country san-marino --zoom 18 --imagery san-marino.mbtiles --model demo")]
pub struct Args {
    #[command(flatten)]
    place: Place,

    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// An area or style that does not exist, a file that does, or what went wrong in writing.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let (world, cover) = args.place.resolve()?;
    refuse_existing(&args.output, args.force)?;
    let started = Instant::now();
    // Whole or not at all: a file that was cut short would look like an area with holes.
    let partial = hidden_beside(&args.output)?;
    let written = write(&world, &args, &cover, &partial);
    if let Err(error) = written.and_then(|()| Ok(fs::rename(&partial, &args.output)?)) {
        // What cannot be removed is replaced the next time.
        let _ = fs::remove_file(&partial);
        return Err(error.context(format!("cannot write {}", args.output.display())));
    }
    terminal::note(format_args!(
        "SYNTHETIC: {} tiles in {} after {:.0} s",
        terminal::grouped(cover.count()),
        args.output.display(),
        started.elapsed().as_secs_f64()
    ));
    Ok(ExitCode::SUCCESS)
}

/// `.NAME.partial` in the folder of a file.
fn hidden_beside(path: &Path) -> Result<PathBuf, CliError> {
    let name = path
        .file_name()
        .ok_or_else(|| CliError::new(format!("{} names no file", path.display())))?;
    Ok(path.with_file_name(format!(".{}.partial", name.to_string_lossy())))
}

/// Draws on all cores and writes on this thread.
fn write(world: &World, args: &Args, cover: &Cover, path: &Path) -> Result<(), CliError> {
    File::create(path)?;
    let writer = Writer::create(path)?;
    for (key, value) in metadata(args, cover) {
        writer.metadata(key, &value)?;
    }
    let blocks = Mutex::new(cover.blocks());
    let (columns_in, columns) = bounded(COLUMNS_QUEUED_MAX);
    thread::scope(|scope| -> Result<(), CliError> {
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
fn metadata(args: &Args, cover: &Cover) -> Vec<(Key, String)> {
    let style = args.place.style.as_ref().map(|style| format!("/{style}"));
    let name = format!(
        "SYNTHETIC synthetic:{}{}",
        args.place.seed,
        style.unwrap_or_default()
    );
    let zoom = cover.zoom().to_string();
    let mut metadata = vec![
        (Key::Name, name),
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
