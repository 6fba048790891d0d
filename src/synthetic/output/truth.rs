//! The truth of an area: its towers and lines as GeoJSON.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use serde_json::{Value, json};

use crate::{
    synthetic::{ATTRIBUTION, LinePiece, Tower, World},
    tiles::{BlockCoord, Bounds, Cover, LonLat, TileCoord, TileMask, mercator},
};

/// Writes the towers whose base stands in a tile of the cover, as points tagged `power=tower`, and
/// the pieces of line that come near them, block by block, so that a large country needs little
/// memory. Gives the number of towers.
///
/// Coordinates are degrees with six decimals; each feature says `synthetic`. Lines are cut at the
/// antimeridian as RFC 7946 asks.
///
/// # Errors
/// When `out` takes no more.
pub fn write_truth(world: &World, cover: &Cover, out: &mut impl Write) -> io::Result<usize> {
    writeln!(
        out,
        "{{\"type\":\"FeatureCollection\",\"name\":\"SYNTHETIC truth, seed {}\",\
         \"attribution\":{},\"features\":[",
        world.seed(),
        json!(ATTRIBUTION)
    )?;
    let (mut towers, mut written, mut separator) = (0, HashSet::new(), "");
    for (block, wanted) in cover.blocks() {
        let Some(bounds) = bounds_of(block, &wanted) else {
            continue;
        };
        for tower in world.towers_in(bounds) {
            let tile = mercator::tile_at(tower.at, cover.zoom());
            if cover.contains(tile) {
                write!(out, "{separator}{}", tower_feature(&tower, tile))?;
                separator = ",\n";
                towers += 1;
            }
        }
        for piece in world.lines_in(bounds) {
            if written.insert((piece.line, piece.index)) {
                write!(out, "{separator}{}", line_feature(&piece))?;
                separator = ",\n";
            }
        }
    }
    writeln!(out, "\n]}}")?;
    Ok(towers)
}

/// The box around the wanted tiles of a block.
fn bounds_of(block: BlockCoord, wanted: &TileMask) -> Option<Bounds> {
    wanted
        .iter()
        .map(|index| block.tile(index).bounds())
        .reduce(|a, b| Bounds {
            west: a.west.min(b.west),
            south: a.south.min(b.south),
            east: a.east.max(b.east),
            north: a.north.max(b.north),
        })
}

/// A place to 6 decimals, as GeoJSON has it.
fn six(place: LonLat) -> [f64; 2] {
    [place.lon, place.lat].map(|degrees| (degrees * 1e6).round() / 1e6)
}

fn tower_feature(tower: &Tower, tile: TileCoord) -> Value {
    let (design, structure) = tower.family.osm_tags();
    json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": six(tower.at)},
        "properties": {
            "power": "tower",
            "synthetic": true,
            "design": design,
            "structure": structure,
            "height": format!("{:.0}", tower.height_m),
            "line": format!("{:016x}", tower.line),
            "tower": format!("{:016x}", tower.id),
            "tile": tile.to_string(),
        },
    })
}

fn line_feature(piece: &LinePiece) -> Value {
    let parts: Vec<Vec<[f64; 2]>> = split_at_antimeridian(&piece.points)
        .iter()
        .map(|part| part.iter().copied().map(six).collect())
        .collect();
    let geometry = match parts.as_slice() {
        [whole] => json!({"type": "LineString", "coordinates": whole}),
        parts => json!({"type": "MultiLineString", "coordinates": parts}),
    };
    json!({
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "power": "line",
            "synthetic": true,
            "voltage": (piece.voltage_kv * 1_000).to_string(),
            "line": format!("{:016x}", piece.line),
            "piece": piece.index,
        },
    })
}

/// A line of continuous longitudes as parts within ±180, cut at the antimeridian as RFC 7946
/// (section 3.1.9) asks.
fn split_at_antimeridian(points: &[LonLat]) -> Vec<Vec<LonLat>> {
    let world = |lon: f64| ((lon + 180.0) / 360.0).floor();
    let home = |place: LonLat, world: f64| LonLat {
        lon: place.lon - 360.0 * world,
        lat: place.lat,
    };
    let mut parts: Vec<Vec<LonLat>> = Vec::new();
    let mut last: Option<LonLat> = None;
    for &point in points {
        let here = world(point.lon);
        match last {
            Some(before) if world(before.lon) != here => {
                let there = world(before.lon);
                let edge = 360.0 * here.max(there) - 180.0;
                let share = (edge - before.lon) / (point.lon - before.lon);
                let crossing = LonLat {
                    lon: edge,
                    lat: before.lat + (point.lat - before.lat) * share,
                };
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
        let split = |places: &[(f64, f64)]| {
            let places: Vec<_> = places.iter().copied().map(LonLat::from).collect();
            let parts = split_at_antimeridian(&places).into_iter();
            parts
                .map(|part| part.into_iter().map(Into::into).collect())
                .collect::<Vec<Vec<(f64, f64)>>>()
        };
        let parts = split(&[(179.0, 0.0), (179.5, 1.0), (180.5, 2.0)]);
        assert_eq!(
            parts,
            [
                vec![(179.0, 0.0), (179.5, 1.0), (180.0, 1.5)],
                vec![(-180.0, 1.5), (-179.5, 2.0)],
            ]
        );
        let parts = split(&[(-179.5, 0.0), (-180.5, 2.0)]);
        assert_eq!(
            parts,
            [
                vec![(-179.5, 0.0), (-180.0, 1.0)],
                vec![(180.0, 1.0), (179.5, 2.0)],
            ]
        );
        let whole = [(1.0, 2.0), (3.0, 4.0)];
        assert_eq!(split(&whole), [whole.to_vec()]);
    }
}
