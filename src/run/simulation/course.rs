//! The course of a simulated scan: what was found by the time that so many tiles were looked at.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use super::HIT;
use crate::{
    ledger::{LedgerError, LedgerReader},
    run::RunError,
    tiles::{BlockCoord, TileCoord},
};

/// Rows of a curve, about.
const ROWS: u64 = 200;

/// What stops the writing of a course.
enum Stop {
    Ledger(LedgerError),
    Write(io::Error),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Writes the course by the ledger, in the order in which units were chosen: `visited`,
/// `true_positives` and `false_positives`, each counted from the start, and last the whole.
pub(super) fn write(
    path: &Path,
    ledger: &LedgerReader,
    visited: u64,
    is_tower: impl Fn(TileCoord) -> bool,
) -> Result<(), RunError> {
    File::create(path)
        .map_err(Stop::Write)
        .and_then(|file| write_rows(&mut BufWriter::new(file), ledger, visited, is_tower))
        .map_err(|stop| match stop {
            Stop::Ledger(error) => error.into(),
            Stop::Write(source) => RunError::Write {
                path: path.to_owned(),
                source,
            },
        })
}

fn write_rows(
    out: &mut impl Write,
    ledger: &LedgerReader,
    visited: u64,
    is_tower: impl Fn(TileCoord) -> bool,
) -> Result<(), Stop> {
    writeln!(out, "visited,true_positives,false_positives")?;
    let every = (visited / ROWS).max(1);
    let (mut tiles, mut towers, mut others, mut written) = (0, 0, 0, 0);
    ledger.outcomes(|outcome| {
        for (index, tile) in outcome.wanted.iter().zip(&outcome.tiles) {
            if tile.score().is_some_and(|score| score >= HIT) {
                let tile = BlockCoord::tile(outcome.block, index);
                *if is_tower(tile) {
                    &mut towers
                } else {
                    &mut others
                } += 1u64;
            }
        }
        tiles += outcome.tiles.len() as u64;
        if tiles - written >= every || tiles == visited {
            written = tiles;
            writeln!(out, "{tiles},{towers},{others}")?;
        }
        Ok::<_, Stop>(ControlFlow::Continue(()))
    })?;
    Ok(out.flush()?)
}
