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
    /// `is` says how, such as "a ZIP archive", and `unpack` is the command.
    #[error("{} is {is} (expected GeoJSON or OpenStreetMap's XML or PBF, gzipped or not)", path.display())]
    Packed {
        path: PathBuf,
        is: &'static str,
        unpack: &'static str,
    },
    /// A format that is known and not read.
    #[error("{} is {is} (expected GeoJSON or OpenStreetMap's XML or PBF)", path.display())]
    OtherFormat { path: PathBuf, is: &'static str },
    #[error(
        "{} is XML with the root element <{root}> (expected <osm>, as OpenStreetMap's files have)",
        path.display()
    )]
    OtherRoot { path: PathBuf, root: String },
    #[error("{} holds the history of its objects (expected them as they are now)", path.display())]
    History { path: PathBuf },
    #[error(
        "{} has blocks that are compressed by other means than zlib, which alone is read",
        path.display()
    )]
    PbfCompression { path: PathBuf },
    /// Overpass ends an answer that it could not finish with a remark.
    #[error("{} is an answer that Overpass did not finish: {remark}", path.display())]
    Remark { path: PathBuf, remark: String },
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
    Damaged { path: PathBuf, what: String },
    #[error(
        "{} names {without_geometry} power features and holds the nodes of none",
        path.display()
    )]
    NoGeometry {
        path: PathBuf,
        without_geometry: u64,
    },
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
