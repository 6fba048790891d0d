//! Files of OpenStreetMap's data that a flag names.

use std::path::Path;

use super::{CliError, hints, terminal};
use crate::osm::{Losses, PowerFeatures, read_power};

/// Reads the power features of a file, and warns where the file lacks what they refer to.
///
/// # Errors
/// As [`read_power`], with what to do about it.
pub fn read(path: &Path) -> Result<PowerFeatures, CliError> {
    let features = read_power(path).map_err(hints::osm::explain)?;
    if features.losses.any() {
        warn(path, features.losses);
    }
    Ok(features)
}

/// Says on stderr what a file lacks.
pub fn warn(path: &Path, losses: Losses) {
    terminal::warn(format_args!(
        "{} lacks part of what it refers to: {losses}. Lines end where their nodes are missing; to \
         have all of them, ask for the nodes too (in Overpass `out geom;`, in osmium extract \
         `--strategy complete_ways`)",
        path.display()
    ));
}
