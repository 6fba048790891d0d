//! `hvmap status`: how far a run is.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use super::{CliError, ledger_trouble, run::Report, terminal::grouped};
use crate::{
    detections::{Detections, count_towers},
    ledger::{LedgerReader, Manifest},
    tiles::{StateCounts, VisitReason},
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
    let (counts, detections) = standing(&ledger, &manifest)?;
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
            if let Some(model) = settings.model {
                println!("from there on with another model: {model}");
            }
        }
        print!("{}", report.table());
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

/// How a run stands: the states of its tiles, and as many towers as an export would hold now: what
/// two tiles show is one, placeholders are none.
///
/// # Errors
/// When the ledger cannot be read.
pub fn standing(
    ledger: &LedgerReader,
    manifest: &Manifest,
) -> Result<(StateCounts, u64), CliError> {
    let mut counts = ledger.counts(manifest.area.tiles)?;
    let detections = Detections::of(ledger)?;
    detections.placeholders().reclassify(&mut counts);
    Ok((counts, count_towers(&detections, manifest.threshold)?))
}

/// Tiles looked at for each reason; none where everything was to be looked at.
fn visits(ledger: &LedgerReader) -> Result<BTreeMap<VisitReason, u64>, CliError> {
    let mut tiles: BTreeMap<VisitReason, u64> = BTreeMap::new();
    for (reason, _, mask) in ledger.visits()? {
        *tiles.entry(reason).or_default() += mask.count() as u64;
    }
    if tiles
        .keys()
        .all(|&reason| reason == VisitReason::Everything)
    {
        tiles.clear();
    }
    Ok(tiles)
}
