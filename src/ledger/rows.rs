//! Rows of the ledger's larger tables, as they are stored.

use rusqlite::Row;

use super::LedgerVersion;

/// A row of `outcome`.
pub(super) struct OutcomeRow {
    pub sequence: u64,
    pub block_x: u32,
    pub block_y: u32,
    pub reason: u8,
    pub tiles: Vec<u8>,
    pub row_check: Option<i64>,
}

/// A row of `candidate`.
pub(super) struct CandidateRecord {
    pub id: i64,
    pub y: u32,
    pub x: u32,
    pub score: f32,
    pub content_hash: i64,
    pub grid_width: Option<u16>,
    pub grid: Option<Vec<u8>>,
    pub row_check: Option<i64>,
}

/// The column of checksums, which version 1 has not.
pub(super) fn row_check_column(version: LedgerVersion) -> &'static str {
    match version {
        LedgerVersion::One => "NULL",
        LedgerVersion::Two => "row_check",
    }
}

/// What [`candidate_row`] reads.
pub(super) fn candidate_columns(version: LedgerVersion) -> String {
    let check = row_check_column(version);
    format!("id, y, x, score, content_hash, grid_width, grid, {check}")
}

pub(super) fn candidate_row(row: &Row<'_>) -> rusqlite::Result<CandidateRecord> {
    Ok(CandidateRecord {
        id: row.get(0)?,
        y: row.get(1)?,
        x: row.get(2)?,
        score: row.get(3)?,
        content_hash: row.get(4)?,
        grid_width: row.get(5)?,
        grid: row.get(6)?,
        row_check: row.get(7)?,
    })
}

pub(super) fn outcome_row(row: &Row<'_>) -> rusqlite::Result<OutcomeRow> {
    Ok(OutcomeRow {
        sequence: row.get(0)?,
        block_x: row.get(1)?,
        block_y: row.get(2)?,
        reason: row.get(3)?,
        tiles: row.get(4)?,
        row_check: row.get(5)?,
    })
}
