//! What became of a unit's tiles.

use serde::{Deserialize, Serialize};
use strum::{FromRepr, IntoStaticStr, VariantArray};

use super::{BlockCoord, Candidate, LowContrast, TileCoord, TileMask, UnitImages};

/// What became of a planned tile. Every planned tile is in exactly one state. Its number is what a
/// ledger stores.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    FromRepr,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// The source did not answer, even after retries. A failure: a retry takes it again.
    FetchFailed = 5,
    /// The classifier did not answer. A failure: a retry takes it again.
    PredictFailed = 6,
}

impl TileState {
    /// All states, in the order of their numbers.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether a retry may replace this state.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::FetchFailed | Self::PredictFailed)
    }

    /// The name used in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
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

/// Which model of a cascade gave a tile's answer. Its number is what a ledger stores.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, FromRepr, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[repr(u8)]
pub enum CascadeStage {
    /// The fast model that sees every tile.
    First = 0,
    /// The careful model that sees what the first one passed on.
    Second = 1,
}

impl CascadeStage {
    /// The name used in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The answer to one work unit.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockOutcome {
    pub sequence: u64,
    pub block: BlockCoord,
    pub wanted: TileMask,
    /// One entry for each wanted tile, in the mask's rising order.
    pub tiles: Vec<TileOutcome>,
    /// Which model of a cascade answered for each wanted tile, in the same order; `First` for tiles
    /// that no model saw. Empty where there is one model.
    pub stages: Vec<CascadeStage>,
    /// Which image of the source each wanted tile was cut from; empty where the source does not tell.
    pub images: UnitImages,
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
        self.add_tiles(&outcome.tiles);
    }

    /// Counts tiles.
    pub fn add_tiles(&mut self, tiles: &[TileOutcome]) {
        for tile in tiles {
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

    /// Tiles that a retry would take again.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.fetch_failed + self.predict_failed
    }
}
