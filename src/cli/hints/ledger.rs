//! What to do about a ledger that cannot be used.

use crate::{cli::CliError, ledger::LedgerError};

/// Adds what to do about it.
pub fn explain(error: LedgerError) -> CliError {
    let hint = match &error {
        LedgerError::InUse { .. } => {
            Some("wait for it, or give this run another folder with --out")
        }
        LedgerError::Exists { .. } => Some("run the same command again to go on with it"),
        LedgerError::Newer { .. } => Some("update hvmap, or start anew in another --out"),
        LedgerError::NotALedger { .. } | LedgerError::Damaged { .. } => {
            Some("move the file away, or start anew in another --out")
        }
        LedgerError::NoRun { .. } => Some("name the folder that was given to `hvmap run --out`"),
        error if error.is_busy() => Some(
            "another program has run.hvmap open for writing; close it there, and run the same \
             command again",
        ),
        error if error.is_disk_full() => {
            Some("the disk is full; make room and run the same command again")
        }
        LedgerError::Sqlite { .. } | LedgerError::File { .. } | LedgerError::Frame { .. } => Some(
            "check that the folder can be written; what was committed before is safe, and the \
             same command goes on from there",
        ),
    };
    let error = CliError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
