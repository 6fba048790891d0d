//! Which model classifies the tiles, and how: the flags shared by `run` and `model`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{CliError, hints, notices::Told};
use crate::{
    predict::{
        onnx::{
            Activation, AdaptationFlags, Combine, DeviceChoice, Fit, Inspection, Layout,
            NamedPreprocess, OnnxModel, Preprocess, Settings,
        },
        remote::{Reference, RemoteModel, RemoteSettings, is_server},
    },
    run::{DEMO_MODEL, LoadedModel, ModelChoice},
};

/// The model and what it runs on.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// The classifier: an ONNX file, `demo`, the built-in one that knows only synthetic imagery, or
    /// the URL of a server
    ///
    /// Servers are asked by http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME, as TF Serving
    /// and `hvmap serve` have them; repeat --model to spread a run over several servers of the same
    /// model.
    ///
    /// Models packaged by hvmap-model (see python/) need no other flag. Others do, and hvmap says
    /// which: `hvmap model inspect FILE`.
    #[arg(long = "model", value_name = "FILE")]
    pub models: Vec<String>,

    #[command(flatten)]
    pub engine: EngineArgs,

    #[command(flatten)]
    pub adaptation: AdaptationArgs,

    #[command(flatten)]
    pub server: ServerArgs,
}

/// How servers are asked.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Model servers")]
pub struct ServerArgs {
    /// Name of the input that takes images, where a server does not say it or has several
    #[arg(long, value_name = "KEY")]
    pub input_key: Option<String>,

    /// Seconds without an answer from any server after which a run stops [default: 60]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub server_patience: Option<u64>,

    /// A packaged ONNX file whose canary tiles every server has to answer as the file says, at the
    /// start and whenever it comes back after a failure
    #[arg(long, value_name = "FILE", conflicts_with = "allow_model_change")]
    pub canary: Option<PathBuf>,

    /// Go on when a server swaps its model for another, during a run or between two starts of it,
    /// and mix the scores of both
    #[arg(long)]
    pub allow_model_change: bool,
}

/// Where and how much at once.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Model")]
pub struct EngineArgs {
    /// Where the model runs: auto, cpu, cuda, cuda:N, openvino or openvino:bf16
    ///
    /// auto takes CUDA where it really works, else cpu, and says which it took; cuda fails where it
    /// does not. openvino is the processor by OpenVINO's kernels (`make ort-openvino`), and
    /// openvino:bf16 computes with half as many bits where the model's numbers are fp32.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// Tiles classified at once by each worker [default: 1 on the processor, 2 if
    /// it is int8, 64 on CUDA]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub batch: Option<u16>,

    /// Classifiers at once [default: one for each core, at most 32 on CUDA]
    ///
    /// On CUDA they decode, and take turns at two sessions.
    ///
    /// Without --batch, --workers and --threads `hvmap run` takes what `hvmap model bench` found to
    /// be the fastest on this machine, where it was run.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// Threads that each worker computes with on the processor [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// ONNX Runtime's shared library, or the folder that holds it
    ///
    /// Without it: $ORT_DYLIB_PATH, the folder of hvmap itself, $XDG_DATA_HOME/hvmap, the system's
    /// libraries.
    #[arg(long, value_name = "FILE")]
    pub ort_library: Option<PathBuf>,
}

/// What has to be told about a model that was not packaged for hvmap.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Models that were not packaged by hvmap-model")]
pub struct AdaptationArgs {
    /// Order of the image's dimensions, where its shape does not tell: nhwc or nchw
    #[arg(long, value_name = "ORDER")]
    pub model_layout: Option<Layout>,

    /// Width and height of the model's images, where the file leaves them open
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub model_size: Option<u32>,

    /// How bytes become the model's numbers: xception (x / 127.5 - 1), unit (x / 255), caffe,
    /// torch or none
    #[arg(long, value_name = "NAME", conflicts_with_all = ["model_scale", "model_offset"])]
    pub model_preprocess: Option<NamedPreprocess>,

    /// Factor for the bytes, instead of --model-preprocess: x * SCALE + OFFSET
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    pub model_scale: Option<f32>,

    /// Added after --model-scale
    #[arg(long, value_name = "OFFSET", allow_negative_numbers = true)]
    pub model_offset: Option<f32>,

