//! A run in its folder: begun or gone on with, stopped, retried, and read.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Clocks, DrawnAudit, Notice, Observer, Plan, Report, RunError, StopHandle, map,
    report::{rate, standing},
    strategy::Strategy,
};
use crate::{
    ledger::{FILE_NAME, Ledger, LedgerError, LedgerReader, Manifest, SettingsRecord},
    pipeline::{Drive, Ending, Local, LocalOptions, Progress, Recording},
    scan::{Listed, Scan},
    telemetry::Trouble,
    tiles::StateCounts,
};

/// A run whose folder is open for writing, by this process alone.
///
/// ```no_run
/// use std::{path::Path, thread, time::Duration};
///
/// use hvmap::run::{Plan, Run, RunError, StopHandle};
///
/// /// Works on a plan for an hour, and takes what failed again if it got to the end.
/// fn work(plan: &Plan, out: &Path) -> Result<(), RunError> {
///     let stop = StopHandle::default();
///     let alarm = stop.clone();
///     thread::spawn(move || {
///         thread::sleep(Duration::from_secs(3_600));
///         alarm.stop();
///     });
///     let mut run = Run::open(plan, out, &mut ())?;
///     let report = run.start(&stop, &mut ())?;
///     if report.is_complete() && report.counts.failed() > 0 {
///         run.retry_failed(&stop, &mut ())?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Run<'a> {
    plan: &'a Plan,
    out: PathBuf,
    ledger: Ledger,
    /// The plan's, but for a model whose scores are mixed with another's.
    manifest: Manifest,
    settings: SettingsRecord,
    notices: Vec<Notice>,
}

/// Hands notices on, and keeps them for the report.
struct Keeping<'a> {
    notices: &'a mut Vec<Notice>,
    observer: &'a mut dyn Observer,
}

impl Observer for Keeping<'_> {
    fn notice(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
        self.observer.notice(notice);
    }
}

impl<'a> Run<'a> {
    /// Begins a run in a folder, which is made where it is missing, or goes on with the one that the
    /// folder holds.
    ///
    /// # Errors
    /// When another process runs there, the folder holds a run of other settings, the servers hold
    /// another model than at its start and that is not allowed, or the folder cannot be written.
    pub fn open(plan: &'a Plan, out: &Path, observer: &mut dyn Observer) -> Result<Self, RunError> {
        fs::create_dir_all(out).map_err(|source| RunError::Folder {
            dir: out.to_owned(),
            source,
        })?;
        let mut notices = Vec::new();
        let mut observer = Keeping {
            notices: &mut notices,
            observer,
        };
        let mut settings = plan.settings.clone();
        let (mut ledger, manifest) = match Ledger::open(out) {
            Err(LedgerError::NoRun { .. }) => {
                let ledger = Ledger::create(out, &plan.manifest)?;
                (ledger, plan.manifest.clone())
            }
            opened => {
                let mut ledger = opened?;
                let recorded = ledger.reader().manifest()?;
                let (manifest, mixed) = plan.go_on_from(&recorded, out, &mut observer)?;
                settings.model = mixed;
                ledger.relabel(&manifest)?;
                let counts = ledger.reader().counts(plan.cover().count())?;
                observer.notice(&Notice::GoingOn {
                    dir: out.to_owned(),
                    visited: counts.visited(),
                    planned: counts.planned(),
                });
                (ledger, manifest)
            }
        };
        let before = ledger.change_settings(&settings)?;
        if let Some(before) = before.filter(|before| before.engine != settings.engine) {
            observer.notice(&Notice::EngineChanged {
                before: before.engine,
                now: settings.engine.clone(),
            });
        }
        Ok(Self {
            plan,
            out: out.to_owned(),
            ledger,
            manifest,
            settings,
            notices,
        })
    }

    /// Goes on with the run that a folder holds, and begins none.
    ///
    /// # Errors
    /// [`LedgerError::NoRun`] when the folder holds none; otherwise as [`Run::open`].
    pub fn resume(
        plan: &'a Plan,
        out: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        if !out.join(FILE_NAME).exists() {
            return Err(LedgerError::NoRun {
                dir: out.to_owned(),
            }
            .into());
        }
        Self::open(plan, out, observer)
    }

    /// Scans until the plan is done, and then writes the run's map; or until it is stopped.
    ///
    /// # Errors
    /// Whatever ends the run before its plan is done, such as a key that is refused again and again;
    /// what was committed is safe. When the map cannot be written. When the states of the tiles do
    /// not add up.
    pub fn start(
        &mut self,
        stop: &StopHandle,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        self.work(Recording::First, stop, observer)
    }

    /// Takes only those tiles again that failed, and then writes the run's map anew.
    ///
    /// # Errors
    /// As [`Run::start`].
    pub fn retry_failed(
        &mut self,
        stop: &StopHandle,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        self.work(Recording::Retry, stop, observer)
    }

