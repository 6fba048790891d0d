//! Model folders on disk: which versions lie there, and where a version's model is.
//!
//! A model's folder holds one folder a version, named by an integer (leading zeros as in `001` are
//! fine), and each of those one packaged `.onnx` file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::ServeError;

/// A model by name, the folder of its versions, and which of them are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    pub name: String,
    pub path: PathBuf,
    pub versions: VersionPolicy,
    /// Names by which requests may ask for a version; each has to be served at the start.
    pub labels: BTreeMap<String, u64>,
}

impl ModelFolder {
    /// A model whose largest version is served.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            versions: VersionPolicy::Latest(1),
            labels: BTreeMap::new(),
        }
    }
}

/// Which of a model's versions are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionPolicy {
    /// So many, the largest; at least one.
    Latest(usize),
    All,
    Specific(BTreeSet<u64>),
}

impl VersionPolicy {
    pub(super) fn admits(&self, version: u64) -> bool {
        match self {
            Self::Latest(_) | Self::All => true,
            Self::Specific(versions) => versions.contains(&version),
        }
    }

    pub(super) fn count_max(&self) -> usize {
        match self {
            Self::Latest(count) => *count,
            Self::All | Self::Specific(_) => usize::MAX,
        }
    }
}

/// The version folders by number.
pub(super) fn versions_in(path: &Path) -> Result<BTreeMap<u64, PathBuf>, ServeError> {
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
            // TF Serving's versions have a sign, which none of them uses.
            .and_then(|name| u64::try_from(name.parse::<i64>().ok()?).ok());
        if let Some(number) = number
            && item.path().is_dir()
        {
            versions.insert(number, item.path());
        }
    }
    Ok(versions)
}

/// The one model file of a version's folder.
pub(super) fn model_file(folder: &Path) -> Result<PathBuf, ServeError> {
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
pub(super) fn changed(folder: &Path) -> Option<SystemTime> {
    let file = model_file(folder).ok()?;
    fs::metadata(file).and_then(|facts| facts.modified()).ok()
}
