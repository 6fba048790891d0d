//! `hvmap run`: from an area's name to a map of likely towers.

mod args;
mod command_line;
mod estimate;
mod guided;
mod hooks;
mod metrics;
mod plan;
mod progress;
mod report;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

pub use args::Args;
pub use report::Report;

use self::{plan::Plan, progress::ProgressLine};
use super::scan_args::ScanName;
use super::status::standing;
use super::{CliError, EXIT_FAILED_TILES, EXIT_INTERRUPTED, ledger_trouble, terminal};
use crate::{
    export::{self, Audit, AuditOf, ExportRequest, Format, IfExists},
    ledger::{FILE_NAME, Ledger, LedgerError, RunLock},
    pipeline::{
        Answerer, Drive, Ending, Local, LocalOptions, PipelineError, Progress, Recording, Stages,
    },
    scan::{Listed, Scan},
    telemetry::{Stage, StageReport, Trouble},
    tiles::StateCounts,
};

/// How often the metrics are brought up to date.
const METRICS_EVERY: Duration = Duration::from_secs(1);

/// Runs the subcommand.
///
/// # Errors
/// Whatever stops a run, each with a hint.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let mut out = args.out.clone().unwrap_or_default();
    let result = Plan::new(&args).and_then(|mut plan| {
        out.clone_from(&plan.out);
        if args.process.dry_run {
            return estimate::print(&args, &plan).map(|()| 0);
        }
        start(&args, &mut plan)
    });
    if !args.process.dry_run {
        let exit = result
            .as_ref()
            .map_or_else(|error| error.exit, |exit| *exit);
        hooks::run(&args.process, &out, exit);
    }
    result.map(ExitCode::from)
}

/// One start of a run; answers the exit code.
fn start(args: &Args, plan: &mut Plan) -> Result<u8, CliError> {
    if args.process.retry_failed && !plan.out.join(FILE_NAME).exists() {
        return Err(ledger_trouble::explain(LedgerError::NoRun {
            dir: plan.out.clone(),
        }));
    }
    std::fs::create_dir_all(&plan.out).map_err(|error| {
        CliError::from(error).context(format!("cannot make the folder {}", plan.out.display()))
    })?;
    let _lock = RunLock::take(&plan.out).map_err(ledger_trouble::explain)?;
    let mut ledger = open_ledger(plan)?;
    catch_signals()?;
    if let Some(address) = args.process.metrics {
        metrics::serve(address)?;
    }
    let mut report = Report {
        planned: plan.cover.count(),
        out: plan.out.clone(),
        manifest: plan.manifest.hash(),
        synthetic: plan.manifest.imagery.synthetic,
        ..Report::default()
    };
    let ending = work(args, plan, &mut ledger, &mut report)?;
    report.counts = ledger.reader().counts(report.planned)?;
    assert_eq!(
        report.counts.planned(),
        report.planned,
        "every planned tile is in exactly one state"
    );
    let exit = match ending {
        Ending::Interrupted => {
            (report.counts, report.detections) = standing(ledger.reader(), &plan.manifest)?;
            terminal::note(format_args!(
                "interrupted: {} of {} tiles are committed; go on with\n  {}",
                terminal::grouped(report.counts.visited()),
                terminal::grouped(report.planned),
                plan.command_to_paste()
            ));
            EXIT_INTERRUPTED
        }
        Ending::Complete => conclude(args, plan, &ledger, &mut report)?,
    };
    if args.process.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(exit)
}

