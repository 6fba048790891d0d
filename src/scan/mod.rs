//! Which tiles come next, and what is learnt from the answers.
//!
//! In: a cover, and outcomes in the order of their units. Out: work units, numbered from 0. Never:
//! any I/O or clock. The same cover, settings and outcomes give the same units, so that a resume
//! can replay the ledger.

mod everything;
mod follow;
mod listed;

pub use everything::Everything;
pub use follow::{Follow, FollowSettings, Locate};
pub use listed::Listed;

use crate::tiles::{BlockOutcome, WorkUnit};

/// A strategy for visiting an area.
///
/// The run calls [`Scan::next`] to get units and [`Scan::learn`] with their outcomes, strictly in
/// sequence; the choice of unit *n* may use only the outcomes of units up to *n − W*, where *W* is
/// [`Scan::window`]. So answers may arrive in any order.
pub trait Scan: Send {
    /// Its name, as people type it.
    fn name(&self) -> &'static str;

    /// Tiles in the area, visited or not.
    fn planned(&self) -> u64;

    /// How many units may be out at once: unit *n* is chosen when outcomes up to *n − W* are in.
    /// `None` when the choice does not depend on outcomes at all.
    fn window(&self) -> Option<u64>;

    /// The number of its first unit. Not 0 where a scan goes on after another one.
    fn first_sequence(&self) -> u64 {
        0
    }

    /// The next unit.
    fn next(&mut self) -> Next;

    /// Takes the outcome of the unit after the last one learnt. Never called for a scan whose
    /// window is `None`.
    fn learn(&mut self, outcome: &BlockOutcome);
}

/// What a scan answers when it is asked for the next unit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once for hundreds of tiles"
)]
pub enum Next {
    Unit(WorkUnit),
    /// Nothing until more outcomes are learnt.
    Waiting,
    /// Nothing any more.
    Finished,
}
