//! The model of a run: which one, and how it is loaded.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Notice, Observer, RunError,
    demo::{DEMO_MODEL, MODEL_BYTES, MODEL_NAME},
};
use crate::predict::{
    Model, PredictError,
    onnx::{
        Inspection, OnnxModel, Settings, UnreadableFastest, fastest_kept, inspect_embedded,
        inspect_file,
    },
    remote::{RemoteModel, RemoteSettings, is_server},
};

/// Which model classifies the tiles, and on what.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelChoice {
    /// The built-in one, which knows drawn imagery alone.
    Demo(Settings),
    /// An ONNX file, run inside this process.
    File { path: PathBuf, settings: Settings },
    /// One model at one or more servers.
    Servers {
        urls: Vec<String>,
        settings: RemoteSettings,
    },
}

impl ModelChoice {
    /// The built-in model, laid out as usual.
    #[must_use]
    pub fn demo() -> Self {
        Self::Demo(Settings::default())
    }

    /// A model by its name, with the usual settings: `demo`, the URL of a server, or an ONNX file.
    #[must_use]
    pub fn named(name: &str) -> Self {
        if name == DEMO_MODEL {
            Self::demo()
        } else if is_server(name) {
            Self::Servers {
                urls: vec![name.to_owned()],
                settings: RemoteSettings::default(),
            }
        } else {
            Self::file(name)
        }
    }

    /// An ONNX file, laid out as usual.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File {
            path: path.into(),
            settings: Settings::default(),
        }
    }

    /// Loads the model, checks it and tries it out. Where the settings leave open how it is laid
    /// out on this machine, what was measured to be fastest is taken, if that was ever measured.
    ///
    /// # Errors
    /// When it is no model, or cannot be used as asked.
    pub fn load(&self, observer: &mut dyn Observer) -> Result<LoadedModel, RunError> {
        match self {
            Self::Servers { settings, .. } => Ok(LoadedModel {
                model: Arc::new(self.connect()?),
                served: Some(Served {
                    allow_model_change: settings.allow_model_change,
                }),
            }),
            Self::Demo(settings) | Self::File { settings, .. } => {
                let mut model = self.load_onnx()?;
                if settings.decided().is_nothing() {
                    lay_out(&mut model, observer);
                }
                Ok(LoadedModel::of(Arc::new(model)))
            }
        }
    }

    /// Loads a file as what it is, laid out as usual or as its settings say.
    ///
    /// # Errors
    /// As [`ModelChoice::load`], and when servers run the model.
    pub fn load_onnx(&self) -> Result<OnnxModel, RunError> {
        self.with_file(
            |settings| OnnxModel::embedded(MODEL_NAME, MODEL_BYTES, settings),
            OnnxModel::from_file,
        )
    }

    /// Looks into a file without insisting that it runs.
    ///
    /// # Errors
    /// When it is no model, ONNX Runtime or the device cannot be used, or servers run the model.
    pub fn inspect(&self) -> Result<Inspection, RunError> {
        self.with_file(
            |settings| inspect_embedded(MODEL_NAME, MODEL_BYTES, settings),
            inspect_file,
        )
    }

    /// Asks the servers that run the model.
    ///
    /// # Errors
    /// When they cannot be used or disagree, and when the model is a file.
    pub fn connect(&self) -> Result<RemoteModel, RunError> {
        let not_served = |model: String| Err(RunError::FileNotServers { model });
        match self {
            Self::Servers { urls, .. } if urls.is_empty() => Err(RunError::NoServers),
            Self::Servers { urls, settings } => Ok(RemoteModel::connect(urls, settings)?),
            Self::Demo(_) => not_served(MODEL_NAME.to_owned()),
            Self::File { path, .. } => not_served(path.display().to_string()),
        }
    }

    fn with_file<T>(
        &self,
        embedded: impl FnOnce(&Settings) -> Result<T, PredictError>,
        file: impl FnOnce(&Path, &Settings) -> Result<T, PredictError>,
    ) -> Result<T, RunError> {
        match self {
            Self::Demo(settings) => Ok(embedded(settings)?),
            Self::File { path, settings } => file(path, settings)
                .map_err(|error| not_packaged(path).unwrap_or_else(|| error.into())),
            Self::Servers { urls, .. } => Err(RunError::ServersNotFile { urls: urls.clone() }),
        }
    }
}

/// A model that is ready to classify.
#[derive(Clone)]
pub struct LoadedModel {
    pub(super) model: Arc<dyn Model>,
    /// Of a model that servers run.
    pub(super) served: Option<Served>,
}

/// What a run has to know of a model that servers run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served {
    /// Go on with another model than the run's start had, and mix the scores of both.
    pub allow_model_change: bool,
}

impl LoadedModel {
    /// Takes a model of the caller's own.
    #[must_use]
    pub fn of(model: Arc<dyn Model>) -> Self {
        Self {
            model,
            served: None,
        }
    }

    #[must_use]
    pub fn model(&self) -> &Arc<dyn Model> {
        &self.model
    }
}

impl std::fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedModel")
            .field("info", self.model.info())
            .field("served", &self.served)
            .finish()
    }
}

/// Lays a model out as was found best on this machine, if that was ever measured.
fn lay_out(model: &mut OnnxModel, observer: &mut dyn Observer) {
    match fastest_kept(model) {
        Ok(Some(fastest)) => {
            model.arrange(fastest.arrangement);
            observer.notice(&Notice::Arranged {
                arrangement: fastest.arrangement,
                tiles_per_s: fastest.tiles_per_s,
            });
        }
        Ok(None) => {}
        Err(UnreadableFastest { path, cause }) => {
            observer.notice(&Notice::ArrangementUnreadable {
                path,
                reason: cause.to_string(),
            });
        }
    }
}

/// The error for what the packager makes a model of: a Keras file, a SavedModel's folder, or a
/// `model.onnx` that is missing where a SavedModel lies.
fn not_packaged(path: &Path) -> Option<RunError> {
    let keras = path
        .extension()
        .is_some_and(|ending| ["h5", "hdf5", "keras"].iter().any(|known| ending == *known));
    let folder = if path.is_dir() { path } else { path.parent()? };
    let (source, what) = if keras && path.is_file() {
        (path, "a Keras model")
    } else if !path.is_file() && folder.join("saved_model.pb").is_file() {
        (folder, "a TensorFlow SavedModel")
    } else {
        return None;
    };
    Some(RunError::NotPackaged {
        path: source.to_owned(),
        what,
    })
}