/// Scans until the plan is done or the run is interrupted, and notes its times in the report.
fn work(
    args: &Args,
    plan: &Plan,
    ledger: &mut Ledger,
    report: &mut Report,
) -> Result<Ending, CliError> {
    let clock = Instant::now();
    let stages = Arc::new(Stages::default());
    let record = Stage::new("record");
    let trouble = Arc::new(Trouble::default());
    let shares = || -> Vec<StageReport> {
        [&stages.fetch, &stages.decode, &stages.predict, &record]
            .map(|stage| stage.report(clock.elapsed()))
            .into()
    };
    let before = ledger.reader().counts(report.planned)?;
    let (mut scan, recording) = scan(args, plan, ledger)?;
    let mut line = ProgressLine::new(match recording {
        Recording::First => before.not_visited,
        Recording::Retry => before.failed(),
    });
    let mut tiles_answered = 0;
    let mut published = clock;
    let mut observe = |progress: &Progress| {
        tiles_answered = progress.tiles_answered;
        line.show(progress);
        if args.process.metrics.is_some() && published.elapsed() >= METRICS_EVERY {
            published = Instant::now();
            metrics::publish(progress, &shares());
        }
    };
    let drive = Drive {
        ledger,
        recording,
        threshold: plan.manifest.threshold,
        stop: &STOP,
        record: &record,
        observe: &mut observe,
    };
    let ending = Local::start(
        Arc::clone(&plan.source),
        &plan.model,
        LocalOptions {
            keep_threshold: plan.manifest.keep_threshold,
            keep_payloads: plan.manifest.keep_payloads,
        },
        Arc::clone(&stages),
        Arc::clone(&trouble),
    )
    .and_then(|mut executor| drive.run(scan.as_mut(), &mut executor));
    line.finish();
    report.elapsed_s = Some(clock.elapsed().as_secs_f64());
    report.tiles_per_s = Some(report::rate(tiles_answered, clock.elapsed()));
    report.stages = shares();
    report.trouble = trouble.report();
    ending.map_err(|error| pipeline_trouble(error, plan))
}

/// Writes the map of a scan that is done, says what there is to see, and answers the exit code.
fn conclude(
    args: &Args,
    plan: &Plan,
    ledger: &Ledger,
    report: &mut Report,
) -> Result<u8, CliError> {
    assert!(
        args.process.retry_failed
            || args.scan.scan != ScanName::Everything
            || report.counts.not_visited == 0,
        "a scan of everything has visited every tile"
    );
    // Until a file is whole it stands beside its place, so it can be abandoned at any moment.
    END_AT_ONCE.store(true, Ordering::Relaxed);
    report.detections = export_map(ledger, plan, &mut report.counts)?;
    terminal::note(report.table());
    terminal::note(report::what_to_open(&plan.out, report.synthetic));
    if let Some(wanted) = args.scoring.audit {
        draw_audit(ledger, plan, wanted)?;
    }
    if args.scan.scan == ScanName::Follow && !args.process.retry_failed {
        terminal::note(format_args!(
            "a guided scan: {} tiles were not looked at; --audit N draws some of them for people to \
             look at, a lower --scan-stop or --scan everything goes on",
            terminal::grouped(report.counts.not_visited)
        ));
    } else if report.counts.not_visited > 0 {
        terminal::warn(format_args!(
            "{} tiles are not visited yet; go on without --retry-failed",
            terminal::grouped(report.counts.not_visited)
        ));
    }
    if report.counts.failed() == 0 {
        return Ok(0);
    }
    let retry = if args.process.retry_failed {
        ""
    } else {
        " --retry-failed"
    };
    terminal::warn(format_args!(
        "{} tiles failed; take them again with\n  {}{retry}",
        terminal::grouped(report.counts.failed()),
        plan.command_to_paste(),
    ));
    Ok(EXIT_FAILED_TILES)
}

/// Writes tiles drawn at random for people to look at, and says what they can tell.
fn draw_audit(ledger: &Ledger, plan: &Plan, wanted: u64) -> Result<(), CliError> {
    let audit = Audit::draw(ledger.reader(), &plan.cover, wanted)?;
    let path = plan.out.join("audit.geojson");
    audit.write(ledger.reader(), &path)?;
    terminal::note(format_args!(
        "{} holds {} of {} tiles {}; if none of them shows a tower, at most {} of those do, with \
         95 % confidence",
        path.display(),
        terminal::grouped(audit.tiles.len() as u64),
        terminal::grouped(audit.population),
        match audit.of {
            AuditOf::NotVisited => "that were not visited",
            AuditOf::BelowThreshold => "that were scored below the threshold",
        },
        terminal::grouped(audit.bound_if_none())
    ));
    Ok(())
}

