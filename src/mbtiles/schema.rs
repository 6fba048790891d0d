//! The statements that lay a file out.

use rusqlite::Connection;

/// `MPBX`, the application id that is registered with SQLite for MBTiles; readers such as `file`
/// know the format by it.
///
/// <https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md#database>
pub const APPLICATION_ID: i32 = 0x4d50_4258;

/// The tables of a file that is written once. SQLite stores this text in the file as it stands, so
/// its layout is part of the bytes of every export.
pub(super) const TABLES: &str = "CREATE TABLE metadata (name TEXT, value TEXT);
         CREATE TABLE tiles (
             zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB
         );";

/// The indexes of a file that is written once, made when its rows are there, which is faster than
/// keeping them up to date. Stored as it stands, as [`TABLES`] are.
pub(super) const INDEXES: &str =
    "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);
         CREATE UNIQUE INDEX name ON metadata (name);";

/// The tables of a file that grows: each tile has the time at which it was fetched, in seconds since
/// 1970, in a column that other readers pass over; and tiles that do not exist have a table of their own.
pub(super) const GROWING: &str = "
    CREATE TABLE IF NOT EXISTS metadata (name TEXT PRIMARY KEY, value TEXT);
    CREATE TABLE IF NOT EXISTS tiles (
        zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB,
        fetched_at INTEGER
    );
    CREATE UNIQUE INDEX IF NOT EXISTS tile_index
        ON tiles (zoom_level, tile_column, tile_row);
    CREATE TABLE IF NOT EXISTS no_imagery (
        zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, fetched_at INTEGER,
        PRIMARY KEY (zoom_level, tile_column, tile_row)
    ) WITHOUT ROWID;";

/// Marks a file as MBTiles.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}
