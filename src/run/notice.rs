//! What people are told on the way.

use std::path::PathBuf;

use crate::{osm::Losses, predict::onnx::Arrangement};

/// Something that does not stop a run and that people should know. What there is to know of an area
/// stands with the area: [`crate::area::AreaWarning`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// The model is laid out on this machine as was measured to be fastest.
    Arranged {
        arrangement: Arrangement,
        tiles_per_s: f64,
    },
    /// What was measured cannot be read, so the model is laid out as usual.
    ArrangementUnreadable { path: PathBuf, reason: String },
    /// A guided scan begins at so many tiles that a file knows of.
    Seeded { tiles: u64, file: PathBuf },
    /// A file of OpenStreetMap's data names what it does not hold.
    OsmLosses { losses: Losses, file: PathBuf },
    /// The folder holds part of the same run, which goes on.
    GoingOn {
        dir: PathBuf,
        /// Tiles that are committed.
        visited: u64,
        planned: u64,
    },
    /// The run was begun with another engine: scores may differ in their last digits.
    EngineChanged { before: String, now: String },
    /// The model servers hold another model than at the run's start, and the caller allowed the
    /// scores of both to be mixed.
    ModelMixed { dir: PathBuf, difference: String },
    /// Another scan looked at a part of the area before: what it saw is taken in, and no tile is
    /// looked at twice.
    EarlierScan,
    /// The images of a report come from other imagery than the run's.
    ChipsOfOtherImagery { chips: String, run: String },
    /// Images of a report that could not be fetched.
    ChipsMissing { missing: usize, wanted: usize },
    /// Known towers that a simulation leaves out, because they lie outside the area.
    TowersOutside {
        outside: u64,
        towers: u64,
        file: PathBuf,
    },
}
