//! Vector tiles of all zooms in one pass.
//!
//! Leaves (tiles of the deepest zoom) come in Z-order, so that a tile is complete when the first
//! leaf outside it arrives: it is then handed over and folded into its parent. Only one tile a
//! zoom is open at any time, and each is bounded: a grid of [`GRID_SIDE`]² cells, and the best
//! [`TOWERS_PER_TILE_MAX`] towers, and the longest lines. The best of a tile are among the best of its children, so the
//! limit drops nothing that belongs.

use super::{
    lines::{Piece, simplified},
    mvt::EXTENT,
    quadtree,
};
use crate::tiles::TileCoord;

/// Zooms from the leaves down to the run's tiles: a leaf is 16×16 of them, and at zoom 18 the
/// leaves are zoom 14, whose unit is as large as an image's pixel.
pub(super) const LEAF_DEPTH: u8 = 4;
/// The run's tiles along a leaf's side.
pub(super) const LEAF_SIDE_MAX: usize = 1 << LEAF_DEPTH;
/// The shallowest zoom that is written, where leaves are deeper: a continent on a screen.
const ZOOM_MIN: u8 = 4;
/// Towers in a tile above the leaves: about 60 kB compressed.
pub(super) const TOWERS_PER_TILE_MAX: usize = 2_000;
/// Cells of the scanned area along a tile's side, at most: 8 pixels each on a 512-pixel tile.
const GRID_SIDE: usize = 64;

/// The zooms of the vector tiles for a run's zoom: shallowest and deepest.
pub(super) fn zooms(run_zoom: u8) -> (u8, u8) {
    let leaf = run_zoom.saturating_sub(LEAF_DEPTH);
    (ZOOM_MIN.min(leaf), leaf)
}

/// What a vector tile tells of a detection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tower {
    pub(super) rank: u64,
    /// Units from the vector tile's north-western corner.
    pub(super) position: (u16, u16),
    /// Its values in the order of the fields, as a JSON array.
    pub(super) values: Vec<u8>,
}

/// The contents of a tile of the deepest zoom.
pub(super) struct Leaf {
    /// Its number in Z-order.
    pub(super) number: u64,
    pub(super) towers: Vec<Tower>,
    pub(super) lines: Vec<Piece>,
    /// The run's tiles that were scanned: a word a row, bit 0 the westernmost.
    pub(super) cells: [u16; LEAF_SIDE_MAX],
}

/// A finished vector tile.
pub(super) struct Content {
    number: u64,
    /// By rank.
    pub(super) towers: Vec<Tower>,
    /// By line, the longest first.
    pub(super) lines: Vec<Piece>,
    pub(super) scanned: Grid,
}

/// How much of each cell of a tile was scanned.
pub(super) struct Grid {
    side: usize,
    /// The run's tiles in one cell.
    tiles_per_cell: u32,
    /// How many of them were scanned, row by row.
    counts: Vec<u32>,
}

/// How much of a cell was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    None,
    Part,
    Full,
}

impl Grid {
    /// The empty grid of a tile that many zooms above the run's tiles.
    fn new(depth: u8) -> Self {
        let side = GRID_SIDE.min(1 << depth);
        Self {
            side,
            tiles_per_cell: 1 << (2 * u32::from(depth) - 2 * side.ilog2()),
            counts: vec![0; side * side],
        }
    }

    pub(super) fn side(&self) -> usize {
        self.side
    }

    pub(super) fn units_per_cell(&self) -> i32 {
        (EXTENT as usize / self.side) as i32
    }

    pub(super) fn share(&self, x: usize, y: usize) -> Share {
        match self.counts[y * self.side + x] {
            0 => Share::None,
            count if count == self.tiles_per_cell => Share::Full,
            _ => Share::Part,
        }
    }

    /// Takes over a child's counts, `west` or east and `north` or south.
    fn absorb(&mut self, child: &Self, quadrant: u64) {
        // The parent has either as many cells a side as its child or twice as many.
        let cells_joined = 2 * child.side / self.side;
        let (east, south) = (quadrant as usize & 1, quadrant as usize >> 1);
        let half = self.side / 2;
        for y in 0..child.side {
            for x in 0..child.side {
                let column = east * half + x / cells_joined;
                let row = south * half + y / cells_joined;
                self.counts[row * self.side + column] += child.counts[y * child.side + x];
            }
        }
    }
}

/// The open tiles, one a zoom.
pub(super) struct Pyramid {
    run_zoom: u8,
    zoom_min: u8,
    zoom_max: u8,
    open: Vec<Option<Content>>,
}

impl Pyramid {
    pub(super) fn new(run_zoom: u8) -> Self {
        let (zoom_min, zoom_max) = zooms(run_zoom);
        let open = (0..=zoom_max).map(|_| None).collect();
        Self {
            run_zoom,
            zoom_min,
            zoom_max,
            open,
        }
    }

    /// Adds the next leaf, and hands over the tiles that it completes.
    pub(super) fn add<E>(
        &mut self,
        leaf: Leaf,
        emit: &mut dyn FnMut(TileCoord, &Content) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut scanned = Grid::new(self.run_zoom - self.zoom_max);
        let side = scanned.side;
        for (i, count) in scanned.counts.iter_mut().enumerate() {
            *count = u32::from(leaf.cells[i / side] >> (i % side) & 1);
        }
        let content = Content {
            number: leaf.number,
            towers: leaf.towers,
            lines: leaf.lines,
            scanned,
        };
        self.close(self.zoom_max, content, emit)
    }

