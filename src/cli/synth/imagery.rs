//! `hvmap synth imagery`: the drawn tiles of an area as an MBTiles file.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use super::part::{WorldPart, refuse_existing};
use crate::{
    cli::{CliError, terminal},
    synthetic::output::write_tileset,
};

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
    part: WorldPart,

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
    let (world, cover) = args.part.resolve()?;
    refuse_existing(&args.output, args.force)?;
    let started = Instant::now();
    write_tileset(&world, &cover, &args.output)?;
    terminal::note(format_args!(
        "SYNTHETIC: {} tiles in {} after {:.0} s",
        terminal::grouped(cover.count()),
        args.output.display(),
        started.elapsed().as_secs_f64()
    ));
    Ok(ExitCode::SUCCESS)
}