    /// How a 256-pixel tile becomes an image of another size: resize, crop or pad
    #[arg(long, value_name = "HOW")]
    pub model_fit: Option<Fit>,

    /// What turns the model's outputs into probabilities: softmax, sigmoid, or none if they are
    /// probabilities already
    #[arg(long, value_name = "NAME")]
    pub model_activation: Option<Activation>,

    /// Names of the model's classes, in the order of its outputs
    #[arg(long, value_name = "NAME,NAME…", value_delimiter = ',')]
    pub model_classes: Option<Vec<String>>,

    /// The classes that mean a tower, by name or by number from 0
    #[arg(
        long,
        visible_alias = "positive",
        value_name = "CLASS,CLASS…",
        value_delimiter = ','
    )]
    pub model_positives: Option<Vec<String>>,

    /// How several positive classes become one score: sum or largest
    ///
    /// [default: sum for softmax, largest for sigmoid]
    #[arg(long, value_name = "HOW")]
    pub model_combine: Option<Combine>,

    /// The output that holds the scores, where the model has several
    #[arg(long, value_name = "NAME")]
    pub model_output: Option<String>,
}

impl ModelArgs {
    /// Loads the model, checks it and tries it out; lays it out on this machine as the flags say or,
    /// where they say nothing, as `hvmap model bench` found best.
    ///
    /// # Errors
    /// When no model was named, or the one named cannot be used as asked: with a hint.
    pub fn load(&self) -> Result<LoadedModel, CliError> {
        let choice = if !self.models.is_empty() && self.models.iter().all(|name| is_server(name)) {
            self.servers()?
        } else {
            self.file()?
        };
        choice.load(&mut Told).map_err(hints::run::explain)
    }

    /// Asks the servers that were named.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    pub fn connect(&self) -> Result<RemoteModel, CliError> {
        self.servers()?.connect().map_err(hints::run::explain)
    }

    fn servers(&self) -> Result<ModelChoice, CliError> {
        let mut settings = RemoteSettings {
            adaptation: self.adaptation.flags(),
            input_key: self.server.input_key.clone(),
            allow_model_change: self.server.allow_model_change,
            ..RemoteSettings::default()
        };
        if let Some(seconds) = self.server.server_patience {
            settings.patience = Duration::from_secs(seconds);
        }
        self.refuse_flags_of_files()?;
        if let Some(path) = &self.server.canary {
            settings.reference = Some(Reference::read(path).map_err(hints::predict::explain)?);
        }
        Ok(ModelChoice::Servers {
            urls: self.models.clone(),
            settings,
        })
    }

    fn file(&self) -> Result<ModelChoice, CliError> {
        let settings = self.settings();
        Ok(match self.name()? {
            DEMO_MODEL => ModelChoice::Demo(settings),
            path => ModelChoice::File {
                path: path.into(),
                settings,
            },
        })
    }

    /// What says how a file runs here would be passed over for a server.
    fn refuse_flags_of_files(&self) -> Result<(), CliError> {
        let Self {
            engine, adaptation, ..
        } = self;
        let given = [
            ("--device", engine.device != DeviceChoice::default()),
            ("--batch", engine.batch.is_some()),
            ("--workers", engine.workers.is_some()),
            ("--threads", engine.threads.is_some()),
            ("--ort-library", engine.ort_library.is_some()),
            ("--model-layout", adaptation.model_layout.is_some()),
            ("--model-size", adaptation.model_size.is_some()),
            ("--model-preprocess", adaptation.model_preprocess.is_some()),
            ("--model-scale", adaptation.model_scale.is_some()),
            ("--model-offset", adaptation.model_offset.is_some()),
            ("--model-fit", adaptation.model_fit.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(CliError::new(format!(
                "{flag} says how a model runs inside hvmap, and {} is a server",
                self.models[0]
            ))
            .hint(format!("leave {flag} out"))),
            None => Ok(()),
        }
    }

    /// Loads the model as what it is: a file for ONNX Runtime.
    ///
    /// # Errors
    /// As [`ModelArgs::load`].
    pub fn load_onnx(&self) -> Result<OnnxModel, CliError> {
        self.file()?.load_onnx().map_err(hints::run::explain)
    }

    /// Looks into the model without insisting that it runs.
    ///
    /// # Errors
    /// When it is no model, or ONNX Runtime or the device cannot be used: with a hint.
    pub fn inspect(&self) -> Result<Inspection, CliError> {
        self.file()?.inspect().map_err(hints::run::explain)
    }

    /// The one model named.
    fn name(&self) -> Result<&str, CliError> {
        let name = match self.models.as_slice() {
            [name] => name,
            [] => {
                return Err(CliError::new("no model was named").hint(
                    "--model FILE.onnx, or --model demo for the built-in one, which knows only \
                     synthetic imagery",
                ));
            }
            [first, second, ..] => {
                return Err(CliError::new(format!(
                    "got the models {first} and {second}, expected one, or servers alone"
                ))
                .hint(
                    "name one .onnx file (--workers says how many classifiers it runs), or \
                     several servers of the same model by their URLs",
                ));
            }
        };
        if is_server(name) {
            return Err(
                CliError::new(format!("{name} is a model server, expected a file here")).hint(
                    "name an .onnx file, which runs inside hvmap: --model FILE.onnx\n\
                     the packager in python/ (hvmap-model) makes one from a Keras model or a \
                     SavedModel",
                ),
            );
        }
        let server = &self.server;
        let given = [
            ("--input-key", server.input_key.is_some()),
            ("--server-patience", server.server_patience.is_some()),
            ("--canary", server.canary.is_some()),
            ("--allow-model-change", server.allow_model_change),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(CliError::new(format!(
                "{flag} is for model servers, and {name} is a file"
            ))
            .hint(format!("leave {flag} out"))),
            None => Ok(name),
        }
    }

    /// The flags as settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            device: self.engine.device,
            batch_size: self.engine.batch.map(usize::from),
            workers: self.engine.workers.map(usize::from),
            threads: self.engine.threads.map(usize::from),
            library: self.engine.ort_library.clone(),
            adaptation: self.adaptation.flags(),
        }
    }
}

