//! Finding ONNX Runtime's shared library, loading it once, asking its version.

use std::{
    env,
    ffi::CStr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::environment::Environment;

use super::device::DeviceChoice;
use crate::predict::{PredictError, Searched};

/// The library's name without a version, as it is looked for.
const FILE_NAME: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// The folder, beside the usual library, of the one that knows OpenVINO: it is of another version,
/// and whoever does not ask for it keeps the usual one's scores.
const OPENVINO_FOLDER: &str = "openvino";

/// The library that this process loaded: one process holds one.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

/// A loaded ONNX Runtime.
#[derive(Clone, Debug)]
pub struct Library {
    pub environment: Environment,
    pub path: PathBuf,
    /// Such as `1.31.1`.
    pub version: String,
}

/// Loads ONNX Runtime from `explicit` (a file or a folder) or from the first
/// place that has it: `ORT_DYLIB_PATH`, the folder of the executable, `../lib/hvmap` from there,
/// `$XDG_DATA_HOME/hvmap`, the system's libraries. For OpenVINO the folder `openvino` in any of
/// these folders comes first. Later calls answer the same library, whatever the device.
///
/// # Errors
/// When no place has it, when the file is something else or too old, or when the process already
/// loaded another one than `explicit` names.
pub fn load(explicit: Option<&Path>, device: DeviceChoice) -> Result<Library, PredictError> {
    // A panic elsewhere leaves the slot as it was: either empty or holding a loaded library.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = &*loaded {
        let wanted = explicit.map(|path| in_folder(path).unwrap_or_else(|| path.to_owned()));
        return match wanted {
            Some(wanted) if !same_file(&wanted, &library.path) => {
                Err(PredictError::LibraryAlreadyLoaded {
                    loaded: library.path.clone(),
                    wanted,
                })
            }
            _ => Ok(library.clone()),
        };
    }
    let path = find(explicit, device, &Surroundings::of_this_process())?;
    let version = version(&path)?;
    let start = |source| PredictError::LibraryStart {
        path: path.clone(),
        source,
    };
    let environment = ort::init_from(&path)
        .map_err(|error| PredictError::LibraryUnusable {
            path: path.clone(),
            reason: error.to_string(),
        })?
        .with_name("hvmap")
        .with_telemetry(false)
        .build()
        .map_err(start)?;
    environment.set_log_level(ort::logging::LogLevel::Warning);
    let library = Library {
        environment,
        path,
        version,
    };
    *loaded = Some(library.clone());
    Ok(library)
}

/// What the search depends on, so that it can be tested without touching the process.
#[derive(Debug, Default)]
struct Surroundings {
    dylib_path: Option<PathBuf>,
    executable: Option<PathBuf>,
    data_home: Option<PathBuf>,
}

impl Surroundings {
    fn of_this_process() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            dylib_path: set("ORT_DYLIB_PATH").map(PathBuf::from),
            executable: env::current_exe().ok(),
            data_home: set("XDG_DATA_HOME")
                .map(PathBuf::from)
                .or_else(|| set("HOME").map(|home| Path::new(&home).join(".local/share"))),
        }
    }

    /// Folders to look into, in order.
    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        if let Some(beside) = self.executable.as_deref().and_then(Path::parent) {
            folders.push(beside.to_owned());
            if let Some(above) = beside.parent() {
                // Cargo puts tests, benches and examples one folder deeper than the program.
                if beside.ends_with("deps") || beside.ends_with("examples") {
                    folders.push(above.to_owned());
                }
                folders.push(above.join("lib/hvmap"));
            }
        }
        folders.extend(self.data_home.as_ref().map(|home| home.join("hvmap")));
        folders
    }
}

/// The library to load. A place that was named must have it; the others are tried in order.
fn find(
    explicit: Option<&Path>,
    device: DeviceChoice,
    surroundings: &Surroundings,
) -> Result<PathBuf, PredictError> {
    let dylib_path = surroundings.dylib_path.as_deref();
    let named = match (explicit, dylib_path) {
        (Some(path), _) => Some((path, Searched::Named(path.to_owned()))),
        (None, Some(path)) => Some((path, Searched::DylibPath(path.to_owned()))),
        (None, None) => None,
    };
    if let Some((path, searched)) = named {
        return in_folder(path).ok_or_else(|| PredictError::LibraryNotFound {
            file: FILE_NAME.into(),
            searched: vec![searched],
        });
    }
    let mut folders = surroundings.folders();
    if let DeviceChoice::OpenVino(_) = device {
        let own: Vec<_> = folders
            .iter()
            .map(|folder| folder.join(OPENVINO_FOLDER))
            .collect();
        folders.splice(0..0, own);
    }
    if let Some(found) = folders.iter().find_map(|folder| in_folder(folder)) {
        return Ok(found);
    }
    // SAFETY: loading runs the library's initialisers; whatever the system's linker finds under
    // this name is as trusted as any other library of the system.
    if let Ok(library) = unsafe { libloading::Library::new(FILE_NAME) } {
        std::mem::forget(library);
        return Ok(FILE_NAME.into());
    }
    let mut searched: Vec<Searched> = folders.into_iter().map(Searched::Folder).collect();
    searched.push(Searched::System);
    Err(PredictError::LibraryNotFound {
        file: FILE_NAME.into(),
        searched,
    })
}

