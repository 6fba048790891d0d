//! Which versions of the models serve, and how the others fared.
//!
//! The largest version is served, or those that a policy names. A new one is loaded, checked with
//! its canary tiles and tried out before it takes over; one that fails leaves the old one serving
//! and keeps its error in the status. The old version's threads finish what waits for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, RwLock, RwLockReadGuard,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, SystemTime},
};

use super::{
    Batching, ServeError, ServeSettings,
    batcher::Batcher,
    folder::{ModelFolder, VersionPolicy, changed, model_file, versions_in},
    metrics::{Metrics, ModelMetrics},
};
use crate::{
    causes,
    predict::{
        Model as _, ModelInfo, PredictError,
        onnx::{Contract, OnnxModel, Settings},
    },
    wire::facts::ModelFacts,
};

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

impl Served {
    /// What a client of this program asks and no protocol has a word for.
    pub(super) fn facts(&self) -> ModelFacts {
        let info = self.info.clone();
        let (columns_px, rows_px) = info
            .attribution
            .map(|map| (map.columns_px, map.rows_px))
            .unzip();
        ModelFacts {
            checksum: info.checksum,
            engine: info.engine,
            classes: info.classes,
            positives: info.positives,
            combine: self.contract.combine().to_string(),
            threshold: info.default_threshold,
            precision: info.precision,
            trained_on_synthetic: info.trained_on_synthetic,
            attribution_columns_px: columns_px,
            attribution_rows_px: rows_px,
        }
    }
}

/// One model of the server.
pub(super) struct Entry {
    pub folder: ModelFolder,
    metrics: ModelMetrics,
    /// By version; never empty.
    serving: RwLock<BTreeMap<u64, Arc<Served>>>,
    versions: RwLock<BTreeMap<u64, VersionStatus>>,
}

impl Entry {
    /// The largest version that is served.
    pub(super) fn current(&self) -> Arc<Served> {
        let serving = self.serving();
        let (_, served) = serving.last_key_value().expect("a version is served");
        Arc::clone(served)
    }

    /// A certain version, if it is served.
    pub(super) fn version(&self, version: u64) -> Option<Arc<Served>> {
        self.serving().get(&version).map(Arc::clone)
    }

    /// The versions that are served, rising.
    pub(super) fn available(&self) -> Vec<u64> {
        self.serving().keys().copied().collect()
    }

