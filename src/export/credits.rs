//! The words that every export carries.

use serde::Serialize;

use super::ExportRequest;
use crate::{
    detections::{Comparison, Detection},
    ledger::Manifest,
};

/// What an export is, and what it is not.
pub(super) const NOTE: &str = "Hints to verify, not data to upload: places where a classifier \
    suspects a high-voltage tower. Look at each one on imagery that may be traced; a score ranks, \
    it is no probability.";
/// What to know before mapping from it.
pub(super) const RULES: &str = "OpenStreetMap's Import Guidelines and Automated Edits code of \
    conduct apply to machine-made data, and its Organised Editing Guidelines to teams. Mapping \
    infrastructure is forbidden or dangerous in some places.";

/// A layer's name, marked where the imagery was drawn.
pub(super) fn layer_name(manifest: &Manifest, name: &str) -> String {
    if manifest.imagery.synthetic {
        format!("SYNTHETIC {name}")
    } else {
        name.to_owned()
    }
}

/// The label of one detection, for editors that show a feature's `desc`.
pub(super) fn label(manifest: &Manifest, detection: &Detection) -> String {
    let mark = if manifest.imagery.synthetic {
        "SYNTHETIC "
    } else {
        ""
    };
    let (rank, band) = (detection.rank, band(detection.rank));
    format!("{mark}hint {rank}, band {band}: verify, do not upload")
}

/// The band of a rank, as the styles colour it.
pub(super) fn band(rank: u64) -> &'static str {
    match rank {
        ..=100 => "A",
        101..=1_000 => "B",
        1_001..=10_000 => "C",
        _ => "D",
    }
}

/// Whose imagery it is, and whose map where one was compared with.
pub(super) fn attribution(request: &ExportRequest<'_>) -> String {
    let imagery = &request.manifest().imagery.attribution;
    match request.grid().comparison() {
        Some(_) => format!("{imagery}; {}", crate::osm::ATTRIBUTION),
        None => imagery.clone(),
    }
}

/// Where an export comes from.
#[derive(Serialize)]
pub(super) struct Provenance<'a> {
    generator: &'static str,
    synthetic: bool,
    note: &'static str,
    rules: &'static str,
    area: &'a str,
    zoom: u8,
    imagery: &'a str,
    attribution: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<&'a str>,
    model: &'a str,
    model_sha256: &'a str,
    manifest: String,
    threshold: f32,
    /// Tiles of this run whose picture repeats over distant places: no imagery, left out.
    placeholder_tiles: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    osm: Option<&'a Comparison>,
}

impl<'a> Provenance<'a> {
    pub(super) fn of(request: &'a ExportRequest<'_>) -> Self {
        let Manifest {
            area,
            imagery,
            model,
            ..
        } = request.manifest();
        Self {
            generator: concat!("hvmap ", env!("CARGO_PKG_VERSION")),
            synthetic: imagery.synthetic,
            note: NOTE,
            rules: RULES,
            area: &area.label,
            zoom: request.manifest().zoom,
            imagery: &imagery.name,
            attribution: attribution(request),
            terms: imagery.terms.as_deref(),
            model: &model.name,
            model_sha256: &model.checksum,
            manifest: request.manifest().hash(),
            threshold: request.threshold,
            placeholder_tiles: request.detections.placeholders().tiles(),
            osm: request.grid().comparison(),
        }
    }
}
