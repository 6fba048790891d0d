//! How good a run is: against known towers, and by what people said of its detections.
//!
//! In: detections, a file of known towers or a reviewed table. Out: recall, precision and curves
//! ([`evaluate`]), the towers expected in each band of ranks ([`Expected`]). Never: a change to the
//! run's ledger, or a guess where nobody looked.

mod evaluate;
mod expected;
mod reported;
mod review;
mod reviewed;
mod truth;

pub use evaluate::{
    Evaluation, EvaluationSettings, Location, Operation, ReliabilityBin, Target, TileCounts,
    TruthCounts, evaluate,
};
pub use expected::Expected;
pub use reported::Reported;
pub use review::{Review, ReviewError};
pub use reviewed::{ReviewCounts, Reviewed, ReviewedError, read_reviewed};
pub use truth::{TruthError, read_truth};
