//! What can be wrong with a model or an engine.

use std::{fmt, path::PathBuf};

use super::Unusable;

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
    /// The model cannot be run as it is.
    #[error("model {model} cannot be used: {reason}")]
    Unusable { model: String, reason: Unusable },
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
    #[error(
        "ONNX Runtime's shared library was not found (looked for {file} in {})",
        listed(searched)
    )]
    LibraryNotFound {
        file: String,
        searched: Vec<Searched>,
    },
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
    Server { url: String, reason: ServerFault },
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

    /// A model that cannot be used as it is.
    pub(super) fn unusable(model: impl Into<String>, reason: Unusable) -> Self {
        Self::Unusable {
            model: model.into(),
            reason,
        }
    }
}

/// What is wrong with a server or its answer, in one clause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFault {
    #[error(
        "a prediction holds several outputs ({outputs}), and nothing says which are the scores"
    )]
    OutputsUntold { outputs: String },
    #[error("{0}")]
    InWords(String),
}

impl From<String> for ServerFault {
    fn from(reason: String) -> Self {
        Self::InWords(reason)
    }
}

impl From<&str> for ServerFault {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

/// Where ONNX Runtime's shared library was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Searched {
    /// The file or folder that the settings name.
    Named(PathBuf),
    /// The file or folder that `ORT_DYLIB_PATH` names.
    DylibPath(PathBuf),
    Folder(PathBuf),
    /// Wherever the system's linker looks.
    System,
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(path) => write!(f, "{} (the settings)", path.display()),
            Self::DylibPath(path) => write!(f, "{} (ORT_DYLIB_PATH)", path.display()),
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::System => f.write_str("the system's libraries"),
        }
    }
}

/// What stands between two commas.
fn listed(searched: &[Searched]) -> String {
    let each = searched.iter().map(ToString::to_string);
    each.collect::<Vec<_>>().join(", ")
}
