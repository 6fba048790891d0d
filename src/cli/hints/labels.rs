//! What to do about a training set that cannot be made.

use std::path::Path;

use super::imagery;
use crate::{cli::CliError, labels::LabelsError};

/// Adds what to do about it. `output` is the folder that was to be written.
pub fn explain(error: LabelsError, output: &Path) -> CliError {
    let hint = match error {
        LabelsError::Imagery(error) => return imagery::explain(error),
        LabelsError::Write(_) => return error.into(),
        LabelsError::Occupied { .. } => "choose another folder with -o".to_owned(),
        LabelsError::Placeless { .. } => {
            "the columns lon and lat tell it, as every export of a run has them".to_owned()
        }
        LabelsError::NoTower { .. } => "check the area, or lower --edge-px".to_owned(),
        LabelsError::Folder(_) => format!("{} must be writable", output.display()),
    };
    CliError::from(error).hint(hint)
}
