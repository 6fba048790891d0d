//! `hvmap status`: how far a run is.

use std::{path::PathBuf, process::ExitCode};

use super::{CliError, ledger_trouble, run::Report};
use crate::{
    detections::{Detections, count_towers},
    ledger::LedgerReader,
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
    let mut counts = ledger.counts(manifest.area.tiles)?;
    let detections = Detections::of(&ledger)?;
    detections.placeholders().reclassify(&mut counts);
    // As many as an export holds: a tower that two tiles show is one.
    let detections = count_towers(&detections, manifest.threshold)?;
    let report = Report {
        planned: counts.planned(),
        counts,
        detections,
        elapsed_s: None,
        tiles_per_s: None,
        stages: Vec::new(),
        trouble: Vec::new(),
        out: args.dir,
        manifest: manifest.hash(),
        synthetic: manifest.imagery.synthetic,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}, zoom {}", manifest.area.label, manifest.zoom);
        println!("boundary: {}", manifest.area.source);
        println!("imagery: {}", manifest.imagery.name);
        println!("model: {}", manifest.model.name);
        for settings in ledger.settings()? {
            println!("scan: {}, {}", settings.scan, settings.engine);
        }
        print!("{}", report.table());
    }
    Ok(ExitCode::SUCCESS)
}