    fn serving(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Arc<Served>>> {
        self.serving.read().expect("nothing panics with this lock")
    }

    fn add(&self, served: Served) {
        self.serving
            .write()
            .expect("nothing panics with this lock")
            .insert(served.version, Arc::new(served));
    }

    /// Lets go of the versions that are not among those to keep, and tells which they were.
    fn retire(&self, keep: &BTreeSet<u64>) -> Vec<u64> {
        let mut serving = self.serving.write().expect("nothing panics with this lock");
        let gone: Vec<u64> = serving
            .keys()
            .copied()
            .filter(|version| !keep.contains(version))
            .collect();
        serving.retain(|version, _| keep.contains(version));
        gone
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
    batching: Batching,
    pub metrics: Metrics,
    /// Dropped to end the polling thread.
    polling: std::sync::Mutex<Option<mpsc::Sender<()>>>,
}

impl Repository {
    /// Loads the versions of every model that are to be served.
    pub(super) fn open(settings: &ServeSettings) -> Result<Self, ServeError> {
        let mut repository = Self {
            entries: Vec::new(),
            engine: settings.engine.clone(),
            batching: settings.batching.clone(),
            metrics: Metrics::default(),
            polling: std::sync::Mutex::default(),
        };
        for folder in &settings.models {
            if repository.entry(&folder.name).is_some() {
                return Err(ServeError::NamedTwice {
                    name: folder.name.clone(),
                });
            }
            let entry = repository.open_entry(folder)?;
            repository.entries.push(Arc::new(entry));
        }
        Ok(repository)
    }

    fn open_entry(&self, folder: &ModelFolder) -> Result<Entry, ServeError> {
        let found = versions_in(&folder.path)?;
        let wanted: Vec<_> = found
            .iter()
            .rev()
            .filter(|(version, _)| folder.versions.admits(**version))
            .take(folder.versions.count_max())
            .collect();
        if wanted.is_empty() && folder.path.join("saved_model.pb").exists() {
            return Err(ServeError::SavedModel {
                path: folder.path.clone(),
            });
        }
        let missing = match &folder.versions {
            VersionPolicy::Specific(versions) => {
                versions.iter().find(|version| !found.contains_key(version))
            }
            _ => None,
        };
        if let Some(&version) = missing {
            return Err(ServeError::VersionMissing {
                name: folder.name.clone(),
                version,
                path: folder.path.clone(),
            });
        }
        if wanted.is_empty() {
            return Err(ServeError::NoVersion {
                name: folder.name.clone(),
                path: folder.path.clone(),
            });
        }
        let entry = Entry {
            folder: folder.clone(),
            metrics: self.metrics.of_model(&folder.name),
            serving: RwLock::default(),
            versions: RwLock::default(),
        };
        for (&version, path) in wanted {
            entry.add(self.load(version, path, &entry.metrics)?);
            entry.set(
                version,
                VersionStatus {
                    state: State::Available,
                    error: None,
                    changed: changed(path),
                },
            );
        }
        for (label, &version) in &folder.labels {
            if entry.version(version).is_none() {
                return Err(ServeError::Label {
                    name: folder.name.clone(),
                    label: label.clone(),
                    version,
                    served: entry.available(),
                });
            }
        }
        Ok(entry)
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
                let versions: Vec<_> = entry.available().iter().map(u64::to_string).collect();
                format!(
                    "{} version {} on {}",
                    entry.folder.name,
                    versions.join(", "),
                    entry.current().info.engine
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

    /// Looks for versions to swap in: the largest that have not failed as they are. Whatever goes
    /// wrong, what serves goes on.
    fn look(&self, entry: &Entry) {
        let name = &entry.folder.name;
        let found = match versions_in(&entry.folder.path) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(model = name, "{}", causes::on_one_line(&error));
                return;
            }
        };
        let policy = &entry.folder.versions;
        let mut keep = BTreeSet::new();
        let wanted = found.iter().rev();
        for (&version, path) in wanted.filter(|(version, _)| policy.admits(**version)) {
            if keep.len() == policy.count_max() {
                break;
            }
            if entry.version(version).is_some() || self.try_out(entry, version, path) {
                keep.insert(version);
            }
        }
        // Of a folder that was emptied, or holds nothing that works, the last versions go on.
        if keep.is_empty() {
            return;
        }
        for version in entry.retire(&keep) {
            tracing::info!(model = name, version, "no longer served");
            let status = VersionStatus {
                state: State::End,
                error: None,
                changed: None,
            };
            entry.set(version, status);
        }
    }

    /// Loads a version, unless it has failed as it is; whether it is served now.
    fn try_out(&self, entry: &Entry, version: u64, path: &Path) -> bool {
        let name = &entry.folder.name;
        let changed = changed(path);
        let failed = entry
            .versions()
            .get(&version)
            .is_some_and(|status| status.error.is_some() && status.changed == changed);
        if failed {
            return false;
        }
        let status = |state, error| VersionStatus {
            state,
            error,
            changed,
        };
        entry.set(version, status(State::Loading, None));
        match self.load(version, path, &entry.metrics) {
            Ok(served) => {
                entry.add(served);
                entry.set(version, status(State::Available, None));
                tracing::info!(model = name, version, "served from now on");
                true
            }
            Err(error) => {
                let error = causes::on_one_line(&error);
                tracing::warn!(model = name, version, "not loaded: {error}");
                entry.set(version, status(State::End, Some(error)));
                false
            }
        }
    }

    /// Loading checks the canary tiles, and classifying them warms the session up.
    fn load(
        &self,
        version: u64,
        folder: &Path,
        metrics: &ModelMetrics,
    ) -> Result<Served, ServeError> {
        let file = model_file(folder)?;
        let model = OnnxModel::from_file(&file, &self.engine).map_err(|error| match error {
            // Only a model that was not packaged asks for flags.
            PredictError::Unusable { reason, .. } => ServeError::Unfit {
                path: file.clone(),
                reason: reason.to_string(),
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
            batcher: Batcher::start(&model, self.batching.clone(), metrics.clone())?,
        })
    }
}
