//! `hvmap synth truth`: the towers and lines of an area of the synthetic world, as GeoJSON.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use super::part::{WorldPart, refuse_existing};
use crate::{
    cli::{CliError, stdout, terminal},
    synthetic::output::write_truth,
};

/// Write the towers and lines of an area of the synthetic world as GeoJSON
///
/// Written are the towers whose base stands in a tile that touches the area, as points tagged
/// power=tower, and the lines between them. Everything says synthetic=true.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hvmap synth truth --country san-marino --seed 1 -o truth.geojson
  hvmap synth truth --bbox 12.40,43.89,12.52,43.99 --seed 3 --style winter -o -")]
pub struct Args {
    #[command(flatten)]
    part: WorldPart,

    /// File to write, - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Runs `hvmap synth truth`.
///
/// # Errors
/// An area or style that does not exist, a file that does, or what went wrong in writing.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let (world, cover) = args.part.resolve()?;
    if args.output.as_os_str() == "-" {
        stdout::through(|out| write_truth(&world, &cover, out).map(|_| ()));
        return Ok(ExitCode::SUCCESS);
    }
    refuse_existing(&args.output, args.force)?;
    let mut file = BufWriter::new(File::create(&args.output)?);
    let towers = write_truth(&world, &cover, &mut file)?;
    file.flush()?;
    terminal::note(format_args!(
        "SYNTHETIC: {towers} towers in {}",
        args.output.display()
    ));
    Ok(ExitCode::SUCCESS)
}
