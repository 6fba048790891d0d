//! What can go wrong while exporting.

use std::{io, path::PathBuf};

use super::{Format, RealUse};
use crate::{detections::DetectionsError, ledger::LedgerError};

/// Trouble with an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error(
        "threshold {threshold} is below what the run kept: tiles that scored under {keep_threshold} \
         have no candidate in the ledger"
    )]
    ThresholdBelowKept { threshold: f32, keep_threshold: f32 },
    #[error("a threshold is a score (got {got}, expected 0 to 1)")]
    InvalidThreshold { got: f32 },
    #[error("{wanted}, and this run's imagery is SYNTHETIC")]
    Synthetic { wanted: RealUse },
    #[error("the format {format} has no tile squares, only points")]
    PointsOnly { format: Format },
    #[error("the format {format} has no legacy property names, only GeoJSON has")]
    NoLegacy { format: Format },
    #[error("this hvmap was built without GDAL, which writes the format {format}")]
    WithoutGdal { format: Format },
    #[cfg(feature = "gdal")]
    #[error("GDAL could not write {}: {what}", path.display())]
    Ogr { path: PathBuf, what: String },
    #[error("the format {format} cannot be streamed: it needs a file")]
    NotStreamable { format: Format },
    #[error("{} already exists", path.display())]
    Exists { path: PathBuf },
    #[error("{} is being written by another process", path.display())]
    Busy { path: PathBuf },
    #[error("{} could not be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the export could not be written")]
    Stream(#[source] io::Error),
    #[error("the vector tiles could not be stored")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Detections(#[from] DetectionsError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
