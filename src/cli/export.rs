//! `hvmap export`: a run's detections in the format that the next program wants.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{CliError, terminal};
use crate::{
    export::{self, ExportError, ExportRequest, Format, Geometry, IfExists},
    ledger::LedgerReader,
};

/// Write a run's detections for another program
///
/// Examples:
///   hvmap export runs/pakistan --format geojson -o hints.geojson
///   hvmap export runs/pakistan --format csv --threshold 0.95 -o - | head
///   hvmap export runs/pakistan --format geojson --geometry tile -o squares.geojson
///   hvmap export runs/pakistan --format mbtiles -o towers.mbtiles
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The run's folder, as given to `hvmap run --out`
    #[arg(value_name = "DIR")]
    run: PathBuf,

    /// The file format
    #[arg(long, value_enum)]
    format: Format,

    /// Lowest score to export; the run's own threshold if left out
    #[arg(long, value_name = "T")]
    threshold: Option<f32>,

    /// What to draw for a detection: its point, or the square of its tile
    #[arg(long, value_enum, default_value_t)]
    geometry: Geometry,

    /// Replace the file if there is one
    #[arg(long)]
    force: bool,

    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
}

pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let ledger = LedgerReader::open(&args.run)?;
    let manifest = ledger.manifest()?;
    let threshold = args.threshold.unwrap_or(manifest.threshold);
    let request = ExportRequest::new(&ledger, threshold)
        .map_err(explain)?
        .with_geometry(args.geometry);
    if args.output == Path::new("-") {
        return to_stdout(&args, &request);
    }
    let if_exists = if args.force {
        IfExists::Replace
    } else {
        IfExists::Refuse
    };
    let count = export::write(args.format, &request, &args.output, if_exists).map_err(explain)?;
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

fn to_stdout(args: &Args, request: &ExportRequest<'_>) -> Result<ExitCode, CliError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = export::write_to(args.format, request, &mut out);
    let flushed = match written {
        Ok(_) => out.flush().map_err(ExportError::Stream),
        Err(error) => Err(error),
    };
    match flushed {
        // Whoever reads the pipe has seen enough.
        Err(ExportError::Stream(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        other => other.map(|()| ExitCode::SUCCESS).map_err(explain),
    }
}

/// Adds what to do about it.
fn explain(error: ExportError) -> CliError {
    let hint = match &error {
        ExportError::ThresholdBelowKept { keep_threshold, .. } => Some(format!(
            "export with --threshold {keep_threshold} or more, or run the area again into a new \
             folder with a lower --keep-threshold"
        )),
        ExportError::Exists { .. } => Some("--force replaces it".to_owned()),
        ExportError::PointsOnly { .. } => {
            Some("use --geometry point, or --format geojson".to_owned())
        }
        ExportError::NotStreamable { .. } => Some("name a file: -o towers.mbtiles".to_owned()),
        ExportError::Busy { .. } => Some("wait for it, or choose another name".to_owned()),
        _ => None,
    };
    let error = CliError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
