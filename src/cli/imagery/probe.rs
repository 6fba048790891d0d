//! `hvmap imagery probe`: a contact sheet of random tiles, and what is wrong with them.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf, process::ExitCode};

use serde_json::json;

use crate::{
    cli::{
        CliError, OrHint,
        area_args::{self, AreaArgs},
        hints,
        imagery_args::ImagerySettings,
        terminal,
    },
    imagery::{
        SourceDescription,
        probe::{self, Finding, Probe, RowOrderFinding, contact_sheet},
    },
};

/// Share of the tiles with an image from which a finding is worth a warning.
const WORTH_WARNING: f64 = 0.2;

/// Looks at random tiles of an area: writes a contact sheet and says what each tile is
///
/// Findings: real, no imagery, blank (one colour), placeholder (the same image at several places),
/// stretched (blown up from a lower zoom, where no tower is to be seen), undecodable, failed; and
/// for all together whether rows are counted from the wrong end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hvmap imagery probe 'https://tiles.example.org/{z}/{x}/{y}.jpg' --country zambia --zoom 18
  hvmap imagery probe ortho.tif --bbox 12.40,43.89,12.52,43.99 -o look.png
  hvmap imagery probe zambia.mbtiles --country zambia --count 40 --json")]
pub struct Args {
    /// Where tile images come from, as `hvmap run --imagery` takes it
    #[arg(value_name = "SRC")]
    source: String,

    #[command(flatten)]
    area: AreaArgs,

    /// Zoom of the tiles, 0 to 24
    #[arg(long, value_name = "Z", value_parser = area_args::parse_zoom, default_value = "18")]
    zoom: u8,

    /// Tiles to look at
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=400))]
    count: u16,

    /// Another seed draws other tiles
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// The contact sheet, a PNG
    #[arg(short, long, value_name = "FILE", default_value = "probe.png")]
    output: PathBuf,

    /// Write over an existing FILE
    #[arg(long)]
    force: bool,

    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: ImagerySettings,
}

/// Runs `hvmap imagery probe`.
///
/// # Errors
/// What is wrong with the area or the source, or with writing the sheet.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    if !args.force && args.output.exists() {
        return Err(
            CliError::new(format!("{} exists already", args.output.display()))
                .hint("--force writes over it, -o FILE writes another"),
        );
    }
    let area = args.area.resolve()?;
    area_args::announce(&area);
    let cover = area_args::cover(&area, args.zoom)?;
    let source = args.settings.open(&args.source)?;
    let probe = probe::probe(source.as_ref(), &cover, args.count.into(), args.seed)
        .map_err(hints::imagery::explain)?;
    fs::write(&args.output, contact_sheet(&probe.tiles)).or_hint(|| {
        format!(
            "{} must be writable; -o names another file",
            args.output.display()
        )
    })?;
    let text = if args.json {
        to_json(&probe, source.description(), &args)
    } else {
        to_table(&probe)
    };
    print!("{text}");
    for warning in warnings(&probe, source.description(), args.zoom) {
        terminal::warn(warning);
    }
    terminal::note(format_args!("contact sheet: {}", args.output.display()));
    Ok(ExitCode::SUCCESS)
}

fn to_table(probe: &Probe) -> String {
    let mut text = format!(
        "{:<20} {:>8} {:>9}  {:<19}  {}\n",
        "tile", "m/px", "detail", "captured", "finding"
    );
    for tile in &probe.tiles {
        let metres = tile.metres_per_px();
        // What is to be seen in a stretched tile is coarser than its pixels.
        let detail = match tile.finding {
            Finding::Real => format!("{metres:.2} m"),
            Finding::Stretched { factor } => format!("{:.2} m", metres * f64::from(factor)),
            _ => "-".to_owned(),
        };
        let captured = tile.captured.as_deref().unwrap_or("not served");
        let reason = match &tile.finding {
            Finding::Undecodable { reason } | Finding::Failed { reason } => format!(": {reason}"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "{:<20} {metres:>8.3} {detail:>9}  {captured:<19}  {}{reason}",
            tile.tile.to_string(),
            tile.finding.name(),
        );
    }
    let order = match probe.row_order {
        RowOrderFinding::Right => "right: neighbours fit together",
        RowOrderFinding::Flipped => "flipped: rows are counted from the other end",
        RowOrderFinding::Unknown => "not known: too few neighbours to compare",
    };
    let _ = writeln!(text, "\nrow order: {order}");
    for (hash, count) in placeholders(probe) {
        let _ = writeln!(text, "placeholder {hash} ({count} tiles)");
    }
    text
}

/// The hashes of the images that are placeholders, and how many tiles each stands for.
fn placeholders(probe: &Probe) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for tile in &probe.tiles {
        if let (Finding::Placeholder, Some(hash)) = (&tile.finding, &tile.body_hash) {
            *counts.entry(hash.to_string()).or_default() += 1;
        }
    }
    counts
}

