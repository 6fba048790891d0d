//! What is believed of an area: which tiles hold what, how reliable hits are, and how likely a track
//! is to meet one.
//!
//! In: answers, as `learn` reads them. Out: chances. Never: what to ask for next, which is the queue's
//! and the net's.

use super::{
    beside_rates::BesideRates,
    blocks::Blocks,
    calibration::{Calibration, Class},
    hits::Hits,
    lines::mean_bearing,
    linked_hits::LinkedHits,
    located::Spot,
    net_yield::NetYield,
    predictor::Predictor,
    reliability_map::ReliabilityMap,
    side::{Crowd, Side},
    track::{Track, TrackKind},
};
use crate::tiles::{Cover, TileMask};

/// Chance that a drawn line passes a hit of another line by accident.
const PASSES_HIT: f32 = 0.01;

/// See the module.
pub(super) struct Belief<'a> {
    pub(super) blocks: Blocks<'a>,
    pub(super) hits: Hits,
    pub(super) net_yield: NetYield,
    pub(super) calibration: Calibration,
    pub(super) beside_rates: BesideRates,
    linked_hits: LinkedHits,
    reliability: ReliabilityMap,
    recall: f32,
}

impl<'a> Belief<'a> {
    /// What is believed of an area before anything was seen: the chance that a tile with a tower is
    /// a hit, and that one without is.
    pub(super) fn new(cover: &'a Cover, recall: f32, false_positive_rate: f32) -> Self {
        let blocks = Blocks::new(cover);
        let count = blocks.count();
        Self {
            blocks,
            hits: Hits::default(),
            net_yield: NetYield::default(),
            calibration: Calibration::new(),
            beside_rates: BesideRates::new(count),
            linked_hits: LinkedHits::new(count),
            reliability: ReliabilityMap::new(count, false_positive_rate),
            recall,
        }
    }

    /// Chance that a tile with a tower is a hit.
    pub(super) fn recall(&self) -> f32 {
        self.recall
    }

    /// Chance that a tile near one, without a tower, is a hit, but for what `own` hits of those
    /// counted there tell of it.
    pub(super) fn rate(&self, x: i64, y: i64, own: f32) -> f32 {
        self.reliability.rate(&self.blocks, x, y, own)
    }

    /// How much likelier a line becomes when a hit is seen on it, where the rate of false positives
    /// is `rate`.
    pub(super) fn likelier(&self, rate: f32) -> f32 {
        self.recall / (rate + PASSES_HIT)
    }

    /// Where in its tile a hit was seen, if that is known.
    pub(super) fn spot(&self, x: i64, y: i64) -> Option<Spot> {
        self.hits.get(x, y)?.spot
    }

    /// Linked hits a tile around a block: the mean of its nearer and its farther surroundings.
    pub(super) fn linked_density(&self, block: u32) -> f32 {
        let mean = |reach: i64| {
            let (mut linked, mut tiles) = (0, 0);
            for beside in self.blocks.around(block, reach) {
                linked += self.linked_hits.in_block(beside);
                tiles += self.blocks.get(beside).tiles;
            }
            linked as f32 / tiles.max(1) as f32
        };
        0.5 * (mean(1) + mean(2))
    }

    /// Counts what an answered tile tells of its place, where tracks expected a hit with a chance
    /// if they were fully trusted.
    pub(super) fn count(&mut self, x: i64, y: i64, expected: f32, hit: bool) {
        self.reliability.count(&self.blocks, x, y, expected, hit);
    }

    /// Fits places near tiles of a block to what was counted.
    pub(super) fn fit_around(&mut self, block: u32, tiles: &TileMask) {
        self.reliability.fit_around(&self.blocks, block, tiles);
    }

    /// A hit belongs to a line of a direction.
    pub(super) fn link(&mut self, x: i64, y: i64, bearing: f32) {
        if let Some(hit) = self.hits.link(x, y, bearing) {
            self.linked_hits.count(&self.blocks, x, y);
            self.net_yield.count_linked(hit.level, hit.by_net);
        }
    }

    /// Chance that a track's line exists and is still to be found.
    pub(super) fn real(&self, track: &Track) -> f32 {
        let own = match track.kind {
            TrackKind::Through => self
                .hits
                .get(track.x, track.y)
                .map_or(0.0, |hit| hit.false_share),
            _ => 0.0,
        };
        let odds = track.evidence * track.total / self.rate(track.x, track.y, own);
        track.share * self.trust(track) * odds / (1.0 + odds)
    }

    /// How often what such a track predicts where it begins is there.
    pub(super) fn trust(&self, track: &Track) -> f32 {
        if track.kind.is_of_tiles() {
            1.0
        } else {
            self.reliability.trust(&self.blocks, track.x, track.y)
        }
    }

    /// What predicts the hits of a track.
    pub(super) fn predictor(&self, track: &Track) -> Predictor<'_> {
        let real = self.real(track);
        let scale = match track.kind {
            TrackKind::Beside => real * self.beside_rates.rate(&self.blocks, track.x, track.y),
            _ => real * self.recall / track.total.max(f32::MIN_POSITIVE),
        };
        let crowd = Crowd::of(self.linked_hits.near(&self.blocks, track.x, track.y));
        Predictor::new(track, Class::of(track, crowd), scale, &self.calibration)
    }

    /// The worth of the best open cell of a track, and its position.
    pub(super) fn best_cell(&self, track: &Track) -> Option<(f32, usize)> {
        let predictor = self.predictor(track);
        let mut best: Option<(f32, usize)> = None;
        for (at, cell) in track.cells.iter().enumerate() {
            if cell.open {
                let worth = predictor.worth(cell);
                if best.is_none_or(|(most, _)| worth > most) {
                    best = Some((worth, at));
                }
            }
        }
        best
    }

    /// Sorts the tiles of a track by where they lie, seen from where it begins.
    pub(super) fn find_sides(&self, track: &mut Track) {
        let (x, y) = (track.x, track.y);
        let bearing = if track.kind == TrackKind::Through || track.kind.is_of_tiles() {
            self.hits.bearing(x, y)
        } else {
            Some(mean_bearing(&track.starts))
        };
        for cell in &mut track.cells {
            let (to_x, to_y) = cell.tile();
            cell.side = Side::of((to_x - x) as f32, (to_y - y) as f32, bearing);
        }
    }
}
