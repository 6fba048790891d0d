//! What can be wrong with a tile address or an area to cover.

/// Trouble with tile addresses and covers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TilesError {
    #[error("zoom out of range (got {got}, expected 0 to {max})", max = super::ZOOM_MAX)]
    ZoomOutOfRange { got: u32 },
    #[error("not a zoom (got {got:?}, expected 0 to {max})", max = super::ZOOM_MAX)]
    InvalidZoom { got: String },
    #[error("tile {z}/{x}/{y} does not exist (at zoom {z}, x and y are 0 to {max})")]
    TileOutOfRange { z: u8, x: u32, y: u32, max: u32 },
    #[error("bounds are not west,south,east,north in degrees (got {got:?})")]
    InvalidBounds { got: String },
    #[error(
        "coordinate is not a longitude and latitude in degrees (got {lon}, {lat}; expected ±180, ±90)"
    )]
    CoordinateOutOfRange { lon: f64, lat: f64 },
    #[error("tiles of one zoom are needed (got {z}/{x}/{y} among tiles of zoom {expected})")]
    MixedZooms { z: u8, x: u32, y: u32, expected: u8 },
    #[error("no tiles given (expected at least one)")]
    NoTiles,
    #[error("the area is too intricate at this zoom (more than 4 billion row spans)")]
    CoverTooLarge,
}
