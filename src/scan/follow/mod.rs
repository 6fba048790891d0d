//! The guided scan: a sparse net, and then the lines that it caught.
//!
//! In: a cover, and outcomes in the order of their units. Out: units of the tiles that are most
//! likely to hold a tower, or to lead to many. Never: a tile twice, a tile outside of the area.
//!
//! Every hit starts *tracks*: drawn lines that say where the next tower may stand (`track`,
//! `lines`). All tracks compete in one queue, ordered by the towers that a tile is expected to
//! lead to (`predict`), as search theory has it for a target that does not move (Koopman 1980,
//! *Search and Screening*; Stone 1975, *Theory of Optimal Search*), each prediction corrected by how
//! often its like came true (`calibration`). Where hits do not line up, the rate of false positives is
//! estimated as higher, and tracks there are believed less (`place`). The
//! `net` is laid where the queue has little left. The scan ends when no tile is worth
//! [`FollowSettings::stop`] towers.

mod calibration;
mod choose;
mod claims;
mod draw;
mod grid;
mod learn;
mod lines;
mod located;
mod near;
mod net;
mod place;
mod predict;
mod settings;
mod side;
mod spawn;
#[cfg(test)]
mod tests;
mod track;

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
};

use rustc_hash::FxHashMap;

use self::{
    calibration::Calibration, claims::Claims, grid::Grid, located::Spot, net::Net, track::Track,
};
pub use self::{located::Locate, settings::FollowSettings};
use super::{Next, Scan};
use crate::tiles::{BlockOutcome, Cover, TileCoord, WorkUnit};

/// The strategy of `--scan follow`.
pub struct Follow<'a> {
    settings: FollowSettings,
    grid: Grid<'a>,
    net: Net,
    calibration: Calibration,
    /// By number, which is never used again.
    tracks: Vec<Option<Box<Track>>>,
    /// The tracks that wish for a tile or wait for its answer.
    claims: Claims,
    queue: BinaryHeap<Entry>,
    hits: FxHashMap<(i64, i64), Hit>,
    /// Tiles of the net that were answered, and hits of lines among them.
    net_tiles: f32,
    net_linked: f32,
    /// Tells where in its tile a tower stands, if the detector does.
    locate: Option<Box<Locate<'a>>>,
    /// Outcomes that were learnt and not applied yet, and where the towers of hits were seen.
    pending: VecDeque<(BlockOutcome, Vec<(u16, Spot)>)>,
    applied: u64,
    first_sequence: u64,
    sequence: u64,
    tiles_asked: u64,
}

/// A hit.
#[derive(Clone, Copy, Debug)]
struct Hit {
    /// The chance that it is a false positive, by what was expected.
    false_share: f32,
    /// Where in its tile the tower was seen, in tiles from the corner, if that is known.
    spot: Option<Spot>,
    /// Whether it belongs to a line.
    linked: bool,
    /// Whether it was found by the net alone.
    by_net: bool,
    /// Directions in which a line was followed from it, by sectors of 15°.
    followed: u32,
    /// Whether the tiles close to it were looked at as those of an end or a bend.
    looked_near: bool,
    /// Level of the net that led to it.
    level: u8,
    /// Direction of its line in radians, if it is linked.
    bearing: f32,
}

/// A track in the queue with the worth of its best tile.
#[derive(Debug, PartialEq)]
struct Entry {
    worth: f32,
    track: u32,
    version: u32,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // Older tracks first among equals.
        self.worth
            .total_cmp(&other.worth)
            .then(other.track.cmp(&self.track))
            .then(self.version.cmp(&other.version))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Follow<'a> {
    /// A guided scan of a cover.
    #[must_use]
    pub fn new(cover: &'a Cover, settings: FollowSettings) -> Self {
        let grid = Grid::new(cover, settings.false_positive_rate);
        let net = Net::new(&grid, settings.seed);
        Self {
            settings,
            grid,
            net,
            calibration: Calibration::new(),
            tracks: Vec::new(),
            claims: Claims::default(),
            queue: BinaryHeap::new(),
            hits: FxHashMap::default(),
            net_tiles: 0.0,
            net_linked: 0.0,
            locate: None,
            pending: VecDeque::new(),
            applied: 0,
            first_sequence: 0,
            sequence: 0,
            tiles_asked: 0,
        }
    }

    /// Numbers the units from `first_sequence` on.
    #[must_use]
    pub fn starting_at(self, first_sequence: u64) -> Self {
        Self {
            first_sequence,
            applied: first_sequence,
            sequence: first_sequence,
            ..self
        }
    }

    /// With a detector that tells where in its tile a tower stands, by the grids of candidates.
    #[must_use]
    pub fn located_by(self, locate: Box<Locate<'a>>) -> Self {
        Self {
            locate: Some(locate),
            ..self
        }
    }

    /// Looks first at places where towers are known or likely from elsewhere, and beside them.
    pub fn seed(&mut self, tiles: impl IntoIterator<Item = TileCoord>) {
        for tile in tiles {
            self.look_at_seed(i64::from(tile.x), i64::from(tile.y));
        }
    }

    /// Takes in what an earlier scan of the area saw, before the first unit: those tiles are not
    /// asked for again, hits among them are followed, and they count towards the budget.
    pub fn remember(&mut self, outcome: &BlockOutcome) {
        self.tiles_asked += outcome.tiles.len() as u64;
        let spots = self.spots(outcome);
        self.take_in(outcome, &spots);
    }
}

impl Scan for Follow<'_> {
    fn name(&self) -> &'static str {
        "follow"
    }

    fn planned(&self) -> u64 {
        self.grid.tiles()
    }

    fn window(&self) -> Option<u64> {
        Some(self.settings.window)
    }

    fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// Unit *n* is chosen by the outcomes of units up to *n − W*; where those leave nothing worth a
    /// visit, by as many more, one at a time in sequence, as it takes.
    fn next(&mut self) -> Next {
        loop {
            while self.applied + self.settings.window <= self.sequence {
                let Some((outcome, spots)) = self.pending.pop_front() else {
                    return Next::Waiting;
                };
                self.apply(&outcome, &spots);
            }
            if let Some((block, wanted, reason)) = self.choose() {
                let sequence = self.sequence;
                self.sequence += 1;
                self.tiles_asked += wanted.count() as u64;
                return Next::Unit(WorkUnit {
                    sequence,
                    block: self.grid.blocks[block as usize].coord,
                    wanted,
                    reason,
                });
            }
            if self.applied == self.sequence {
                return Next::Finished;
            }
            let Some((outcome, spots)) = self.pending.pop_front() else {
                return Next::Waiting;
            };
            self.apply(&outcome, &spots);
        }
    }

    fn learn(&mut self, outcome: &BlockOutcome) {
        let spots = self.spots(outcome);
        let outcome = BlockOutcome {
            sequence: outcome.sequence,
            block: outcome.block,
            wanted: outcome.wanted.clone(),
            tiles: outcome.tiles.clone(),
            // Of no more use here, and large.
            candidates: Vec::new(),
            low_contrast: Vec::new(),
        };
        self.pending.push_back((outcome, spots));
    }
}