/// The library in a folder, with or without a version behind its name; a file stands for itself.
fn in_folder(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let plain = path.join(FILE_NAME);
    if plain.is_file() {
        return Some(plain);
    }
    let mut versioned: Vec<PathBuf> = path
        .read_dir()
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("libonnxruntime.") && name != FILE_NAME)
        })
        .filter(|path| path.is_file())
        .collect();
    // Several versions in one folder: the last by name, so that the choice does not depend on the
    // folder's order.
    versioned.sort();
    versioned.pop()
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Asks a library its version, and refuses one that is older than the interface used here.
fn version(path: &Path) -> Result<String, PredictError> {
    let unusable = |reason: String| PredictError::LibraryUnusable {
        path: path.to_owned(),
        reason,
    };
    // SAFETY: loading runs the library's initialisers; the user named it or put it there.
    let library =
        unsafe { libloading::Library::new(path) }.map_err(|error| unusable(error.to_string()))?;
    // SAFETY: this is the signature of OrtGetApiBase in every version of onnxruntime_c_api.h.
    let get_base = unsafe {
        library.get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase")
    }
    .map_err(|_| unusable("it has no symbol OrtGetApiBase".into()))?;
    // SAFETY: the function takes nothing and answers a static struct, and GetVersionString answers
    // a static string that ends in a zero byte.
    let version = unsafe {
        let base = get_base();
        if base.is_null() {
            return Err(unusable("OrtGetApiBase answered nothing".into()));
        }
        CStr::from_ptr(((*base).GetVersionString)())
    };
    let version = version.to_string_lossy().into_owned();
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let fits = match (numbers.next(), numbers.next()) {
        (Some(Ok(1)), Some(Ok(minor))) => minor >= ort::MINOR_VERSION,
        (Some(Ok(major)), _) => major > 1,
        _ => false,
    };
    // Unloading and loading again is asking for trouble with a library that starts threads: the
    // handle stays open for the life of the process.
    std::mem::forget(library);
    if fits {
        Ok(version)
    } else {
        Err(PredictError::LibraryTooOld {
            path: path.to_owned(),
            got: version,
            expected_minor: ort::MINOR_VERSION,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::device::Arithmetic, *};

    fn touch(path: &Path) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
        path.to_owned()
    }

    #[test]
    fn places_are_searched_in_the_documented_order() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let explicit = touch(&root.join("explicit").join(FILE_NAME));
        let by_environment = touch(&root.join("environment").join(FILE_NAME));
        let beside = touch(&root.join("prefix/bin").join(FILE_NAME));
        let installed = touch(&root.join("prefix/lib/hvmap").join(FILE_NAME));
        let data = touch(&root.join("data/hvmap").join(FILE_NAME));
        let mut surroundings = Surroundings {
            dylib_path: Some(by_environment.clone()),
            executable: Some(root.join("prefix/bin/hvmap")),
            data_home: Some(root.join("data")),
        };

        let cpu = DeviceChoice::Cpu;
        let found = |surroundings: &Surroundings| find(None, cpu, surroundings).unwrap();
        assert_eq!(find(Some(&explicit), cpu, &surroundings).unwrap(), explicit);
        assert_eq!(found(&surroundings), by_environment);
        surroundings.dylib_path = None;
        assert_eq!(found(&surroundings), beside);
        fs::remove_file(&beside).unwrap();
        assert_eq!(found(&surroundings), installed);
        fs::remove_file(&installed).unwrap();
        assert_eq!(found(&surroundings), data);
    }

    #[test]
    fn openvinos_library_has_a_folder_of_its_own_and_the_usual_one_stands_in_for_it() {
        let root = tempfile::tempdir().unwrap();
        let usual = touch(&root.path().join("bin").join(FILE_NAME));
        let surroundings = Surroundings {
            executable: Some(root.path().join("bin/hvmap")),
            ..Surroundings::default()
        };
        let openvino = DeviceChoice::OpenVino(Arithmetic::Fp32);
        assert_eq!(find(None, openvino, &surroundings).unwrap(), usual);
        let own = touch(&root.path().join("lib/hvmap/openvino").join(FILE_NAME));
        assert_eq!(find(None, openvino, &surroundings).unwrap(), own);
        assert_eq!(find(None, DeviceChoice::Cpu, &surroundings).unwrap(), usual);
    }

    #[test]
    fn a_folder_stands_for_the_library_in_it_whatever_its_version() {
        let root = tempfile::tempdir().unwrap();
        let file = touch(&root.path().join("libonnxruntime.so.1.31.1"));
        assert_eq!(
            find(
                Some(root.path()),
                DeviceChoice::Auto,
                &Surroundings::default()
            )
            .unwrap(),
            file
        );
    }

    #[test]
    fn a_named_place_without_the_library_is_an_error_and_not_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let surroundings = Surroundings {
            data_home: Some(root.path().join("data")),
            ..Surroundings::default()
        };
        touch(&root.path().join("data/hvmap").join(FILE_NAME));
        let nowhere = root.path().join("nowhere");
        let error = find(Some(&nowhere), DeviceChoice::Auto, &surroundings).unwrap_err();
        let PredictError::LibraryNotFound { searched, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(searched, [Searched::Named(nowhere)]);
    }

    #[test]
    fn a_file_that_is_no_library_is_refused_with_the_linkers_reason() {
        let root = tempfile::tempdir().unwrap();
        let file = touch(&root.path().join(FILE_NAME));
        let error = version(&file).unwrap_err();
        assert!(
            matches!(error, PredictError::LibraryUnusable { .. }),
            "{error}"
        );
    }
}
