//! Model folders: which versions are there, which one serves, and how the others fared.
//!
//! A folder holds one folder a version, named by an integer (leading zeros as in `001` are fine);
//! the largest is served. A new version is loaded, checked with its canary tiles and tried out
//! before it takes over; one that fails leaves the old one serving and keeps its error in the
//! status. The old version's threads finish what waits for them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, RwLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, SystemTime},
};

use super::{
    Config, ServeError,
    batcher::Batcher,
    metrics::{ModelMetrics, RequestMetrics},
};
use crate::predict::{
    Model as _, ModelInfo, PredictError,
    onnx::{Contract, OnnxModel, Settings},
};

/// A model by name and the folder of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    pub name: String,
    pub path: PathBuf,
}

/// A version's life, in TF Serving's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Loading,
    Available,
    End,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loading => "LOADING",
            Self::Available => "AVAILABLE",
            Self::End => "END",
        }
    }
}

/// What became of a version.
#[derive(Clone, Debug)]
pub(super) struct VersionStatus {
    pub state: State,
    /// Why it could not be loaded.
    pub error: Option<String>,
    /// When its file changed last: a version that failed is tried again when it changes.
    changed: Option<SystemTime>,
}

/// A version that answers.
pub(super) struct Served {
    pub version: u64,
    pub info: ModelInfo,
    pub contract: Contract,
    pub batcher: Batcher,
}

/// One model of the server.
pub(super) struct Entry {
    pub folder: ModelFolder,
    pub metrics: Arc<ModelMetrics>,
    current: RwLock<Arc<Served>>,
    versions: RwLock<BTreeMap<u64, VersionStatus>>,
}

impl Entry {
    pub(super) fn current(&self) -> Arc<Served> {
        Arc::clone(&self.current.read().expect("nothing panics with this lock"))
    }

    pub(super) fn versions(&self) -> BTreeMap<u64, VersionStatus> {
        self.versions
            .read()
            .expect("nothing panics with this lock")
            .clone()
    }

    fn set(&self, version: u64, status: VersionStatus) {
        self.versions
            .write()
            .expect("nothing panics with this lock")
            .insert(version, status);
    }
}

/// All models of the server.
pub(super) struct Repository {
    entries: Vec<Arc<Entry>>,
    engine: Settings,
    queue_images_max: usize,
    pub requests: RequestMetrics,
    /// Dropped to end the polling thread.
    polling: std::sync::Mutex<Option<mpsc::Sender<()>>>,
}

impl Repository {
    /// Loads the latest version of every model.
    pub(super) fn open(config: &Config) -> Result<Self, ServeError> {
        let mut entries: Vec<Arc<Entry>> = Vec::new();
        for folder in &config.models {
            if entries.iter().any(|entry| entry.folder.name == folder.name) {
                return Err(ServeError::NamedTwice {
                    name: folder.name.clone(),
                });
            }
            let found = versions_in(&folder.path)?;
            let Some((&version, path)) = found.last_key_value() else {
                return Err(if folder.path.join("saved_model.pb").exists() {
                    ServeError::SavedModel {
                        path: folder.path.clone(),
                    }
                } else {
                    ServeError::NoVersion {
                        name: folder.name.clone(),
                        path: folder.path.clone(),
                    }
                });
            };
            let metrics = Arc::default();
            let served = load(
                version,
                path,
                &config.engine,
                config.queue_images_max,
                &metrics,
            )?;
            let entry = Entry {
                folder: folder.clone(),
                metrics,
                current: RwLock::new(Arc::new(served)),
                versions: RwLock::default(),
            };
            entry.set(
                version,
                VersionStatus {
                    state: State::Available,
                    error: None,
                    changed: changed(path),
                },
            );
            entries.push(Arc::new(entry));
        }
        Ok(Self {
            entries,
            engine: config.engine.clone(),
            queue_images_max: config.queue_images_max,
            requests: RequestMetrics::default(),
            polling: std::sync::Mutex::default(),
        })
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.iter().find(|entry| entry.folder.name == name)
    }

