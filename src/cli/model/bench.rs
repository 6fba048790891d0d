//! `hvmap model bench`: how fast a model is on this machine, and in which layout.

use std::{process::ExitCode, time::Duration};

use serde_json::{Value, json};

use crate::{
    cli::{
        AdaptationArgs, CliError, EngineArgs, ModelArgs, ServerArgs,
        terminal::{grouped, note, warn},
    },
    predict::{
        Model,
        bench::{self, Measured},
        onnx::{Arrangement, built_in_tiles, cores, keep_fastest},
        remote::{RemoteModel, is_server},
    },
};

/// Measure how many tiles a second a model classifies, fed from memory, and find the best setting
///
/// Every sensible number of workers, threads and tiles at once is tried, the fastest of them twice.
/// The best is kept for this model on this machine, and `hvmap run` uses it unless its flags say
/// otherwise. With --workers, --threads or --batch only what they leave open is tried, and nothing
/// is kept. Decoding and fetching come on top in a run. A server is measured as it is.
///
/// Examples:
///   hvmap model bench tower.onnx
///   hvmap model bench demo --workers 1 --batch 8 --seconds 5
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// An ONNX file, `demo` for the built-in model, or the URL of a server
    #[arg(value_name = "FILE")]
    file: String,

    /// How long to measure each setting
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// One JSON object on standard output instead of a table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    engine: EngineArgs,

    #[command(flatten)]
    adaptation: AdaptationArgs,

    #[command(flatten)]
    server: ServerArgs,
}

/// Runs `hvmap model bench`.
///
/// # Errors
/// When the model cannot be used as asked.
pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let named = ModelArgs {
        models: vec![args.file],
        engine: args.engine,
        adaptation: args.adaptation,
        server: args.server,
    };
    let duration = Duration::from_secs(args.seconds);
    if named.models.iter().all(|name| is_server(name)) {
        return measure_server(&named.connect()?, duration, args.json);
    }
    let decided = named.settings().decided();
    let mut model = named.load_onnx()?;
    let arrangements =
        model
            .arrangement()
            .worth_measuring(model.device(), cores(), decided, model.batch_fixed());
    note(format_args!(
        "measuring {} on {}: {} settings, {} s each",
        model.info().name,
        model.info().engine,
        arrangements.len(),
        args.seconds
    ));
    let measured = bench::sweep(&mut model, &arrangements, &built_in_tiles(), duration)?;
    let best = bench::fastest(&measured);
    let kept = if decided.is_nothing() {
        match keep_fastest(&model, best.arrangement, best.tiles_per_s()) {
            Ok(path) => Some(path),
            Err(error) => {
                warn(format_args!("the best setting could not be kept: {error}"));
                None
            }
        }
    } else {
        None
    };
    if args.json {
        let object = json!({
            "model": model.info().name,
            "checksum": model.info().checksum,
            "engine": model.info().engine,
            "cores": cores(),
            "measured": measured.iter().map(row).collect::<Vec<_>>(),
            "best": row(best),
            "kept": kept,
        });
        println!("{}", serde_json::to_string_pretty(&object)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{:>7} {:>8} {:>6} {:>10}",
        "workers", "threads", "batch", "tiles/s"
    );
    for one in &measured {
        let Arrangement {
            workers,
            threads,
            batch_size,
        } = one.arrangement;
        let mark = if std::ptr::eq(one, best) {
            "  best"
        } else {
            ""
        };
        println!(
            "{workers:>7} {threads:>8} {batch_size:>6} {:>10.1}{mark}",
            one.tiles_per_s()
        );
    }
    if let Some(path) = kept {
        note(format_args!(
            "hvmap run will use the best for this model on this machine: {}",
            path.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// A server decides itself how its model is laid out.
fn measure_server(
    model: &RemoteModel,
    duration: Duration,
    json: bool,
) -> Result<ExitCode, CliError> {
    let info = model.info();
    note(format_args!(
        "measuring {} for {} s on {}",
        info.name,
        duration.as_secs(),
        info.engine
    ));
    let rate = bench::bare_session(model, &built_in_tiles(), duration)?;
    if json {
        let object = json!({
            "model": info.name,
            "checksum": info.checksum,
            "engine": info.engine,
            "workers": rate.workers,
            "tiles": rate.tiles,
            "tiles_per_s": rate.tiles_per_s,
        });
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        println!(
            "{:.1} tiles/s: {} tiles with {} workers",
            rate.tiles_per_s,
            grouped(rate.tiles),
            rate.workers
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn row(one: &Measured) -> Value {
    json!({
        "workers": one.arrangement.workers,
        "threads": one.arrangement.threads,
        "batch": one.arrangement.batch_size,
        "tiles": one.tiles,
        "tiles_per_s": one.tiles_per_s(),
    })
}
