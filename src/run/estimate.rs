//! What a run would take, before anything is fetched.

use std::time::Duration;

use serde::Serialize;

use super::{GuidedRange, Plan, RunError, strategy::Strategy};
use crate::{image::RGB_BYTES, predict::bench, tiles::UNIT_TILES_MAX};

/// A JPEG tile of aerial imagery is taken to weigh so much, since nothing is fetched to find out.
pub const TILE_BYTES_ASSUMED: u64 = 15_000;
/// How long the model is tried out.
const TRIAL: Duration = Duration::from_secs(2);

/// What a run would take. Serialised it is what a dry run gives as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub tiles: u64,
    pub units: u64,
    /// Requests over the network; 0 for imagery on this machine.
    pub requests: u64,
    /// Bytes over the network at [`TILE_BYTES_ASSUMED`]; 0 for imagery on this machine.
    pub bytes: u64,
    /// Requests a second that the source is limited to.
    pub rate: Option<f64>,
    pub fetch_s: Option<f64>,
    /// Tiles a second of the model alone, measured just now on this machine.
    pub model_tiles_per_s: f64,
    pub classify_s: f64,
    /// At the price of 1,000 tiles, if one was told.
    pub price: Option<f64>,
    /// Of a guided scan, which looks at a part of these tiles; all else is for every tile.
    pub guided: Option<GuidedRange>,
    /// Whether the imagery comes over the network.
    #[serde(skip)]
    pub is_remote: bool,
    /// The classifiers that the model was measured with.
    #[serde(skip)]
    pub workers: usize,
}

impl Estimate {
    /// Estimates what a plan would take, and tries its model out for 2 s.
    ///
    /// # Errors
    /// When the model cannot be run.
    pub fn of(plan: &Plan, price_per_1000: Option<f64>) -> Result<Self, RunError> {
        let cover = plan.cover();
        let model = &plan.model.model;
        let tiles = cover.count();
        let units = cover
            .blocks()
            .map(|(_, mask)| mask.count().div_ceil(UNIT_TILES_MAX) as u64)
            .sum();
        let cost = plan.imagery.source.cost();
        let requests = cost.map_or(0, |cost| tiles.div_ceil(u64::from(cost.tiles_per_request)));
        let rate = cost.and_then(|cost| cost.requests_per_s);
        let model_tiles_per_s = bench::bare_session(model.as_ref(), &noise(), TRIAL)?.tiles_per_s;
        Ok(Self {
            tiles,
            units,
            requests,
            bytes: if cost.is_some() {
                tiles * TILE_BYTES_ASSUMED
            } else {
                0
            },
            rate,
            fetch_s: rate.map(|rate| requests as f64 / rate),
            model_tiles_per_s,
            classify_s: tiles as f64 / model_tiles_per_s,
            price: price_per_1000.map(|price| price * tiles as f64 / 1000.0),
            guided: match &plan.strategy {
                Strategy::Everything => None,
                Strategy::Follow { settings, .. } => Some(GuidedRange::of(tiles, settings.budget)),
            },
            is_remote: cost.is_some(),
            workers: model.workers(),
        })
    }
}

/// One tile of noise. A network takes the same time for every image, so any will do.
fn noise() -> Vec<u8> {
    let mut state = 1u32;
    (0..RGB_BYTES)
        .map(|_| {
            // Numerical Recipes' linear congruential generator.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}
