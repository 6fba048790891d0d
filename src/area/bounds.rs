//! An area from bounds given in degrees.

use geo::{MultiPolygon, Polygon, Rect, coord};

use super::{Area, AreaError, AreaWarning, Provenance, Shape};
use crate::tiles::{Bounds, mercator::LAT_MAX};

/// The box as an area: two boxes where it crosses the antimeridian.
///
/// # Errors
/// When it lies wholly beyond Web Mercator's limit.
pub fn of_bounds(bounds: Bounds) -> Result<Area, AreaError> {
    let label = format!("bbox {bounds}");
    if bounds.south >= LAT_MAX || bounds.north <= -LAT_MAX {
        return Err(AreaError::BeyondMercator { what: label });
    }
    let mut warnings = Vec::new();
    for lat in [bounds.south, bounds.north] {
        if lat.abs() > LAT_MAX {
            warnings.push(AreaWarning::Clamped { lat });
        }
    }
    let south = bounds.south.max(-LAT_MAX);
    let north = bounds.north.min(LAT_MAX);
    let polygon = |west: f64, east: f64| -> Polygon<f64> {
        Rect::new(coord! {x: west, y: south}, coord! {x: east, y: north}).to_polygon()
    };
    let polygons = if bounds.crosses_antimeridian() {
        vec![polygon(bounds.west, 180.0), polygon(-180.0, bounds.east)]
    } else {
        vec![polygon(bounds.west, bounds.east)]
    };
    Ok(Area {
        label,
        shape: Shape::Polygons(MultiPolygon(polygons)),
        provenance: Provenance {
            source: "bounds given on the command line".to_owned(),
            date: None,
            coarseness: None,
        },
        buffer: None,
        warnings,
    })
}
