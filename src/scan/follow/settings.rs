//! What a guided scan may be told.

use serde::{Deserialize, Serialize};

/// The knobs of a guided scan, kept in the ledger: another value may choose other tiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowSettings {
    /// Score from which a tile counts as a hit.
    pub threshold: f32,
    /// Chance that a tile with a tower is a hit, from 0 to 1; what is believed of the detector.
    pub recall: f32,
    /// Chance that a tile without one is a hit, above 0, to begin with; corrected by what is seen.
    pub false_positive_rate: f32,
    /// The scan ends when no tile is worth this many towers.
    pub stop: f32,
    /// The most tiles asked for.
    pub budget: Option<u64>,
    /// *W*: unit *n* is chosen by the outcomes of units up to *n − W*.
    pub window: u64,
    /// Another seed lays the net elsewhere.
    pub seed: u64,
}

impl Default for FollowSettings {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            recall: 0.9,
            false_positive_rate: 0.001,
            stop: 0.002,
            budget: None,
            window: 64,
            seed: 1,
        }
    }
}
