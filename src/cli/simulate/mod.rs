//! `hvmap simulate`: a scan of a real area with known towers and a pretended detector.

mod course;

use std::{
    collections::HashMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::AtomicBool,
};

use serde::Serialize;

use super::{
    CliError, OrHint,
    area_args::{self, AreaArgs, parse_zoom},
    ledger_trouble,
    scan_args::ScanArgs,
    terminal,
};
use crate::{
    area::Area,
    evaluation::read_truth,
    ledger::{ImageryRecord, Ledger, LedgerError, Manifest, ModelRecord, RunLock, SettingsRecord},
    pipeline::{
        DetectorErrors, Drive, Recording, Simulated, SimulatedDetector, binormal_recall, grid_px,
    },
    telemetry::Stage,
    tiles::{Cover, TILE_SIZE_PX, TileCoord, UNIT_TILES_MAX, mercator},
};

/// Score from which the pretended detector's answer is a hit.
const HIT: f32 = 0.5;

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

/// The object of `simulate --json`.
#[derive(Debug, Serialize)]
struct Outcome {
    planned: u64,
    visited: u64,
    visited_fraction: f64,
    /// Tiles of the area that hold a known tower.
    truth_tiles: u64,
    full_scan_true_positives: u64,
    true_positives: u64,
    recall_of_full_scan: f64,
    full_scan_false_positives: u64,
    false_positives: u64,
}

/// Runs the subcommand.
///
/// # Errors
/// When the area or the towers cannot be used, or the ledger cannot be written.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let area = args.area.resolve()?;
    let cover = area_args::cover(&area, args.zoom)?;
    area_args::announce(&area);
    let towers = tower_tiles(&args.towers, &cover)?;
    let errors = errors(&args, &cover)?;
    let detector = SimulatedDetector::new(towers, &cover, errors);
    let thrown_away;
    let out = match &args.out {
        Some(out) => out.as_path(),
        None => {
            thrown_away = tempfile::tempdir()?;
            thrown_away.path()
        }
    };
    let ledger = scan(&args, &errors, &area, &cover, &detector, out)?;
    let outcome = measure(&cover, &detector, &ledger)?;
    if let Some(path) = &args.curve {
        course::write(path, ledger.reader(), outcome.visited, |tile| {
            detector.positives.contains_key(&tile)
        })?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print_table(&outcome);
    }
    Ok(ExitCode::SUCCESS)
}

/// The tiles of the cover that hold a tower, and where in them the first one stands, in pixels;
/// towers outside are counted and told.
fn tower_tiles(path: &Path, cover: &Cover) -> Result<HashMap<TileCoord, (f32, f32)>, CliError> {
    let towers = read_truth(path)?;
    let mut outside = 0;
    let mut tiles = HashMap::new();
    for &(lon, lat) in &towers {
        let tile = mercator::tile_at(lon, lat, cover.zoom());
        if cover.contains(tile) {
            let (x, y) = mercator::lon_lat_to_tile(lon, lat, cover.zoom());
            let px = |at: f64| (at.fract() * f64::from(TILE_SIZE_PX)) as f32;
            tiles.entry(tile).or_insert((px(x), px(y)));
        } else {
            outside += 1;
        }
    }
    if outside > 0 {
        terminal::warn(format_args!(
            "{} of {} towers in {} lie outside the area and are left out",
            terminal::grouped(outside),
            terminal::grouped(towers.len() as u64),
            path.display()
        ));
    }
    if tiles.is_empty() {
        return Err(
            CliError::new(format!("{} holds no tower inside the area", path.display()))
                .hint("give towers of the same country, in longitude and latitude"),
        );
    }
    Ok(tiles)
}

/// Scans into a ledger in `out`, which may hold part of the same scan.
fn scan(
    args: &Args,
    errors: &DetectorErrors,
    area: &Area,
    cover: &Cover,
    detector: &SimulatedDetector,
    out: &Path,
) -> Result<Ledger, CliError> {
    std::fs::create_dir_all(out)
        .map_err(|error| CliError::from(error).context(format!("cannot make {}", out.display())))?;
    let _lock = RunLock::take(out).map_err(ledger_trouble::explain)?;
    let manifest = manifest(args, errors, area, cover);
    let mut ledger = match Ledger::open(out) {
        Err(LedgerError::NoRun { .. }) => Ledger::create(out, &manifest),
        opened => opened,
    }
    .map_err(ledger_trouble::explain)?;
    let recorded = ledger.reader().manifest()?;
    if let Some(difference) = recorded.differences(&manifest).first() {
        return Err(CliError::new(format!(
            "{} holds a run with other settings: {} is {} there and {} here",
            out.display(),
            difference.setting,
            difference.recorded,
            difference.asked
        )))
        .or_hint(|| "give this simulation another folder with --out".to_owned());
    }
    // A guided scan is told how good the detector is, as a person would who has tried it.
    let mut scan_args = args.scan.clone();
    scan_args.scan_recall = scan_args
        .scan_recall
        .or(Some(errors.recall.clamp(0.01, 0.98) as f32));
    let seeds = scan_args.seeds(cover)?;
    let (name, scan_settings) = scan_args.record(cover, manifest.threshold, &seeds);
    let settings = SettingsRecord {
        scan: name,
        scan_settings,
        engine: "simulated".to_owned(),
        rate: None,
        model: None,
    };
    ledger.change_settings(&settings)?;
    let mut strategy = scan_args.open(
        cover,
        ledger.reader(),
        &settings,
        manifest.threshold,
        &seeds,
    )?;
    let drive = Drive {
        ledger: &mut ledger,
        recording: Recording::First,
        threshold: manifest.threshold,
        stop: &AtomicBool::new(false),
        record: &Stage::new("record"),
        observe: &mut |_| {},
    };
    drive.run(strategy.as_mut(), &mut Simulated::new(detector.clone()))?;
    Ok(ledger)
}

