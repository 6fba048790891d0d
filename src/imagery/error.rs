//! What makes an imagery source unusable.

use std::io;

/// Trouble that stops a run, as opposed to trouble with one tile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageryError {
    #[error("{origin} is not an imagery source: {reason}")]
    InvalidSource { origin: String, reason: String },
    /// A raster whose values are to be scaled by their range shows none of them.
    #[error(
        "{origin} is not an imagery source: no valid pixel was found to measure its range of values \
         on"
    )]
    NoRange { origin: String },
    #[error("{origin} is no imagery source that this program knows (expected {FORMS})")]
    UnknownForm { origin: String },
    #[error("{setting} is out of range (got {got}, expected {expected})")]
    OutOfRange {
        setting: &'static str,
        got: f64,
        expected: String,
    },
    #[error("imagery {origin} cannot be read")]
    Unreadable {
        origin: String,
        #[source]
        source: io::Error,
    },
    #[error("imagery {origin} is not a usable SQLite database")]
    Database {
        origin: String,
        #[source]
        source: rusqlite::Error,
    },
    #[error("imagery {origin} has no zoom {zoom} (it has {available})")]
    ZoomMissing {
        origin: String,
        zoom: u8,
        available: String,
    },
    #[error("imagery {origin} refused {count} requests in a row (status {status})")]
    Refused {
        origin: String,
        status: u16,
        count: u32,
    },
    #[error("imagery {origin} has given no usable answer for {waited_s} s (last: {reason})")]
    Unreachable {
        origin: String,
        waited_s: u64,
        reason: String,
    },
    #[error("imagery cache {path} holds tiles of {found} (expected {expected})")]
    CacheOfOther {
        path: String,
        found: String,
        expected: String,
    },
    #[error("imagery cache {path} cannot be used")]
    Cache {
        path: String,
        #[source]
        source: rusqlite::Error,
    },
}

/// The forms of a source's name, for messages.
pub const FORMS: &str = "an http(s) template such as https://host/{z}/{x}/{y}.jpg, a folder of \
     tiles, an .mbtiles file, a raster that GDAL opens, or synthetic:SEED";
