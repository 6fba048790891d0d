//! Going on in a folder that holds a run: is it the same one?

use std::path::Path;

use super::{Notice, Observer, Plan, RunError};
use crate::{
    ledger::{Manifest, ModelRecord},
    predict::remote::same_answers,
};

impl Plan {
    /// Compares with the run that a folder holds, and answers the manifest to go on with and, where
    /// the scores of two models are mixed, the name and checksum of the one that goes on. A model
    /// that was swapped since is refused unless that is allowed.
    pub(super) fn go_on_from(
        &self,
        recorded: &Manifest,
        dir: &Path,
        observer: &mut dyn Observer,
    ) -> Result<(Manifest, Option<String>), RunError> {
        let mut manifest = self.manifest.clone();
        let mut mixed = None;
        if let Some(served) = self.model.served
            && let Some(difference) = another_served_model(&recorded.model, &manifest.model)
        {
            if !served.allow_model_change {
                return Err(RunError::ServedModelChanged {
                    dir: dir.to_owned(),
                    difference,
                });
            }
            observer.notice(&Notice::ModelMixed {
                dir: dir.to_owned(),
                difference,
            });
            let now = &manifest.model;
            mixed = Some(format!("{} {}", now.name, now.checksum));
            manifest.model = recorded.model.clone();
        }
        let differences = recorded.differences(&manifest);
        if differences.is_empty() {
            return Ok((manifest, mixed));
        }
        Err(RunError::OtherSettings {
            dir: dir.to_owned(),
            differences,
        })
    }
}

/// What tells the servers' model from the one that the run was begun with, where both answer the
/// same classes in the same way.
fn another_served_model(then: &ModelRecord, now: &ModelRecord) -> Option<String> {
    if then.classes != now.classes
        || then.positives != now.positives
        || then.adaptation != now.adaptation
        || then.attribution_columns_px != now.attribution_columns_px
        || then.attribution_rows_px != now.attribution_rows_px
        || then.trained_on_synthetic != now.trained_on_synthetic
    {
        return None;
    }
    if then.checksum != now.checksum {
        return Some(format!(
            "{} {} then, {} {} now",
            then.name, then.checksum, now.name, now.checksum
        ));
    }
    // A server that tells no checksum may hold another model under the same name and version.
    match (&then.answers, &now.answers) {
        (Some(then), Some(now)) if !same_answers(then, now) => {
            Some("the built-in tiles are answered otherwise".to_owned())
        }
        _ => None,
    }
}
