//! How far a run is, while it runs: a bar on a terminal, sparse lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    cli::terminal::{self, grouped, spoken},
    pipeline::Progress,
};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// Redraws of the bar a second at most.
const DRAWS_PER_S: u8 = 4;

/// Shows progress on stderr.
pub struct ProgressLine {
    bar: Option<ProgressBar>,
    start: Instant,
    said: Instant,
    /// Tiles that this start has to answer.
    wanted: u64,
}

impl ProgressLine {
    pub fn new(wanted: u64) -> Self {
        let bar = terminal::is_fancy().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S);
            ProgressBar::with_draw_target(Some(wanted), target).with_style(style)
        });
        let now = Instant::now();
        Self {
            bar,
            start: now,
            said: now,
            wanted,
        }
    }

    pub fn show(&mut self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_position(progress.tiles_answered);
            bar.set_message(self.message(progress));
        } else if self.said.elapsed() >= LINE_EVERY {
            self.said = Instant::now();
            terminal::note(format_args!(
                "{} of {} tiles: {}",
                grouped(progress.tiles_answered),
                grouped(self.wanted),
                self.message(progress)
            ));
        }
    }

    fn message(&self, progress: &Progress) -> String {
        let elapsed_s = self.start.elapsed().as_secs_f64().max(1e-9);
        let rate = progress.tiles_answered as f64 / elapsed_s;
        let left = if rate > 0.0 {
            let unanswered = self.wanted.saturating_sub(progress.tiles_answered);
            format!("{} left", spoken(unanswered as f64 / rate))
        } else {
            "estimating".to_owned()
        };
        let failed = match progress.counts.failed() {
            0 => String::new(),
            failed => format!(", {} failed", grouped(failed)),
        };
        format!(
            "{rate:.0} tiles/s, {left}, {} likely towers{failed}",
            grouped(progress.hits)
        )
    }

    /// Takes the bar off the screen.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
