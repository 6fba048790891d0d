//! Areas from any vector file that OGR opens, in any coordinates.

use std::path::Path;

use gdal::{
    Dataset, DatasetOptions, GdalOpenFlags,
    spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef},
    vector::{Geometry, LayerAccess, OGRwkbGeometryType, geometry_type_flatten},
};
use geo::{Coord, LineString};

use super::{
    AreaError, AreaWarning,
    features::{Features, Piece},
};

/// Longest edge in a projected source, in its own units: longer ones are divided before they are
/// projected, since a line that is straight there bends in Web Mercator.
const EDGE_MAX_UNITS: f64 = 1_000.0;
/// The most points that dividing adds to one edge.
const EDGE_PIECES_MAX: f64 = 10_000.0;

/// Reads the geometries of all layers, as longitudes and latitudes. Features are numbered through
/// all layers.
///
/// # Errors
/// When GDAL cannot open the file or read a geometry, and when a layer states coordinates that
/// cannot be turned into longitude and latitude.
pub(super) fn read(path: &Path) -> Result<Features, AreaError> {
    let failed = |what: &str, cause: gdal::errors::GdalError| AreaError::Vector {
        path: path.to_owned(),
        what: what.to_owned(),
        cause,
    };
    // GDAL's own message for a file that is not there is long and vague.
    std::fs::metadata(path).map_err(|cause| AreaError::Read {
        path: path.to_owned(),
        cause,
    })?;
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY,
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open_ex(path, options).map_err(|cause| failed("the file", cause))?;
    let mut lon_lat = SpatialRef::from_epsg(4326).map_err(|cause| failed("EPSG:4326", cause))?;
    lon_lat.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);

    let mut features = Features::default();
    let mut number = 0;
    for mut layer in dataset.layers() {
        let layer_name = layer.name();
        let projection = match layer.spatial_ref() {
            None => {
                features
                    .warnings
                    .push(AreaWarning::NoCrs { layer: layer_name });
                None
            }
            Some(mut source) => {
                source.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
                let transform = CoordTransform::new(&source, &lon_lat).map_err(|cause| {
                    failed(&format!("the coordinates of layer {layer_name:?}"), cause)
                })?;
                Some(Projection {
                    transform,
                    projected: !source.is_geographic(),
                })
            }
        };
        for feature in layer.features() {
            number += 1;
            let Some(geometry) = feature.geometry() else {
                continue;
            };
            push(&mut features, number, geometry, projection.as_ref())
                .map_err(|cause| failed(&format!("feature {number}"), cause))?;
        }
    }
    Ok(features)
}

/// How the coordinates of a layer become longitudes and latitudes.
struct Projection {
    transform: CoordTransform,
    /// Whether they are metres or the like, and no degrees.
    projected: bool,
}

fn push(
    features: &mut Features,
    number: usize,
    geometry: &Geometry,
    projection: Option<&Projection>,
) -> Result<(), gdal::errors::GdalError> {
    let kind = geometry_type_flatten(geometry.geometry_type());
    match kind {
        OGRwkbGeometryType::wkbPoint => {
            if geometry.is_empty() {
                return Ok(());
            }
            let line = line_of(geometry, projection)?;
            for &at in &line.0 {
                features.push(number, Piece::Point(at));
            }
        }
        OGRwkbGeometryType::wkbLineString => {
            features.push(number, Piece::Line(line_of(geometry, projection)?));
        }
        OGRwkbGeometryType::wkbPolygon => {
            let rings = (0..geometry.geometry_count())
                .map(|index| line_of(&geometry.get_geometry(index), projection))
                .collect::<Result<Vec<_>, _>>()?;
            features.push(number, Piece::Polygon(rings));
        }
        OGRwkbGeometryType::wkbMultiPoint
        | OGRwkbGeometryType::wkbMultiLineString
        | OGRwkbGeometryType::wkbMultiPolygon
        | OGRwkbGeometryType::wkbGeometryCollection => {
            for index in 0..geometry.geometry_count() {
                push(features, number, &geometry.get_geometry(index), projection)?;
            }
        }
        other => {
            return Err(gdal::errors::GdalError::UnsupportedGdalGeometryType(other));
        }
    }
    Ok(())
}

fn line_of(
    geometry: &Geometry,
    projection: Option<&Projection>,
) -> Result<LineString<f64>, gdal::errors::GdalError> {
    let mut points = Vec::new();
    geometry.get_points(&mut points);
    let points = points.into_iter().map(|(x, y, _)| Coord { x, y });
    let Some(projection) = projection else {
        return Ok(points.collect());
    };
    let points = match projection.projected {
        true => divided(points),
        false => points.collect(),
    };
    let mut x: Vec<f64> = points.iter().map(|at| at.x).collect();
    let mut y: Vec<f64> = points.iter().map(|at| at.y).collect();
    projection
        .transform
        .transform_coords(&mut x, &mut y, &mut [])?;
    let mut line: LineString<f64> = x.into_iter().zip(y).collect();
    // What was closed stays closed, whatever the last digit of the projection says.
    if let (Some(first), Some(last)) = (points.first(), points.last())
        && first == last
    {
        let end = line.0.len() - 1;
        line.0[end] = line.0[0];
    }
    Ok(line)
}

/// The line with points added along its long edges.
fn divided(points: impl Iterator<Item = Coord<f64>>) -> Vec<Coord<f64>> {
    let mut line: Vec<Coord<f64>> = Vec::new();
    for to in points {
        if let Some(&from) = line.last() {
            let length = (to.x - from.x).hypot(to.y - from.y);
            let pieces = (length / EDGE_MAX_UNITS).ceil().clamp(1.0, EDGE_PIECES_MAX);
            for piece in 1..pieces as u32 {
                let share = f64::from(piece) / pieces;
                line.push(from + (to - from) * share);
            }
        }
        line.push(to);
    }
    line
}
