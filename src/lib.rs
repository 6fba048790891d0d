//! hvmap finds likely high-voltage towers in satellite imagery of a whole country.
//!
//! The folders follow the data: an [`area`] becomes [`tiles`], a [`scan`] says which of them come
//! next, the [`pipeline`] takes their [`imagery`] through the [`image`] decoder and the model
//! ([`predict`]) into the [`ledger`], and [`detections`] are read from there and [`export`]ed.
//! `ARCHITECTURE.md` walks through it and states the invariants.

pub mod area;
pub mod causes;
pub mod cli;
pub mod detections;
pub mod digest;
pub mod evaluation;
pub mod export;
pub mod frame;
#[cfg(feature = "gdal")]
mod gdal_reports;
pub mod http;
pub mod image;
pub mod imagery;
pub mod labels;
pub mod ledger;
pub mod mbtiles;
pub mod osm;
pub mod pipeline;
pub mod predict;
pub mod random;
pub mod run;
pub mod scan;
pub mod serve;
pub mod synthetic;
pub mod telemetry;
pub mod tiles;
pub mod wire;

#[cfg(all(feature = "gdal", feature = "bundled-sqlite"))]
compile_error!(
    "the features `gdal` and `bundled-sqlite` exclude each other: two SQLites in one process \
     crash GDAL's GeoPackage driver"
);
