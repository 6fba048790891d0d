//! The run's memory: one SQLite file, `run.hvmap`.
//!
//! In: the manifest once, then block outcomes in any order. Out: what was visited, the counts of
//! each state, and the candidates in order of score. Never: a second version of a unit. The first
//! commit of a unit wins; a retry may replace only failures, and the outcome that the scan learnt
//! from stays beside it.
//!
//! Every commit is one transaction in a write-ahead log, so the process can be killed anywhere and
//! the file stays whole.

mod encoding;
mod error;
mod lock;
mod manifest;
mod read;
mod schema;
mod write;

pub use error::LedgerError;
pub use manifest::{AreaRecord, Difference, ImageryRecord, Manifest, ModelRecord, SettingsRecord};
pub use read::{CandidateRow, LedgerReader};
pub use write::{Ledger, Recorded};

/// Name of the ledger in a run's folder.
pub const FILE_NAME: &str = "run.hvmap";

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::manifest::tests::manifest;
}
