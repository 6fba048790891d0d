//! How a caller follows a run, and stops it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{Clocks, Notice};
use crate::pipeline::{Ending, Progress};

/// Told what happens, on the thread that drives the run. What it does delays the run, so it returns
/// soon. `()` is an observer that listens to nothing.
pub trait Observer {
    /// Something that people should know.
    fn notice(&mut self, _notice: &Notice) {}

    /// The scan begins; this start has so many tiles to answer if it looks at every one.
    fn scan_begins(&mut self, _tiles_wanted: u64) {}

    /// After each commit, and at least every 100 ms.
    fn progress(&mut self, _progress: &Progress, _clocks: &Clocks) {}

    /// The scan has ended. After [`Ending::Complete`] only the map is left to write; each of its
    /// files stands beside its place until it is whole, so that the process may end at any moment.
    fn scan_ends(&mut self, _ending: Ending) {}
}

impl Observer for () {}

/// Stops a run from another thread or a signal handler. Clones stop the same run.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// Asks the run to stop: what is in flight is dropped and stays unvisited, what was committed is
    /// safe. Answers whether it had been asked before.
    pub fn stop(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Whether the run was asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0
    }
}