    pub(super) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    pub(super) fn summary(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|entry| {
                let served = entry.current();
                format!(
                    "{} version {} on {}",
                    entry.folder.name, served.version, served.info.engine
                )
            })
            .collect()
    }

    /// Starts the thread that looks at the folders.
    pub(super) fn poll_every(self: &Arc<Self>, period: Duration) -> Result<(), ServeError> {
        let (sender, stopped) = mpsc::channel();
        *self.polling.lock().expect("nothing panics with this lock") = Some(sender);
        let repository = Arc::downgrade(self);
        thread::Builder::new()
            .name("poll models".into())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(period) {
                    let Some(repository) = repository.upgrade() else {
                        return;
                    };
                    for entry in &repository.entries {
                        repository.look(entry);
                    }
                }
            })
            .map(drop)
            .map_err(ServeError::Thread)
    }

    /// Ends the polling.
    pub(super) fn close(&self) {
        self.polling
            .lock()
            .expect("nothing panics with this lock")
            .take();
    }

    /// Looks for a version to swap in: the largest that has not failed as it is. Whatever goes
    /// wrong, what serves goes on.
    fn look(&self, entry: &Entry) {
        let found = match versions_in(&entry.folder.path) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(model = entry.folder.name, "{}", error.chain());
                return;
            }
        };
        let serving = entry.current().version;
        for (&version, path) in found.iter().rev() {
            if version == serving {
                return;
            }
            let changed = changed(path);
            let failed = entry
                .versions()
                .get(&version)
                .is_some_and(|status| status.error.is_some() && status.changed == changed);
            if failed {
                continue;
            }
            let status = |state, error| VersionStatus {
                state,
                error,
                changed,
            };
            entry.set(version, status(State::Loading, None));
            match load(
                version,
                path,
                &self.engine,
                self.queue_images_max,
                &entry.metrics,
            ) {
                Ok(served) => {
                    *entry
                        .current
                        .write()
                        .expect("nothing panics with this lock") = Arc::new(served);
                    entry.set(version, status(State::Available, None));
                    entry.set(
                        serving,
                        VersionStatus {
                            state: State::End,
                            error: None,
                            changed: None,
                        },
                    );
                    tracing::info!(
                        model = entry.folder.name,
                        version,
                        "took over from {serving}"
                    );
                    return;
                }
                Err(error) => {
                    let error = error.chain();
                    tracing::warn!(
                        model = entry.folder.name,
                        version,
                        "not loaded, {serving} goes on serving: {error}"
                    );
                    entry.set(version, status(State::End, Some(error)));
                }
            }
        }
    }
}

/// The version folders by number.
fn versions_in(path: &Path) -> Result<BTreeMap<u64, PathBuf>, ServeError> {
    let unreadable = |source| ServeError::Folder {
        path: path.to_owned(),
        source,
    };
    let mut versions = BTreeMap::new();
    for item in fs::read_dir(path).map_err(unreadable)? {
        let item = item.map_err(unreadable)?;
        let name = item.file_name();
        let number = name
            .to_str()
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|name| name.parse().ok());
        if let Some(number) = number
            && item.path().is_dir()
        {
            versions.insert(number, item.path());
        }
    }
    Ok(versions)
}

/// The one model file of a version's folder.
fn model_file(folder: &Path) -> Result<PathBuf, ServeError> {
    let unreadable = |source| ServeError::Folder {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for item in fs::read_dir(folder).map_err(unreadable)? {
        let path = item.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "onnx")
        {
            files.push(path);
        }
    }
    match files.as_slice() {
        [_] => Ok(files.remove(0)),
        [] if folder.join("saved_model.pb").exists() => Err(ServeError::SavedModel {
            path: folder.to_owned(),
        }),
        _ => Err(ServeError::ModelFile {
            path: folder.to_owned(),
            found: files.len(),
        }),
    }
}

/// When a version's model changed last; `None` while it has none.
fn changed(folder: &Path) -> Option<SystemTime> {
    let file = model_file(folder).ok()?;
    fs::metadata(file).and_then(|facts| facts.modified()).ok()
}

/// Loading checks the canary tiles, and classifying them warms the session up.
fn load(
    version: u64,
    folder: &Path,
    engine: &Settings,
    queue_images_max: usize,
    metrics: &Arc<ModelMetrics>,
) -> Result<Served, ServeError> {
    let file = model_file(folder)?;
    let model = OnnxModel::from_file(&file, engine).map_err(|error| match error {
        // Only a model that was not packaged asks for flags.
        PredictError::Unusable { reason, .. } => ServeError::Unfit {
            path: file.clone(),
            reason,
        },
        error => ServeError::Model(error),
    })?;
    let Some(contract) = model.contract().cloned() else {
        return Err(ServeError::Unfit {
            path: file,
            reason: "it was not packaged, so nothing says what its outputs mean".to_owned(),
        });
    };
    Ok(Served {
        version,
        info: model.info().clone(),
        contract,
        batcher: Batcher::start(&model, queue_images_max, Arc::clone(metrics))?,
    })
}
