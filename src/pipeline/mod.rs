//! Wires the stages: scan ⇄ executor → ledger.
//!
//! In: a scan, an executor and a ledger. Out: a ledger in which every tile that was asked for has
//! an outcome. Never: a tile lost between two stages. Only this module joins stages by
//! channels; every channel has a named bound.
//!
//! ```text
//! drive (one thread)                     Local: an executor on this machine
//! ┌─────────────────────────┐   units   ┌────────┐  tiles  ┌──────────────────┐
//! │ scan ─► submit          │ ────────► │ fetch  │ ──────► │ decode + predict │
//! │ ledger ◄─ next_outcome  │ ◄──────── │ threads│         │ workers          │
//! └─────────────────────────┘  answers  └────────┘         └──────────────────┘
//! ```

mod drive;
mod error;
mod executor;
mod local;
mod record;
mod simulated;
#[cfg(test)]
mod tests;

pub use drive::{Drive, Ending, Progress, Recording};
pub use error::{Answerer, PipelineError};
pub use executor::Executor;
pub use local::{Local, LocalOptions, Stages};
pub use record::model_record;
pub use simulated::{DetectorErrors, Simulated, SimulatedDetector, binormal_recall, grid_px};
