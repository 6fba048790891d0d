//! What can go wrong between a run's ledger and its detections.

use crate::{ledger::LedgerError, tiles::TileCoord};

/// Trouble with reading detections.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectionsError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(
        "the attribution grid of tile {tile} does not fit the model's pixel map (got {got_width} × \
         {got_height} cells, expected {expected_width} × {expected_height})"
    )]
    GridMismatch {
        tile: TileCoord,
        got_width: usize,
        got_height: usize,
        expected_width: usize,
        expected_height: usize,
    },
}
