//! What makes an imagery source unusable.

use std::io;

/// Trouble that stops a run, as opposed to trouble with one tile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageryError {
    #[error("{origin} is not an imagery source: {reason}")]
    InvalidSource { origin: String, reason: String },
    #[error("{origin} is no imagery source that this program knows (expected {FORMS})")]
    UnknownForm { origin: String },
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

impl ImageryError {
    /// What a person may do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownForm { .. } => Some(
                "hvmap run --imagery synthetic:1 draws a world of its own; see --help for the \
                 other forms",
            ),
            Self::Refused { .. } => Some(
                "check the key and whether the provider's terms allow this use; what was fetched \
                 is kept, and the same command goes on from there. A server that answers so where \
                 it merely holds no tile needs --no-imagery-status",
            ),
            Self::Unreachable { .. } => Some(
                "nothing is lost: run the same command again when the server is back, perhaps \
                 with a lower --rate",
            ),
            Self::CacheOfOther { .. } => Some("name another --cache file for this source"),
            Self::ZoomMissing { .. } => Some("choose a --zoom that the imagery has"),
            _ => None,
        }
    }
}

/// The forms of `--imagery`, for messages.
pub const FORMS: &str = "an http(s) template such as https://host/{z}/{x}/{y}.jpg, a folder of \
     tiles, an .mbtiles file, a raster that GDAL opens, or synthetic:SEED";
