//! The flags of `hvmap run`.

use std::{net::SocketAddr, path::PathBuf};

use crate::cli::{
    ModelArgs,
    area_args::{AreaArgs, parse_zoom},
    imagery_args::ImageryArgs,
    scan_args::ScanArgs,
};

const EXAMPLES: &str = "\
Examples:
  # The demo: drawn imagery, a model that knows it, a map in a minute
  hvmap run --country san-marino --zoom 18 --demo --out runs/san-marino

  # What would it cost? Nothing is fetched
  hvmap run --country zambia --zoom 18 --imagery 'https://tiles.example/{z}/{x}/{y}.jpg' \\
            --model model.onnx --dry-run

  # One's own imagery and model; run the same command again to go on after a stop
  hvmap run --country lesotho --zoom 18 --imagery lesotho.mbtiles --model model.onnx --out runs/ls

  # Look at a few per cent of the tiles: a sparse net, and then along the lines that it caught
  hvmap run --country lesotho --zoom 18 --imagery lesotho.mbtiles --model model.onnx --out runs/ls \\
            --scan follow

  # Only the tiles that failed
  hvmap run --country lesotho --zoom 18 --imagery lesotho.mbtiles --model model.onnx --out runs/ls \\
            --retry-failed

Exit codes: 0 complete, 1 finished with failed tiles, 2 usage or fatal, 130 interrupted.";

/// Find likely towers in an area: cover it with tiles, read their imagery, classify every tile
///
/// The run's folder holds run.hvmap, from which the same command goes on after any stop, and at the
/// end towers.geojson and towers.mbtiles.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    pub area: AreaArgs,

    /// Zoom of the tiles; at 18 a pixel is 0.6 m at the equator
    #[arg(short, long, default_value_t = 18, value_parser = parse_zoom)]
    pub zoom: u8,

    /// Draw the imagery and use the model that was trained on it: nothing of it is real
    ///
    /// The same as --imagery synthetic:1 --model demo.
    #[arg(long, conflicts_with_all = ["imagery", "models"])]
    pub demo: bool,

    /// Folder of the run [default: runs/AREA-zZOOM]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub imagery: ImageryArgs,

    #[command(flatten)]
    pub model: ModelArgs,

    #[command(flatten)]
    pub scan: ScanArgs,

    #[command(flatten)]
    pub scoring: ScoringArgs,

    #[command(flatten)]
    pub process: ProcessArgs,
}

/// What counts and what is kept.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Scoring")]
pub struct ScoringArgs {
    /// Score from which a tile counts as a detection [default: what the model's file says]
    #[arg(long, value_name = "SCORE", value_parser = score)]
    pub threshold: Option<f32>,

    /// Score from which a tile is kept for lower thresholds later [default: half the threshold]
    #[arg(long, value_name = "SCORE", value_parser = score)]
    pub keep_threshold: Option<f32>,

    /// Keep the images of candidates in run.hvmap, for reviewing without the source
    #[arg(long)]
    pub keep_images: bool,

    /// Draw this many tiles at random for people to look at, into audit.geojson: from those that were
    /// not visited or, after a full scan, from those below the threshold
    ///
    /// The only honest bound on what was missed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub audit: Option<u64>,

    /// Let a model that was trained on drawn imagery alone loose on real imagery
    #[arg(long)]
    pub allow_synthetic_model: bool,
}

/// How the process behaves.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Process")]
pub struct ProcessArgs {
    /// Take only the tiles again that failed
    #[arg(long)]
    pub retry_failed: bool,

    /// Say what the run would take and fetch nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Price of 1,000 tiles of imagery, for --dry-run
    #[arg(long, value_name = "PRICE", requires = "dry_run")]
    pub price_per_1000: Option<f64>,

    /// Print one JSON object on stdout at the end
    #[arg(long)]
    pub json: bool,

    /// Serve Prometheus metrics while running, such as 127.0.0.1:9185
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,

    /// Shell command to run at the end, whatever it was; $HVMAP_EXIT holds the exit code and
    /// $HVMAP_OUT the run's folder
    #[arg(long, value_name = "COMMAND")]
    pub on_finish: Option<String>,

    /// Shell command to run when the run ended otherwise than complete, before --on-finish
    #[arg(long, value_name = "COMMAND")]
    pub on_failure: Option<String>,
}

fn score(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("a score is a number from 0 to 1".to_owned()),
    }
}
