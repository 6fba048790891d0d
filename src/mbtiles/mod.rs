//! MBTiles, version 1.3: tiles of one layer in an SQLite file.
//!
//! In: tiles, their encoded bytes, and metadata. Out: the same, from a file of anybody's. Never: what
//! a tile shows. The schema, the names of the metadata and the order of the rows are written here
//! and nowhere else:
//! - [`Writer`] writes a whole new file, which nobody reads before it is finished;
//! - [`Reader`] reads a file without changing anything about it;
//! - [`TileStore`] is added to and read at the same time, by several processes, and remembers
//!   when each tile was fetched and which tiles do not exist.
//!
//! MBTiles counts rows from the south (TMS), this program from the north: everything here takes and
//! gives [`TileCoord`](crate::tiles::TileCoord)s, and flips them on the way into the file and out of
//! it.
//!
//! Format: <https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md>.

mod metadata;
mod reader;
mod schema;
mod store;
mod writer;

pub use metadata::{Key, Metadata};
pub use reader::Reader;
pub use schema::APPLICATION_ID;
pub use store::{Kept, Origin, TileStore};
pub use writer::Writer;

/// How long to wait for another program that is writing to the same file.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
