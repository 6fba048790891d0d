//! Where the time of the pipeline's threads goes.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde::Serialize;

/// What a thread of a stage is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Working.
    Busy,
    /// Waiting for input: the stage before is the slower one.
    Waiting,
    /// Waiting for room behind it: the stage after is the slower one.
    Blocked,
}

/// The clock of one stage, shared by its threads.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    threads: AtomicUsize,
    busy_ns: AtomicU64,
    waiting_ns: AtomicU64,
    blocked_ns: AtomicU64,
}

/// A stage's times as shares of its threads' life, each 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageReport {
    pub name: &'static str,
    pub threads: usize,
    pub busy: f64,
    pub waiting: f64,
    pub blocked: f64,
}

impl Stage {
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            threads: AtomicUsize::new(0),
            busy_ns: AtomicU64::new(0),
            waiting_ns: AtomicU64::new(0),
            blocked_ns: AtomicU64::new(0),
        }
    }

    /// Counts one more thread into the stage.
    pub fn add_thread(&self) {
        self.threads.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs something and books its time.
    pub fn time<T>(&self, activity: Activity, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = work();
        self.add(activity, start.elapsed());
        value
    }

    /// Books a duration.
    pub fn add(&self, activity: Activity, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counter(activity).fetch_add(ns, Ordering::Relaxed);
    }

    fn counter(&self, activity: Activity) -> &AtomicU64 {
        match activity {
            Activity::Busy => &self.busy_ns,
            Activity::Waiting => &self.waiting_ns,
            Activity::Blocked => &self.blocked_ns,
        }
    }

    /// The stage's shares of a run that lasts `elapsed` so far.
    #[must_use]
    pub fn report(&self, elapsed: Duration) -> StageReport {
        let threads = self.threads.load(Ordering::Relaxed);
        let life_s = (elapsed.as_secs_f64() * threads as f64).max(f64::MIN_POSITIVE);
        let share = |activity| self.counter(activity).load(Ordering::Relaxed) as f64 / 1e9 / life_s;
        StageReport {
            name: self.name,
            threads,
            busy: share(Activity::Busy),
            waiting: share(Activity::Waiting),
            blocked: share(Activity::Blocked),
        }
    }
}
