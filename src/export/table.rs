//! What every format says of a detection: the same names, order and values.

use serde::Serialize;

use super::{
    ExportRequest,
    credits::{band, label},
    geojson::tenths,
};
use crate::detections::Detection;

/// One detection as a flat row.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) rank: u64,
    pub(super) band: &'static str,
    pub(super) score: f32,
    pub(super) tile: String,
    pub(super) uncertainty_m: f64,
    pub(super) located: bool,
    /// Number of the probable line; lonely ones have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chain: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) osm_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) osm_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) osm_distance_m: Option<f64>,
    pub(super) synthetic: bool,
    pub(super) desc: String,
}

impl<'a> Row<'a> {
    pub(super) fn of(request: &ExportRequest<'_>, detection: &'a Detection) -> Self {
        let manifest = request.manifest();
        Self {
            id: &detection.id,
            rank: detection.rank,
            band: band(detection.rank),
            score: detection.score,
            tile: detection.tile.to_string(),
            uncertainty_m: tenths(detection.uncertainty_m),
            located: detection.located,
            chain: detection.chain,
            place: detection.place,
            osm_status: detection.osm_status.map(|status| status.name()),
            osm_id: detection.osm_id.as_deref(),
            osm_distance_m: detection.osm_distance_m.map(tenths),
            synthetic: manifest.imagery.synthetic,
            desc: label(manifest, detection),
        }
    }
}
