//! The world as files: labelled tiles, all tiles of an area, and the truth about them.
//!
//! In: a world, and which part of it. Out: files that say SYNTHETIC. The same world and part give the
//! same files.

mod samples;
mod tileset;
mod truth;

pub use samples::{Samples, write_samples};
pub use tileset::{TilesetError, write_tileset};
pub use truth::write_truth;
