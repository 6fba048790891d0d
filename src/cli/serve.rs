//! `hvmap serve`: models over HTTP and gRPC, as TF Serving has them.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::mpsc,
    time::Duration,
};

use super::{CliError, EngineArgs, hints, terminal::note};
use crate::{
    predict::onnx::Settings,
    serve::{
        BatchingFile, GRPC_PORT, ModelFolder, REST_PORT, ServeSettings, Server, read_metrics_path,
        read_models,
    },
};

/// Serve models over REST and gRPC: a drop-in for TF Serving
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

    /// A file of TF Serving's that names the models, their versions and labels
    #[arg(
        long = "model_config_file",
        value_name = "FILE",
        conflicts_with_all = ["model_name", "model_base_path", "models"],
    )]
    model_config_file: Option<PathBuf>,

    /// Accepted as TF Serving's: requests are always classified together
    #[arg(
        long = "enable_batching",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
    )]
    enable_batching: Option<bool>,

    /// A file of TF Serving's with batch sizes and times; none is needed
    #[arg(long = "batching_parameters_file", value_name = "FILE")]
    batching_parameters_file: Option<PathBuf>,

    /// A file of TF Serving's that says where the metrics are
    ///
    /// [default: /monitoring/prometheus/metrics]
    #[arg(long = "monitoring_config_file", value_name = "FILE")]
    monitoring_config_file: Option<PathBuf>,

    /// Port of the gRPC interface; 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = GRPC_PORT)]
    port: u16,

    /// Port of the REST interface; 0 for any free one
    #[arg(long = "rest_api_port", value_name = "PORT", default_value_t = REST_PORT)]
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

    /// Images that may wait for each model; further requests are answered 503 [default: 4096]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
    )]
    queue: Option<u32>,

    #[command(flatten)]
    engine: EngineArgs,
}

fn named_folder(text: &str) -> Result<ModelFolder, String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok(ModelFolder::new(name, path))
        }
        _ => Err("expected NAME=FOLDER, such as hv_grid=models/hv_grid".to_owned()),
    }
}

pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let settings = args.settings()?;
    let (signal, signalled) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Nobody listens any more when the server is already stopping.
        let _ = signal.send(());
    })
    .map_err(|error| CliError::from(error).context("cannot listen for signals"))?;
    let server = Server::start(&settings).map_err(hints::serve::explain)?;
    for line in server.summary() {
        note(format_args!("model: {line}"));
    }
    note(format_args!(
        "listening at http://{}/v1/models/{} and grpc://{}",
        server.address(),
        settings.models[0].name,
        server.grpc_address()
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
    /// What to serve and where, out of flags, files and the environment.
    fn settings(&self) -> Result<ServeSettings, CliError> {
        let mut settings = ServeSettings::of(self.folders()?);
        settings.engine = Settings {
            device: self.engine.device,
            threads: self.engine.threads.map(usize::from),
            library: self.engine.ort_library.clone(),
            ..Settings::default()
        };
        if let Some(path) = &self.batching_parameters_file {
            if self.enable_batching != Some(true) {
                return Err(CliError::new(
                    "--batching_parameters_file is given without --enable_batching",
                )
                .hint("add --enable_batching, or leave the file out: none is needed"));
            }
            let file = BatchingFile::read(path).map_err(hints::serve::explain)?;
            file.apply(&mut settings.batching);
            settings.engine.batch_size = file.batch_size;
            settings.engine.workers = file.workers;
        }
        // Flags of this program go before the file.
        if let Some(images) = self.queue {
            settings.batching.queue_images_max = images as usize;
        }
        if let Some(images) = self.engine.batch {
            settings.engine.batch_size = Some(usize::from(images));
        }
        if let Some(workers) = self.engine.workers {
            settings.engine.workers = Some(usize::from(workers));
        }
        if let Some(path) = &self.monitoring_config_file {
            settings.metrics_path = read_metrics_path(path).map_err(hints::serve::explain)?;
        }
        settings.rest = SocketAddr::new(self.bind, self.rest_api_port);
        settings.grpc = SocketAddr::new(self.bind, self.port);
        settings.poll = Duration::from_secs(self.file_system_poll_wait_seconds);
        settings.request_timeout = Duration::from_millis(self.rest_api_timeout_in_ms);
        Ok(settings)
    }

    /// The models that were named, with TF Serving's defaults.
    fn folders(&self) -> Result<Vec<ModelFolder>, CliError> {
        if let Some(path) = &self.model_config_file {
            return read_models(path).map_err(hints::serve::explain);
        }
        if !self.models.is_empty() {
            return Ok(self.models.clone());
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
        Ok(vec![ModelFolder::new(name, path)])
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn ports_and_times_are_tf_servings_unless_told_otherwise() {
        let Line { args } = Line::parse_from(["serve"]);
        assert_eq!((args.port, args.rest_api_port), (8500, 8501));
        assert_eq!(args.rest_api_timeout_in_ms, 30_000);
        assert_eq!(args.file_system_poll_wait_seconds, 1);
        assert!(args.bind.is_loopback());
    }
}
