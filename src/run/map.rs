//! What stands in a run's folder beside its ledger.

use std::path::{Path, PathBuf};

use super::RunError;
use crate::{
    export::{self, Audit, ExportRequest, Format, IfExists},
    ledger::LedgerReader,
    tiles::{Cover, StateCounts},
};

/// Tiles drawn at random, and the file that shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnAudit {
    pub path: PathBuf,
    pub audit: Audit,
}

/// Writes `towers.geojson` with its style and `towers.mbtiles`, and answers the number of detections.
/// What turns out to be a placeholder is counted as missing imagery.
pub(super) fn write(
    ledger: &LedgerReader,
    threshold: f32,
    out: &Path,
    counts: &mut StateCounts,
) -> Result<u64, RunError> {
    let request = ExportRequest::new(ledger, threshold)?;
    request.detections().placeholders().reclassify(counts);
    export::write_qgis_style(&out.join("towers.qml"))?;
    let mut detections = 0;
    for (format, name) in [
        (Format::Geojson, "towers.geojson"),
        (Format::Mbtiles, "towers.mbtiles"),
    ] {
        detections = export::write(format, &request, &out.join(name), IfExists::Replace)?;
    }
    Ok(detections)
}

/// Draws tiles for people to look at, into `audit.geojson`.
pub(super) fn draw_audit(
    ledger: &LedgerReader,
    cover: &Cover,
    out: &Path,
    wanted: u64,
) -> Result<DrawnAudit, RunError> {
    let audit = Audit::draw(ledger, cover, wanted)?;
    let path = out.join("audit.geojson");
    audit.write(ledger, &path)?;
    Ok(DrawnAudit { path, audit })
}
