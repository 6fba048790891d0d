//! What can be wrong with a file of OpenStreetMap's data.

use std::{io, path::PathBuf};

/// Trouble with a file of OpenStreetMap's data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OsmError {
    #[error("{} could not be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is empty", path.display())]
    Empty { path: PathBuf },
    #[error(
        "{} is neither GeoJSON nor OpenStreetMap's XML or PBF (expected one of them, gzipped or not)",
        path.display()
    )]
    UnknownFormat { path: PathBuf },
    #[error("{} is no GeoJSON FeatureCollection, or is cut off", path.display())]
    GeoJson {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{} is in {crs} (expected longitude and latitude, EPSG:4326)", path.display())]
    OtherCrs { path: PathBuf, crs: String },
    #[error(
        "{} is not in degrees of longitude and latitude (got the position {lon}, {lat})",
        path.display()
    )]
    NotDegrees { path: PathBuf, lon: f64, lat: f64 },
    #[error("{} is damaged or cut off: {what}", path.display())]
    Ogr { path: PathBuf, what: String },
    #[error(
        "{} is OpenStreetMap's XML or PBF, and this hvmap was built without GDAL, which reads them",
        path.display()
    )]
    WithoutGdal { path: PathBuf },
    #[error(
        "{} holds no tower, line or substation (got {read} features, {others} of them power \
         features of other kinds)",
        path.display()
    )]
    NoPower {
        path: PathBuf,
        read: u64,
        others: u64,
    },
}

impl OsmError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherCrs { .. } | Self::NotDegrees { .. } => {
                "reproject it: ogr2ogr -t_srs EPSG:4326 power.geojson FILE"
            }
            Self::GeoJson { .. } | Self::Ogr { .. } | Self::Empty { .. } => {
                "download it again, and compare its size with the server's"
            }
            Self::WithoutGdal { .. } => {
                "convert it to GeoJSON: osmium tags-filter FILE nwr/power -o power.pbf; \
                 osmium export power.pbf -o power.geojson"
            }
            Self::NoPower { .. } => {
                "features need their tag `power`; an extract of the area from Geofabrik or Overpass \
                 has it"
            }
            Self::Read { .. } | Self::UnknownFormat { .. } => {
                "give GeoJSON, .osm or .osm.pbf, gzipped or not"
            }
        }
    }
}
