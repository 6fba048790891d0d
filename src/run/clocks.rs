//! Where the time of one start goes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    pipeline::Stages,
    telemetry::{Stage, StageReport},
};

/// The clocks of a run's stages since its start.
#[derive(Debug)]
pub struct Clocks {
    start: Instant,
    pub(super) stages: Arc<Stages>,
    pub(super) record: Stage,
}

impl Clocks {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            stages: Arc::new(Stages::default()),
            record: Stage::new("record"),
        }
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// What each stage's threads did with it so far, in the order of the data's flow.
    #[must_use]
    pub fn report(&self) -> Vec<StageReport> {
        let Stages {
            fetch,
            decode,
            predict,
        } = &*self.stages;
        [fetch, decode, predict, &self.record]
            .map(|stage| stage.report(self.elapsed()))
            .into()
    }
}
