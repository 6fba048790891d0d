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
        let parts: Vec<Vec<[f64; 2]>> = split_at_antimeridian(&piece.points)
            .iter()
            .map(|part| {
                part.iter()
                    .map(|&(lon, lat)| [six(lon), six(lat)])
                    .collect()
            })
            .collect();
        let geometry = match parts.as_slice() {
            [whole] => json!({"type": "LineString", "coordinates": whole}),
            parts => json!({"type": "MultiLineString", "coordinates": parts}),
        };
        let feature = json!({
            "type": "Feature",
            "geometry": geometry,
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

/// A line of continuous longitudes as parts within ±180, cut at the antimeridian as RFC 7946
/// (section 3.1.9) asks.
fn split_at_antimeridian(points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let world = |lon: f64| ((lon + 180.0) / 360.0).floor();
    let home = |(lon, lat): (f64, f64), world: f64| (lon - 360.0 * world, lat);
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut last: Option<(f64, f64)> = None;
    for &point in points {
        let here = world(point.0);
        match last {
            Some(before) if world(before.0) != here => {
                let there = world(before.0);
                let edge = 360.0 * here.max(there) - 180.0;
                let share = (edge - before.0) / (point.0 - before.0);
                let crossing = (edge, before.1 + (point.1 - before.1) * share);
                if let Some(part) = parts.last_mut() {
                    part.push(home(crossing, there));
                }
                parts.push(vec![home(crossing, here), home(point, here)]);
            }
            Some(_) => {
                if let Some(part) = parts.last_mut() {
                    part.push(home(point, here));
                }
            }
            None => parts.push(vec![home(point, here)]),
        }
        last = Some(point);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_across_the_antimeridian_is_cut_there() {
        let parts = split_at_antimeridian(&[(179.0, 0.0), (179.5, 1.0), (180.5, 2.0)]);
        assert_eq!(
            parts,
            [
                vec![(179.0, 0.0), (179.5, 1.0), (180.0, 1.5)],
                vec![(-180.0, 1.5), (-179.5, 2.0)],
            ]
        );
        let parts = split_at_antimeridian(&[(-179.5, 0.0), (-180.5, 2.0)]);
        assert_eq!(
            parts,
            [
                vec![(-179.5, 0.0), (-180.0, 1.0)],
                vec![(180.0, 1.0), (179.5, 2.0)],
            ]
        );
        let whole = [(1.0, 2.0), (3.0, 4.0)];
        assert_eq!(split_at_antimeridian(&whole), [whole.to_vec()]);
    }
}
