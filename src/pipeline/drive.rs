//! The run's loop: units from the scan to the executor, outcomes into the ledger and back to the
//! scan in sequence.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{Answerer, Executor, PipelineError};
use crate::{
    ledger::Ledger,
    scan::{Next, Scan},
    telemetry::{Activity, Stage},
    tiles::{BlockCoord, BlockOutcome, StateCounts, TileMask, VisitReason, WorkUnit},
};

/// How long the loop sleeps at most before it looks at the stop flag and the clock again.
const PATIENCE: Duration = Duration::from_millis(100);

/// What recording an outcome means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The first outcome of its unit.
    First,
    /// The answer to a retry of the unit's failures.
    Retry,
}

/// How a run ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Complete,
    /// The stop flag was raised; what was in flight is dropped and stays unvisited.
    Interrupted,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// States of all planned tiles, those of earlier starts included.
    pub counts: StateCounts,
    /// Tiles answered since this start.
    pub tiles_answered: u64,
    /// Tiles at or above the threshold since this start.
    pub hits: u64,
}

/// One start of a run.
pub struct Drive<'a> {
    pub ledger: &'a mut Ledger,
    pub recording: Recording,
    /// Score from which a tile counts as a hit in the progress.
    pub threshold: f32,
    pub stop: &'a AtomicBool,
    /// The clock of the ledger's writes.
    pub record: &'a Stage,
    /// Called after each commit, and at least every 100 ms.
    pub observe: &'a mut dyn FnMut(&Progress),
}

impl Drive<'_> {
    /// Runs until the scan is finished or the stop flag is raised.
    ///
    /// Units that the ledger holds already are not executed again; a scan that learns gets their
    /// first outcomes instead.
    ///
    /// # Errors
    /// The executor's or the ledger's; everything committed before stays.
    pub fn run(
        self,
        scan: &mut dyn Scan,
        executor: &mut dyn Executor,
    ) -> Result<Ending, PipelineError> {
        let committed = match self.recording {
            Recording::First => self.ledger.reader().committed()?,
            Recording::Retry => Vec::new(),
        };
        let mut progress = Progress {
            counts: self.ledger.reader().counts(scan.planned())?,
            ..Progress::default()
        };
        let mut learning = scan.window().map(|_| InSequence {
            early: BTreeMap::new(),
            next: scan.first_sequence(),
        });
        // As many as are in flight.
        let mut units: HashMap<u64, WorkUnit> = HashMap::new();
        let mut in_flight = 0;
        let mut finished = false;
        self.record.add_thread();
        loop {
            while !finished && in_flight < executor.capacity() {
                match scan.next() {
                    Next::Unit(unit) if contains(&committed, unit.sequence) => {
                        if let Some(learning) = &mut learning {
                            let outcome = self.ledger.reader().first_outcome(unit.sequence)?;
                            check(&unit, &outcome, Answerer::Ledger)?;
                            learning.add(outcome, scan);
                        }
                    }
                    Next::Unit(unit) => {
                        units.insert(unit.sequence, unit.clone());
                        executor.submit(unit)?;
                        in_flight += 1;
                    }
                    Next::Waiting => break,
                    Next::Finished => finished = true,
                }
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(Ending::Interrupted);
                }
            }
            if finished && in_flight == 0 {
                return Ok(Ending::Complete);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Ending::Interrupted);
            }
            let outcome = self
                .record
                .time(Activity::Waiting, || executor.next_outcome(PATIENCE))?;
            if let Some(outcome) = outcome {
                in_flight -= 1;
                let unit = units.remove(&outcome.sequence);
                if let Some(unit) = &unit {
                    check(unit, &outcome, Answerer::Executor)?;
                }
                let reason = unit.map_or(VisitReason::Everything, |unit| unit.reason);
                self.record.time(Activity::Busy, || match self.recording {
                    Recording::First => self.ledger.record(&outcome, reason).map(|_| ()),
                    Recording::Retry => self.ledger.record_retry(&outcome),
                })?;
                progress.tiles_answered += outcome.tiles.len() as u64;
                progress.hits += outcome
                    .tiles
                    .iter()
                    .filter(|tile| tile.score().is_some_and(|score| score >= self.threshold))
                    .count() as u64;
                if self.recording == Recording::First {
                    progress.counts.not_visited -= outcome.tiles.len() as u64;
                    progress.counts.add(&outcome);
                } else {
                    progress.counts = self.ledger.reader().counts(scan.planned())?;
                }
                if let Some(learning) = &mut learning {
                    learning.add(outcome, scan);
                }
            }
            (self.observe)(&progress);
        }
    }
}

/// An outcome of other tiles than its unit's must not be recorded under its number, nor learnt from:
/// a scan that comes to choose otherwise than it did would go on with answers that belong elsewhere.
fn check(unit: &WorkUnit, outcome: &BlockOutcome, answerer: Answerer) -> Result<(), PipelineError> {
    let same = outcome.block == unit.block
        && outcome.wanted == unit.wanted
        && outcome.tiles.len() == unit.wanted.count();
    if same {
        return Ok(());
    }
    Err(PipelineError::OtherUnit {
        sequence: unit.sequence,
        answerer,
        asked: in_words(
            unit.block,
            &unit.wanted,
            unit.wanted.count(),
            &outcome.wanted,
        ),
        answered: in_words(
            outcome.block,
            &outcome.wanted,
            outcome.tiles.len(),
            &unit.wanted,
        ),
    })
}

/// `2 tiles of block 18/0/7, tile 6/7/18 among them`: the first that others do not have.
fn in_words(block: BlockCoord, tiles: &TileMask, count: usize, others: &TileMask) -> String {
    let BlockCoord { z, x, y } = block;
    let own = tiles.iter().find(|&index| !others.contains(index));
    let own = own.map_or_else(String::new, |index| {
        format!(", tile {} among them", block.tile(index))
    });
    format!("{count} tiles of block {z}/{x}/{y}{own}")
}

/// Holds outcomes back until those before them have come.
struct InSequence {
    early: BTreeMap<u64, BlockOutcome>,
    next: u64,
}

impl InSequence {
    fn add(&mut self, outcome: BlockOutcome, scan: &mut dyn Scan) {
        self.early.insert(outcome.sequence, outcome);
        while let Some(outcome) = self.early.remove(&self.next) {
            scan.learn(&outcome);
            self.next += 1;
        }
    }
}

fn contains(ranges: &[Range<u64>], sequence: u64) -> bool {
    let after = ranges.partition_point(|range| range.start <= sequence);
    after > 0 && ranges[after - 1].contains(&sequence)
}
