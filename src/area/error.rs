//! What can be wrong with an area.

use std::path::PathBuf;

use crate::tiles::TilesError;

/// Why there is no area.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AreaError {
    #[error("unknown country {given:?}{}", did_you_mean(nearest))]
    UnknownCountry {
        given: String,
        /// Names that look like it, the nearest first; often none.
        nearest: Vec<String>,
    },
    #[error("{given:?} is the name of several countries (it could be {})", could_be.join(" or "))]
    AmbiguousCountry {
        given: String,
        could_be: Vec<String>,
    },
    #[error("the boundary of {name} is empty: it is too small for the maps that ship with hvmap")]
    EmptyCountry { name: String },
    #[error("the built-in boundaries are damaged")]
    Boundaries(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("{} is not GeoJSON", path.display())]
    NotGeoJson {
        path: PathBuf,
        #[source]
        cause: Box<geojson::Error>,
    },
    #[error("{} gives coordinates in {crs}, but GeoJSON is longitude and latitude (EPSG:4326)", path.display())]
    GeoJsonCrs { path: PathBuf, crs: String },
    #[error("{} is not GeoJSON, and this hvmap was built without GDAL, which reads other formats", path.display())]
    WithoutGdal { path: PathBuf },
    #[cfg(feature = "gdal")]
    #[error("GDAL cannot read {what} in {}", path.display())]
    Vector {
        path: PathBuf,
        /// What it was reading: "the file", "feature 3".
        what: String,
        #[source]
        cause: gdal::errors::GdalError,
    },
    #[error("{} holds no polygon (found {found})", path.display())]
    NoPolygons { path: PathBuf, found: String },
    #[error("{place} has a coordinate that is not a number (got {lon}, {lat})")]
    NotFinite {
        place: RingPosition,
        lon: f64,
        lat: f64,
    },
    #[error("{place} is not in longitude and latitude (got {lon}, {lat}; expected ±180, ±90)")]
    NotDegrees {
        place: RingPosition,
        lon: f64,
        lat: f64,
    },
    #[error("{place} is not closed (begins at {}, {} and ends at {}, {})", begin.0, begin.1, end.0, end.1)]
    NotClosed {
        place: RingPosition,
        begin: (f64, f64),
        end: (f64, f64),
    },
    #[error("{place} has too few points (got {got}, expected at least 4)")]
    TooFewPoints { place: RingPosition, got: usize },
    #[error("{what} encloses nothing")]
    Empty { what: String },
    #[error("{what} lies wholly beyond Web Mercator's limit of 85.05° north and south")]
    BeyondMercator { what: String },
    #[error("not a distance such as 2km or 500m, above 0 and up to 500km (got {got:?})")]
    InvalidBuffer { got: String },
    #[error(
        "line {line} of {source_name} is not a tile (got {got:?}, expected [x, y, z], x,y,z or x y z)"
    )]
    NotATile {
        source_name: String,
        line: u64,
        got: String,
    },
    #[error("line {line} of {source_name}")]
    BadTile {
        source_name: String,
        line: u64,
        #[source]
        cause: TilesError,
    },
    #[error("{source_name} lists no tile")]
    NoTiles { source_name: String },
    #[error("{source_name} lists tiles of zoom {got}, not of zoom {wanted}")]
    OtherZoom {
        source_name: String,
        got: u8,
        wanted: u8,
    },
    #[error(transparent)]
    Tiles(#[from] TilesError),
}

fn did_you_mean(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!(" (did you mean {}?)", names.join(", ")),
    }
}

/// Where in the input something is: a ring of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingPosition {
    /// Number of the feature, counted from 1.
    pub feature: usize,
    /// Number of the ring or line in the feature, counted from 1.
    pub ring: usize,
}

impl std::fmt::Display for RingPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ring {} of feature {}", self.ring, self.feature)
    }
}
