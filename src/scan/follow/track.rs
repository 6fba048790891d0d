//! A track: where a line may go on from a hit, as drawn lines with weights.
//!
//! A particle filter (Gordon, Salmond and Smith 1993, doi:10.1049/ip-f-2.1993.0015): each of 128
//! drawn lines puts towers into tiles. A miss in a tile takes weight from the lines that have a
//! tower there; a hit leaves those lines alone, from which the next track is drawn. Whether the
//! track exists at all is tracked beside it, as in integrated probabilistic data association
//! (Mušicki, Evans and Stankovic 1994, doi:10.1109/9.293185).

use super::{
    lines::{Mark, Start, Tower},
    side::Side,
};
use crate::tiles::VisitReason;

/// Lines drawn for a track: as many as bits in [`Cell::lines`].
pub(super) const LINES: usize = 128;

/// Evidence is cut off here: no chain makes its line more certain than the model is.
pub(super) const EVIDENCE_MAX: f32 = 1e4;
/// A line is believed to go on from a hit, and nowhere else, if that explains the hit with this
/// chance: towers of other lines stand where a track expects few of its own.
const PASSED: f32 = 0.95;

/// What a track looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrackKind {
    /// A line of unknown direction through a lone hit.
    Through,
    /// The next towers of a line.
    Ahead,
    /// Towers of a line that was followed past them.
    Between,
    /// The line behind a hole.
    Far,
    /// Any line near the place where one was lost.
    Around,
    /// Towers in the tiles beside a hit.
    Beside,
    /// Towers close to a hit at which a line ends or bends.
    Near,
    /// Towers at places that are known from elsewhere.
    Seed,
}

impl TrackKind {
    pub(super) const COUNT: usize = 8;

    /// Whether it is bare tiles, without lines.
    pub(super) fn is_of_tiles(self) -> bool {
        matches!(self, Self::Beside | Self::Near | Self::Seed)
    }

    /// What a visit for such a track is called.
    pub(super) fn reason(self) -> VisitReason {
        match self {
            Self::Through | Self::Ahead | Self::Between => VisitReason::Follow,
            Self::Far | Self::Around | Self::Near => VisitReason::End,
            Self::Beside => VisitReason::Neighbour,
            Self::Seed => VisitReason::Seed,
        }
    }
}

/// A tile in which a track expects towers.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    x: i32,
    y: i32,
    /// Weight of its lines.
    pub(super) weight: f32,
    /// Not asked for yet.
    pub(super) open: bool,
    /// Where it lies, from where the track begins; told when the track is taken in.
    pub(super) side: Side,
    /// The lines with a tower here, one bit each.
    pub(super) lines: u128,
}

impl Cell {
    /// A cell whose weight is still to be summed.
    pub(super) fn new(x: i64, y: i64, lines: u128, open: bool) -> Self {
        Self {
            x: x as i32,
            y: y as i32,
            weight: 0.0,
            open,
            side: Side::default(),
            lines,
        }
    }

    /// Column and row of the tile.
    pub(super) fn tile(&self) -> (i64, i64) {
        (i64::from(self.x), i64::from(self.y))
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) kind: TrackKind,
    /// Hits of the line so far, at least 1.
    pub(super) hits: u8,
    /// Level of the net that found the line.
    pub(super) level: u8,
    /// The tile it starts from.
    pub(super) x: i64,
    pub(super) y: i64,
    /// Odds that the line exists, times the rate of false positives there.
    pub(super) evidence: f32,
    /// Chance that it is still to be found, if it exists.
    pub(super) share: f32,
    /// What the starts were drawn from.
    pub(super) begun_with: Vec<Start>,
    /// The start of each line; towers are in the same coordinates, tiles from this one's corner.
    pub(super) starts: Vec<Start>,
    pub(super) towers: Vec<Mark>,
    pub(super) weights: Vec<f32>,
    /// Sum of the weights: the chance of the answers so far, if the line exists.
    pub(super) total: f32,
    /// The same when they were drawn.
    pub(super) total_drawn: f32,
    pub(super) cells: Vec<Cell>,
    /// The lines that pass a hit: where the line goes on is known.
    pub(super) met: u128,
    /// Tiles asked for and not answered.
    pub(super) out: u16,
    /// Whether what comes after it was made.
    pub(super) succeeded: bool,
    /// Counted up by each change, so that old entries of the queue are known.
    pub(super) version: u32,
}

impl Track {
    /// A track of lines that start in a tile, none of them drawn yet.
    pub(super) fn of_lines(kind: TrackKind, (x, y): (i64, i64), starts: Vec<Start>) -> Self {
        let begun_with = match kind {
            TrackKind::Ahead | TrackKind::Through => starts.clone(),
            _ => Vec::new(),
        };
        Self {
            begun_with,
            starts,
            succeeded: false,
            ..Self::of_tiles(kind, (x, y), 0, 1.0, Vec::new(), Vec::new())
        }
    }

