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

impl FollowSettings {
    /// The usual `stop` of an area of so many tiles: 0.001 for countries, from ten million tiles on, and more
    /// for smaller areas, up to 0.005, by the square root of how much smaller they are.
    ///
    /// In a small area less is left to find behind the same stop, since its net costs as many tiles a
    /// tower and its few lines teach less (docs/GUIDED-SCAN.md, "Where to stop").
    #[must_use]
    pub fn usual_stop(tiles: u64) -> f32 {
        let stop = 0.001 * (10e6 / (tiles.max(1) as f64)).sqrt();
        // In steps that a person can type.
        ((stop.clamp(0.001, 0.005) * 1e4).round() / 1e4) as f32
    }
}

impl Default for FollowSettings {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            recall: 0.9,
            false_positive_rate: 0.001,
            stop: 0.001,
            budget: None,
            window: 64,
            seed: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_area_stops_earlier_and_no_area_beyond_the_bounds() {
        let stops: Vec<f32> = [1, 300_000, 1_300_000, 4_000_000, 10_000_000, 50_000_000]
            .map(FollowSettings::usual_stop)
            .into();
        assert_eq!(stops, [0.005, 0.005, 0.0028, 0.0016, 0.001, 0.001]);
        assert!((FollowSettings::default().stop - stops[5]).abs() < f32::EPSILON);
    }
}
