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
}

/// The forms of `--imagery`, for messages.
pub const FORMS: &str = "an http(s) template such as https://host/{z}/{x}/{y}.jpg, a folder of \
     tiles, an .mbtiles file, a raster that GDAL opens, or synthetic:SEED";
