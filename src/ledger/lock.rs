//! One running process a ledger.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use super::LedgerError;

/// An advisory lock on a run's folder, held while a run writes to it and released by the operating
/// system however the process ends. Readers and reviewers do not take it.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of a run's folder, which must exist.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process holds it.
    pub(super) fn take(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join("run.lock");
        let trouble = |source| LedgerError::File {
            doing: "lock",
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(trouble)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // The number is only for the message; without it the message still helps.
                let _ = file.read_to_string(&mut pid);
                return Err(LedgerError::InUse {
                    dir: dir.to_owned(),
                    pid: pid.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(trouble(source)),
        }
        file.set_len(0).map_err(trouble)?;
        file.rewind().map_err(trouble)?;
        writeln!(file, "{}", std::process::id()).map_err(trouble)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_and_names_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let lock = RunLock::take(dir.path()).unwrap();
        let error = RunLock::take(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("pid {}", std::process::id())),
            "{error}"
        );
        drop(lock);
        RunLock::take(dir.path()).unwrap();
    }
}
