//! One worker's classifier: an engine and the rule that turns its outputs into scores.

use std::sync::Arc;

use super::{
    engine::{Answers, Engine},
    score::ScoreRule,
};
use crate::{
    image::RGB_BYTES,
    predict::{Batch, Classifier, ImageForm, PredictError, Predictions},
};

/// A session of its own, used by one thread at a time.
#[derive(Debug)]
pub struct OnnxClassifier {
    pub(super) engine: Engine,
    pub(super) rule: Arc<ScoreRule>,
    pub(super) batch_size_max: usize,
    pub(super) answers: Answers,
}

impl Classifier for OnnxClassifier {
    fn form(&self) -> ImageForm {
        ImageForm::Rgb8
    }

    fn batch_size_max(&self) -> usize {
        self.batch_size_max
    }

    fn classify(&mut self, batch: Batch<'_>, out: &mut Predictions) -> Result<(), PredictError> {
        let expected = || format!("1 to {} tiles of {RGB_BYTES} bytes", self.batch_size_max);
        let tiles = match batch {
            Batch::Rgb8(tiles) => tiles,
            Batch::Encoded(payloads) => {
                return Err(PredictError::WrongBatch {
                    got: format!("{} encoded payloads", payloads.len()),
                    expected: expected(),
                });
            }
        };
        if tiles.is_empty() || tiles.len() % RGB_BYTES != 0 {
            return Err(PredictError::WrongBatch {
                got: format!("{} bytes", tiles.len()),
                expected: expected(),
            });
        }
        self.engine.run(tiles, &mut self.answers)?;
        out.stages.clear();
        out.scores.clear();
        out.scores.extend(
            self.answers
                .scores
                .chunks_exact(self.answers.columns)
                .map(|row| self.rule.score(row)),
        );
        out.outputs.clear();
        out.outputs.extend_from_slice(&self.answers.scores);
        // The caller gets the grown buffer, and this classifier goes on with the caller's.
        std::mem::swap(out.located.grids_mut(), &mut self.answers.attribution);
        Ok(())
    }
}
