//! Where tile images come from.
//!
//! In: a work unit. Out: for each of its tiles an encoded payload, pixels, "no imagery" or a
//! failure. Never: a guess. A tile that has no imagery is neither a failure nor a negative.

mod addressing;
mod body_hash;
mod cache;
mod error;
pub mod folder;
pub mod http;
pub mod mbtiles;
mod open;
mod options;
pub mod probe;
#[cfg(feature = "gdal")]
pub mod raster;
mod secrets;
mod synthetic;
#[cfg(test)]
pub(crate) mod test_units;

use std::ops::ControlFlow;

use bytes::Bytes;

pub use body_hash::BodyHash;
pub use error::{FORMS, ImageryError};
pub use open::open;
pub use options::{HttpOptions, Scheme, SourceOptions};
pub use secrets::redacted;
pub use synthetic::SyntheticSource;

use crate::{
    image::RgbTile,
    tiles::{TileCoord, WorkUnit},
};

/// A source of tile images.
///
/// The pipeline calls [`ImagerySource::fetch`] from [`ImagerySource::concurrent_units`] threads at
/// once, one unit each.
///
/// ```
/// use std::ops::ControlFlow;
/// use hvmap::{
///     imagery::{self, Fetched, SourceOptions},
///     tiles::{Cover, TileCoord, VisitReason, WorkUnit},
/// };
///
/// let source = imagery::open("synthetic:1", &SourceOptions::default())?;
/// let cover = Cover::from_tiles([TileCoord { z: 18, x: 140_100, y: 95_360 }])?;
/// for (block, wanted) in cover.blocks() {
///     let unit = WorkUnit { sequence: 0, block, wanted, reason: VisitReason::Everything };
///     source.fetch(&unit, &mut |tile, fetched| {
///         println!("{tile}: {}", matches!(fetched, Fetched::Pixels(_) | Fetched::Payload(_)));
///         ControlFlow::Continue(())
///     })?;
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub trait ImagerySource: Send + Sync {
    fn description(&self) -> &SourceDescription;

    /// How many units are worth fetching at the same time.
    fn concurrent_units(&self) -> usize;

    /// What asking this source costs, or `None` for imagery on this machine.
    fn cost(&self) -> Option<RequestCost> {
        None
    }

    /// When the imagery was taken, in the source's own words: the date of all of it, or of the image
    /// fetched last.
    fn captured(&self) -> Option<String> {
        None
    }

    /// Fetches the wanted tiles of one unit, in any order, and hands each over exactly once.
    ///
    /// `emit` blocks while the pipeline is full, and answers `Break` when the run is stopping: the
    /// source then returns `Ok` without the remaining tiles, which stay unvisited. Retries happen
    /// inside the source; a [`Fetched::Failed`] is its last word.
    ///
    /// # Errors
    /// Only what makes every further tile pointless, such as a key that is refused again and
    /// again. Trouble with one tile is a [`Fetched`].
    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError>;
}

/// What it costs to ask a source over the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestCost {
    /// Tiles that one request brings: 4 where a 512-pixel tile is split.
    pub tiles_per_request: u32,
    /// The limit that the source keeps to, if it keeps to one.
    pub requests_per_s: Option<f64>,
}

/// The receiver of fetched tiles.
pub type Emit<'a> = dyn FnMut(TileCoord, Fetched) -> ControlFlow<()> + 'a;

/// What a source has for one tile.
#[derive(Debug)]
pub enum Fetched {
    /// An encoded image, as it came.
    Payload(Bytes),
    /// Pixels, from sources that draw or warp rather than store.
    Pixels(RgbTile),
    /// The source has no image of this place.
    NoImagery,
    /// The source holds something here that is no usable image; says what.
    Undecodable(String),
    Failed(FetchFailure),
}

/// Why a tile could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    pub retry: RetryClass,
    /// One clause, without secrets: "timed out after 30 s", "status 500".
    pub reason: String,
}

/// Whether asking again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryClass {
    /// The source was busy or out of reach.
    Transient,
    /// The same request will get the same answer.
    Permanent,
}

/// What people and the manifest are told about a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceDescription {
    /// The source as it was named, with keys redacted. Two sources with the
    /// same text are taken for the same imagery on resume.
    pub name: String,
    /// Credit that every output carries; empty when nothing is known.
    pub attribution: String,
    /// Where the provider's terms are to be read, if known.
    pub terms: Option<String>,
    /// Drawn, not photographed: everything made from it must say SYNTHETIC.
    pub synthetic: bool,
    /// Deepest zoom that the source holds, if it says so.
    pub zoom_max: Option<u8>,
}
