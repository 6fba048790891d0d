//! The synthetic world: imagery of any place on the planet with known answers.
//!
//! In: a seed and perhaps a style (`synthetic:SEED[/STYLE]`). Out: the image of any tile, the
//! towers and lines that are drawn in it, and each tile's label. Never: anything of the real
//! world (there are no seas, and what looks like a village is nobody's), and never two answers:
//! a tile is a pure function of seed, style and address, on every machine.
//!
//! From the ground up:
//! - [`hash`](hash.rs) and noise are integer hashes on lattices: the only chance there is;
//! - `plane`: all places are Web Mercator pixels of zoom 18, and metres are stretched by
//!   Mercator's scale, so towers have their real size at every latitude;
//! - `ground`: parishes with fields, woods, villages and open land, roads, rivers and lakes;
//! - `objects`: trees, houses, and distractors;
//! - `network` and `towers`: lines of two levels over the whole planet, found by looking at a
//!   fixed number of grid cells; `tower` is what a tower is made of;
//! - `style`: sun, camera, processing, tower families and palette;
//! - `world` puts them together on a `canvas`. `imagery` has the source that hands the tiles over;
//! - `output` writes tiles, samples and the truth as files.
//!
//! `docs/SYNTHETIC.md` shows it and says what it is good for and what not.

mod canvas;
mod ground;
mod hash;
mod land;
mod lattice;
mod network;
mod noise;
mod objects;
pub mod output;
mod plane;
mod spec;
mod style;
#[cfg(test)]
mod tests;
mod tower;
mod towers;
mod view;
mod world;

pub use spec::{PREFIX, Spec, SpecError, StyleChoice, style_names};
pub use style::{Palette, STYLES, Style};
pub use tower::Family;
pub use world::{Label, LinePiece, Tower, World};

/// Credit that every output carries.
pub const ATTRIBUTION: &str = "SYNTHETIC \u{2013} drawn by hvmap, not the real world";
