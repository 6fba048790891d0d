//! The tables of a ledger, and opening one.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::LedgerError;

/// "hvmp": marks the SQLite file as ours.
pub(super) const APPLICATION_ID: u32 = 0x6876_6d70;
/// The version of the tables. A ledger of a newer version is refused.
pub(super) const USER_VERSION: u32 = 1;

/// How long a writer waits for a reviewer's short transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `outcome` holds the first commit of each unit and why it was asked for, `retry` what later replaced its failures.
/// `candidate` always shows the present state. `low_contrast` holds scored tiles that are no
/// candidates and show next to nothing, by which placeholders are told. Tiles are addressed in XYZ.
const TABLES: &str = "
    CREATE TABLE manifest (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        manifest TEXT NOT NULL
    );
    CREATE TABLE settings (
        id INTEGER PRIMARY KEY,
        first_sequence INTEGER NOT NULL,
        settings TEXT NOT NULL
    );
    CREATE TABLE outcome (
        sequence INTEGER PRIMARY KEY,
        block_x INTEGER NOT NULL,
        block_y INTEGER NOT NULL,
        reason INTEGER NOT NULL,
        tiles BLOB NOT NULL
    );
    CREATE INDEX outcome_by_block ON outcome (block_y, block_x, sequence);
    CREATE TABLE retry (
        id INTEGER PRIMARY KEY,
        sequence INTEGER NOT NULL REFERENCES outcome (sequence),
        tiles BLOB NOT NULL
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
        UNIQUE (y, x)
    );
    CREATE INDEX candidate_by_rank ON candidate (score DESC, y, x);
    CREATE INDEX candidate_by_content ON candidate (content_hash, y, x);
    CREATE TABLE low_contrast (
        content_hash INTEGER NOT NULL,
        y INTEGER NOT NULL,
        x INTEGER NOT NULL,
        PRIMARY KEY (content_hash, y, x)
    ) WITHOUT ROWID;
    CREATE TABLE payload (
        candidate INTEGER PRIMARY KEY REFERENCES candidate (id),
        bytes BLOB NOT NULL
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

/// Refuses what is not a ledger, and ledgers from the future.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
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
    if got > USER_VERSION {
        return Err(LedgerError::Newer {
            path: path.to_owned(),
            got,
            known: USER_VERSION,
        });
    }
    Ok(())
}
