//! The tiles that touch an area, as row spans, never as a list.
//!
//! In: longitude/latitude polygons, or tiles. Out: counting, membership, the i-th tile, and the
//! tiles in order or by block. Never: memory in proportion to the number of tiles.

mod blocks;
mod scanline;
mod spans;

use geo::MultiPolygon;
use sha2::{Digest as _, Sha256};

pub use self::{
    blocks::Blocks,
    spans::{CoverBuilder, Span},
};
use self::{blocks::bits_of, spans::Rows};
use super::{BLOCK_SIDE, BlockCoord, Bounds, TileCoord, TileMask, TilesError, ZOOM_MAX};
use crate::digest::Digest;

/// The tiles of one zoom that touch an area.
///
/// Edges are straight in Web Mercator between vertices. Tiles are half-open: one that an area only
/// touches along its border, without sharing any of its inside, is not in the cover.
///
/// ```
/// use hvmap::area;
///
/// let cover = area::country::of_names(&["san marino"])?.cover(14)?;
/// let first = cover.iter().next().expect("a country has a tile");
/// assert!(cover.contains(first));
/// assert_eq!(cover.nth(0), Some(first));
/// // Blocks partition the cover.
/// let in_blocks: usize = cover.blocks().map(|(_, wanted)| wanted.count()).sum();
/// assert_eq!(in_blocks as u64, cover.count());
/// # Ok::<_, hvmap::area::AreaError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    zoom: u8,
    rows: Rows,
}

impl Cover {
    /// The tiles that touch any of some polygons, given in degrees and split at the antimeridian.
    /// Polygons may overlap, and rings may run in either direction. Latitudes beyond Web
    /// Mercator's limit are moved to it.
    ///
    /// # Errors
    /// When the zoom is above [`ZOOM_MAX`], or a coordinate is not finite or lies outside of
    /// ±180°, ±90°.
    pub fn from_polygons(polygons: &MultiPolygon<f64>, zoom: u8) -> Result<Self, TilesError> {
        if zoom > ZOOM_MAX {
            return Err(TilesError::ZoomOutOfRange { got: zoom.into() });
        }
        let rows = scanline::rows_of(polygons, zoom)?;
        Ok(Self { zoom, rows })
    }

    /// The set of some tiles, in any order, repeats allowed.
    ///
    /// # Errors
    /// When there is no tile at all, when one does not exist, and when zooms differ.
    pub fn from_tiles(tiles: impl IntoIterator<Item = TileCoord>) -> Result<Self, TilesError> {
        let mut tiles = tiles.into_iter().peekable();
        let zoom = tiles.peek().ok_or(TilesError::NoTiles)?.z;
        let mut builder = CoverBuilder::new(zoom);
        for tile in tiles {
            builder.push(tile)?;
        }
        Self::from_builder(builder)
    }

    /// The set of the tiles that a builder was given, which may be none.
    ///
    /// # Errors
    /// When there are more spans than can be numbered.
    pub fn from_builder(builder: CoverBuilder) -> Result<Self, TilesError> {
        let (zoom, rows) = builder.finish()?;
        Ok(Self { zoom, rows })
    }

    #[must_use]
    pub fn zoom(&self) -> u8 {
        self.zoom
    }

    /// Number of tiles.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows.count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Whether a tile is in the cover; tiles of other zooms are not.
    #[must_use]
    pub fn contains(&self, tile: TileCoord) -> bool {
        tile.z == self.zoom
            && self.spans_at(tile.y).is_some_and(|spans| {
                let after = spans.partition_point(|span| span.start <= tile.x);
                after > 0 && tile.x < spans[after - 1].end
            })
    }

    /// The tile at a position in row-major order, counted from 0.
    #[must_use]
    pub fn nth(&self, position: u64) -> Option<TileCoord> {
        if position >= self.count() {
            return None;
        }
        let before = &self.rows.tiles_before;
        let span = before.partition_point(|&tiles| tiles <= position) - 1;
        let row = self
            .rows
            .rows
            .partition_point(|row| row.first_span as usize <= span)
            - 1;
        Some(TileCoord {
            z: self.zoom,
            x: self.rows.spans[span].start + (position - before[span]) as u32,
            y: self.rows.rows[row].y,
        })
    }

    /// The tiles, row by row from the north, each row from the west.
    pub fn iter(&self) -> impl Iterator<Item = TileCoord> + '_ {
        let z = self.zoom;
        self.iter_spans()
            .flat_map(move |(y, span)| (span.start..span.end).map(move |x| TileCoord { z, x, y }))
    }

    /// The rows and their spans in the order of [`Cover::iter`], for whoever writes many tiles.
    pub fn iter_spans(&self) -> impl Iterator<Item = (u32, Span)> + '_ {
        self.rows.rows.iter().enumerate().flat_map(|(index, row)| {
            self.rows
                .spans_of(index)
                .iter()
                .map(move |&span| (row.y, span))
        })
    }

    /// The blocks that hold a tile, row by row, with their tiles. Every tile is in exactly one.
    #[must_use]
    pub fn blocks(&self) -> Blocks<'_> {
        Blocks::new(self.zoom, &self.rows)
    }

    /// The tiles of one block, of which there may be none.
    #[must_use]
    pub fn tiles_in(&self, block: BlockCoord) -> TileMask {
        let mut mask = [0; BLOCK_SIDE as usize];
        if block.z != self.zoom {
            return TileMask::new();
        }
        let west = block.x * BLOCK_SIDE;
        for (word, y) in mask.iter_mut().zip(block.y * BLOCK_SIDE..) {
            let Some(spans) = self.spans_at(y) else {
                continue;
            };
            let first = spans.partition_point(|span| span.end <= west);
            for &span in &spans[first..] {
                if span.start >= west + BLOCK_SIDE {
                    break;
                }
                *word |= bits_of(span, west);
            }
        }
        TileMask::from_rows(mask)
    }

    /// The box around all tiles, edge to edge. It never crosses the antimeridian: an area on both
    /// sides of it gets a box around the whole world's width.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let north = self.rows.rows.first()?.y;
        let south = self.rows.rows.last()?.y;
        let west = self.rows.spans.iter().map(|span| span.start).min()?;
        let east = self.rows.spans.iter().map(|span| span.end).max()? - 1;
        let corner = |x, y| TileCoord { z: self.zoom, x, y }.bounds();
        let (first, last) = (corner(west, north), corner(east, south));
        Some(Bounds {
            west: first.west,
            south: last.south,
            east: last.east,
            north: first.north,
        })
    }

    /// SHA-256 of the zoom and the spans, in hexadecimal: two covers have the same digest when they
    /// hold the same tiles.
    ///
    /// Hashed are the bytes `hvmap cover 1`, the zoom as a byte, and for every span its row, start
    /// and end as little-endian u32.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"hvmap cover 1");
        hash.update([self.zoom]);
        for (y, span) in self.iter_spans() {
            let mut bytes = [0; 12];
            bytes[..4].copy_from_slice(&y.to_le_bytes());
            bytes[4..8].copy_from_slice(&span.start.to_le_bytes());
            bytes[8..].copy_from_slice(&span.end.to_le_bytes());
            hash.update(bytes);
        }
        Digest(hash.finalize().into()).to_string()
    }

    fn spans_at(&self, y: u32) -> Option<&[Span]> {
        let row = self.rows.rows.binary_search_by_key(&y, |row| row.y).ok()?;
        Some(self.rows.spans_of(row))
    }
}

#[cfg(test)]
mod tests;
