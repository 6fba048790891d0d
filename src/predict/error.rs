//! What can be wrong with a model or an engine.

use std::path::PathBuf;

/// Trouble with loading a model or running it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    #[error(
        "the classifier gave {got_scores} scores and {got_cells} attribution cells, expected \
         {expected_scores} and {expected_cells}"
    )]
    AnswerShape {
        expected_scores: usize,
        got_scores: usize,
        expected_cells: usize,
        got_cells: usize,
    },
    /// Stages or boxes that do not fit the images.
    #[error("the classifier gave {what}")]
    UnsoundAnswer { what: String },
    /// The model cannot be run as it is; `hint` names the flags that would make it run.
    #[error("model {model} cannot be used: {reason}")]
    Unusable {
        model: String,
        reason: String,
        hint: Option<String>,
    },
    #[error("cannot read the model {model}")]
    Read {
        model: String,
        #[source]
        source: std::io::Error,
    },
    /// A packaged model whose metadata does not hold what the contract asks for.
    #[error("model {model}: the metadata {key} {reason}")]
    Metadata {
        model: String,
        key: String,
        reason: String,
    },
    #[error("model {model}: ONNX Runtime failed to {doing}")]
    Engine {
        model: String,
        doing: &'static str,
        #[source]
        source: ort::Error,
    },
    /// The engine's answers to the canary tiles are not those that the packager recorded.
    #[error(
        "model {model} gives wrong answers here: canary tile {tile} scores {got:.6} for \
         {class:?}, expected {expected:.6} ± {tolerance} ({engine})"
    )]
    Canary {
        model: String,
        /// Position of the worst canary, counted from 0.
        tile: usize,
        class: String,
        got: f32,
        expected: f32,
        tolerance: f32,
        engine: String,
    },
    #[error("ONNX Runtime's shared library was not found (looked for {file} in {})", searched.join(", "))]
    LibraryNotFound { file: String, searched: Vec<String> },
    #[error("{} is not ONNX Runtime's shared library: {reason}", path.display())]
    LibraryUnusable { path: PathBuf, reason: String },
    #[error(
        "{} holds ONNX Runtime {got}, expected 1.{expected_minor} or newer",
        path.display()
    )]
    LibraryTooOld {
        path: PathBuf,
        got: String,
        expected_minor: u32,
    },
    /// One process holds one ONNX Runtime.
    #[error(
        "ONNX Runtime was already loaded from {}, and one process cannot load {} as well",
        loaded.display(),
        wanted.display()
    )]
    LibraryAlreadyLoaded { loaded: PathBuf, wanted: PathBuf },
    #[error("cannot start ONNX Runtime from {}", path.display())]
    LibraryStart {
        path: PathBuf,
        #[source]
        source: ort::Error,
    },
    /// Asked for a device that is not there; never answered with another one.
    #[error("the device {device} cannot be used: {reason}")]
    DeviceUnavailable { device: String, reason: String },
    #[error("the model server {url} cannot be used: {reason}")]
    Server { url: String, reason: String },
    /// All servers of a run, for as long as it is patient.
    #[error("no model server has answered for {seconds} s: {reasons}")]
    Silence { seconds: u64, reasons: String },
    /// A server that works failed on these images, again and again.
    #[error("the model server {url} fails on these images: {reason}")]
    ImagesFailed { url: String, reason: String },
    /// A server holds another model than at the start.
    #[error("the model at {url} was swapped for another: {difference}")]
    ModelChanged {
        url: String,
        difference: String,
        /// Whether the other one answers the same classes.
        compatible: bool,
    },
    /// A server does not hold the packaged model that it should.
    #[error("the model at {url} is not that of {reference}: {difference}")]
    NotTheModel {
        url: String,
        /// The packaged model's file.
        reference: String,
        difference: String,
    },
    /// A batch that the classifier was never built for: a mistake in the program.
    #[error("a batch of {got} cannot be classified, expected {expected}")]
    WrongBatch { got: String, expected: String },
}

impl PredictError {
    /// Whether no image fares better, so that a run should stop instead of marking its tiles.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::Server { .. }
                | Self::Silence { .. }
                | Self::ModelChanged { .. }
                | Self::NotTheModel { .. }
                | Self::Unusable { .. }
        )
    }

    /// What to do about it, in lines to read or to paste.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unusable { hint, .. } => hint.clone(),
            Self::Canary { engine, .. } if engine.contains("openvino") => Some(
                "OpenVINO rounds bytes otherwise than ONNX Runtime does: an int8 model has to be \
                 packaged where the Python package openvino is installed, which notes the scores \
                 it gives\n\
                 --device cpu runs it as it is"
                    .into(),
            ),
            Self::Canary { .. } => Some(
                "the file may be damaged, or this processor, ONNX Runtime version or device \
                 computes differently from those the model was packaged for\n\
                 compare `hvmap model inspect` with the machine where it worked, or package the \
                 model again"
                    .into(),
            ),
            Self::LibraryNotFound { .. } => Some(
                "get it with `make ort` in hvmap's source folder, or with\n\
                 pip download --no-deps --only-binary=:all: onnxruntime==1.31.1 && \
                 unzip -j onnxruntime-*.whl 'onnxruntime/capi/libonnxruntime*' -d \
                 \"${XDG_DATA_HOME:-$HOME/.local/share}/hvmap\"\n\
                 or name the file with --ort-library FILE or ORT_DYLIB_PATH"
                    .into(),
            ),
            Self::LibraryTooOld { .. } | Self::LibraryUnusable { .. } => Some(
                "`make ort` in hvmap's source folder gets a fitting one; name another with \
                 --ort-library FILE or ORT_DYLIB_PATH"
                    .into(),
            ),
            Self::DeviceUnavailable { device, .. } if device.starts_with("openvino") => Some(
                "`make ort-openvino` gets the ONNX Runtime that knows OpenVINO, for x86-64; bf16 \
                 wants a processor that has it\n\
                 --device cpu runs without"
                    .into(),
            ),
            Self::DeviceUnavailable { .. } => Some(
                "`make ort-gpu` gets the ONNX Runtime that knows CUDA; it needs a driver, CUDA 13 \
                 and cuDNN 9 on the machine\n\
                 --device cpu runs without, and --device auto takes CUDA where it works"
                    .into(),
            ),
            Self::Server { .. } => Some(
                "is it running, and does it serve this name? its status is at \
                 http://HOST:8501/v1/models/NAME"
                    .into(),
            ),
            Self::Silence { .. } => {
                Some("--server-patience S waits longer for servers that are being restarted".into())
            }
            Self::ModelChanged { compatible, .. } => Some(
                if *compatible {
                    "serve the model of the run's start again, or mix the scores of both with \
                     --allow-model-change"
                } else {
                    "serve the model of the run's start again"
                }
                .into(),
            ),
            Self::NotTheModel { reference, .. } => Some(format!(
                "serve the model of {reference}, with its precision, or name another file with \
                 --canary"
            )),
            _ => None,
        }
    }
}
