//! The order in which units are chosen and their answers applied, so that a scan can be replayed.
//!
//! Unit *n* is chosen by the outcomes of units up to *n − W*; where those leave nothing worth a visit,
//! by as many more, one at a time in sequence, as it takes.

use std::collections::VecDeque;

use super::located::Spot;
use crate::tiles::BlockOutcome;

/// The answers of one unit.
pub(super) struct Answers {
    pub(super) outcome: BlockOutcome,
    /// Where the towers of its hits were seen, by the tile's index in the block.
    pub(super) spots: Vec<(u16, Spot)>,
}

/// See the module.
pub(super) struct Order {
    window: u64,
    first: u64,
    /// The next unit to choose, and the next whose answers are applied.
    next: u64,
    next_applied: u64,
    /// Answers that came and were not applied yet, in sequence.
    pending: VecDeque<Answers>,
}

impl Order {
    /// Numbers from `first` on, with a window of *W* units.
    pub(super) fn new(first: u64, window: u64) -> Self {
        Self {
            window,
            first,
            next: first,
            next_applied: first,
            pending: VecDeque::new(),
        }
    }

    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// The number of the first unit.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Keeps the answers of the unit after the last one kept.
    pub(super) fn keep(&mut self, answers: Answers) {
        self.pending.push_back(answers);
    }

    /// Whether answers must be applied before the next unit may be chosen.
    pub(super) fn is_behind(&self) -> bool {
        self.next_applied + self.window <= self.next
    }

    /// Whether the answers of all units were applied.
    pub(super) fn is_settled(&self) -> bool {
        self.next_applied == self.next
    }

    /// The answers to apply next, if they came.
    pub(super) fn take(&mut self) -> Option<Answers> {
        let answers = self.pending.pop_front()?;
        debug_assert_eq!(
            answers.outcome.sequence, self.next_applied,
            "outcomes come in sequence"
        );
        self.next_applied += 1;
        Some(answers)
    }

    /// The number of a unit that was chosen.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }
}
