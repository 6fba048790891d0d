//! The part of TopoJSON (<https://github.com/topojson/topojson-specification>) that our own
//! boundaries use: one multipolygon, each ring one arc, delta-coded integers.

use geo::{Coord, LineString};
use serde::Deserialize;

use super::super::AreaError;

/// Decimals of a degree that survive: 0.1 m, far finer than the quantisation, so that the numbers
/// are the ones that people find in the source's GeoJSON.
const DECIMALS: f64 = 1e6;

#[derive(Deserialize)]
struct Topology {
    objects: Objects,
    arcs: Vec<Vec<[i64; 2]>>,
    transform: Transform,
}

#[derive(Deserialize)]
struct Objects {
    country: Country,
}

#[derive(Deserialize)]
struct Country {
    /// Polygons of rings of arc numbers.
    arcs: Vec<Vec<Vec<usize>>>,
}

#[derive(Deserialize)]
struct Transform {
    scale: [f64; 2],
    translate: [f64; 2],
}

/// The polygons of one country, each as its exterior and holes, in degrees, as the source drew
/// them.
///
/// # Errors
/// When the topology is not of the form that `build.py` writes.
pub(super) fn polygons(json: &[u8]) -> Result<Vec<Vec<LineString<f64>>>, AreaError> {
    let damaged = |cause: Box<dyn std::error::Error + Send + Sync>| AreaError::Boundaries(cause);
    let topology: Topology = serde_json::from_slice(json).map_err(|e| damaged(e.into()))?;
    let mut arcs: Vec<LineString<f64>> = topology
        .arcs
        .iter()
        .map(|deltas| decoded(deltas, &topology.transform))
        .collect();
    let mut ring = |numbers: &Vec<usize>| match numbers.as_slice() {
        // Every arc is used once, so it can be moved out.
        &[arc] if arc < arcs.len() => Ok(std::mem::replace(&mut arcs[arc], LineString(vec![]))),
        _ => Err(damaged("a ring is not one arc".into())),
    };
    topology
        .objects
        .country
        .arcs
        .iter()
        .map(|rings| rings.iter().map(&mut ring).collect())
        .collect()
}

fn decoded(deltas: &[[i64; 2]], transform: &Transform) -> LineString<f64> {
    let (mut x, mut y) = (0i64, 0i64);
    let degrees = |steps: i64, axis: usize| {
        let exact = steps as f64 * transform.scale[axis] + transform.translate[axis];
        (exact * DECIMALS).round() / DECIMALS
    };
    deltas
        .iter()
        .map(|&[dx, dy]| {
            x += dx;
            y += dy;
            Coord {
                x: degrees(x, 0),
                y: degrees(y, 1),
            }
        })
        .collect()
}
