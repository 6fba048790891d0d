//! What is known of an area's towers before a training set is made of it.

use std::path::{Path, PathBuf};

use super::LabelsError;
use crate::{
    detections::Label,
    evaluation::Reviewed,
    osm::{Lifecycle, PowerFeatures, Support, SupportKind},
    tiles::LonLat,
};

/// What is mapped, and what people said.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// File of OpenStreetMap's data that the features are from.
    pub osm: PathBuf,
    pub features: PowerFeatures,
    /// Places that people found to be no towers.
    pub rejected: Vec<LonLat>,
}

impl Known {
    /// Adds what people accepted to the towers, and what they rejected to the rejected places. `path`
    /// is the file of the labels.
    ///
    /// # Errors
    /// When no label says where it is.
    pub fn take_review(&mut self, path: &Path, labels: &Reviewed) -> Result<(), LabelsError> {
        let mut is_placed = false;
        for (label, at) in labels.places() {
            is_placed = true;
            match label {
                Label::Accepted => self.features.supports.push(Support {
                    kind: SupportKind::Tower,
                    lifecycle: Lifecycle::InUse,
                    at,
                    osm_id: None,
                }),
                Label::Rejected => self.rejected.push(at),
            }
        }
        if is_placed {
            Ok(())
        } else {
            Err(LabelsError::Placeless {
                path: path.to_owned(),
            })
        }
    }
}
