//! The executor on this machine: fetching threads, and workers that decode and predict.
//!
//! In: work units. Out: block outcomes. A worker decodes straight into its batch's buffer and runs
//! the model on the same thread, so pixels never cross a thread unless the source made them.

mod assembly;
mod batch;
mod fetch;
mod worker;

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use assembly::Assembly;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::{Executor, PipelineError};
use crate::{
    imagery::{Fetched, ImagerySource},
    predict::Model,
    telemetry::{Stage, Trouble},
    tiles::{BlockOutcome, Candidate, CascadeStage, TileCoord, TileOutcome, WorkUnit},
};

/// Units held for each that the source fetches at once: one in work, one ready.
const UNITS_PER_FETCHER: usize = 2;
/// Fetched tiles waiting for a worker: at 192 KiB a tile of pixels, 24 MiB.
const TILES_QUEUED_MAX: usize = 128;
/// Batches of answers waiting for the run's loop.
const ANSWERS_QUEUED_MAX: usize = 256;
/// How long a stopped executor waits for its threads before it leaves them behind.
const SHUTDOWN_PATIENCE: Duration = Duration::from_millis(1500);

/// How the executor treats what it scores.
#[derive(Clone, Copy, Debug)]
pub struct LocalOptions {
    /// Score from which a tile becomes a candidate.
    pub keep_threshold: f32,
    /// Whether candidates keep their encoded image.
    pub keep_payloads: bool,
}

/// The clocks of the executor's stages.
#[derive(Debug)]
pub struct Stages {
    pub fetch: Stage,
    pub decode: Stage,
    pub predict: Stage,
}

impl Default for Stages {
    fn default() -> Self {
        Self {
            fetch: Stage::new("fetch"),
            decode: Stage::new("decode"),
            predict: Stage::new("predict"),
        }
    }
}

/// The pipeline on this machine. Dropping it drops what is in flight.
pub struct Local {
    /// `None` once it is shutting down.
    units: Option<Sender<WorkUnit>>,
    answers: Option<Receiver<Answer>>,
    pending: HashMap<u64, Assembly>,
    ready: VecDeque<BlockOutcome>,
    capacity: usize,
    stop: Arc<AtomicBool>,
    /// Disconnected when the last thread is gone.
    alive: Receiver<()>,
}

/// What the threads report to the run's loop.
enum Answer {
    Tiles(Vec<TileAnswer>),
    Fatal(PipelineError),
}

struct TileAnswer {
    sequence: u64,
    index: u16,
    outcome: TileOutcome,
    /// Which model of a cascade answered, where there are several and one did.
    stage: Option<CascadeStage>,
    kept: Kept,
}

/// What the ledger keeps of a tile beside its outcome.
enum Kept {
    Nothing,
    Candidate(Candidate),
    /// The content hash of an image that shows next to nothing.
    LowContrast(u64),
}

/// A fetched tile on its way to a worker.
struct FetchedTile {
    sequence: u64,
    index: u16,
    tile: TileCoord,
    fetched: Fetched,
}

/// What every thread shares.
#[derive(Clone)]
struct Shared {
    stop: Arc<AtomicBool>,
    stages: Arc<Stages>,
    trouble: Arc<Trouble>,
    answers: Sender<Answer>,
}

