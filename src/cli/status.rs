//! `hvmap status`: how far a run is.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{
    CliError, hints,
    run::table,
    terminal::{self, grouped},
};
use crate::{
    ledger::{LedgerReader, Verified},
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

    /// Read all of the run: count every outcome anew and compute every checksum
    ///
    /// Takes about as long as reading the file. Runs that hvmap 0.1 began have no checksums, so only
    /// their counts are held against their outcomes.
    #[arg(long)]
    verify: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When the folder holds no run, or its ledger cannot be read.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let ledger = LedgerReader::open(&args.dir).map_err(hints::ledger::explain)?;
    let manifest = ledger.manifest()?;
    // Before anything else is read, since that ends at the first damage.
    let verified = args.verify.then(|| ledger.verify()).transpose()?;
    if let Some(verified) = &verified {
        refuse_damage(verified, &args.dir)?;
    }
    let report = Report::of(&ledger, &args.dir).map_err(hints::run::explain)?;
    if args.json {
        let mut value = serde_json::to_value(&report)?;
        if let Some(verified) = &verified {
            value["verified"] = json!({
                "units": verified.units,
                "candidates": verified.candidates,
                "checksums": verified.has_checksums,
            });
        }
        println!("{}", serde_json::to_string_pretty(&value)?);
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
        if let Some(verified) = verified {
            println!(
                "verified: {} units and {} candidates; the counts agree, and {}",
                grouped(verified.units),
                grouped(verified.candidates),
                match verified.has_checksums {
                    true => "every checksum holds",
                    false => "there are no checksums in a ledger of version 1",
                }
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells what is damaged, as an error.
fn refuse_damage(verified: &Verified, dir: &Path) -> Result<(), CliError> {
    if verified.problem_count == 0 {
        return Ok(());
    }
    for problem in &verified.problems {
        terminal::warn(problem);
    }
    Err(CliError::new(format!(
        "the run in {} is damaged ({}, {} of them told)",
        dir.display(),
        match verified.problem_count {
            1 => "1 problem".to_owned(),
            count => format!("{} problems", grouped(count)),
        },
        verified.problems.len()
    ))
    .hint(
        "take a copy of run.hvmap from before, or run again into another folder; if the disk is sound \
         and nobody else wrote to the file, please report it",
    ))
}
