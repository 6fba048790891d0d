//! `hvmap run`: from an area's name to a map of likely towers.

mod args;
mod estimate;
mod hooks;
mod metrics;
mod plan;
mod progress;
mod report;
mod watch;

use std::{
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub use args::Args;
pub use report::table;

use self::{plan::plan, watch::Watch};
use super::{
    CliError, EXIT_FAILED_TILES, EXIT_INTERRUPTED, command_line, hints,
    terminal::{self, grouped},
};
use crate::{
    export::AuditOf,
    run::{DrawnAudit, Plan, Report, Run, RunError, StopHandle},
};

/// Runs the subcommand.
///
/// # Errors
/// Whatever stops a run, each with a hint.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let mut out = args.out.clone().unwrap_or_default();
    let result = plan(&args).and_then(|plan| {
        if args.out.is_none() {
            out = plan.default_out();
        }
        if args.process.dry_run {
            return estimate::print(&args, &plan).map(|()| 0);
        }
        start(&args, &plan, &out)
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
fn start(args: &Args, plan: &Plan, out: &Path) -> Result<u8, CliError> {
    let stop = StopHandle::default();
    let end_at_once = Arc::new(AtomicBool::new(false));
    let mut watch = Watch::new(args.process.metrics.is_some(), Arc::clone(&end_at_once));
    let explain = |error| explain(error, plan);
    let mut run = if args.process.retry_failed {
        Run::resume(plan, out, &mut watch)
    } else {
        Run::open(plan, out, &mut watch)
    }
    .map_err(explain)?;
    catch_signals(stop.clone(), end_at_once)?;
    if let Some(address) = args.process.metrics {
        metrics::serve(address)?;
    }
    let report = if args.process.retry_failed {
        run.retry_failed(&stop, &mut watch)
    } else {
        run.start(&stop, &mut watch)
    };
    watch.finish();
    let report = report.map_err(explain)?;
    let exit = if report.is_complete() {
        conclude(args, plan, &run, &report)?
    } else {
        terminal::note(format_args!(
            "interrupted: {} of {} tiles are committed; go on with\n  {}",
            grouped(report.counts.visited()),
            grouped(report.planned),
            command_line::to_paste()
        ));
        EXIT_INTERRUPTED
    };
    if args.process.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(exit)
}

/// Says what there is to see and to do after a scan that is done, and answers the exit code.
fn conclude(args: &Args, plan: &Plan, run: &Run<'_>, report: &Report) -> Result<u8, CliError> {
    terminal::note(table(report));
    terminal::note(report::what_to_open(run.out(), report.synthetic));
    if let Some(wanted) = args.scoring.audit {
        say_audit(&run.draw_audit(wanted).map_err(hints::run::explain)?);
    }
    let retried = args.process.retry_failed;
    if plan.is_guided() && !retried {
        terminal::note(format_args!(
            "a guided scan: {} tiles were not looked at; --audit N draws some of them for people to \
             look at, a lower --scan-stop or --scan everything goes on",
            grouped(report.counts.not_visited)
        ));
    } else if report.counts.not_visited > 0 {
        terminal::warn(format_args!(
            "{} tiles are not visited yet; go on without --retry-failed",
            grouped(report.counts.not_visited)
        ));
    }
    if report.counts.failed() == 0 {
        return Ok(0);
    }
    terminal::warn(format_args!(
        "{} tiles failed; take them again with\n  {}{}",
        grouped(report.counts.failed()),
        command_line::to_paste(),
        if retried { "" } else { " --retry-failed" },
    ));
    Ok(EXIT_FAILED_TILES)
}

/// Says what tiles drawn at random can tell.
fn say_audit(DrawnAudit { path, audit }: &DrawnAudit) {
    terminal::note(format_args!(
        "{} holds {} of {} tiles {}; if none of them shows a tower, at most {} of those do, with \
         95 % confidence",
        path.display(),
        grouped(audit.tiles.len() as u64),
        grouped(audit.population),
        match audit.of {
            AuditOf::NotVisited => "that were not visited",
            AuditOf::BelowThreshold => "that were scored below the threshold",
        },
        grouped(audit.bound_if_none())
    ));
}

/// Adds what to do about it.
fn explain(error: RunError, plan: &Plan) -> CliError {
    let (dir, other_threshold) = match &error {
        RunError::OtherSettings { dir, differences } => {
            let other = differences.iter().any(|d| d.setting == "threshold");
            (dir.clone(), other)
        }
        _ => return hints::run::explain(error),
    };
    let mut explained = hints::run::explain(error);
    if other_threshold && let Some(hint) = &mut explained.hint {
        hint.push_str(&format!(
            "\nto see a finished run at another threshold: hvmap export {} --format geojson \
             --threshold {} -o towers.geojson",
            dir.display(),
            plan.manifest().threshold
        ));
    }
    explained
}

/// Listens for Ctrl-C and SIGTERM. The first signal stops the run, which drops what is in flight; a
/// second one ends the process at once, which the ledger survives like any kill.
fn catch_signals(stop: StopHandle, end_at_once: Arc<AtomicBool>) -> Result<(), CliError> {
    ctrlc::set_handler(move || {
        let second = stop.stop();
        if second || end_at_once.load(Ordering::Relaxed) {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
    })
    .map_err(|error| CliError::from(error).context("cannot listen for Ctrl-C"))
}
