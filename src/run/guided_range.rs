//! What guided scans took and found when they were measured.

use serde::Serialize;

/// The range that a guided scan of an area is expected to end in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GuidedRange {
    pub tiles_least: u64,
    pub tiles_most: u64,
    /// Shares of the towers that a scan of everything finds with the same detector.
    pub found_least: f64,
    pub found_most: f64,
}

/// The least and the most of areas of a size.
struct Measured {
    /// Areas of at least so many tiles.
    from_tiles: u64,
    /// Shares of the tiles.
    visited: [f64; 2],
    found: [f64; 2],
}

/// Pakistan and the areas of the synthetic world in docs/GUIDED-SCAN.md: simulated detectors of recall
/// 0.9 and false-positive rate 0.001, areas with one tower in 250 to 1,500 tiles. Largest first.
const MEASURED: [Measured; 2] = [
    Measured {
        from_tiles: 10_000_000,
        visited: [0.043, 0.068],
        found: [0.93, 0.98],
    },
    Measured {
        from_tiles: 0,
        visited: [0.074, 0.146],
        found: [0.54, 0.99],
    },
];

impl GuidedRange {
    /// The range for an area of so many tiles, with the usual stop and perhaps a budget of tiles.
    pub fn of(tiles: u64, budget: Option<u64>) -> Self {
        let measured = MEASURED
            .iter()
            .find(|measured| tiles >= measured.from_tiles)
            .unwrap_or(&MEASURED[MEASURED.len() - 1]);
        let share = |share: f64| ((tiles as f64 * share).ceil() as u64).clamp(1, tiles.max(1));
        let [least, most] = measured.visited.map(share);
        let budget = budget.unwrap_or(u64::MAX);
        Self {
            tiles_least: least.min(budget),
            tiles_most: most.min(budget),
            // A scan that is cut short finds less, by how much nobody measured.
            found_least: if budget < most {
                0.0
            } else {
                measured.found[0]
            },
            found_most: measured.found[1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_lies_inside_its_area_and_its_budget() {
        for tiles in [1, 70, 300_000, 50_000_000] {
            let range = GuidedRange::of(tiles, None);
            assert!(range.tiles_least >= 1 && range.tiles_least <= range.tiles_most);
            assert!(range.tiles_most <= tiles);
            assert!(range.found_least < range.found_most && range.found_most < 1.0);
        }
        let cut = GuidedRange::of(50_000_000, Some(1_200_000));
        assert_eq!(cut.tiles_most, 1_200_000);
        assert_eq!(cut.found_least, 0.0);
    }
}