/// A manifest that says what the detector is in place of a model.
fn manifest(args: &Args, errors: &DetectorErrors, area: &Area, cover: &Cover) -> Manifest {
    let detector = format!(
        "simulated, recall {:.4}, false-positive rate {}{}{}{}, seed {}",
        errors.recall,
        errors.false_positive_rate,
        if errors.clustered { " in clusters" } else { "" },
        if errors.missing > 0.0 {
            format!(", {} of the area missing", errors.missing)
        } else {
            String::new()
        },
        match args.location_error {
            Some(metres) => format!(", located to {metres} m"),
            None => String::new(),
        },
        errors.seed
    );
    Manifest {
        area: area_args::record(area, cover),
        zoom: args.zoom,
        imagery: ImageryRecord {
            name: format!("simulated from {}", args.towers.display()),
            attribution: "SYNTHETIC – simulated, no imagery was looked at".to_owned(),
            terms: None,
            synthetic: true,
            rules: Vec::new(),
        },
        model: ModelRecord {
            name: detector.clone(),
            checksum: detector,
            classes: vec!["negative".to_owned(), "tower".to_owned()],
            positives: vec!["tower".to_owned()],
            precision: None,
            adaptation: None,
            trained_on_synthetic: true,
            attribution_columns_px: args.location_error.map(|_| grid_px()),
            attribution_rows_px: args.location_error.map(|_| grid_px()),
            answers: None,
        },
        threshold: HIT,
        keep_threshold: HIT,
        keep_payloads: false,
        unit_tiles_max: UNIT_TILES_MAX,
    }
}

fn measure(
    cover: &Cover,
    detector: &SimulatedDetector,
    ledger: &Ledger,
) -> Result<Outcome, CliError> {
    let (mut true_positives, mut false_positives) = (0, 0);
    ledger.reader().candidates_by_rank(HIT, |candidate| {
        if detector.positives.contains_key(&candidate.tile) {
            true_positives += 1;
        } else {
            false_positives += 1;
        }
        Ok::<_, LedgerError>(ControlFlow::Continue(()))
    })?;
    let full_scan_true_positives = count(detector.positives.keys().copied(), detector);
    let full_scan_false_positives = count(cover.iter(), detector) - full_scan_true_positives;
    let counts = ledger.reader().counts(cover.count())?;
    Ok(Outcome {
        planned: counts.planned(),
        visited: counts.visited(),
        visited_fraction: counts.visited() as f64 / counts.planned() as f64,
        truth_tiles: detector.positives.len() as u64,
        full_scan_true_positives,
        true_positives,
        recall_of_full_scan: true_positives as f64 / (full_scan_true_positives as f64).max(1.0),
        full_scan_false_positives,
        false_positives,
    })
}

fn count(tiles: impl Iterator<Item = TileCoord>, detector: &SimulatedDetector) -> u64 {
    tiles.filter(|&tile| detector.hits(tile)).count() as u64
}

fn print_table(outcome: &Outcome) {
    use terminal::grouped;
    println!("tiles planned       {:>14}", grouped(outcome.planned));
    println!(
        "tiles visited       {:>14}{:>9.2} %",
        grouped(outcome.visited),
        100.0 * outcome.visited_fraction
    );
    println!("tiles with a tower  {:>14}", grouped(outcome.truth_tiles));
    println!(
        "  found             {:>14}{:>9.2} % of a full scan's {}",
        grouped(outcome.true_positives),
        100.0 * outcome.recall_of_full_scan,
        grouped(outcome.full_scan_true_positives)
    );
    println!(
        "false positives     {:>14}           of a full scan's {}",
        grouped(outcome.false_positives),
        grouped(outcome.full_scan_false_positives)
    );
}

/// How the detector errs, by the flags.
fn errors(args: &Args, cover: &Cover) -> Result<DetectorErrors, CliError> {
    args.scan.check()?;
    let recall = args
        .recall
        .unwrap_or_else(|| binormal_recall(args.auc.unwrap_or(0.5), args.false_positive_rate));
    let middle = cover.nth(cover.count() / 2);
    let lat = middle.map_or(0.0, |tile| tile.centre().1);
    let metres_per_px = mercator::metres_per_px(lat, cover.zoom());
    Ok(DetectorErrors {
        recall,
        false_positive_rate: args.false_positive_rate,
        clustered: args.clustered,
        missing: args.missing,
        location_px: args.location_error.map(|metres| metres / metres_per_px),
        seed: args.seed,
    })
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
