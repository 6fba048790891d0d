//! The threads that decode images and classify them.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use half::f16;

use super::{
    Answer, FetchedTile, Kept, LocalOptions, Shared, TileAnswer,
    batch::{Slots, Unfit},
};
use crate::{
    causes,
    pipeline::PipelineError,
    predict::{Classifier, Model, ModelInfo, PredictError, Predictions},
    telemetry::Activity,
    tiles::{AttributionGrid, Candidate, TileOutcome, TileState},
};

/// How long a batch that is not full waits for another tile. When tiles come slower than this,
/// the source is the bottleneck and a smaller batch costs nothing.
const BATCH_LINGER: Duration = Duration::from_millis(2);
/// Images that may fail in a row before the classifier is taken for broken, so that a lost device
/// does not mark a whole country as failed.
const FAILURES_IN_A_ROW_MAX: usize = 64;

struct Worker {
    classifier: Box<dyn Classifier>,
    capacity: usize,
    /// Width and height of the model's attribution grid.
    grid: Option<(usize, usize)>,
    options: LocalOptions,
    tiles: Receiver<FetchedTile>,
    shared: Shared,
    failures_in_a_row: Arc<AtomicUsize>,
    slots: Slots,
    predictions: Predictions,
    answers: Vec<TileAnswer>,
}

/// Opens a classifier and works until the fetching threads are gone.
pub(super) fn run(
    model: &dyn Model,
    options: LocalOptions,
    tiles: Receiver<FetchedTile>,
    shared: Shared,
    failures_in_a_row: Arc<AtomicUsize>,
) {
    match model.classifier() {
        Ok(classifier) => {
            let info = model.info();
            Worker::new(classifier, info, options, tiles, shared, failures_in_a_row).run();
        }
        Err(error) => {
            // Nobody listens any more when the run is already ending.
            let _ = shared.answers.send(Answer::Fatal(error.into()));
        }
    }
}

impl Worker {
    fn new(
        classifier: Box<dyn Classifier>,
        info: &ModelInfo,
        options: LocalOptions,
        tiles: Receiver<FetchedTile>,
        shared: Shared,
        failures_in_a_row: Arc<AtomicUsize>,
    ) -> Self {
        let capacity = classifier.batch_size_max();
        Self {
            slots: Slots::new(classifier.form(), capacity),
            capacity,
            grid: info
                .attribution
                .as_ref()
                .map(|map| (map.columns_px.len(), map.rows_px.len())),
            classifier,
            options,
            tiles,
            shared,
            failures_in_a_row,
            predictions: Predictions::default(),
            answers: Vec::with_capacity(capacity),
        }
    }

