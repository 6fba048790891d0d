//! `hvmap status`: how far a run is.

use std::{path::PathBuf, process::ExitCode};

use super::{CliError, hints, ledger_trouble, run::table, terminal::grouped};
use crate::{
    ledger::LedgerReader,
    run::{Report, visits},
};

/// Say how far a run is, also while it is running
///
/// Example: hvmap status runs/san-marino --json
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of the run
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When the folder holds no run, or its ledger cannot be read.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let ledger = LedgerReader::open(&args.dir).map_err(ledger_trouble::explain)?;
    let manifest = ledger.manifest()?;
    let report = Report::of(&ledger, &args.dir).map_err(hints::run::explain)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}, zoom {}", manifest.area.label, manifest.zoom);
        println!("boundary: {}", manifest.area.source);
        println!("imagery: {}", manifest.imagery.name);
        println!("model: {}", manifest.model.name);
        for settings in ledger.settings()? {
            println!("scan: {}, {}", settings.scan, settings.engine);
            if let Some(model) = settings.model {
                println!("from there on with another model: {model}");
            }
        }
        print!("{}", table(&report));
        for (reason, tiles) in visits(&ledger)? {
            println!(
                "  looked at for {:<14}{:>14}",
                reason.name(),
                grouped(tiles)
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
