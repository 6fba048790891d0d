//! `hvmap serve`: models over HTTP, as TF Serving's REST interface has them.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::mpsc,
    time::Duration,
};

use super::{CliError, EngineArgs, terminal::note};
use crate::{
    predict::onnx::Settings,
    serve::{Config, ModelFolder, ServeError, Server},
};

/// Serve models over HTTP: a drop-in for TF Serving's REST interface
///
/// A model's folder holds integer version folders, each with one packaged .onnx file; the largest
/// version is served, and new ones are taken up without a restart.
///
/// Examples:
///   hvmap serve --model_name hv_grid --model_base_path models/hv_grid
///   hvmap serve --model a=models/a --model b=models/b --bind 0.0.0.0
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Name of the model [default: $MODEL_NAME, or model]
    #[arg(long = "model_name", value_name = "NAME")]
    model_name: Option<String>,

    /// Folder of the model's versions [default: $MODEL_BASE_PATH/NAME, or /models/NAME]
    #[arg(long = "model_base_path", value_name = "FOLDER")]
    model_base_path: Option<PathBuf>,

    /// A model by name and folder; repeat it for several, instead of --model_name
    #[arg(
        long = "model",
        value_name = "NAME=FOLDER",
        value_parser = named_folder,
        conflicts_with_all = ["model_name", "model_base_path"],
    )]
    models: Vec<ModelFolder>,

    /// Port of the REST interface; 0 for any free one
    #[arg(long = "rest_api_port", value_name = "PORT", default_value_t = 8501)]
    rest_api_port: u16,

    /// Address to listen at: 0.0.0.0 for every machine that reaches this one
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    bind: IpAddr,

    /// Milliseconds until a request is answered 504
    #[arg(
        long = "rest_api_timeout_in_ms",
        value_name = "MS",
        default_value_t = 30_000,
        value_parser = clap::value_parser!(u64).range(1..=3_600_000),
    )]
    rest_api_timeout_in_ms: u64,

    /// Seconds between two looks for new versions
    #[arg(
        long = "file_system_poll_wait_seconds",
        value_name = "S",
        default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
    )]
    file_system_poll_wait_seconds: u64,

    /// Images that may wait for each model; further requests are answered 503
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4096,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
    )]
    queue: u32,

    #[command(flatten)]
    engine: EngineArgs,
}

fn named_folder(text: &str) -> Result<ModelFolder, String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(ModelFolder {
            name: name.to_owned(),
            path: PathBuf::from(path),
        }),
        _ => Err("expected NAME=FOLDER, such as hv_grid=models/hv_grid".to_owned()),
    }
}

pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let config = Config {
        bind: SocketAddr::new(args.bind, args.rest_api_port),
        models: args.folders(),
        engine: Settings {
            device: args.engine.device,
            batch_size: args.engine.batch.map(usize::from),
            workers: args.engine.workers.map(usize::from),
            threads: args.engine.threads.map(usize::from),
            library: args.engine.ort_library.clone(),
            ..Settings::default()
        },
        poll: Duration::from_secs(args.file_system_poll_wait_seconds),
        request_timeout: Duration::from_millis(args.rest_api_timeout_in_ms),
        queue_images_max: args.queue as usize,
    };
    let (signal, signalled) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Nobody listens any more when the server is already stopping.
        let _ = signal.send(());
    })
    .map_err(|error| CliError::from(error).context("cannot listen for signals"))?;
    let server = Server::start(&config).map_err(with_hint)?;
    for line in server.summary() {
        note(format_args!("model: {line}"));
    }
    note(format_args!(
        "listening at http://{}/v1/models/{}",
        server.address(),
        config.models[0].name
    ));
    // The handler, and with it the sender, lives as long as the process.
    let _ = signalled.recv();
    note(format_args!("stopping: answering what was taken"));
    if server.stop() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(CliError::new(
            "some requests were still open 30 s after the signal and were dropped",
        ))
    }
}

impl Args {
    /// The models that were named, with TF Serving's defaults.
    fn folders(&self) -> Vec<ModelFolder> {
        if !self.models.is_empty() {
            return self.models.clone();
        }
        let name = self
            .model_name
            .clone()
            .or_else(|| std::env::var("MODEL_NAME").ok())
            .unwrap_or_else(|| "model".to_owned());
        let path = self.model_base_path.clone().unwrap_or_else(|| {
            std::env::var_os("MODEL_BASE_PATH")
                .map_or_else(|| PathBuf::from("/models"), PathBuf::from)
                .join(&name)
        });
        vec![ModelFolder { name, path }]
    }
}

fn with_hint(error: ServeError) -> CliError {
    let hint = error.hint();
    let error = CliError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
