//! Files that appear whole or not at all.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::ExportError;

/// A file that is written beside its place and renamed into it at the end. Dropped before that, it
/// leaves nothing behind; killed before that, it leaves a hidden `.NAME.partial`, which the next
/// export of the same name writes over.
pub(super) struct StagedFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    published: bool,
}

impl StagedFile {
    /// Opens the hidden file, empty, and locks it against other processes.
    pub(super) fn create(path: &Path) -> Result<Self, ExportError> {
        let failed = |source| ExportError::Write {
            path: path.to_owned(),
            source,
        };
        let name = path
            .file_name()
            .ok_or_else(|| failed(io::Error::from(io::ErrorKind::IsADirectory)))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".partial");
        let partial = path.with_file_name(hidden);
        // Truncated only once it is locked: it may be another process's work in progress.
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&partial)
            .map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ExportError::Busy {
                path: path.to_owned(),
            },
            TryLockError::Error(source) => failed(source),
        })?;
        file.set_len(0).map_err(failed)?;
        Ok(Self {
            file,
            partial,
            path: path.to_owned(),
            published: false,
        })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Where the bytes lie for now, for writers that open the file themselves.
    pub(super) fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// A failed write, told of the file that was asked for.
    pub(super) fn error(&self, source: io::Error) -> ExportError {
        ExportError::Write {
            path: self.path.clone(),
            source,
        }
    }

    /// The same for an error that a stream's writer met.
    pub(super) fn name_in(&self, error: ExportError) -> ExportError {
        match error {
            ExportError::Stream(source) => self.error(source),
            other => other,
        }
    }

    /// Puts the bytes on the disk and the file in its place.
    pub(super) fn publish(mut self) -> Result<(), ExportError> {
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.partial, &self.path))
            .map_err(|source| self.error(source))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.published {
            // Nothing depends on it: the next export writes over what stays.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("towers.geojson");
        fs::write(&path, "old").unwrap();
        let staged = StagedFile::create(&path).unwrap();
        io::Write::write_all(&mut staged.file(), b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        staged.publish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_dropped_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        drop(StagedFile::create(&folder.path().join("towers.csv")).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_writers_of_one_file_are_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("towers.csv");
        let _first = StagedFile::create(&path).unwrap();
        let second = StagedFile::create(&path);
        assert!(matches!(second, Err(ExportError::Busy { .. })));
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let error = StagedFile::create(Path::new("/nowhere/at/all.csv"))
            .map(|_| ())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "/nowhere/at/all.csv could not be written"
        );
    }
}
