//! `hvmap model`: what a model file is, whether it would run, and how fast.

mod bench;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    AdaptationArgs, CliError, EXIT_FATAL, EngineArgs, ModelArgs, ServerArgs, hints::predict,
    terminal::grouped,
};
use crate::predict::{
    Model as _, ModelInfo, Port,
    onnx::{Contract, Fitness, Inspection},
    remote::{RemoteModel, Served, is_server},
};

/// Look into a model file, or measure it
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Inspect(InspectArgs),
    Bench(bench::Args),
}

/// Say what a model takes and answers, and whether it would run
///
/// A model that would not run exits with 2 and names the flags that would make it run; give them
/// here to try them.
///
/// Examples:
///   hvmap model inspect tower.onnx
///   hvmap model inspect resnet.onnx --model-preprocess torch --model-activation softmax --model-positives 1
///   hvmap model inspect demo --json
///   hvmap model inspect grpc://localhost:8500/hv_grid
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct InspectArgs {
    /// An ONNX file, `demo` for the built-in model, or the URL of a server
    #[arg(value_name = "FILE")]
    file: String,

    /// One JSON object on standard output instead of text
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    engine: EngineArgs,

    #[command(flatten)]
    adaptation: AdaptationArgs,

    #[command(flatten)]
    server: ServerArgs,
}

pub fn run(args: Args) -> Result<ExitCode, CliError> {
    match args.command {
        Command::Inspect(args) => inspect(args),
        Command::Bench(args) => bench::run(args),
    }
}

fn inspect(args: InspectArgs) -> Result<ExitCode, CliError> {
    let model = ModelArgs {
        models: vec![args.file],
        engine: args.engine,
        adaptation: args.adaptation,
        server: args.server,
    };
    if model.models.iter().all(|name| is_server(name)) {
        return inspect_server(&model.connect()?, args.json);
    }
    let inspection = model.inspect()?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&as_json(&inspection))?);
    } else {
        print(&inspection);
    }
    Ok(match inspection.fitness {
        Fitness::Runs(_) => ExitCode::SUCCESS,
        Fitness::Refused { .. } => ExitCode::from(EXIT_FATAL),
    })
}

/// A server has answered the built-in tiles by now, so its model runs.
fn inspect_server(model: &RemoteModel, json: bool) -> Result<ExitCode, CliError> {
    let info = model.info();
    let served = model.served();
    if json {
        let servers: Vec<Value> = served
            .iter()
            .map(|server| {
                json!({
                    "url": server.url,
                    "version": server.version,
                    "input": server.input,
                    "takes": server.takes,
                    "outputs": server.outputs,
                })
            })
            .collect();
        let object = json!({
            "name": info.name,
            "checksum": info.checksum,
            "classes": info.classes,
            "positives": info.positives,
            "threshold": info.default_threshold,
            "precision": info.precision,
            "adaptation": info.adaptation,
            "attribution": info.attribution.is_some(),
            "engine": info.engine,
            "servers": servers,
            "runs": true,
        });
        println!("{}", serde_json::to_string_pretty(&object)?);
        return Ok(ExitCode::SUCCESS);
    }
    line("model", &info.name);
    line("identity", &info.checksum);
    for Served {
        url,
        version,
        input,
        takes,
        outputs,
    } in &served
    {
        line("server", url);
        line("version", version.as_deref().unwrap_or("not told"));
        line("input", format_args!("{input}: {takes}"));
        let outputs = match outputs.as_slice() {
            [] => "the only one".to_owned(),
            outputs => outputs.join(", "),
        };
        line("outputs", outputs);
    }
    line("classes", info.classes.join(", "));
    print_info(info);
    Ok(ExitCode::SUCCESS)
}

/// One line of the text: a name and what is known.
fn line(name: &str, value: impl std::fmt::Display) {
    println!("{name:<12} {value}");
}

/// A number with three digits that say something: 12.3, 0.42, 0.00123.
fn short(number: f64) -> String {
    let decimals = 2 - number.abs().max(1e-9).log10().floor() as i32;
    format!("{number:.*}", decimals.max(0) as usize)
}

