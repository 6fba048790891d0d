//! `hvmap export`: a run's detections in the format that the next program wants.

use std::{
    collections::HashMap,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    CliError, hints,
    notices::Told,
    osm_file, reviewed,
    terminal::{self, grouped},
};
use crate::{
    detections::{Comparison, MATCH_M, OsmStatus},
    evaluation::Expected,
    export::{
        self, Against, ExportError, ExportRequest, Format, Geometry, IfExists, RealUse, Schema,
    },
    imagery::{self, SourceOptions},
    ledger::LedgerReader,
    run::{self, RunError},
    tiles::TileCoord,
};

/// Write a run's detections for another program
///
/// Examples:
///   hvmap export runs/pakistan --format geojson -o hints.geojson
///   hvmap export runs/pakistan --format csv --threshold 0.95 -o - | head
///   hvmap export runs/pakistan --format geojson --geometry tile -o squares.geojson
///   hvmap export runs/pakistan --format mbtiles -o towers.mbtiles
///   hvmap export runs/pakistan --format osm --osm pakistan.osm.pbf --max-hints 5000 -o hints.osm
///   hvmap export runs/pakistan --format osm --reviewed labels.csv --review-hours 8 -o hints.osm
///   hvmap export runs/pakistan --format geojson --geometry line -o lines.geojson
///   hvmap export runs/pakistan --bundle --osm pakistan.osm.pbf -o pakistan-hints
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The run's folder, as given to `hvmap run --out`
    #[arg(value_name = "DIR")]
    run: PathBuf,

    /// The file format
    #[arg(long, value_enum, required_unless_present = "bundle")]
    format: Option<Format>,

    /// Write a folder with all a mapper needs: JOSM session, QGIS, MapRoulette, report
    #[arg(long, conflicts_with_all = ["format", "geometry", "schema"])]
    bundle: bool,

    /// Lowest score to export; the run's own threshold if left out
    #[arg(long, value_name = "T")]
    threshold: Option<f32>,

    /// What to draw: each detection's point, the square of its tile, or the probable lines
    #[arg(long, value_enum, default_value_t)]
    geometry: Geometry,

    /// Property names of GeoJSON: hvmap's, or those of the tools of 2018 (X, Y, Z, pred, fill)
    #[arg(long, value_enum, default_value_t)]
    schema: Schema,

    /// Compare with OpenStreetMap's power features: GeoJSON, .osm or .osm.pbf, gzipped or not.
    /// Each hint gets an `osm_status`; osm and maproulette leave out what is mapped
    #[arg(long, value_name = "FILE")]
    osm: Option<PathBuf>,

    /// How far a mapped tower may lie from its detection, in metres
    #[arg(long, value_name = "M", default_value_t = MATCH_M, value_parser = metres)]
    osm_radius: f64,

    /// Labels that people gave: CSV or GeoJSON, gzipped or not, each row with the hint's `id` (or
    /// its place) and a `label`: accepted, rejected, or where it is open unsure or nothing. Tells
    /// how many hints are true; osm and maproulette leave out what was rejected
    #[arg(long, value_name = "FILE")]
    reviewed: Option<PathBuf>,

    /// Export the best ranked hints only, as many as this
    #[arg(long, value_name = "N", conflicts_with = "review_hours")]
    max_hints: Option<usize>,

    /// Export as many hints as people look at in so many hours, at 1,000 an hour
    #[arg(long, value_name = "H", value_parser = hours)]
    review_hours: Option<f64>,

    /// Fetch the images that the report shows, at most 48, where the run kept none: usually the
    /// run's own --imagery
    #[arg(long, value_name = "SRC")]
    chips_from: Option<String>,

    /// Let SYNTHETIC hints into formats that are for mapping, and compare them with OpenStreetMap
    #[arg(long)]
    allow_synthetic: bool,

    /// Replace the file if there is one
    #[arg(long)]
    force: bool,

    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
}

/// What a team of reviewers looks at in an hour.
const HINTS_PER_HOUR: f64 = 1_000.0;

fn metres(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(metres) if (1.0..=500.0).contains(&metres) => Ok(metres),
        _ => Err("a radius is a number of metres from 1 to 500".to_owned()),
    }
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(hours) if (0.0..=1e6).contains(&hours) => Ok(hours),
        _ => Err("hours are a number, 0 or more".to_owned()),
    }
}

pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let ledger = LedgerReader::open(&args.run)?;
    let manifest = ledger.manifest()?;
    let threshold = args.threshold.unwrap_or(manifest.threshold);
    // Before a large file of OpenStreetMap's data is read.
    if let Some(wanted) = real_use(&args) {
        export::refuse_synthetic(wanted, manifest.imagery.synthetic, args.allow_synthetic)
            .map_err(hints::export::explain)?;
    }
    let features = match &args.osm {
        Some(path) => Some(osm_file::read(path)?),
        None => None,
    };
    let against = features.as_ref().map(|features| Against {
        features,
        radius_m: args.osm_radius,
        allow_synthetic: args.allow_synthetic,
    });
    let mut request = ExportRequest::against(&ledger, threshold, against)
        .map_err(hints::export::explain)?
        .with_geometry(args.geometry)
        .with_schema(args.schema)
        .with_synthetic_allowed(args.allow_synthetic);
    if let (Some(path), Some(comparison)) = (&args.osm, request.grid().comparison()) {
        tell_comparison(path, comparison);
    }
    if let Some(path) = &args.reviewed {
        let counts = request.review(&reviewed::read(path)?);
        reviewed::tell(path, &counts);
    }
    let hints_max = args.max_hints.or_else(|| {
        args.review_hours
            .map(|hours| (hours * HINTS_PER_HOUR) as usize)
    });
    if let Some(hints_max) = hints_max {
        request = request.with_hints_max(hints_max);
        tell_budget(&request);
    }
    if hints_max.is_some() || args.reviewed.is_some() {
        tell_expected(&request);
    }
    if let Some(source) = &args.chips_from {
        let images = fetch_chips(source, &request)?;
        request = request.with_images(images);
    }
    if let (Some(format), true) = (args.format, args.output == Path::new("-")) {
        return to_stdout(format, &request);
    }
    let if_exists = if args.force {
        IfExists::Replace
    } else {
        IfExists::Refuse
    };
    let count = match args.format {
        Some(format) => export::write(format, &request, &args.output, if_exists),
        None => export::write_bundle(request, &args.output, if_exists),
    }
    .map_err(hints::export::explain)?;
    let synthetic = if manifest.imagery.synthetic {
        "SYNTHETIC "
    } else {
        ""
    };
    terminal::note(format_args!(
        "wrote {count} {synthetic}{} with a score of at least {threshold} to {}",
        if count == 1 { "hint" } else { "hints" },
        args.output.display(),
    ));
    Ok(ExitCode::SUCCESS)
}

/// The images of the report's chips that the run did not keep.
fn fetch_chips(
    source: &str,
    request: &ExportRequest<'_>,
) -> Result<HashMap<TileCoord, Vec<u8>>, CliError> {
    let source =
        imagery::open(source, &SourceOptions::default()).map_err(hints::imagery::explain)?;
    run::fetch_chips(source.as_ref(), request, &mut Told).map_err(|error| match error {
        RunError::Export(error) => hints::export::explain(error),
        error => hints::run::explain(error),
    })
}

/// The use of the run, among those asked for, that its imagery has to be real for.
fn real_use(args: &Args) -> Option<RealUse> {
    let for_mapping = args.format.filter(|format| format.is_for_mapping());
    for_mapping
        .map(RealUse::Format)
        .or(args.bundle.then_some(RealUse::Bundle))
        .or(args.osm.is_some().then_some(RealUse::Comparison))
}

fn tell_comparison(path: &Path, comparison: &Comparison) {
    if comparison.is_elsewhere() {
        terminal::warn(format_args!(
            "nothing in {} lies where this run looked: is it of the same country?",
            path.display()
        ));
    }
    terminal::note(format_args!(
        "OpenStreetMap: {} hints are mapped, {} lie on a line without a tower, {} near a line, {} \
         are new",
        grouped(comparison.mapped),
        grouped(comparison.line_without_tower),
        grouped(comparison.near_line),
        grouped(comparison.new)
    ));
    if let Some(recall) = comparison.recall() {
        terminal::note(format_args!(
            "recall is about {:.1} %: {} of {} mapped towers in scanned tiles were found, if \
             OpenStreetMap is right and of the imagery's date",
            recall * 100.0,
            grouped(comparison.towers_found),
            grouped(comparison.towers_in_scanned_tiles)
        ));
    }
}

fn tell_budget(request: &ExportRequest<'_>) {
    let towers = request.grid().towers();
    let lowest = towers.iter().map(|tower| tower.score).reduce(f32::min);
    let hints = grouped(towers.len() as u64);
    let scores = lowest.map_or(String::new(), |lowest| {
        format!(", which score at least {lowest}")
    });
    terminal::note(format_args!(
        "the budget keeps the best {hints} hints{scores}"
    ));
}

/// How many true towers the hints hold can only be told from what is known to be true.
fn tell_expected(request: &ExportRequest<'_>) {
    let towers = request.grid().towers();
    if let Some(expected) = Expected::of(towers) {
        terminal::note(reviewed::sentence(&expected));
        return;
    }
    let mapped = towers
        .iter()
        .filter(|tower| tower.osm_status == Some(OsmStatus::Mapped));
    match request.grid().comparison() {
        Some(_) => terminal::note(format_args!(
            "at least {} of them are true: as many are mapped; how many of the others are is \
             unknown: --reviewed would tell",
            grouped(mapped.count() as u64)
        )),
        None => terminal::note(format_args!(
            "how many of them are true is unknown: --reviewed or --osm would tell"
        )),
    }
}

fn to_stdout(format: Format, request: &ExportRequest<'_>) -> Result<ExitCode, CliError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = export::write_to(format, request, &mut out);
    let flushed = match written {
        Ok(_) => out.flush().map_err(ExportError::Stream),
        Err(error) => Err(error),
    };
    match flushed {
        // Whoever reads the pipe has seen enough.
        Err(ExportError::Stream(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        other => other
            .map(|()| ExitCode::SUCCESS)
            .map_err(hints::export::explain),
    }
}