impl Local {
    /// Starts the threads. Each worker opens its own classifier, which takes a second for a large
    /// model, while those that are ready work already; one that cannot be opened ends the run.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        source: Arc<dyn ImagerySource>,
        model: &Arc<dyn Model>,
        options: LocalOptions,
        stages: Arc<Stages>,
        trouble: Arc<Trouble>,
    ) -> Result<Self, PipelineError> {
        let fetchers = source.concurrent_units().max(1);
        let capacity = fetchers * UNITS_PER_FETCHER;
        let (units_in, units) = bounded(capacity);
        let (tiles_in, tiles) = bounded(TILES_QUEUED_MAX);
        let (answers_in, answers) = bounded(ANSWERS_QUEUED_MAX);
        let (alive_token, alive) = bounded::<()>(0);
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            stop: Arc::clone(&stop),
            stages: Arc::clone(&stages),
            trouble,
            answers: answers_in,
        };
        let local = Self {
            units: Some(units_in),
            answers: Some(answers),
            pending: HashMap::new(),
            ready: VecDeque::new(),
            capacity,
            stop,
            alive,
        };
        let failures_in_a_row = Arc::new(AtomicUsize::new(0));
        for _ in 0..model.workers().max(1) {
            let model = Arc::clone(model);
            let tiles = tiles.clone();
            let failures_in_a_row = Arc::clone(&failures_in_a_row);
            let own = shared.clone();
            stages.decode.add_thread();
            stages.predict.add_thread();
            spawn("predict", &shared, alive_token.clone(), move || {
                worker::run(model.as_ref(), options, tiles, own, failures_in_a_row);
            })?;
        }
        for _ in 0..fetchers {
            let fetcher = fetch::Fetcher::new(
                Arc::clone(&source),
                units.clone(),
                tiles_in.clone(),
                shared.clone(),
            );
            stages.fetch.add_thread();
            spawn("fetch", &shared, alive_token.clone(), || fetcher.run())?;
        }
        Ok(local)
    }

    fn take(&mut self, answers: Vec<TileAnswer>) {
        for answer in answers {
            let Some(assembly) = self.pending.get_mut(&answer.sequence) else {
                debug_assert!(false, "an answer for unit {} twice", answer.sequence);
                continue;
            };
            let sequence = answer.sequence;
            if assembly.answer(answer)
                && let Some(assembly) = self.pending.remove(&sequence)
            {
                self.ready.push_back(assembly.into_outcome());
            }
        }
    }
}

impl Executor for Local {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn submit(&mut self, unit: WorkUnit) -> Result<(), PipelineError> {
        self.pending
            .insert(unit.sequence, Assembly::new(unit.clone()));
        let sent = self
            .units
            .as_ref()
            .is_some_and(|units| units.send(unit).is_ok());
        // The fetching threads end early only after one of them has reported why.
        if sent {
            Ok(())
        } else {
            Err(self.fatal_answer())
        }
    }

    fn next_outcome(&mut self, patience: Duration) -> Result<Option<BlockOutcome>, PipelineError> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(outcome) = self.ready.pop_front() {
                return Ok(Some(outcome));
            }
            let Some(answers) = &self.answers else {
                return Ok(None);
            };
            match answers.recv_deadline(deadline) {
                Ok(Answer::Tiles(tiles)) => self.take(tiles),
                Ok(Answer::Fatal(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(self.fatal_answer()),
            }
        }
    }
}

impl Local {
    /// Why the threads ended.
    fn fatal_answer(&mut self) -> PipelineError {
        self.answers
            .take()
            .into_iter()
            .flatten()
            .find_map(|answer| match answer {
                Answer::Fatal(error) => Some(error),
                Answer::Tiles(_) => None,
            })
            .unwrap_or_else(|| PipelineError::ThreadDied {
                stage: "pipeline",
                message: "it left no reason".to_owned(),
            })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.units = None;
        self.answers = None;
        // A thread may sit in a request or a batch; the process does not wait for it longer than
        // this. It owns all that it uses.
        let _ = self.alive.recv_timeout(SHUTDOWN_PATIENCE);
    }
}

/// Starts a named thread whose panic is reported like any other fatal error.
fn spawn(
    stage: &'static str,
    shared: &Shared,
    alive: Sender<()>,
    body: impl FnOnce() + Send + 'static,
) -> Result<(), PipelineError> {
    let answers = shared.answers.clone();
    thread::Builder::new()
        .name(stage.to_owned())
        .spawn(move || {
            let _alive = alive;
            if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
                let message = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message")
                    .to_owned();
                // Nobody listens any more when the run is already ending.
                let _ = answers.send(Answer::Fatal(PipelineError::ThreadDied { stage, message }));
            }
        })
        .map(|_| ())
        .map_err(PipelineError::Thread)
}
