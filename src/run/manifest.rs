//! What a run's ledger says of its area.

use super::CoveredArea;
use crate::ledger::AreaRecord;

impl CoveredArea {
    pub(super) fn record(&self) -> AreaRecord {
        let (area, cover) = (self.area(), self.cover());
        let source = match area.buffer {
            Some(margin) => format!("{}, widened by {margin}", area.provenance),
            None => area.provenance.to_string(),
        };
        AreaRecord {
            label: area.label.clone(),
            source,
            tiles: cover.count(),
            digest: cover.digest(),
            outline: area.outline(),
        }
    }
}
