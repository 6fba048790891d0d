//! What can be wrong with a ledger.

use std::path::PathBuf;

use crate::frame::FrameError;

/// Trouble with a run's ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    #[error("{path} is not a run's ledger (application id {got:#010x}, expected {expected:#010x})")]
    NotALedger {
        path: PathBuf,
        got: u32,
        expected: u32,
    },
    #[error(
        "{path} was written by a newer hvmap (ledger version {got}, this program reads up to {known})"
    )]
    Newer { path: PathBuf, got: u32, known: u32 },
    #[error("there is no run in {dir} (no {name})", name = super::FILE_NAME)]
    NoRun { dir: PathBuf },
    #[error("{path} exists already")]
    Exists { path: PathBuf },
    #[error("another hvmap process (pid {pid}) is running on {dir}")]
    InUse { dir: PathBuf, pid: String },
    #[error("cannot {doing} {path}")]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot {doing} {path}")]
    Sqlite {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("cannot write an outcome to {path}")]
    Frame {
        path: PathBuf,
        #[source]
        source: FrameError,
    },
    #[error("{path} is damaged: {what}")]
    Damaged { path: PathBuf, what: String },
}

impl LedgerError {
    /// Whether another program holds the file longer than a short transaction takes.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Sqlite { source, .. } if matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            )
        )
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}
