//! What `hvmap model bench` found, kept for the runs on this machine.
//!
//! One small JSON file a model and machine, in `$XDG_CACHE_HOME/hvmap/bench`: what is lost is
//! measured again. A file speaks only for the same model, engine, processor and number of cores.

use std::{
    fs,
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    digest,
    predict::{
        Model,
        onnx::{Arrangement, OnnxModel, cores},
    },
};

/// The model and the machine that something was measured with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Conditions {
    /// SHA-256 of the model's file.
    checksum: String,
    /// How a model that was not packaged is fitted, which may change the size of its images.
    adaptation: Option<String>,
    /// ONNX Runtime's version, the device, and the processor with its instruction sets.
    engine: String,
    cores: usize,
}

/// The fastest arrangement there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    conditions: Conditions,
    workers: usize,
    threads: usize,
    batch: usize,
    tiles_per_s: f64,
}

impl Conditions {
    fn of(model: &OnnxModel) -> Self {
        let info = model.info();
        Self {
            checksum: info.checksum.clone(),
            adaptation: info.adaptation.clone(),
            engine: info.engine.clone(),
            cores: cores(),
        }
    }

    /// The file's name: where two conditions differ, so do their names.
    fn file_name(&self) -> String {
        let whole = digest::sha256(format!("{self:?}"));
        format!("{}.json", whole.start::<8>())
    }
}

/// The fastest arrangement that was ever measured for a model on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fastest {
    pub arrangement: Arrangement,
    pub tiles_per_s: f64,
}

/// What was measured is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub struct UnreadableFastest {
    pub path: PathBuf,
    #[source]
    pub cause: io::Error,
}

/// What was found best for a model on this machine; nothing where it was never measured.
///
/// # Errors
/// When what was kept cannot be read.
pub fn fastest_kept(model: &OnnxModel) -> Result<Option<Fastest>, UnreadableFastest> {
    let Some(folder) = folder() else {
        return Ok(None);
    };
    let conditions = Conditions::of(model);
    let path = folder.join(conditions.file_name());
    let kept = read(&path).map_err(|cause| UnreadableFastest { path, cause })?;
    Ok(kept
        .filter(|kept| kept.conditions == conditions)
        .map(|kept| Fastest {
            arrangement: Arrangement {
                workers: kept.workers.max(1),
                threads: kept.threads.max(1),
                batch_size: kept.batch.max(1),
            },
            tiles_per_s: kept.tiles_per_s,
        }))
}

/// Keeps the fastest arrangement for runs to come; answers its file.
///
/// # Errors
/// When there is no folder for it, or it cannot be written.
pub fn keep_fastest(model: &OnnxModel, best: Arrangement, tiles_per_s: f64) -> io::Result<PathBuf> {
    let folder = folder().ok_or_else(|| {
        io::Error::new(
            ErrorKind::NotFound,
            "neither XDG_CACHE_HOME nor HOME names a folder",
        )
    })?;
    let kept = Kept {
        conditions: Conditions::of(model),
        workers: best.workers,
        threads: best.threads,
        batch: best.batch_size,
        tiles_per_s,
    };
    fs::create_dir_all(&folder)?;
    let path = folder.join(kept.conditions.file_name());
    // Beside its place and then renamed, so that a run never reads half of it.
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    writeln!(file, "{}", serde_json::to_string_pretty(&kept)?)?;
    file.persist(&path)?;
    Ok(path)
}

/// What a file holds; nothing where there is none.
fn read(path: &Path) -> io::Result<Option<Kept>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folder of the freedesktop.org base directory specification, which has relative paths ignored.
fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("hvmap/bench"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions() -> Conditions {
        Conditions {
            checksum: "ab".into(),
            adaptation: None,
            engine: "onnxruntime 1.31.1, cpu".into(),
            cores: 2,
        }
    }

    #[test]
    fn another_model_engine_or_number_of_cores_has_another_file() {
        let mut names = vec![conditions().file_name()];
        names.push(
            Conditions {
                checksum: "cd".into(),
                ..conditions()
            }
            .file_name(),
        );
        names.push(
            Conditions {
                engine: "onnxruntime 1.32.0, cpu".into(),
                ..conditions()
            }
            .file_name(),
        );
        names.push(
            Conditions {
                cores: 3,
                ..conditions()
            }
            .file_name(),
        );
        names.push(
            Conditions {
                adaptation: Some("nchw".into()),
                ..conditions()
            }
            .file_name(),
        );
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn what_is_kept_is_read_again_and_what_is_broken_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.json");
        assert!(read(&path).unwrap().is_none());
        let kept = Kept {
            conditions: conditions(),
            workers: 2,
            threads: 1,
            batch: 8,
            tiles_per_s: 109.5,
        };
        fs::write(&path, serde_json::to_vec(&kept).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), Some(kept));
        fs::write(&path, "{\"workers\":2").unwrap();
        assert!(read(&path).is_err());
    }
}