fn to_json(probe: &Probe, source: &SourceDescription, args: &Args) -> String {
    let tiles: Vec<_> = probe
        .tiles
        .iter()
        .map(|tile| {
            let centre = tile.tile.centre();
            let mut object = json!({
                "z": tile.tile.z,
                "x": tile.tile.x,
                "y": tile.tile.y,
                "lon": centre.lon,
                "lat": centre.lat,
                "metres_per_px": tile.metres_per_px(),
                "captured": tile.captured,
                "body_hash": tile.body_hash.as_ref().map(ToString::to_string),
            });
            if let (Some(object), Ok(serde_json::Value::Object(finding))) =
                (object.as_object_mut(), serde_json::to_value(&tile.finding))
            {
                object.extend(finding);
            }
            object
        })
        .collect();
    let report = json!({
        "imagery": source.name,
        "attribution": source.attribution,
        "terms": source.terms,
        "zoom": args.zoom,
        "zoom_max": source.zoom_max,
        "seed": args.seed,
        "sheet": args.output,
        "row_order": probe.row_order,
        "tiles": tiles,
    });
    format!("{report}\n")
}

/// What a person should not miss.
fn warnings(probe: &Probe, source: &SourceDescription, zoom: u8) -> Vec<String> {
    let count = |is: fn(&Finding) -> bool| probe.tiles.iter().filter(|t| is(&t.finding)).count();
    let total = probe.tiles.len();
    let many = |part: usize| part > 0 && part as f64 >= WORTH_WARNING * total as f64;
    let mut warnings = Vec::new();
    if probe.row_order == RowOrderFinding::Flipped {
        warnings.push(
            "rows are counted from the other end: write {-y} for {y} in a template, or give \
             --imagery-scheme tms (or xyz) for a folder"
                .to_owned(),
        );
    }
    let stretched = count(|f| matches!(f, Finding::Stretched { .. }));
    if many(stretched) {
        warnings.push(format!(
            "{stretched} of {total} tiles are blown up from a lower zoom: a tower would not be seen \
             there, and no detection would mean nothing; try a lower --zoom"
        ));
    }
    let repeated = count(|f| *f == Finding::Placeholder);
    if repeated > 0 {
        let flags: String = placeholders(probe)
            .keys()
            .map(|hash| format!(" --no-imagery-hash {hash}"))
            .collect();
        warnings.push(if flags.is_empty() {
            format!("{repeated} of {total} tiles are the same image as another")
        } else {
            format!(
                "{repeated} of {total} tiles are the same image as another: look at the sheet, and \
                 if it shows no ground, let it count as no imagery with{flags}"
            )
        });
    }
    let failed = count(|f| matches!(f, Finding::Failed { .. } | Finding::Undecodable { .. }));
    if many(failed) {
        warnings.push(format!(
            "{failed} of {total} tiles could not be had or read"
        ));
    }
    if let Some(zoom_max) = source.zoom_max.filter(|max| *max < zoom) {
        warnings.push(format!(
            "the source's own pixels are those of zoom {zoom_max}: at zoom {zoom} they are blown up"
        ));
    }
    if source.attribution.is_empty() && !source.synthetic {
        warnings.push("no attribution is known: give it with --attribution".to_owned());
    }
    warnings
}
