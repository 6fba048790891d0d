//! Areas from GeoJSON files (RFC 7946), without GDAL.

use std::{fs, path::Path};

use geo::{Coord, LineString};
use geojson::{GeoJson, GeometryValue, Position};

use super::{
    AreaError,
    features::{Features, Piece},
};

/// Names of the coordinate systems that GeoJSON of before 2016 could state and that are longitude
/// and latitude.
const LON_LAT_CRS: [&str; 3] = ["CRS84", "EPSG::4326", "EPSG:4326"];

/// Whether a file's name says that it is one GeoJSON object.
pub(super) fn is_geojson(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ext| ext.eq_ignore_ascii_case("geojson") || ext.eq_ignore_ascii_case("json"))
}

/// Reads a feature collection, a feature or a geometry.
///
/// # Errors
/// When the file cannot be read, is not GeoJSON, or names other coordinates than longitude and
/// latitude.
pub(super) fn read(path: &Path) -> Result<Features, AreaError> {
    let text = fs::read_to_string(path).map_err(|cause| AreaError::Read {
        path: path.to_owned(),
        cause,
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let geojson: GeoJson = text.parse().map_err(|cause| AreaError::NotGeoJson {
        path: path.to_owned(),
        cause: Box::new(cause),
    })?;
    refuse_other_crs(path, &geojson)?;
    let mut features = Features::default();
    match &geojson {
        GeoJson::Geometry(geometry) => push(&mut features, 1, &geometry.value),
        GeoJson::Feature(feature) => {
            if let Some(geometry) = &feature.geometry {
                push(&mut features, 1, &geometry.value);
            }
        }
        GeoJson::FeatureCollection(collection) => {
            for (index, feature) in collection.features.iter().enumerate() {
                if let Some(geometry) = &feature.geometry {
                    push(&mut features, index + 1, &geometry.value);
                }
            }
        }
    }
    Ok(features)
}

fn refuse_other_crs(path: &Path, geojson: &GeoJson) -> Result<(), AreaError> {
    let foreign = match geojson {
        GeoJson::Geometry(geometry) => &geometry.foreign_members,
        GeoJson::Feature(feature) => &feature.foreign_members,
        GeoJson::FeatureCollection(collection) => &collection.foreign_members,
    };
    let Some(crs) = foreign.as_ref().and_then(|members| members.get("crs")) else {
        return Ok(());
    };
    let name = crs
        .pointer("/properties/name")
        .and_then(|name| name.as_str());
    match name {
        None if crs.is_null() => Ok(()),
        Some(name) if LON_LAT_CRS.iter().any(|known| name.ends_with(known)) => Ok(()),
        _ => Err(AreaError::GeoJsonCrs {
            path: path.to_owned(),
            crs: name.map_or_else(|| crs.to_string(), str::to_owned),
        }),
    }
}

/// Takes a geometry apart, as it stands: unlike `geo`'s polygons, no ring is closed in silence.
fn push(features: &mut Features, feature: usize, value: &GeometryValue) {
    match value {
        GeometryValue::Point { coordinates } => {
            features.push(feature, Piece::Point(coord_of(coordinates)));
        }
        GeometryValue::MultiPoint { coordinates } => {
            for position in coordinates {
                features.push(feature, Piece::Point(coord_of(position)));
            }
        }
        GeometryValue::LineString { coordinates } => {
            features.push(feature, Piece::Line(line_of(coordinates)));
        }
        GeometryValue::MultiLineString { coordinates } => {
            for line in coordinates {
                features.push(feature, Piece::Line(line_of(line)));
            }
        }
        GeometryValue::Polygon { coordinates } => {
            features.push(feature, Piece::Polygon(rings_of(coordinates)));
        }
        GeometryValue::MultiPolygon { coordinates } => {
            for rings in coordinates {
                features.push(feature, Piece::Polygon(rings_of(rings)));
            }
        }
        GeometryValue::GeometryCollection { geometries } => {
            for member in geometries {
                push(features, feature, &member.value);
            }
        }
    }
}

fn coord_of(position: &Position) -> Coord<f64> {
    Coord {
        x: position[0],
        y: position[1],
    }
}

fn line_of(positions: &[Position]) -> LineString<f64> {
    positions.iter().map(coord_of).collect()
}

fn rings_of(rings: &[Vec<Position>]) -> Vec<LineString<f64>> {
    rings.iter().map(|ring| line_of(ring)).collect()
}