    /// Hands over the tiles that are still open.
    pub(super) fn finish<E>(
        mut self,
        emit: &mut dyn FnMut(TileCoord, &Content) -> Result<(), E>,
    ) -> Result<(), E> {
        for zoom in (self.zoom_min..self.zoom_max).rev() {
            if let Some(content) = self.open[usize::from(zoom)].take() {
                self.close(zoom, content, emit)?;
            }
        }
        Ok(())
    }

    fn close<E>(
        &mut self,
        zoom: u8,
        mut content: Content,
        emit: &mut dyn FnMut(TileCoord, &Content) -> Result<(), E>,
    ) -> Result<(), E> {
        if zoom < self.zoom_max {
            content.towers.sort_unstable_by_key(|tower| tower.rank);
            content.towers.truncate(TOWERS_PER_TILE_MAX);
            content.lines = simplified(content.lines);
        }
        emit(quadtree::tile(zoom, content.number), &content)?;
        if zoom == self.zoom_min {
            return Ok(());
        }
        let parent_zoom = zoom - 1;
        let slot = usize::from(parent_zoom);
        let number = content.number >> 2;
        if let Some(done) = self.open[slot].take_if(|parent| parent.number != number) {
            self.close(parent_zoom, done, emit)?;
        }
        let depth = self.run_zoom - parent_zoom;
        self.open[slot]
            .get_or_insert_with(|| Content {
                number,
                towers: Vec::new(),
                lines: Vec::new(),
                scanned: Grid::new(depth),
            })
            .absorb(content);
        Ok(())
    }
}

impl Content {
    fn absorb(&mut self, child: Self) {
        let quadrant = child.number & 3;
        let offset = |bit: u64| (bit as u32 * EXTENT) as u16;
        let (east, south) = (offset(quadrant & 1), offset(quadrant >> 1));
        // Past the limit only the best of this child's towers can still count; they come by rank.
        let best = child.towers.into_iter().take(TOWERS_PER_TILE_MAX);
        self.towers.extend(best.map(|mut tower| {
            let (x, y) = tower.position;
            tower.position = ((x + east) / 2, (y + south) / 2);
            tower
        }));
        self.lines.extend(child.lines.into_iter().map(|mut piece| {
            for (x, y) in &mut piece.points {
                (*x, *y) = ((*x + east) / 2, (*y + south) / 2);
            }
            piece
        }));
        self.scanned.absorb(&child.scanned, quadrant);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn tower(rank: u64, position: (u16, u16)) -> Tower {
        Tower {
            rank,
            position,
            values: Vec::new(),
        }
    }

    fn leaf(x: u32, y: u32, towers: Vec<Tower>) -> Leaf {
        let number = quadtree::number(TileCoord { z: 14, x, y });
        Leaf {
            number,
            towers,
            lines: Vec::new(),
            cells: [u16::MAX; LEAF_SIDE_MAX],
        }
    }

    fn build(leaves: Vec<Leaf>) -> Vec<(TileCoord, Vec<Tower>, Vec<Share>)> {
        let mut tiles = Vec::new();
        let mut emit = |tile: TileCoord, content: &Content| {
            let side = content.scanned.side();
            let shares = (0..side * side).map(|i| content.scanned.share(i % side, i / side));
            tiles.push((tile, content.towers.clone(), shares.collect()));
            Ok::<_, Infallible>(())
        };
        let mut pyramid = Pyramid::new(18);
        for leaf in leaves {
            pyramid.add(leaf, &mut emit).unwrap();
        }
        pyramid.finish(&mut emit).unwrap();
        tiles
    }

    #[test]
    fn every_zoom_holds_each_tower_once_at_its_place() {
        let tiles = build(vec![
            leaf(8_000, 6_000, vec![tower(2, (10, 20))]),
            leaf(8_001, 6_001, vec![tower(1, (4_095, 4_095))]),
        ]);
        for zoom in 4..=14 {
            let of_zoom: Vec<_> = tiles.iter().filter(|(tile, ..)| tile.z == zoom).collect();
            assert_eq!(of_zoom.len(), if zoom == 14 { 2 } else { 1 });
            assert_eq!(
                of_zoom
                    .iter()
                    .map(|(_, towers, _)| towers.len())
                    .sum::<usize>(),
                2
            );
        }
        let (_, towers, _) = tiles.iter().find(|(tile, ..)| tile.z == 13).unwrap();
        assert_eq!(towers[0].position, (4_095, 4_095));
        assert_eq!(towers[1].position, (5, 10));
    }

    #[test]
    fn above_the_leaves_the_best_towers_stay() {
        let many = |ranks: std::ops::Range<u64>| ranks.map(|rank| tower(rank, (0, 0))).collect();
        let tiles = build(vec![
            leaf(0, 0, many(1_500..3_000)),
            leaf(1, 0, many(0..1_500)),
        ]);
        let (_, towers, _) = tiles.iter().find(|(tile, ..)| tile.z == 13).unwrap();
        let ranks: Vec<u64> = towers.iter().map(|tower| tower.rank).collect();
        assert_eq!(ranks, (0..2_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_cell_is_full_only_when_all_its_tiles_were_scanned() {
        let all = (0..4).map(|i| leaf(i % 2, i / 2, Vec::new())).collect();
        let tiles = build(all);
        let shares = |zoom| &tiles.iter().find(|(tile, ..)| tile.z == zoom).unwrap().2;
        assert!(shares(13).iter().all(|&share| share == Share::Full));
        // Two leaves a side are 32 of the run's tiles: a cell at zoom 7, half of one at zoom 6.
        assert_eq!(shares(7)[0], Share::Full);
        assert_eq!(shares(6)[0], Share::Part);
        assert_eq!(shares(6)[1], Share::None);
    }
}
