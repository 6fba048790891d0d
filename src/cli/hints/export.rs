//! What to do about an export that cannot be written.

use crate::{cli::CliError, export::ExportError};

/// Adds what to do about it.
pub fn explain(error: ExportError) -> CliError {
    let hint = match &error {
        ExportError::ThresholdBelowKept { keep_threshold, .. } => Some(format!(
            "export with --threshold {keep_threshold} or more, or run the area again into a new \
             folder with a lower --keep-threshold"
        )),
        ExportError::Synthetic { .. } => {
            Some("--allow-synthetic does it all the same, to try it out".to_owned())
        }
        ExportError::Exists { .. } => Some("--force replaces it".to_owned()),
        ExportError::PointsOnly { .. } => {
            Some("use --geometry point, or --format geojson".to_owned())
        }
        ExportError::NoLegacy { .. } => Some("use --format geojson".to_owned()),
        ExportError::NotStreamable { .. } => Some("name a file: -o FILE".to_owned()),
        ExportError::WithoutGdal { .. } => Some(
            "export --format geojson and convert it (ogr2ogr FILE hints.geojson), or build hvmap \
             with its default features"
                .to_owned(),
        ),
        ExportError::Busy { .. } => Some("wait for it, or choose another name".to_owned()),
        _ => None,
    };
    let error = CliError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
