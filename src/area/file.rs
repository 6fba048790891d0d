//! Areas from files: GeoJSON by ourselves, every other vector format through GDAL.

use std::path::Path;

use geo::LineString;

use super::{
    Area, AreaError, AreaWarning, Distance, Provenance, Shape, buffer,
    clean::{Cleaner, Trust, check_coordinates},
    far_parts,
    features::{Features, Piece},
    geojson_file,
};

/// Reads an area from a vector file, uniting all its features. With a margin, lines and points
/// count too.
///
/// ```
/// use hvmap::area;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("plant.geojson");
/// std::fs::write(&path, r#"{"type": "Point", "coordinates": [12.4578, 43.9424]}"#)?;
///
/// assert!(area::read_file(&path, None).is_err(), "a point has no area");
/// let around = area::read_file(&path, Some("500m".parse()?))?;
/// assert_eq!(around.label, "plant.geojson");
/// assert!(around.cover(18)?.count() > 1);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the file cannot be read, when a ring is broken, and when nothing in it has an area.
pub fn read_file(path: &Path, margin: Option<Distance>) -> Result<Area, AreaError> {
    let features = if geojson_file::is_geojson(path) {
        geojson_file::read(path)?
    } else {
        read_with_gdal(path)?
    };
    let mut cleaner = Cleaner::new(Trust::Foreign);
    let mut lines = Vec::new();
    let mut points = Vec::new();
    for warning in features.warnings {
        cleaner.warn(warning);
    }
    for (place, piece) in features.pieces {
        match piece {
            Piece::Polygon(rings) => cleaner.push(&rings, place.feature, place.ring - 1)?,
            Piece::Line(line) => {
                check_coordinates(&line, &place)?;
                lines.push(line);
            }
            Piece::Point(at) => {
                check_coordinates(&LineString(vec![at]), &place)?;
                points.push(at);
            }
        }
    }
    if margin.is_none() && !(lines.is_empty() && points.is_empty()) {
        cleaner.warn(AreaWarning::Ignored {
            lines: lines.len(),
            points: points.len(),
        });
    }
    let (mut polygons, mut warnings) = cleaner.finish();
    let found = format!("lines: {}, points: {}", lines.len(), points.len());
    if let Some(margin) = margin {
        lines.extend(points.into_iter().map(|at| LineString(vec![at])));
        buffer::widen(&mut polygons, &lines, margin);
    }
    if polygons.0.is_empty() {
        return Err(AreaError::NoPolygons {
            path: path.to_owned(),
            found,
        });
    }
    let label = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    if margin.is_none() {
        warnings.extend(far_parts::unnamed(&label, &polygons));
    }
    Ok(Area {
        label,
        shape: Shape::Polygons(polygons),
        provenance: Provenance {
            source: path.display().to_string(),
            date: None,
            coarseness: None,
        },
        buffer: margin,
        warnings,
    })
}

#[cfg(feature = "gdal")]
fn read_with_gdal(path: &Path) -> Result<Features, AreaError> {
    super::ogr_file::read(path)
}

#[cfg(not(feature = "gdal"))]
fn read_with_gdal(path: &Path) -> Result<Features, AreaError> {
    // A file that is not there is the likelier mistake.
    std::fs::File::open(path).map_err(|cause| AreaError::Read {
        path: path.to_owned(),
        cause,
    })?;
    Err(AreaError::WithoutGdal {
        path: path.to_owned(),
    })
}
