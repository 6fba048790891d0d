//! Samples of what went wrong, so that a count of failed tiles is never the whole message.

use std::{collections::BTreeMap, sync::Mutex};

use serde::Serialize;

use crate::tiles::{TileCoord, TileState};

/// Different reasons remembered for each state; further ones are counted together.
const REASONS_MAX: usize = 8;

/// Reasons by state, each with a count and the first tile it happened to.
#[derive(Debug, Default)]
pub struct Trouble {
    reasons: Mutex<BTreeMap<(TileState, String), (u64, TileCoord)>>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TroubleReport {
    pub state: TileState,
    pub reason: String,
    pub tiles: u64,
    /// The first tile it happened to, `z/x/y`.
    pub example: String,
}

impl Trouble {
    /// Notes that a tile ended in a state for a reason. Not for the hot path: tiles that are fine
    /// have no reason.
    pub fn note(&self, state: TileState, tile: TileCoord, reason: &str) {
        tracing::debug!(%tile, state = state.name(), reason, "tile not scored");
        let mut reasons = self
            .reasons
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = reasons.contains_key(&(state, reason.to_owned()));
        let distinct = reasons.keys().filter(|(s, _)| *s == state).count();
        let reason = if known || distinct < REASONS_MAX {
            reason
        } else {
            "other reasons"
        };
        reasons
            .entry((state, reason.to_owned()))
            .or_insert((0, tile))
            .0 += 1;
    }

    /// The reasons, most frequent first.
    #[must_use]
    pub fn report(&self) -> Vec<TroubleReport> {
        let reasons = self
            .reasons
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut report: Vec<TroubleReport> = reasons
            .iter()
            .map(|((state, reason), (tiles, example))| TroubleReport {
                state: *state,
                reason: reason.clone(),
                tiles: *tiles,
                example: example.to_string(),
            })
            .collect();
        report.sort_by_key(|line| std::cmp::Reverse(line.tiles));
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_with_their_first_tile_and_bounded() {
        let trouble = Trouble::default();
        let tile = |x| TileCoord { z: 18, x, y: 0 };
        trouble.note(TileState::FetchFailed, tile(7), "status 500");
        trouble.note(TileState::FetchFailed, tile(8), "status 500");
        for x in 0..100 {
            trouble.note(TileState::Undecodable, tile(x), &format!("reason {x}"));
        }
        let report = trouble.report();
        assert!(report.len() <= 1 + REASONS_MAX + 1);
        let other = &report[0];
        assert_eq!((other.reason.as_str(), other.tiles), ("other reasons", 92));
        let server = report
            .iter()
            .find(|line| line.reason == "status 500")
            .unwrap();
        assert_eq!((server.tiles, server.example.as_str()), (2, "18/7/0"));
    }
}