impl AdaptationArgs {
    fn flags(&self) -> AdaptationFlags {
        let preprocess = match (self.model_preprocess, self.model_scale, self.model_offset) {
            (Some(named), _, _) => Some(Preprocess::Named(named)),
            (None, None, None) => None,
            (None, scale, offset) => Some(Preprocess::Affine {
                scale: scale.unwrap_or(1.0),
                offset: offset.unwrap_or(0.0),
            }),
        };
        AdaptationFlags {
            layout: self.model_layout,
            size_px: self.model_size,
            preprocess,
            fit: self.model_fit,
            activation: self.model_activation,
            combine: self.model_combine,
            classes: self.model_classes.clone(),
            positives: self.model_positives.clone(),
            output: self.model_output.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(models: &[&str]) -> ModelArgs {
        ModelArgs {
            models: models.iter().map(ToString::to_string).collect(),
            ..ModelArgs::default()
        }
    }

    #[test]
    fn model_servers_are_no_files_and_say_so() {
        for url in [
            "http://localhost:8501/v1/models/hv_grid:predict",
            "grpc://localhost:8500/hv_grid",
            "grpc+v2://localhost:8001/hv_grid",
        ] {
            let error = named(&[url]).name().unwrap_err();
            assert!(error.error.to_string().contains(url));
            assert!(error.hint.unwrap().contains("--model FILE.onnx"));
            assert_eq!(error.exit, 2);
        }
    }

    #[test]
    fn flags_for_files_are_not_passed_over_for_servers_nor_the_other_way_round() {
        let mut args = named(&["grpc://localhost:8500/hv_grid"]);
        args.engine.batch = Some(8);
        let error = args.connect().unwrap_err();
        assert!(error.error.to_string().contains("--batch"));
        let mut args = named(&["a.onnx"]);
        args.server.input_key = Some("x".into());
        assert!(
            args.name()
                .unwrap_err()
                .error
                .to_string()
                .contains("--input-key")
        );
    }

    #[test]
    fn one_model_has_to_be_named() {
        assert!(named(&[]).name().is_err());
        assert!(named(&["a.onnx", "b.onnx"]).name().is_err());
        assert_eq!(named(&["a.onnx"]).name().unwrap(), "a.onnx");
    }

    #[test]
    fn a_scale_alone_has_no_offset() {
        let args = AdaptationArgs {
            model_scale: Some(0.5),
            ..AdaptationArgs::default()
        };
        assert_eq!(
            args.flags().preprocess,
            Some(Preprocess::Affine {
                scale: 0.5,
                offset: 0.0,
            })
        );
    }
}
