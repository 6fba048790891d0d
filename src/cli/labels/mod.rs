//! `hvmap labels`: a training set from towers that are mapped already.
//!
//! In: an area, OpenStreetMap's power features, imagery. Out: labelled tiles in folders as
//! `hvmap-model train` reads them, `labels.csv`, `manifest.json`, and pages on which a person strikes
//! out the wrong ones. The choice of tiles depends on the seed alone.

mod choice;
mod sheet;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use choice::{Choice, Chosen, Counts, choose};
use serde_json::json;

use super::{
    CliError, OrHint,
    area_args::{self, AreaArgs},
    hints,
    imagery_args::ImageryArgs,
    osm_file, reviewed, terminal,
};
use crate::{
    detections::Label,
    evaluation::read_truth,
    image::{Format, RgbTile, decode, encode_png, is_blank},
    imagery::{Fetched, ImagerySource},
    osm::{self, Lifecycle, PowerFeatures, Support, SupportKind},
    tiles::{BlockCoord, LonLat, TileCoord, TileMask, UNIT_TILES_MAX, VisitReason, WorkUnit},
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
    if fs::read_dir(&args.output).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(
            CliError::new(format!("{} is not empty", args.output.display()))
                .hint("choose another folder with -o"),
        );
    }
    let mut features = osm_file::read(&args.osm)?;
    let mut rejected = match &args.rejected {
        Some(path) => read_truth(path)?,
        None => Vec::new(),
    };
    if let Some(path) = &args.reviewed {
        take_review(path, &mut features, &mut rejected)?;
    }
    let area = args.area.resolve()?;
    area_args::announce(&area);
    let cover = area_args::cover(&area, args.zoom)?;
    let source = args.imagery.settings.open(spec)?;
    let chosen = choose(
        &cover,
        &features,
        &rejected,
        &Choice {
            positives: args.positives,
            negatives: args.negatives,
            edge_px: f64::from(args.edge_px),
            validation: args.validation,
            seed: args.seed,
        },
    );
    if !chosen.iter().any(|(_, label)| label.is_tower()) {
        return Err(CliError::new(format!(
            "{} holds no tower in the area that stands away from its tile's edges",
            args.osm.display()
        ))
        .hint("check the area, or lower --edge-px"));
    }
    for folder in ["tower", "negative"] {
        fs::create_dir_all(args.output.join(folder))
            .or_hint(|| format!("{} must be writable", args.output.display()))?;
    }
    let (written, missing) = fetch_all(source.as_ref(), &chosen, &args.output)?;
    write_csv(&args.output, &chosen, &written)?;
    let labelled = || {
        written
            .iter()
            .map(|(tile, file)| (file.as_str(), &chosen[tile]))
    };
    sheet::write(&args.output, labelled(), source.description())?;
    let counts = Counts::of(labelled().map(|(_, label)| label));
    let manifest = json!({
        "osm": args.osm,
        "osm_attribution": osm::ATTRIBUTION,
        "imagery": source.description().name,
        "imagery_attribution": source.description().attribution,
        "imagery_terms": source.description().terms,
        "synthetic": source.description().synthetic,
        "zoom": args.zoom,
        "seed": args.seed,
        "edge_px": args.edge_px,
        "validation": args.validation,
        "tiles": counts,
        "without_usable_imagery": missing,
    });
    fs::write(
        args.output.join("manifest.json"),
        format!("{}\n", serde_json::to_string_pretty(&manifest)?),
    )?;
    terminal::note(format_args!(
        "{}{} tiles with a tower, {} without, {} without usable imagery\n\
         strike out wrong ones: open {} and sheet-negative.html beside it\n\
         then: hvmap-model train {} -o tower.keras",
        if source.description().synthetic {
            "SYNTHETIC: "
        } else {
            ""
        },
        counts.tower,
        counts.near_line + counts.anywhere + counts.rejected,
        missing,
        args.output.join("sheet-tower.html").display(),
        args.output.display(),
    ));
    Ok(ExitCode::SUCCESS)
}

/// Adds what people accepted to the towers, and what they rejected to the rejected places.
fn take_review(
    path: &Path,
    features: &mut PowerFeatures,
    rejected: &mut Vec<LonLat>,
) -> Result<(), CliError> {
    let labels = reviewed::read(path)?;
    let mut placed = 0;
    for (label, at) in labels.places() {
        placed += 1;
        match label {
            Label::Accepted => features.supports.push(Support {
                kind: SupportKind::Tower,
                lifecycle: Lifecycle::InUse,
                at,
                osm_id: None,
            }),
            Label::Rejected => rejected.push(at),
        }
    }
    if placed == 0 {
        return Err(
            CliError::new(format!("no label of {} says where it is", path.display()))
                .hint("the columns lon and lat tell it, as every export of a run has them"),
        );
    }
    Ok(())
}

