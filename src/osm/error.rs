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

impl OsmError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherCrs { .. } | Self::NotDegrees { .. } => {
                "reproject it: ogr2ogr -t_srs EPSG:4326 power.geojson FILE"
            }
            Self::GeoJson { .. } | Self::Damaged { .. } | Self::Empty { .. } => {
                "download it again, and compare its size with the server's"
            }
            Self::Packed { unpack, .. } => match *unpack {
                "unzip" => "unpack it first: unzip FILE",
                "bunzip2" => "unpack it first: bunzip2 FILE",
                "unxz" => "unpack it first: unxz FILE",
                "unzstd" => "unpack it first: unzstd FILE",
                _ => "unpack it first: 7z x FILE",
            },
            Self::OtherFormat { is: "TopoJSON", .. } => {
                "convert it to GeoJSON: topo2geo, or mapshaper FILE -o format=geojson"
            }
            Self::OtherFormat { .. } => "convert it: osmium cat FILE -o power.osm.pbf",
            Self::OtherRoot { root, .. } if root.eq_ignore_ascii_case("html") => {
                "it is a web page, perhaps a server's message: open it in a browser"
            }
            Self::OtherRoot { root, .. } if root == "osmChange" => {
                "apply the changes to the file that they belong to: osmium apply-changes"
            }
            Self::OtherRoot { .. } => "give an extract of OpenStreetMap's data, or GeoJSON",
            Self::History { .. } => {
                "take the objects of one date: osmium time-filter FILE -o now.osm.pbf"
            }
            Self::PbfCompression { .. } => {
                "write it anew: osmium cat FILE -o power.osm.pbf -f pbf,pbf_compression=zlib"
            }
            Self::Remark { .. } => {
                "ask for a smaller area, or with a longer [timeout:] or a larger [maxsize:]"
            }
            Self::NoGeometry { .. } => {
                "ask for the nodes too: in Overpass `out geom;`, or `(._;>;); out;`"
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
