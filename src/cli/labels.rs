//! `hvmap labels`: a training set from towers that are mapped already.

use std::{path::PathBuf, process::ExitCode};

use super::{
    CliError,
    area_args::{self, AreaArgs},
    hints,
    imagery_args::ImageryArgs,
    osm_file, reviewed, terminal,
};
use crate::{
    evaluation::read_truth,
    labels::{self, Choice, Known},
};

/// Make a training set from towers that are mapped already
///
/// Positives are tiles that hold a mapped tower away from their edges. Negatives are tiles without
/// any mapped support in them or near them: some near lines, some anywhere in the area, and the
/// places of --rejected. Mappers miss towers and imagery is older or newer than the map: open
/// sheet-tower.html and sheet-negative.html and strike out what is wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hvmap labels --country zambia --osm zambia.osm.pbf --imagery zambia.mbtiles -o tiles
  hvmap labels --bbox 12,43,13,44 --osm towers.geojson --imagery synthetic:1 -o tiles --positives 200")]
pub struct Args {
    #[command(flatten)]
    area: AreaArgs,

    /// Power features of OpenStreetMap: GeoJSON, .osm or .osm.pbf
    #[arg(long, value_name = "FILE")]
    osm: PathBuf,

    #[command(flatten)]
    imagery: ImageryArgs,

    /// Folder to write; must not exist or be empty
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Zoom of the tiles
    #[arg(long, value_name = "Z", default_value_t = 18, value_parser = clap::value_parser!(u8).range(14..=22))]
    zoom: u8,

    /// Tiles with a tower at the most
    #[arg(long, value_name = "N", default_value_t = 2000)]
    positives: usize,

    /// Tiles without one at the most: half of them near lines, half anywhere
    #[arg(long, value_name = "N", default_value_t = 4000)]
    negatives: usize,

    /// Points that people found to be no towers, as GeoJSON, such as a run's rejected hints: hard
    /// negatives
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,

    /// A review's export, CSV or GeoJSON with label, lon and lat: what was accepted are towers as
    /// mapped ones are, what was rejected hard negatives
    #[arg(long, value_name = "FILE")]
    reviewed: Option<PathBuf>,

    /// A tower nearer to its tile's edge than this many pixels makes no positive
    #[arg(long, value_name = "PX", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=100))]
    edge_px: u32,

    /// Share of the blocks of 64 × 64 tiles whose tiles are for validation
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = parse_share)]
    validation: f64,

    /// Seed of the choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn parse_share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| format!("got {text:?}, expected 0 to below 1"))
}

/// Runs `hvmap labels`.
///
/// # Errors
/// What is wrong with the area, the files or the imagery, or with writing the tiles.
pub fn run(args: &Args) -> Result<ExitCode, CliError> {
    let Some(spec) = &args.imagery.imagery else {
        return Err(CliError::new("no imagery was named").hint(
            "--imagery with a URL template, a folder, an .mbtiles file, a raster or synthetic:SEED",
        ));
    };
    let explain = |error| hints::labels::explain(error, &args.output);
    labels::refuse_occupied(&args.output).map_err(explain)?;
    let known = known(args)?;
    let area = args.area.resolve()?;
    area_args::announce(&area);
    let cover = area_args::cover(&area, args.zoom)?;
    let source = args.imagery.settings.open(spec)?;
    let choice = Choice {
        positives: args.positives,
        negatives: args.negatives,
        edge_px: args.edge_px,
        validation: args.validation,
        seed: args.seed,
    };
    let made =
        labels::make(&cover, &known, &choice, source.as_ref(), &args.output).map_err(explain)?;
    let tiles = made.tiles;
    terminal::note(format_args!(
        "{}{} tiles with a tower, {} without, {} without usable imagery\n\
         strike out wrong ones: open {} and sheet-negative.html beside it\n\
         then: hvmap-model train {} -o tower.keras",
        if source.description().synthetic {
            "SYNTHETIC: "
        } else {
            ""
        },
        tiles.tower,
        tiles.near_line + tiles.anywhere + tiles.rejected,
        made.without_usable_imagery,
        args.output.join("sheet-tower.html").display(),
        args.output.display(),
    ));
    Ok(ExitCode::SUCCESS)
}

/// Reads what is mapped, and what people said.
fn known(args: &Args) -> Result<Known, CliError> {
    let mut known = Known {
        osm: args.osm.clone(),
        features: osm_file::read(&args.osm)?,
        rejected: match &args.rejected {
            Some(path) => read_truth(path)?,
            None => Vec::new(),
        },
    };
    if let Some(path) = &args.reviewed {
        let reviewed = reviewed::read(path)?;
        known
            .take_review(path, &reviewed)
            .map_err(|error| hints::labels::explain(error, &args.output))?;
    }
    Ok(known)
}
