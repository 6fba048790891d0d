//! What a client of this program asks of a server and no protocol has a word for.
//!
//! REST and KServe v2 over HTTP carry it in their metadata under [`KEY`]; gRPC's messages have no
//! room for it, so there it is a header of the answer, [`HEADER`].

use serde_json::{Value, json};

use super::repository::Served;

/// Its key in JSON; other clients pass it over.
pub(super) const KEY: &str = "hvmap";
/// Its header in gRPC, with the JSON as bytes.
pub(super) const HEADER: &str = "hvmap-model-bin";

/// The classes, and what is known of the model.
pub(super) fn facts(served: &Served) -> Value {
    let info = &served.info;
    json!({
        "checksum": info.checksum,
        "engine": info.engine,
        "classes": info.classes,
        "positives": info.positives,
        "combine": served.contract.combine().to_string(),
        "threshold": info.default_threshold,
        "precision": info.precision,
        "trained_on_synthetic": info.trained_on_synthetic,
        "attribution_columns_px": info.attribution.as_ref().map(|map| &map.columns_px),
        "attribution_rows_px": info.attribution.as_ref().map(|map| &map.rows_px),
    })
}
