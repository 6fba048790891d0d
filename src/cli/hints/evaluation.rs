//! What to do about known towers and labels that a run cannot be measured by.

use super::osm;
use crate::{
    cli::CliError,
    evaluation::{ReviewError, ReviewedError, TruthError},
    osm::OsmError,
};

/// Adds what to do about a file of known towers.
pub fn explain_truth(error: TruthError) -> CliError {
    let hint = match &error {
        TruthError::File(OsmError::GeoJson { .. }) => {
            "convert it: ogr2ogr -t_srs EPSG:4326 truth.geojson FILE"
        }
        TruthError::File(error) => osm::hint(error),
        TruthError::Empty { .. } => "tag its towers power=tower, or leave `power` out everywhere",
    };
    CliError::from(error).hint(hint)
}

/// Adds what to do about a file of labels.
pub fn explain_reviewed(error: ReviewedError) -> CliError {
    let hint = match &error {
        ReviewedError::File(error) => osm::hint(error),
        ReviewedError::Empty { .. } => {
            "write accepted or rejected into the column `label` of an exported CSV, or into that \
             property of an exported GeoJSON"
        }
        ReviewedError::Read { .. } => "give the CSV or GeoJSON file that holds the labels",
        _ => {
            "a file of labels is an export in CSV or GeoJSON with a further column or property \
             `label`"
        }
    };
    CliError::from(error).hint(hint)
}

/// Adds what to do about labels that say nothing of a run.
pub fn explain_review(error: ReviewError) -> CliError {
    match error {
        ReviewError::ThresholdBelowKept { keep_threshold, .. } => {
            CliError::from(error).hint(format!("give --threshold {keep_threshold} or more"))
        }
        error => CliError::from(error),
    }
}
