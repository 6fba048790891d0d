//! `hvmap simulate`: a scan of a real area with known towers and a pretended detector.

use std::{path::PathBuf, process::ExitCode};

use super::{
    CliError,
    area_args::{self, AreaArgs, parse_zoom},
    hints,
    notices::Told,
    scan_args::ScanArgs,
    terminal,
};
use crate::run::{
    RunError, ScanSettings,
    simulation::{Found, Hits, Simulation, SimulationSettings},
};

/// Ask what a scan would find and miss, with known towers instead of imagery
///
/// A detector is pretended that hits a tile with a tower with the given recall and any other with
/// the given false-positive rate, always the same way for the same tile and seed.
///
/// Example:
///   hvmap simulate --country pakistan --zoom 18 --towers towers.geojson.gz --scan everything \
///                  --recall 0.9 --false-positive-rate 0.001 --seed 1 --json
#[derive(clap::Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    area: AreaArgs,

    /// Zoom of the tiles
    #[arg(short, long, default_value_t = 18, value_parser = parse_zoom)]
    zoom: u8,

    /// Known towers: GeoJSON, gzip allowed; points with power=tower, or all points if none has
    /// `power`
    #[arg(long, value_name = "FILE")]
    towers: PathBuf,

    #[command(flatten)]
    scan: ScanArgs,

    /// Probability that a tile with a tower is a hit
    #[arg(long, value_name = "R", value_parser = probability, required_unless_present = "auc")]
    recall: Option<f64>,

    /// In place of --recall: the area under the ROC curve, from which the recall at the
    /// false-positive rate follows (binormal scores of equal deviation)
    #[arg(long, value_name = "A", value_parser = auc, conflicts_with = "recall")]
    auc: Option<f64>,

    /// Probability that a tile without one is a hit
    #[arg(long, value_name = "F", value_parser = probability)]
    false_positive_rate: f64,

    /// False positives come in clusters some 60 tiles wide, as terrain makes them
    #[arg(long)]
    clustered: bool,

    /// Share of the area, in regions some 60 tiles wide, where every tower is missed: bad imagery
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = probability)]
    missing: f64,

    /// The detector also says where in the tile a tower stands, with a normal error of this deviation
    /// along each axis, as models do that hvmap packaged
    #[arg(long, value_name = "METRES", value_parser = metres)]
    location_error: Option<f64>,

    /// Another seed, other errors
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Folder for the run's ledger; without it the ledger is thrown away
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Write the course of the scan as CSV: how many towers and false positives were found by the
    /// time that so many tiles were looked at
    #[arg(long, value_name = "FILE")]
    curve: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When the area or the towers cannot be used, or the ledger cannot be written.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let scan = args.scan.settings()?;
    let area = area_args::covered(args.area.resolve()?, args.zoom)?;
    area_args::announce(area.area());
    let simulation =
        Simulation::new(area, settings(&args, scan), &mut Told).map_err(hints::run::explain)?;
    let thrown_away;
    let out = match &args.out {
        Some(out) => out.as_path(),
        None => {
            thrown_away = tempfile::tempdir()?;
            thrown_away.path()
        }
    };
    let ledger = simulation.scan(out, &mut Told).map_err(explain)?;
    let found = simulation.measure(ledger.reader()).map_err(explain)?;
    if let Some(path) = &args.curve {
        simulation
            .write_course(ledger.reader(), path)
            .map_err(explain)?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print_table(&found);
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds what to do about it.
fn explain(error: RunError) -> CliError {
    match error {
        RunError::OtherSettings { .. } => {
            CliError::from(error).hint("give this simulation another folder with --out")
        }
        error => hints::run::explain(error),
    }
}

/// The flags as settings.
fn settings(args: &Args, scan: ScanSettings) -> SimulationSettings {
    SimulationSettings {
        towers: args.towers.clone(),
        scan,
        // One of them is always given.
        hits: args
            .recall
            .map_or(Hits::Auc(args.auc.unwrap_or_default()), Hits::Recall),
        false_positive_rate: args.false_positive_rate,
        clustered: args.clustered,
        missing: args.missing,
        location_error_m: args.location_error,
        seed: args.seed,
    }
}

fn print_table(found: &Found) {
    use terminal::grouped;
    println!("tiles planned       {:>14}", grouped(found.planned));
    println!(
        "tiles visited       {:>14}{:>9.2} %",
        grouped(found.visited),
        100.0 * found.visited_fraction
    );
    println!("tiles with a tower  {:>14}", grouped(found.truth_tiles));
    println!(
        "  found             {:>14}{:>9.2} % of a full scan's {}",
        grouped(found.true_positives),
        100.0 * found.recall_of_full_scan,
        grouped(found.full_scan_true_positives)
    );
    println!(
        "false positives     {:>14}           of a full scan's {}",
        grouped(found.false_positives),
        grouped(found.full_scan_false_positives)
    );
}

fn metres(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1000.0).contains(&value) => Ok(value),
        _ => Err("an error is a number of metres from 0 to 1000".to_owned()),
    }
}

fn auc(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.5 && value < 1.0 => Ok(value),
        _ => Err("an area under the ROC curve is above 0.5 and below 1".to_owned()),
    }
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("a probability is a number from 0 to 1".to_owned()),
    }
}
