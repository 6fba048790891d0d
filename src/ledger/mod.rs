//! The run's memory: one SQLite file, `run.hvmap`.
//!
//! In: the manifest once, then block outcomes in any order. Out: what was visited, the counts of
//! each state, and the candidates in order of score. Never: a second version of a unit. The first
//! commit of a unit wins; a retry may replace only failures, and the outcome that the scan learnt
//! from stays beside it.
//!
//! Every commit is one transaction in a write-ahead log, so the process can be killed anywhere and
//! the file stays whole. Frames and rows have checksums, so a bit that flips on a disk is found when
//! it is read, and [`LedgerReader::verify`] reads all of them.
//!
//! A ledger of version 1 has neither checksums nor images, boxes or a run's name. It is read, resumed
//! and exported as it is.
//!
//! ```no_run
//! use std::{ops::ControlFlow, path::Path};
//! use hvmap::ledger::{LedgerError, LedgerReader};
//!
//! let ledger = LedgerReader::open(Path::new("runs/san-marino"))?;
//! let manifest = ledger.manifest()?;
//! let counts = ledger.counts(manifest.area.tiles)?;
//! println!("{} of {} tiles have a score", counts.scored, counts.planned());
//! // The best ten candidates.
//! let mut left = 10;
//! ledger.candidates_by_rank(manifest.threshold, |candidate| {
//!     println!("{} {:.3}", candidate.tile, candidate.score);
//!     left -= 1;
//!     Ok::<_, LedgerError>(match left {
//!         0 => ControlFlow::Break(()),
//!         _ => ControlFlow::Continue(()),
//!     })
//! })?;
//! # Ok::<_, LedgerError>(())
//! ```

mod check;
mod error;
mod lock;
mod manifest;
mod read;
mod rows;
mod schema;
mod verify;
mod write;

pub use error::LedgerError;
pub use manifest::{
    AreaRecord, Difference, ImageryRecord, MANIFEST_FORMAT_VERSION, Manifest, ModelRecord,
    SettingsRecord,
};
pub use read::{CandidateRow, LedgerReader};
pub use schema::LedgerVersion;
pub use verify::Verified;
pub use write::{Ledger, Recorded};

/// Name of the ledger in a run's folder.
pub const FILE_NAME: &str = "run.hvmap";

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::manifest::tests::manifest;
}
