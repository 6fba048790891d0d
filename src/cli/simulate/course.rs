//! The course of a simulated scan: what was found by the time that so many tiles were looked at.

use std::{
    fs::File,
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use super::HIT;
use crate::{
    cli::CliError,
    ledger::LedgerReader,
    tiles::{BlockCoord, TileCoord},
};

/// Rows of a curve, about.
const ROWS: u64 = 200;

/// Writes the course by the ledger, in the order in which units were chosen: `visited`,
/// `true_positives` and `false_positives`, each counted from the start, and last the whole.
pub(super) fn write(
    path: &Path,
    ledger: &LedgerReader,
    visited: u64,
    is_tower: impl Fn(TileCoord) -> bool,
) -> Result<(), CliError> {
    let failed = |error: CliError| error.context(format!("cannot write {}", path.display()));
    let file = File::create(path).map_err(|error| failed(error.into()))?;
    let mut out = BufWriter::new(file);
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
        Ok::<_, CliError>(ControlFlow::Continue(()))
    })?;
    out.flush().map_err(|error| failed(error.into()))
}
