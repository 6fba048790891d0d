//! How a run stands.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{Notice, RunError};
use crate::{
    detections::{Detections, count_towers},
    ledger::{LedgerError, LedgerReader, Manifest},
    pipeline::Ending,
    telemetry::{StageReport, TroubleReport},
    tiles::{StateCounts, VisitReason},
};

/// How a run stands, at the end of a start or at any other time. Serialised it is the object
/// that `hvmap run` and `hvmap status` give as JSON.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub planned: u64,
    #[serde(flatten)]
    pub counts: StateCounts,
    /// Likely towers, each once: as many as an export of what is committed holds.
    pub detections: u64,
    /// Seconds of this start; `None` of a run that is only read.
    pub elapsed_s: Option<f64>,
    /// Tiles answered a second in this start.
    pub tiles_per_s: Option<f64>,
    pub stages: Vec<StageReport>,
    /// Why tiles were not scored, in this start.
    pub trouble: Vec<TroubleReport>,
    pub out: PathBuf,
    /// The name of this run, which no other run has; `None` in a ledger of version 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// SHA-256 of the manifest, which every export carries.
    pub manifest: String,
    pub synthetic: bool,
    /// How this start ended; `None` of a run that is only read.
    #[serde(skip)]
    pub ending: Option<Ending>,
    /// What people were told since the run was opened.
    #[serde(skip)]
    pub notices: Vec<Notice>,
}

impl Report {
    /// How the run stands that a folder holds, also while another process works on it.
    ///
    /// # Errors
    /// When the folder holds no run, or its ledger cannot be read.
    pub fn read(dir: &Path) -> Result<Self, RunError> {
        Self::of(&LedgerReader::open(dir)?, dir)
    }

    /// How the run stands whose ledger lies in `out`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn of(ledger: &LedgerReader, out: &Path) -> Result<Self, RunError> {
        let manifest = ledger.manifest()?;
        let (counts, detections) = standing(ledger, &manifest)?;
        Ok(Self {
            planned: counts.planned(),
            counts,
            detections,
            out: out.to_owned(),
            run_id: ledger.run_id()?,
            manifest: manifest.hash(),
            synthetic: manifest.imagery.synthetic,
            ..Self::default()
        })
    }

    /// Whether this start got to the end of its plan, with or without failed tiles.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ending == Some(Ending::Complete)
    }
}

/// The states of a run's tiles, and as many towers as an export would hold now: what two tiles show
/// is one, placeholders are none.
pub(super) fn standing(
    ledger: &LedgerReader,
    manifest: &Manifest,
) -> Result<(StateCounts, u64), RunError> {
    let mut counts = ledger.counts(manifest.area.tiles)?;
    let detections = Detections::of(ledger)?;
    detections.placeholders().reclassify(&mut counts);
    Ok((counts, count_towers(&detections, manifest.threshold)?))
}

/// Tiles looked at for each reason; none where everything was to be looked at.
///
/// # Errors
/// When the ledger cannot be read.
pub fn visits(ledger: &LedgerReader) -> Result<BTreeMap<VisitReason, u64>, LedgerError> {
    let mut tiles: BTreeMap<VisitReason, u64> = BTreeMap::new();
    for (reason, _, mask) in ledger.visits()? {
        *tiles.entry(reason).or_default() += mask.count() as u64;
    }
    if tiles
        .keys()
        .all(|&reason| reason == VisitReason::Everything)
    {
        tiles.clear();
    }
    Ok(tiles)
}

/// Tiles a second, without dividing by nothing.
pub(super) fn rate(tiles: u64, elapsed: Duration) -> f64 {
    tiles as f64 / elapsed.as_secs_f64().max(1e-9)
}