/// The run's ledger: made, or opened when the folder holds the same run.
fn open_ledger(plan: &mut Plan) -> Result<Ledger, CliError> {
    let mut ledger = match Ledger::open(&plan.out) {
        Err(LedgerError::NoRun { .. }) => {
            Ledger::create(&plan.out, &plan.manifest).map_err(ledger_trouble::explain)?
        }
        opened => {
            let mut ledger = opened.map_err(ledger_trouble::explain)?;
            plan.go_on_from(&ledger.reader().manifest()?)?;
            ledger
                .relabel(&plan.manifest)
                .map_err(ledger_trouble::explain)?;
            let counts = ledger.reader().counts(plan.cover.count())?;
            terminal::note(format_args!(
                "going on in {}: {} of {} tiles are committed",
                plan.out.display(),
                terminal::grouped(counts.visited()),
                terminal::grouped(counts.planned())
            ));
            ledger
        }
    };
    let before = ledger
        .change_settings(&plan.settings)
        .map_err(ledger_trouble::explain)?;
    if let Some(before) = before.filter(|before| before.engine != plan.settings.engine) {
        terminal::warn(format_args!(
            "this run was begun with {}, and goes on with {}: scores may differ in their last \
             digits",
            before.engine, plan.settings.engine
        ));
    }
    Ok(ledger)
}

fn scan<'a>(
    args: &Args,
    plan: &'a Plan,
    ledger: &Ledger,
) -> Result<(Box<dyn Scan + 'a>, Recording), CliError> {
    let planned = plan.cover.count();
    if args.process.retry_failed {
        let units = ledger.reader().failed_units()?;
        return Ok((Box::new(Listed::new(units, planned)), Recording::Retry));
    }
    let scan = args
        .scan
        .open(
            &plan.cover,
            ledger.reader(),
            &plan.settings,
            plan.manifest.threshold,
            &plan.seeds,
        )
        .map_err(ledger_trouble::explain)?;
    Ok((scan, Recording::First))
}

/// Writes towers.geojson with its style and towers.mbtiles, and answers the number of detections.
/// What turns out to be a placeholder is counted as missing imagery.
fn export_map(ledger: &Ledger, plan: &Plan, counts: &mut StateCounts) -> Result<u64, CliError> {
    let request = ExportRequest::new(ledger.reader(), plan.manifest.threshold)?;
    request.detections().placeholders().reclassify(counts);
    export::write_qgis_style(&plan.out.join("towers.qml"))?;
    let mut detections = 0;
    for (format, name) in [
        (Format::Geojson, "towers.geojson"),
        (Format::Mbtiles, "towers.mbtiles"),
    ] {
        let path = plan.out.join(name);
        detections = export::write(format, &request, &path, IfExists::Replace)?;
    }
    Ok(detections)
}

/// Raised by Ctrl-C and SIGTERM; the scan then drops what is in flight.
static STOP: AtomicBool = AtomicBool::new(false);
/// Whether a signal ends the process at once, because nothing can be lost.
static END_AT_ONCE: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and SIGTERM. A second signal ends the process at once, which the ledger
/// survives like any kill.
fn catch_signals() -> Result<(), CliError> {
    ctrlc::set_handler(|| {
        let second = STOP.swap(true, Ordering::Relaxed);
        if second || END_AT_ONCE.load(Ordering::Relaxed) {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
    })
    .map_err(|error| CliError::from(error).context("cannot listen for Ctrl-C"))
}

fn pipeline_trouble(error: PipelineError, plan: &Plan) -> CliError {
    match error {
        PipelineError::Ledger(error) => ledger_trouble::explain(error),
        error @ PipelineError::OtherUnit { answerer, .. } => {
            let advice = match answerer {
                Answerer::Ledger => {
                    "the scan chooses otherwise than when the run began; what was committed is safe, \
                     and with --scan everything or another --scan-stop in it this goes on and repeats \
                     no tile"
                }
                Answerer::Executor => {
                    "this is a fault of hvmap, please report it; what was committed is safe, and this \
                     goes on"
                }
            };
            CliError::from(error).hint(format!("{advice}\n  {}", plan.command_to_paste()))
        }
        error => {
            let advice = match &error {
                PipelineError::Imagery(error) => error.hint().map(|hint| format!("{hint}\n")),
                _ => None,
            };
            CliError::from(error).hint(format!(
                "{}what was committed is safe; when the cause is mended, go on with\n  {}",
                advice.unwrap_or_default(),
                plan.command_to_paste()
            ))
        }
    }
}

/// The folder of a run that was given none.
fn default_out(label: &str, zoom: u8) -> PathBuf {
    let slug: String = label
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .flat_map(char::to_lowercase)
        .collect();
    Path::new("runs").join(format!("{}-z{zoom}", slug.trim_matches('-')))
}