type Written = BTreeMap<TileCoord, String>;

/// Fetches the chosen tiles, block by block, and writes them; gives their files, and how many had no
/// usable imagery.
fn fetch_all(
    source: &dyn ImagerySource,
    chosen: &BTreeMap<TileCoord, Chosen>,
    folder: &Path,
) -> Result<(Written, usize), CliError> {
    let mut written = Written::new();
    let mut failed_write = None;
    for unit in units(chosen.keys().copied()) {
        source
            .fetch(&unit, &mut |tile, fetched| match write_tile(
                folder,
                tile,
                &chosen[&tile],
                fetched,
            ) {
                Ok(Some(file)) => {
                    written.insert(tile, file);
                    ControlFlow::Continue(())
                }
                Ok(None) => ControlFlow::Continue(()),
                Err(error) => {
                    failed_write = Some(error);
                    ControlFlow::Break(())
                }
            })
            .map_err(hints::imagery::explain)?;
        if let Some(error) = failed_write {
            return Err(error.into());
        }
    }
    let missing = chosen.len() - written.len();
    Ok((written, missing))
}

/// Work units of the tiles, block by block.
fn units(tiles: impl Iterator<Item = TileCoord>) -> Vec<WorkUnit> {
    let mut blocks: BTreeMap<BlockCoord, Vec<u16>> = BTreeMap::new();
    for tile in tiles {
        blocks
            .entry(BlockCoord::of(tile))
            .or_default()
            .push(BlockCoord::index_of(tile));
    }
    let mut units = Vec::new();
    for (block, indices) in blocks {
        for some in indices.chunks(UNIT_TILES_MAX) {
            let mut wanted = TileMask::default();
            for &index in some {
                wanted.insert(index);
            }
            units.push(WorkUnit {
                sequence: units.len() as u64,
                block,
                wanted,
                reason: VisitReason::Everything,
            });
        }
    }
    units
}

/// Writes one tile as it came, or as PNG where it came as pixels; `None` where it is no use.
fn write_tile(
    folder: &Path,
    tile: TileCoord,
    label: &Chosen,
    fetched: Fetched,
) -> Result<Option<String>, std::io::Error> {
    let mut pixels = RgbTile::new();
    let (bytes, extension) = match fetched {
        Fetched::Payload(payload) => {
            let Ok(format) = Format::of(&payload) else {
                return Ok(None);
            };
            if decode(&payload, pixels.as_bytes_mut()).is_err() {
                return Ok(None);
            }
            (payload.to_vec(), format.extension())
        }
        Fetched::Pixels(drawn) => {
            let png = encode_png(drawn.as_bytes());
            pixels = drawn;
            (png, "png")
        }
        Fetched::NoImagery | Fetched::Undecodable(_) | Fetched::Failed(_) => return Ok(None),
    };
    if is_blank(pixels.as_bytes()) {
        return Ok(None);
    }
    let TileCoord { z, x, y } = tile;
    let file = format!("{}/{z}-{x}-{y}.{extension}", label.folder());
    fs::write(folder.join(&file), bytes)?;
    Ok(Some(file))
}

/// The columns of `hvmap synth tiles`, and the side of the split.
fn write_csv(
    folder: &Path,
    chosen: &BTreeMap<TileCoord, Chosen>,
    written: &Written,
) -> Result<(), CliError> {
    let mut csv = BufWriter::new(File::create(folder.join("labels.csv"))?);
    writeln!(
        csv,
        "file,label,kind,style,z,x,y,base_px,base_py,bases,split"
    )?;
    for (tile, file) in written {
        let label = &chosen[tile];
        let bases: Vec<String> = label
            .bases
            .iter()
            .map(|base| format!("{:.1} {:.1}", base.x_px, base.y_px))
            .collect();
        let (px, py) = label.bases.first().map_or_else(
            || (String::new(), String::new()),
            |base| (format!("{:.1}", base.x_px), format!("{:.1}", base.y_px)),
        );
        writeln!(
            csv,
            "{file},{},{},,{},{},{},{px},{py},{},{}",
            label.folder(),
            label.kind.name(),
            tile.z,
            tile.x,
            tile.y,
            bases.join(";"),
            if label.validation {
                "validation"
            } else {
                "training"
            },
        )?;
    }
    csv.flush()?;
    Ok(())
}
