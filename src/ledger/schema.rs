//! The tables of a ledger, and opening one.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::LedgerError;
use crate::frame::FrameVersion;

/// "hvmp": marks the SQLite file as ours.
pub(super) const APPLICATION_ID: u32 = 0x6876_6d70;
/// The version of the tables that are created. A ledger of a newer version is refused.
const USER_VERSION: u32 = 2;

/// The version of a ledger. Each is read, resumed and exported for ever; what a run adds to a ledger
/// is of the ledger's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerVersion {
    /// Frames without checksums, no images, no boxes, no `run_id`.
    One,
    /// Checksums on frames and rows, images, boxes, `run_id`.
    Two,
}

impl LedgerVersion {
    /// The version of the outcomes' frames.
    pub(super) fn frame(self) -> FrameVersion {
        match self {
            Self::One => FrameVersion::One,
            Self::Two => FrameVersion::Two,
        }
    }
}

/// How long a writer waits for a reviewer's short transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `outcome` holds the first commit of each unit and why it was asked for, `retry` what later replaced its failures.
/// `candidate` always shows the present state, and `box` what a detector found in its tile. `image`
/// holds what the frames' numbers of images stand for. `row_check` is the checksum of a row
/// (`check.rs`); version 1 has none, and neither `image`, `box` nor `run_id`. `low_contrast` holds scored tiles that are no
/// candidates and show next to nothing, by which placeholders are told. Tiles are addressed in XYZ.
const TABLES: &str = "
    CREATE TABLE manifest (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        manifest TEXT NOT NULL,
        run_id TEXT NOT NULL,
        row_check INTEGER NOT NULL
    );
    CREATE TABLE settings (
        id INTEGER PRIMARY KEY,
        first_sequence INTEGER NOT NULL,
        settings TEXT NOT NULL,
        row_check INTEGER NOT NULL
    );
    CREATE TABLE outcome (
        sequence INTEGER PRIMARY KEY,
        block_x INTEGER NOT NULL,
        block_y INTEGER NOT NULL,
        reason INTEGER NOT NULL,
        tiles BLOB NOT NULL,
        row_check INTEGER NOT NULL
    );
    CREATE INDEX outcome_by_block ON outcome (block_y, block_x, sequence);
    CREATE TABLE retry (
        id INTEGER PRIMARY KEY,
        sequence INTEGER NOT NULL REFERENCES outcome (sequence),
        tiles BLOB NOT NULL,
        row_check INTEGER NOT NULL
    );
    CREATE INDEX retry_by_sequence ON retry (sequence, id);
    CREATE TABLE failed_unit (
        sequence INTEGER PRIMARY KEY REFERENCES outcome (sequence)
    );
    CREATE TABLE candidate (
        id INTEGER PRIMARY KEY,
        y INTEGER NOT NULL,
        x INTEGER NOT NULL,
        score REAL NOT NULL,
        content_hash INTEGER NOT NULL,
        grid_width INTEGER,
        grid BLOB,
        row_check INTEGER NOT NULL,
        UNIQUE (y, x)
    );
    CREATE INDEX candidate_by_rank ON candidate (score DESC, y, x);
    CREATE INDEX candidate_by_content ON candidate (content_hash, y, x);
    CREATE TABLE low_contrast (
        content_hash INTEGER NOT NULL,
        y INTEGER NOT NULL,
        x INTEGER NOT NULL,
        row_check INTEGER NOT NULL,
        PRIMARY KEY (content_hash, y, x)
    ) WITHOUT ROWID;
    CREATE TABLE payload (
        candidate INTEGER PRIMARY KEY REFERENCES candidate (id),
        bytes BLOB NOT NULL,
        row_check INTEGER NOT NULL
    );
    CREATE TABLE box (
        candidate INTEGER NOT NULL REFERENCES candidate (id),
        number INTEGER NOT NULL,
        class INTEGER NOT NULL,
        score REAL NOT NULL,
        x0 REAL NOT NULL,
        y0 REAL NOT NULL,
        x1 REAL NOT NULL,
        y1 REAL NOT NULL,
        PRIMARY KEY (candidate, number)
    ) WITHOUT ROWID;
    CREATE TABLE image (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        taken_from TEXT,
        taken_to TEXT,
        gsd_m REAL,
        licence TEXT,
        credit TEXT,
        row_check INTEGER NOT NULL
    );
    CREATE TABLE state_count (
        state INTEGER PRIMARY KEY,
        tiles INTEGER NOT NULL
    );
";

/// Creates the tables in an empty database.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", USER_VERSION)?;
    connection.execute_batch(TABLES)
}

/// Opens an existing or, with `create`, a new database file.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let trouble = |source| LedgerError::Sqlite {
        doing: "open",
        path: path.to_owned(),
        source,
    };
    let connection = Connection::open_with_flags(path, flags).map_err(trouble)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(trouble)?;
    Ok(connection)
}

/// The version of a ledger. Refuses what is none, and ledgers from the future.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<LedgerVersion, LedgerError> {
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, u32>(0))
            .map_err(|source| LedgerError::Sqlite {
                doing: "read",
                path: path.to_owned(),
                source,
            })
    };
    let got = pragma("application_id")?;
    if got != APPLICATION_ID {
        return Err(LedgerError::NotALedger {
            path: path.to_owned(),
            got,
            expected: APPLICATION_ID,
        });
    }
    let got = pragma("user_version")?;
    match got {
        1 => Ok(LedgerVersion::One),
        USER_VERSION => Ok(LedgerVersion::Two),
        0 => Err(LedgerError::Damaged {
            path: path.to_owned(),
            what: "it has no version".to_owned(),
        }),
        got => Err(LedgerError::Newer {
            path: path.to_owned(),
            got,
            known: USER_VERSION,
        }),
    }
}
