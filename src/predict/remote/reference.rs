//! A packaged model that servers are held against: they have to answer its canary tiles as it does.
//!
//! Most servers tell neither a checksum nor canaries of their own. Whoever packaged the model that
//! they serve has its file, and in that the tiles and their scores.

use std::path::Path;

use bytes::Bytes;

use super::described::Described;
use crate::{
    image::{RGB_BYTES, encode_png},
    predict::{
        PredictError, Unusable,
        onnx::{Canaries, Contract, ScoreRule},
    },
};

/// The canary tiles of a packaged model, and what it answers to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Its file, for people.
    name: String,
    classes: Vec<String>,
    canaries: Canaries,
    /// The tiles as they are sent.
    images: Vec<Bytes>,
}

impl Reference {
    /// Takes the canaries out of a packaged model's file; the model itself is not loaded.
    ///
    /// # Errors
    /// When the file cannot be read, or was not packaged with canaries.
    pub fn read(path: &Path) -> Result<Self, PredictError> {
        let name = path.display().to_string();
        let Some((classes, canaries)) = Contract::of_file(path)?.and_then(|contract| {
            contract
                .canaries
                .map(|canaries| (contract.classes, canaries))
        }) else {
            return Err(PredictError::unusable(name, Unusable::NoCanaries));
        };
        let images = canaries.images.chunks(RGB_BYTES);
        Ok(Self {
            images: images.map(|tile| encode_png(tile).into()).collect(),
            name,
            classes,
            canaries,
        })
    }

    /// Its file, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The canary tiles as they are sent.
    pub(super) fn images(&self) -> &[Bytes] {
        &self.images
    }

    /// A server that names its classes has to name the same ones.
    pub(super) fn names_differ(&self, described: &Described) -> Option<String> {
        let facts = described.facts.as_ref()?;
        (facts.classes != self.classes).then(|| {
            format!(
                "its classes are {}, expected {}",
                facts.classes.join(", "),
                self.classes.join(", ")
            )
        })
    }

    /// Outputs for the canaries, row after row, have to score as the file says.
    pub(super) fn scores_differ(&self, outputs: &[f32], rule: &ScoreRule) -> Option<String> {
        let tiles = self.images.len();
        let columns = outputs.len() / tiles;
        if columns != self.classes.len() {
            return Some(format!(
                "it answers {columns} scores a tile, expected {} ({})",
                self.classes.len(),
                self.classes.join(", ")
            ));
        }
        let scores: Vec<f32> = outputs
            .chunks(columns)
            .flat_map(|row| rule.probabilities(row))
            .collect();
        let wrong = self.canaries.worst(&scores)?;
        Some(format!(
            "canary tile {} scores {:.6} for {:?}, expected {:.6} ± {}",
            wrong.tile,
            wrong.got,
            self.classes[wrong.column],
            wrong.expected,
            self.canaries.tolerance
        ))
    }
}
