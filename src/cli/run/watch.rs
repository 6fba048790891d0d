//! A run as people watch it: notices, the progress line, metrics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{metrics, progress::ProgressLine};
use crate::{
    cli::notices,
    pipeline::{Ending, Progress},
    run::{Clocks, Notice, Observer},
};

/// How often the metrics are brought up to date.
const METRICS_EVERY: Duration = Duration::from_secs(1);

/// The observer of `hvmap run`.
pub struct Watch {
    /// While the scan is under way.
    line: Option<ProgressLine>,
    /// When the metrics were brought up to date, if they are served.
    published: Option<Instant>,
    /// Raised when a signal may end the process at once, because nothing can be lost.
    end_at_once: Arc<AtomicBool>,
}

impl Watch {
    pub fn new(with_metrics: bool, end_at_once: Arc<AtomicBool>) -> Self {
        Self {
            line: None,
            published: with_metrics.then(Instant::now),
            end_at_once,
        }
    }

    /// Takes the progress line off the screen.
    pub fn finish(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish();
        }
    }
}

impl Observer for Watch {
    fn notice(&mut self, notice: &Notice) {
        notices::say(notice);
    }

    fn scan_begins(&mut self, tiles_wanted: u64) {
        self.line = Some(ProgressLine::new(tiles_wanted));
    }

    fn progress(&mut self, progress: &Progress, clocks: &Clocks) {
        if let Some(line) = &mut self.line {
            line.show(progress);
        }
        if let Some(published) = &mut self.published
            && published.elapsed() >= METRICS_EVERY
        {
            *published = Instant::now();
            metrics::publish(progress, &clocks.report());
        }
    }

    fn scan_ends(&mut self, ending: Ending) {
        self.finish();
        if ending == Ending::Complete {
            self.end_at_once.store(true, Ordering::Relaxed);
        }
    }
}
