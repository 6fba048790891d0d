//! The tile grid and the words that every other module shares.
//!
//! In: an area as longitude/latitude polygons. Out: the tiles that cover it ([`Cover`]), and the
//! types that travel through the pipeline ([`TileCoord`], [`WorkUnit`], [`BlockOutcome`]).
//! Never: any I/O, and any row order but XYZ, y down. The TMS flip happens only where an MBTiles
//! file or a URL template asks for it, through [`TileCoord::tms_y`].

mod block;
mod bounds;
mod candidate;
mod coord;
mod cover;
mod error;
mod extent;
pub mod mercator;
mod outcome;
mod position;
mod source_image;
mod unit;
mod zoom;

pub use block::{BLOCK_SIDE, BLOCK_TILES, BlockCoord, TileMask};
pub use bounds::Bounds;
pub use candidate::{AttributionGrid, Candidate, LowContrast, TileBox};
pub use coord::TileCoord;
pub use cover::{Blocks, Cover, CoverBuilder, Span};
pub use error::TilesError;
pub use outcome::{BlockOutcome, CascadeStage, StateCounts, TileOutcome, TileState};
pub use position::{LonLat, PixelPosition, TilePosition};
pub use source_image::{SourceImage, UnitImages};
pub use unit::{UNIT_TILES_MAX, VisitReason, WorkUnit};
pub use zoom::ZOOM_MAX;

/// Side of a tile image in pixels.
pub const TILE_SIZE_PX: u32 = 256;