fn print(inspection: &Inspection) {
    let Inspection {
        facts, signature, ..
    } = inspection;
    line("model", &inspection.name);
    line("sha256", &inspection.checksum);
    let precision = inspection
        .contract
        .as_ref()
        .and_then(|contract| contract.precision.as_deref())
        .or(facts.precision);
    line(
        "weights",
        format_args!(
            "{} numbers, {}, {} bytes on disk",
            grouped(facts.parameters),
            precision.unwrap_or("of unknown precision"),
            grouped(inspection.bytes)
        ),
    );
    if let Some(work) = &inspection.work {
        let uncounted = match work.layers_uncounted {
            0 => String::new(),
            some => format!(", {some} layers not counted"),
        };
        line(
            "work",
            format_args!("{} GFLOP a tile{uncounted}", short(work.gflop_per_tile)),
        );
    }
    if !facts.producer.is_empty() {
        line("made by", &facts.producer);
    }
    for input in &signature.inputs {
        line("input", input);
    }
    for output in &signature.outputs {
        match facts.makers.get(&output.name) {
            Some(maker) => line("output", format_args!("{output}, out of {maker}")),
            None => line("output", output),
        }
    }
    match &inspection.contract {
        Some(contract) => print_contract(contract),
        None => line("packaged", "no: flags have to say what its file does not"),
    }
    match &inspection.fitness {
        Fitness::Runs(info) => print_info(info),
        Fitness::Refused { error, open } => {
            line("runs", format_args!("no: {}", predict::reason(error)));
            let hints = predict::remedies(error, open);
            for hint in hints.iter().flat_map(|hint| hint.lines()) {
                line("", hint);
            }
        }
    }
}

fn print_contract(contract: &Contract) {
    let attribution = match &contract.attribution {
        Some(map) => format!("{} × {} cells", map.columns_px.len(), map.rows_px.len()),
        None => "none".into(),
    };
    let canaries = match &contract.canaries {
        Some(canaries) => format!("{} within {}", canaries.scores.len(), canaries.tolerance),
        None => "none".into(),
    };
    line("packaged", "yes");
    line("classes", contract.classes.join(", "));
    line("activation", contract.activation);
    line("trained on", contract.training.name());
    line("attribution", attribution);
    line("canaries", canaries);
    if let Some(licence) = &contract.licence {
        line("licence", licence);
    }
    if let Some(source) = &contract.source_sha256 {
        line("made from", format_args!("sha256 {source}"));
    }
    if let Some(parity) = &contract.parity
        && parity != &json!({})
    {
        line("parity", parity);
    }
}

fn print_info(info: &ModelInfo) {
    line("positives", info.positives.join(", "));
    if let Some(threshold) = info.default_threshold {
        line("threshold", threshold);
    }
    if let Some(adaptation) = &info.adaptation {
        line("adaptation", adaptation);
    }
    line("engine", &info.engine);
    line("runs", "yes");
}

fn as_json(inspection: &Inspection) -> Value {
    let port = |port: &Port| json!({ "name": port.name, "type": port.element.to_string(), "shape": port.sizes() });
    let ports = |ports: &[Port]| ports.iter().map(port).collect::<Vec<_>>();
    let facts = &inspection.facts;
    let contract = inspection.contract.as_ref().map(|contract| {
        json!({
            "classes": contract.classes,
            "positives": contract.positives.iter().map(|&column| &contract.classes[column]).collect::<Vec<_>>(),
            "activation": contract.activation.name(),
            "threshold": contract.threshold,
            "precision": contract.precision,
            "training": contract.training.name(),
            "source_sha256": contract.source_sha256,
            "licence": contract.licence,
            "attribution": contract.attribution.as_ref().map(|map| json!({
                "columns_px": map.columns_px,
                "rows_px": map.rows_px,
            })),
            "canaries": contract.canaries.as_ref().map(|canaries| json!({
                "count": canaries.scores.len(),
                "tolerance": canaries.tolerance,
            })),
            "parity": contract.parity,
        })
    });
    let mut object = json!({
        "name": inspection.name,
        "checksum": inspection.checksum,
        "bytes": inspection.bytes,
        "parameters": facts.parameters,
        "gflop_per_tile": inspection.work.map(|work| work.gflop_per_tile),
        "precision": facts.precision,
        "producer": facts.producer,
        "opset": facts.opset,
        "inputs": ports(&inspection.signature.inputs),
        "outputs": ports(&inspection.signature.outputs),
        "packaged": contract,
    });
    match &inspection.fitness {
        Fitness::Runs(info) => {
            object["runs"] = true.into();
            object["engine"] = info.engine.as_str().into();
            object["adaptation"] = json!(info.adaptation);
        }
        Fitness::Refused { error, open } => {
            object["runs"] = false.into();
            object["reason"] = predict::reason(error).into();
            object["hints"] = json!(predict::remedies(error, open));
        }
    }
    object
}