    /// A track of bare tiles, without lines, of a place `(x, y)`; real with a chance of
    /// `share`, whatever the rate of false positives.
    pub(super) fn of_tiles(
        kind: TrackKind,
        (x, y): (i64, i64),
        level: u8,
        share: f32,
        weights: Vec<f32>,
        cells: Vec<Cell>,
    ) -> Self {
        Self {
            kind,
            hits: 1,
            level,
            x,
            y,
            evidence: EVIDENCE_MAX,
            share,
            begun_with: Vec::new(),
            starts: Vec::new(),
            towers: Vec::new(),
            weights,
            total: 1.0,
            total_drawn: 1.0,
            cells,
            met: 0,
            out: 0,
            succeeded: true,
            version: 0,
        }
    }

    /// The same of tiles with a chance each.
    pub(super) fn of_chances(
        kind: TrackKind,
        at: (i64, i64),
        level: u8,
        chances: impl Iterator<Item = (Cell, f32)>,
    ) -> Self {
        let (mut cells, mut weights) = (Vec::new(), Vec::new());
        for (mut cell, chance) in chances {
            cell.lines = 1 << weights.len();
            cells.push(cell);
            weights.push(chance);
        }
        Self::of_tiles(kind, at, level, 1.0, weights, cells)
    }

    pub(super) fn cell_at(&self, x: i64, y: i64) -> Option<usize> {
        self.cells
            .iter()
            .position(|cell| (cell.x, cell.y) == (x as i32, y as i32))
    }

    /// Multiplies the weights of the lines in `bits`.
    pub(super) fn reweigh(&mut self, bits: u128, factor: f32) {
        for line in ones(bits) {
            self.weights[line] *= factor;
        }
    }

    /// Takes note of a hit in a tile: `likelier` is how much likelier it is on this line than not.
    pub(super) fn meet(&mut self, bits: u128, likelier: f32) {
        self.reweigh(bits, likelier);
        self.met |= bits;
    }

    /// Chance that the line passes a hit.
    pub(super) fn chance_met(&self) -> f32 {
        let met: f32 = ones(self.met).map(|line| self.weights[line]).sum();
        met / self.total.max(f32::MIN_POSITIVE)
    }

    /// The line goes on from a hit with a chance of `explained`: what is left of the track are the
    /// towers on the way there. Returns the cells that it gives up.
    pub(super) fn pass(&mut self, x: i64, y: i64, explained: f32) -> Vec<Cell> {
        let Some(at) = self.cell_at(x, y) else {
            return Vec::new();
        };
        if self.kind == TrackKind::Around || explained < PASSED {
            self.share *= 1.0 - explained;
            return Vec::new();
        }
        let lines = self.cells[at].lines;
        self.reweigh(!lines, 1.0 - explained);
        self.kind = TrackKind::Between;
        self.succeeded = false;
        let (dx, dy) = (x - self.x, y - self.y);
        let reach = dx * dx + dy * dy;
        let (track_x, track_y) = (self.x, self.y);
        let on_the_way = |cell: &Cell| {
            let tile = cell.tile();
            let (cx, cy) = (tile.0 - track_x, tile.1 - track_y);
            tile == (x, y) || cx * cx + cy * cy < reach && cx * dx + cy * dy > 0
        };
        self.cells
            .extract_if(.., |cell| !on_the_way(cell))
            .collect()
    }

    /// Sums the weights again.
    pub(super) fn settle(&mut self) {
        self.total = self.weights.iter().sum();
        for cell in &mut self.cells {
            cell.weight = ones(cell.lines).map(|line| self.weights[line]).sum();
        }
        self.version += 1;
    }

    /// The lines that arrive in a tile, each with its start, its tower there and its weight.
    pub(super) fn arrivals(&self, cell: &Cell) -> impl Iterator<Item = (Start, Tower, f32)> + '_ {
        let (x, y) = cell.tile();
        let tile = ((x - self.x) as i8, (y - self.y) as i8);
        self.towers
            .iter()
            .filter(move |mark| mark.tile() == tile)
            .map(|mark| {
                let line = usize::from(mark.line);
                (self.starts[line], mark.tower(), self.weights[line])
            })
    }
}

/// The positions of the ones.
fn ones(bits: u128) -> impl Iterator<Item = usize> {
    std::iter::successors((bits != 0).then_some(bits), |bits| {
        let rest = bits & (bits - 1);
        (rest != 0).then_some(rest)
    })
    .map(|bits| bits.trailing_zeros() as usize)
}
