//! `hvmap synth truth`: the towers and lines of an area of the synthetic world, as GeoJSON.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use serde_json::json;

use crate::{
    cli::{CliError, OrHint},
    imagery::synthetic::{ATTRIBUTION, StyleChoice, World, style_names},
    tiles::{Bounds, TileCoord, mercator},
};

/// Write the towers and lines of an area of the synthetic world as GeoJSON.
///
/// Towers are points tagged power=tower at their base, lines are power=line; everything says
/// synthetic=true.
///
/// Example: hvmap synth truth --bbox 12.40,43.89,12.52,43.99 --seed 1 -o truth.geojson
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// West,south,east,north in degrees.
    #[arg(long, value_name = "W,S,E,N", allow_hyphen_values = true)]
    bbox: Bounds,
    /// The world's seed.
    #[arg(long)]
    seed: u64,
    /// One style instead of the mosaic of all seen ones: it decides the tower families.
    #[arg(long)]
    style: Option<String>,
    /// Zoom of the tile address that each tower carries.
    #[arg(long, default_value_t = 18, value_parser = clap::value_parser!(u8).range(0..=24))]
    zoom: u8,
    /// File to write, `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    force: bool,
}

/// Runs `hvmap synth truth`.
///
/// # Errors
/// An unknown style, a file that exists, or what went wrong in writing.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let style = match &args.style {
        Some(name) => {
            StyleChoice::named(name).or_hint(|| format!("the styles are {}", style_names()))?
        }
        None => StyleChoice::Mosaic,
    };
    let world = World::new(args.seed, style);
    if args.output.as_os_str() == "-" {
        write(&world, &args, &mut std::io::stdout().lock())?;
    } else {
        if args.output.exists() && !args.force {
            return Err(CliError::new(format!("{} exists", args.output.display()))
                .hint("choose another file, or give --force to replace it"));
        }
        let mut file = BufWriter::new(File::create(&args.output)?);
        write(&world, &args, &mut file)?;
        file.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(world: &World, args: &Args, out: &mut impl Write) -> Result<(), CliError> {
    let six = |v: f64| (v * 1e6).round() / 1e6;
    writeln!(
        out,
        "{{\"type\":\"FeatureCollection\",\"name\":\"SYNTHETIC truth, seed {}\",\
         \"attribution\":{},\"features\":[",
        args.seed,
        json!(ATTRIBUTION)
    )?;
    let mut separator = "";
    for tower in world.towers_in(args.bbox) {
        let (design, structure) = tower.family.osm_tags();
        let TileCoord { z, x, y } = mercator::tile_at(tower.lon, tower.lat, args.zoom);
        let feature = json!({
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [six(tower.lon), six(tower.lat)]},
            "properties": {
                "power": "tower",
                "synthetic": true,
                "design": design,
                "structure": structure,
                "height": format!("{:.0}", tower.height_m),
                "line": format!("{:016x}", tower.line),
                "tower": format!("{:016x}", tower.id),
                "tile": format!("{z}/{x}/{y}"),
            },
        });
        write!(out, "{separator}{feature}")?;
        separator = ",\n";
    }
    for piece in world.lines_in(args.bbox) {
        let points: Vec<_> = piece
            .points
            .iter()
            .map(|&(lon, lat)| [six(lon), six(lat)])
            .collect();
        let feature = json!({
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": points},
            "properties": {
                "power": "line",
                "synthetic": true,
                "voltage": (piece.voltage_kv * 1_000).to_string(),
                "line": format!("{:016x}", piece.line),
                "piece": piece.index,
            },
        });
        write!(out, "{separator}{feature}")?;
        separator = ",\n";
    }
    writeln!(out, "\n]}}")?;
    Ok(())
}
