//! Holding a ledger against itself: every outcome is counted anew and every checksum computed.

use std::ops::ControlFlow;

use super::{
    LedgerError, LedgerReader, LedgerVersion, check,
    rows::{candidate_columns, candidate_row},
};
use crate::tiles::{BlockCoord, BlockOutcome, StateCounts};

/// Problems that are told one by one; the rest is counted.
const PROBLEMS_TOLD_MAX: usize = 20;

/// What [`LedgerReader::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Whether the ledger has checksums, as from version 2 on.
    pub has_checksums: bool,
    pub units: u64,
    pub candidates: u64,
    /// The states of the tiles, counted from the outcomes; `not_visited` is 0.
    pub counts: StateCounts,
    /// What is wrong, in words, the first twenty of it.
    pub problems: Vec<String>,
    /// How much is wrong.
    pub problem_count: u64,
}

impl Verified {
    fn problem(&mut self, what: impl Into<String>) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_TOLD_MAX {
            self.problems.push(what.into());
        }
    }

    /// Notes damage, and hands on what is not damage.
    fn note<T>(&mut self, result: Result<T, LedgerError>) -> Result<Option<T>, LedgerError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(LedgerError::Damaged { what, .. }) => {
                self.problem(what);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl LedgerReader {
    /// The number of tiles in each state, counted from the stored outcomes; `not_visited` is 0. Reads
    /// every outcome.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn recount(&self) -> Result<StateCounts, LedgerError> {
        let mut counts = StateCounts::default();
        self.outcomes(|outcome| {
            counts.add(&outcome);
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })?;
        Ok(counts)
    }

    /// Reads the whole ledger, computes every checksum, and holds the kept counts, candidates and
    /// lists of failures against the outcomes. Damage is no error here: it is listed.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn verify(&self) -> Result<Verified, LedgerError> {
        let mut verified = Verified {
            has_checksums: self.version() != LedgerVersion::One,
            ..Verified::default()
        };
        self.each(
            "PRAGMA integrity_check(20)",
            [],
            |row| row.get::<_, String>(0),
            |line| {
                if line != "ok" {
                    verified.problem(format!("SQLite: {line}"));
                }
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        let text = self.checked_manifest();
        verified.note(text)?;
        let settings = self.settings();
        verified.note(settings)?;
        let images = self.images();
        verified.note(images)?;
        self.verify_units(&mut verified)?;
        self.verify_candidates(&mut verified)?;
        if verified.has_checksums {
            self.verify_small_rows(&mut verified)?;
        }
        let kept = self.kept_counts()?;
        if kept != verified.counts {
            verified.problem(format!(
                "the kept counts are {kept:?}, and the outcomes hold {:?}",
                verified.counts
            ));
        }
        Ok(verified)
    }

    /// The outcomes, and that each tile above the keep threshold has its candidate.
    fn verify_units(&self, verified: &mut Verified) -> Result<(), LedgerError> {
        let (mut sequences, mut failed_before) = (Vec::new(), Vec::new());
        self.each(
            "SELECT sequence FROM outcome ORDER BY sequence",
            [],
            |row| row.get::<_, u64>(0),
            |sequence| {
                sequences.push(sequence);
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        self.each(
            "SELECT sequence FROM failed_unit ORDER BY sequence",
            [],
            |row| row.get::<_, u64>(0),
            |sequence| {
                failed_before.push(sequence);
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        for sequence in sequences {
            verified.units += 1;
            let present = self.present_outcome(sequence);
            let Some(mut outcome) = verified.note(present)? else {
                continue;
            };
            verified.counts.add(&outcome);
            let has_failed = outcome.tiles.iter().any(|tile| tile.state().is_failure());
            if has_failed != failed_before.binary_search(&sequence).is_ok() {
                verified.problem(format!(
                    "unit {sequence} is {} among those with failed tiles",
                    if has_failed { "missing" } else { "wrongly" }
                ));
            }
            let candidates = self.add_candidates(&mut outcome);
            if verified.note(candidates)?.is_some() {
                self.compare_candidates(&outcome, verified)?;
            }
        }
        Ok(())
    }

    fn compare_candidates(
        &self,
        outcome: &BlockOutcome,
        verified: &mut Verified,
    ) -> Result<(), LedgerError> {
        let keep_threshold = self.keep_threshold()?;
        for (tile, answer) in outcome.iter() {
            let Some(score) = answer.score().filter(|&score| score >= keep_threshold) else {
                continue;
            };
            verified.candidates += 1;
            let index = BlockCoord::index_of(tile);
            match outcome.candidates.iter().find(|row| row.index == index) {
                None => verified.problem(format!("tile {tile} has no candidate")),
                Some(row) if row.score != score => verified.problem(format!(
                    "tile {tile} has the score {score}, and its candidate {}",
                    row.score
                )),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The candidates by themselves: one whose tile is none would be met by no outcome.
    fn verify_candidates(&self, verified: &mut Verified) -> Result<(), LedgerError> {
        let mut rows = 0;
        let sql = format!(
            "SELECT {} FROM candidate ORDER BY id",
            candidate_columns(self.version())
        );
        self.each(&sql, [], candidate_row, |row| {
            rows += 1;
            let read = self.candidate(row).map(drop);
            verified.note(read)?;
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })?;
        if rows != verified.candidates {
            verified.problem(format!(
                "there are {rows} candidates, and {} tiles that should have one",
                verified.candidates
            ));
        }
        Ok(())
    }

    fn verify_small_rows(&self, verified: &mut Verified) -> Result<(), LedgerError> {
        self.each(
            "SELECT content_hash, y, x, row_check FROM low_contrast",
            [],
            |row| {
                let (hash, y, x) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let kept: i64 = row.get(3)?;
                Ok((check::low_contrast(hash, y, x) == kept, y, x))
            },
            |(holds, y, x)| {
                if !holds {
                    verified.problem(format!("the low contrast of {x} {y} does not hold"));
                }
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        self.each(
            "SELECT candidate, bytes, row_check FROM payload",
            [],
            |row| {
                let (candidate, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                Ok((
                    check::payload(candidate, &bytes) == row.get::<_, i64>(2)?,
                    candidate,
                ))
            },
            |(holds, candidate)| {
                if !holds {
                    verified.problem(format!("the image of candidate {candidate} does not hold"));
                }
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )
    }
}
