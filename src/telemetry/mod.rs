//! What a run tells about itself: each stage's busy, waiting and blocked share, and samples of
//! what went wrong.
//!
//! In: durations and reasons from the pipeline's threads. Out: numbers for the final table, the
//! JSON report and Prometheus. Never: printing, and never a lock in a hot path.

mod stage;
mod trouble;

pub use stage::{Activity, Stage, StageReport};
pub use trouble::{Trouble, TroubleReport};
