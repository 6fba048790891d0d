//! Work units: pieces of a scan.

use serde::{Deserialize, Serialize};
use strum::{FromRepr, IntoStaticStr, VariantArray};

use super::{BlockCoord, TileCoord, TileMask};

/// The most tiles in one work unit, so that a kill never costs more than that much imagery.
pub const UNIT_TILES_MAX: usize = 512;

/// Why a scan asks for the tiles of a unit. Its number is what a ledger stores.
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
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name used in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
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
