//! Work units, and what became of their tiles.

use bytes::Bytes;
use half::f16;
use serde::{Deserialize, Serialize};

use super::{BlockCoord, TileCoord, TileMask};

/// The most tiles in one work unit, so that a kill never costs more than that much imagery.
pub const UNIT_TILES_MAX: usize = 512;

/// Why a scan asks for the tiles of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum VisitReason {
    /// The scan takes every tile.
    Everything = 0,
    /// A line of the net that is laid over the area.
    Net = 1,
    /// A line that was hit goes on there.
    Follow = 2,
    /// Beside a hit: parallel lines.
    Neighbour = 3,
    /// Around the place where a line was lost.
    End = 4,
    /// Something is known there already: a mapped line's end, a substation.
    Seed = 5,
}

impl VisitReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Everything,
        Self::Net,
        Self::Follow,
        Self::Neighbour,
        Self::End,
        Self::Seed,
    ];

    /// The reason with a stored number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name used in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Net => "net",
            Self::Follow => "follow",
            Self::Neighbour => "neighbour",
            Self::End => "end",
            Self::Seed => "seed",
        }
    }
}

/// A numbered piece of work: some tiles of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkUnit {
    /// Position in the scan's order, counted from 0 without gaps.
    pub sequence: u64,
    pub block: BlockCoord,
    /// The tiles wanted: at least 1, at most [`UNIT_TILES_MAX`].
    pub wanted: TileMask,
    /// Why the scan wants them.
    pub reason: VisitReason,
}

impl WorkUnit {
    /// The tiles wanted, row by row.
    pub fn tiles(&self) -> impl Iterator<Item = TileCoord> + '_ {
        self.wanted.iter().map(|index| self.block.tile(index))
    }
}

/// What became of a planned tile. Every planned tile is in exactly one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TileState {
    /// In the area, but no outcome is committed yet. Never stored.
    NotVisited = 0,
    /// Classified; it has a score.
    Scored = 1,
    /// The source has no image here: neither a failure nor a negative.
    NoImagery = 2,
    /// The image is of one colour, which says nothing about the ground.
    Blank = 3,
    /// The image could not be read.
    Undecodable = 4,
    /// The source did not answer, even after retries. A failure: `--retry-failed` takes it again.
    FetchFailed = 5,
    /// The classifier did not answer. A failure: `--retry-failed` takes it again.
    PredictFailed = 6,
}

impl TileState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::NotVisited,
        Self::Scored,
        Self::NoImagery,
        Self::Blank,
        Self::Undecodable,
        Self::FetchFailed,
        Self::PredictFailed,
    ];

    /// The state with a stored number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether a retry may replace this state.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::FetchFailed | Self::PredictFailed)
    }

    /// The name used in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotVisited => "not_visited",
            Self::Scored => "scored",
            Self::NoImagery => "no_imagery",
            Self::Blank => "blank",
            Self::Undecodable => "undecodable",
            Self::FetchFailed => "fetch_failed",
            Self::PredictFailed => "predict_failed",
        }
    }
}

/// What became of one tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TileOutcome {
    /// Classified, with the probability of the positive classes, 0 to 1.
    Scored(f32),
    NoImagery,
    Blank,
    Undecodable,
    FetchFailed,
    PredictFailed,
}

impl TileOutcome {
    #[must_use]
    pub fn state(self) -> TileState {
        match self {
            Self::Scored(_) => TileState::Scored,
            Self::NoImagery => TileState::NoImagery,
            Self::Blank => TileState::Blank,
            Self::Undecodable => TileState::Undecodable,
            Self::FetchFailed => TileState::FetchFailed,
            Self::PredictFailed => TileState::PredictFailed,
        }
    }

    #[must_use]
    pub fn score(self) -> Option<f32> {
        match self {
            Self::Scored(score) => Some(score),
            _ => None,
        }
    }
}

/// The positive margin spread over the network's last feature map, rows top-down.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributionGrid {
    pub width: u16,
    pub height: u16,
    /// `width × height` cells, row-major.
    pub cells: Vec<f16>,
}

/// A tile whose score reached the run's keep threshold, with what a reviewer needs to judge it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Row-major index of the tile in its block.
    pub index: u16,
    pub score: f32,
    /// Where in the tile the score comes from, if the model says so.
    pub attribution: Option<AttributionGrid>,
    /// XXH3-64 of the encoded payload (of the pixels, for sources of pixels), by which repeated
    /// placeholders are recognised.
    pub content_hash: u64,
    /// The encoded image, if the run keeps it for review.
    pub payload: Option<Bytes>,
}

/// A scored tile below the keep threshold whose image shows next to nothing: perhaps a card that
/// says "no imagery here", which its repetition would tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowContrast {
    /// Row-major index of the tile in its block.
    pub index: u16,
    /// As in [`Candidate::content_hash`].
    pub content_hash: u64,
}

/// The answer to one work unit.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockOutcome {
    pub sequence: u64,
    pub block: BlockCoord,
    pub wanted: TileMask,
    /// One entry for each wanted tile, in the mask's rising order.
    pub tiles: Vec<TileOutcome>,
    /// In rising order of index.
    pub candidates: Vec<Candidate>,
    /// In rising order of index; none of them is a candidate.
    pub low_contrast: Vec<LowContrast>,
}

impl BlockOutcome {
    /// Each wanted tile with its outcome, row by row.
    pub fn iter(&self) -> impl Iterator<Item = (TileCoord, TileOutcome)> + '_ {
        self.wanted
            .iter()
            .map(|index| self.block.tile(index))
            .zip(self.tiles.iter().copied())
    }
}

/// Number of tiles in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCounts {
    pub not_visited: u64,
    pub scored: u64,
    pub no_imagery: u64,
    pub blank: u64,
    pub undecodable: u64,
    pub fetch_failed: u64,
    pub predict_failed: u64,
}

impl StateCounts {
    #[must_use]
    pub fn get(&self, state: TileState) -> u64 {
        match state {
            TileState::NotVisited => self.not_visited,
            TileState::Scored => self.scored,
            TileState::NoImagery => self.no_imagery,
            TileState::Blank => self.blank,
            TileState::Undecodable => self.undecodable,
            TileState::FetchFailed => self.fetch_failed,
            TileState::PredictFailed => self.predict_failed,
        }
    }

    pub fn get_mut(&mut self, state: TileState) -> &mut u64 {
        match state {
            TileState::NotVisited => &mut self.not_visited,
            TileState::Scored => &mut self.scored,
            TileState::NoImagery => &mut self.no_imagery,
            TileState::Blank => &mut self.blank,
            TileState::Undecodable => &mut self.undecodable,
            TileState::FetchFailed => &mut self.fetch_failed,
            TileState::PredictFailed => &mut self.predict_failed,
        }
    }

    /// Counts the tiles of one outcome.
    pub fn add(&mut self, outcome: &BlockOutcome) {
        for tile in &outcome.tiles {
            *self.get_mut(tile.state()) += 1;
        }
    }

    /// Tiles with an outcome.
    #[must_use]
    pub fn visited(&self) -> u64 {
        self.planned() - self.not_visited
    }

    /// Sum of all states.
    #[must_use]
    pub fn planned(&self) -> u64 {
        TileState::ALL.iter().map(|&state| self.get(state)).sum()
    }

    /// Tiles that `--retry-failed` would take again.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.fetch_failed + self.predict_failed
    }
}
