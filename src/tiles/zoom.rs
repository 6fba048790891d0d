//! Zooms: how deep they go, and how many tiles each has.

/// The deepest zoom; at 24 a tile is about two metres wide.
pub const ZOOM_MAX: u8 = 24;

/// Number of tiles along one side of the world at a zoom.
#[must_use]
pub const fn tiles_per_side(zoom: u8) -> u32 {
    1 << zoom
}