    /// Works until the fetching threads are gone. Once the run stops, tiles are dropped, so that
    /// those threads do not wait for room for ever.
    fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            let tile = shared
                .stages
                .predict
                .time(Activity::Waiting, || self.tiles.recv());
            let Ok(tile) = tile else { return };
            if shared.stop.load(Ordering::Relaxed) {
                continue;
            }
            self.take(tile);
            self.fill();
            if self.classify().is_break() || self.send().is_break() {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Takes tiles until the batch is full or none is coming.
    fn fill(&mut self) {
        while self.slots.owners().len() < self.capacity {
            let waiting = Instant::now();
            let tile = self.tiles.recv_timeout(BATCH_LINGER);
            self.shared
                .stages
                .predict
                .add(Activity::Waiting, waiting.elapsed());
            match tile {
                Ok(tile) => self.take(tile),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, fetched: FetchedTile) {
        let FetchedTile {
            sequence,
            index,
            tile,
            fetched,
        } = fetched;
        let decoding = Instant::now();
        let pushed = self.slots.push(sequence, index, tile, fetched);
        self.shared
            .stages
            .decode
            .add(Activity::Busy, decoding.elapsed());
        if let Err(Unfit { outcome, reason }) = pushed {
            if outcome.state() != TileState::Blank {
                self.shared.trouble.note(outcome.state(), tile, &reason);
            }
            self.answers.push(TileAnswer {
                sequence,
                index,
                outcome,
                stage: None,
                kept: Kept::Nothing,
            });
        }
    }

    /// Classifies the batch; when it fails as a whole, each image alone.
    fn classify(&mut self) -> ControlFlow<()> {
        let count = self.slots.owners().len();
        if count == 0 {
            return ControlFlow::Continue(());
        }
        let stages = Arc::clone(&self.shared.stages);
        let result = stages.predict.time(Activity::Busy, || {
            self.classifier
                .classify(self.slots.batch(), &mut self.predictions)
        });
        let flow = match result.and_then(|()| self.check(count)) {
            Ok(()) => (0..count).try_for_each(|position| self.answer(position, position)),
            Err(error) if error.is_lasting() => self.stop(error),
            Err(error) if count == 1 => self.fail(0, &error),
            Err(_) => (0..count).try_for_each(|position| {
                let result = stages.predict.time(Activity::Busy, || {
                    self.classifier
                        .classify(self.slots.single(position), &mut self.predictions)
                });
                match result.and_then(|()| self.check(1)) {
                    Ok(()) => self.answer(position, 0),
                    Err(error) if error.is_lasting() => self.stop(error),
                    Err(error) => self.fail(position, &error),
                }
            }),
        };
        self.slots.clear();
        flow
    }

    /// Refuses a wrong number of answers, which could not be told apart.
    fn check(&self, count: usize) -> Result<(), PredictError> {
        let grid_cells = self.grid.map_or(0, |(width, height)| width * height);
        let got = (
            self.predictions.scores.len(),
            self.predictions.located.grids().len(),
        );
        let stages = self.predictions.stages.len();
        if stages != 0 && stages != count {
            return Err(PredictError::UnsoundAnswer {
                what: format!("stages for {stages} images, expected {count}"),
            });
        }
        if let Some(what) = self.predictions.located.unsound(count) {
            return Err(PredictError::UnsoundAnswer { what });
        }
        if got == (count, count * grid_cells) {
            return Ok(());
        }
        Err(PredictError::AnswerShape {
            expected_scores: count,
            got_scores: got.0,
            expected_cells: count * grid_cells,
            got_cells: got.1,
        })
    }

    /// Answers the image in a slot with the prediction at a position.
    fn answer(&mut self, slot: usize, position: usize) -> ControlFlow<()> {
        let score = self.predictions.scores[position];
        if !score.is_finite() {
            // A server names the images that it refuses by a score that is no number.
            return match self.slots.undecodable(slot) {
                Some(reason) => {
                    self.settle(slot, TileOutcome::Undecodable, &reason);
                    ControlFlow::Continue(())
                }
                None => self.fail_because(slot, "the model's score is not a number"),
            };
        }
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        let owner = &self.slots.owners()[slot];
        let kept = if score >= self.options.keep_threshold {
            Kept::Candidate(Candidate {
                index: owner.index,
                score,
                attribution: self.grid_at(position),
                boxes: self.predictions.located.boxes(position).to_vec(),
                content_hash: self.slots.content_hash(slot),
                payload: self.options.keep_payloads.then(|| self.slots.payload(slot)),
            })
        } else if owner.low_contrast {
            Kept::LowContrast(self.slots.content_hash(slot))
        } else {
            Kept::Nothing
        };
        self.answers.push(TileAnswer {
            sequence: owner.sequence,
            index: owner.index,
            outcome: TileOutcome::Scored(score),
            stage: self.predictions.stages.get(position).copied(),
            kept,
        });
        ControlFlow::Continue(())
    }

    fn grid_at(&self, position: usize) -> Option<AttributionGrid> {
        let (width, height) = self.grid?;
        let grids = self.predictions.located.grids();
        let cells = &grids[position * width * height..][..width * height];
        Some(AttributionGrid {
            width: width as u16,
            height: height as u16,
            cells: cells.iter().map(|&cell| f16::from_f32(cell)).collect(),
        })
    }

    /// Ends the run; its tiles stay unvisited, and the next start takes them.
    fn stop(&mut self, error: PredictError) -> ControlFlow<()> {
        // Nobody listens any more when the run is already ending.
        let _ = self.shared.answers.send(Answer::Fatal(error.into()));
        ControlFlow::Break(())
    }

    fn fail(&mut self, slot: usize, error: &PredictError) -> ControlFlow<()> {
        match self.slots.undecodable(slot) {
            Some(reason) => {
                self.settle(slot, TileOutcome::Undecodable, &reason);
                ControlFlow::Continue(())
            }
            None => self.fail_because(slot, &causes::on_one_line(error)),
        }
    }

    fn fail_because(&mut self, slot: usize, reason: &str) -> ControlFlow<()> {
        self.settle(slot, TileOutcome::PredictFailed, reason);
        let count = self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if count < FAILURES_IN_A_ROW_MAX {
            return ControlFlow::Continue(());
        }
        let error = PipelineError::ClassifierDown {
            count,
            tile: self.slots.owners()[slot].tile,
            reason: reason.to_owned(),
        };
        // Nobody listens any more when the run is already ending.
        let _ = self.shared.answers.send(Answer::Fatal(error));
        ControlFlow::Break(())
    }

    fn settle(&mut self, slot: usize, outcome: TileOutcome, reason: &str) {
        let owner = &self.slots.owners()[slot];
        self.shared
            .trouble
            .note(outcome.state(), owner.tile, reason);
        self.answers.push(TileAnswer {
            sequence: owner.sequence,
            index: owner.index,
            outcome,
            stage: None,
            kept: Kept::Nothing,
        });
    }

    fn send(&mut self) -> ControlFlow<()> {
        if self.answers.is_empty() {
            return ControlFlow::Continue(());
        }
        let answers = std::mem::replace(&mut self.answers, Vec::with_capacity(self.capacity));
        let sent = self.shared.stages.predict.time(Activity::Blocked, || {
            self.shared.answers.send(Answer::Tiles(answers))
        });
        if sent.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}