    /// Draws tiles at random for people to look at, into `audit.geojson`: up to `wanted` of those
    /// that were not visited or, after a scan of everything, of those below the threshold.
    ///
    /// # Errors
    /// When the ledger cannot be read or the file cannot be written.
    pub fn draw_audit(&self, wanted: u64) -> Result<DrawnAudit, RunError> {
        map::draw_audit(self.ledger.reader(), self.plan.cover(), &self.out, wanted)
    }

    /// The run's folder.
    #[must_use]
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// What is committed, to read.
    #[must_use]
    pub fn ledger(&self) -> &LedgerReader {
        self.ledger.reader()
    }

    fn work(
        &mut self,
        recording: Recording,
        stop: &StopHandle,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        let clocks = Clocks::start();
        let trouble = Arc::new(Trouble::default());
        let (ending, tiles_answered) = self.drive(recording, stop, &clocks, &trouble, observer)?;
        let elapsed = clocks.elapsed();
        let mut report = Report {
            planned: self.plan.cover().count(),
            elapsed_s: Some(elapsed.as_secs_f64()),
            tiles_per_s: Some(rate(tiles_answered, elapsed)),
            stages: clocks.report(),
            trouble: trouble.report(),
            out: self.out.clone(),
            run_id: self.ledger.reader().run_id()?,
            manifest: self.manifest.hash(),
            synthetic: self.manifest.imagery.synthetic,
            ending: Some(ending),
            notices: self.notices.clone(),
            ..Report::default()
        };
        report.counts = self.checked_counts(recording, ending)?;
        observer.scan_ends(ending);
        match ending {
            Ending::Interrupted => {
                (report.counts, report.detections) =
                    standing(self.ledger.reader(), &self.manifest)?;
            }
            Ending::Complete => {
                report.detections = map::write(
                    self.ledger.reader(),
                    self.manifest.threshold,
                    &self.out,
                    &mut report.counts,
                )?;
            }
        }
        Ok(report)
    }

    /// Drives the scan to its end; answers how it ended and how many tiles were answered.
    fn drive(
        &mut self,
        recording: Recording,
        stop: &StopHandle,
        clocks: &Clocks,
        trouble: &Arc<Trouble>,
        observer: &mut dyn Observer,
    ) -> Result<(Ending, u64), RunError> {
        let planned = self.plan.cover().count();
        let before = self.ledger.reader().counts(planned)?;
        let mut scan: Box<dyn Scan + '_> = match recording {
            Recording::First => {
                let mut keeping = Keeping {
                    notices: &mut self.notices,
                    observer,
                };
                let (strategy, cover) = (&self.plan.strategy, self.plan.cover());
                strategy.open(cover, self.ledger.reader(), &self.settings, &mut keeping)?
            }
            Recording::Retry => {
                Box::new(Listed::new(self.ledger.reader().failed_units()?, planned))
            }
        };
        observer.scan_begins(match recording {
            Recording::First => before.not_visited,
            Recording::Retry => before.failed(),
        });
        let mut tiles_answered = 0;
        let mut observe = |progress: &Progress| {
            tiles_answered = progress.tiles_answered;
            observer.progress(progress, clocks);
        };
        let drive = Drive {
            ledger: &mut self.ledger,
            recording,
            threshold: self.manifest.threshold,
            stop: stop.flag(),
            record: &clocks.record,
            observe: &mut observe,
        };
        let mut executor = Local::start(
            Arc::clone(&self.plan.imagery.source),
            &self.plan.model.model,
            LocalOptions {
                keep_threshold: self.manifest.keep_threshold,
                keep_payloads: self.manifest.keep_payloads,
            },
            Arc::clone(&clocks.stages),
            Arc::clone(trouble),
        )?;
        let ending = drive.run(scan.as_mut(), &mut executor)?;
        Ok((ending, tiles_answered))
    }

    /// The states of the run's tiles, each of which is in exactly one.
    fn checked_counts(
        &self,
        recording: Recording,
        ending: Ending,
    ) -> Result<StateCounts, RunError> {
        let planned = self.plan.cover().count();
        let reader = self.ledger.reader();
        let counts = reader.counts(planned)?;
        // `not_visited` is what the kept counts leave of the plan, so they are held against the
        // outcomes themselves.
        let recounted = StateCounts {
            not_visited: counts.not_visited,
            ..reader.recount()?
        };
        if recounted != counts {
            return Err(RunError::Miscounted {
                kept: counts,
                recounted,
            });
        }
        let is_whole = ending == Ending::Complete
            && recording == Recording::First
            && matches!(self.plan.strategy, Strategy::Everything);
        if is_whole && counts.not_visited > 0 {
            return Err(RunError::LeftOut {
                not_visited: counts.not_visited,
            });
        }
        Ok(counts)
    }
}
