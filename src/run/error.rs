//! What makes a run impossible, or ends it before its plan is done.

use std::{fmt::Display, io, path::PathBuf};

use crate::{
    area::AreaError,
    detections::DetectionsError,
    evaluation::TruthError,
    export::ExportError,
    imagery::ImageryError,
    ledger::{Difference, LedgerError},
    osm::OsmError,
    pipeline::PipelineError,
    predict::PredictError,
    tiles::StateCounts,
};

/// Trouble with a run. What was committed before it is safe, and the run can be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    #[error(transparent)]
    Area(#[from] AreaError),
    #[error(transparent)]
    Imagery(#[from] ImageryError),
    #[error(transparent)]
    Predict(#[from] PredictError),
    #[error(transparent)]
    Osm(#[from] OsmError),
    #[error(transparent)]
    Truth(#[from] TruthError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Detections(#[from] DetectionsError),
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A file or folder that a packager makes a model of, and is none yet.
    #[error("{} is {what}, expected an ONNX file", path.display())]
    NotPackaged { path: PathBuf, what: &'static str },
    /// Servers were asked for, and none was named.
    #[error("no model server is named, expected at least one")]
    NoServers,
    /// What asks for one file got servers.
    #[error("{} is a model server, expected a file here", urls.join(", "))]
    ServersNotFile { urls: Vec<String> },
    /// What asks for servers got a file.
    #[error("{model} is a file, expected a model server here")]
    FileNotServers { model: String },
    #[error(
        "the model {model} was trained on drawn imagery alone and knows nothing of the real world"
    )]
    SyntheticModel { model: String },
    #[error("the model {model} recommends no threshold")]
    NoThreshold { model: String },
    #[error("the keep threshold {keep_threshold} is above the threshold {threshold}")]
    KeepAboveThreshold { keep_threshold: f32, threshold: f32 },
    #[error("the {setting} is out of range (got {got}, expected {expected})")]
    OutOfRange {
        setting: &'static str,
        got: String,
        expected: &'static str,
    },
    /// A file knows of nothing in the area at which a guided scan could begin.
    #[error("{} knows of no loose end, substation or lone tower inside the area", path.display())]
    NoSeeds { path: PathBuf },
    #[error("{} holds no tower inside the area", path.display())]
    NoTowersInside { path: PathBuf },
    #[error("cannot make the folder {}", dir.display())]
    Folder {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds a run with other settings: {}", dir.display(), in_words(differences))]
    OtherSettings {
        dir: PathBuf,
        differences: Vec<Difference>,
    },
    #[error(
        "the model servers do not hold the model that the run in {} was begun with: {difference}",
        dir.display()
    )]
    ServedModelChanged { dir: PathBuf, difference: String },
    /// What a report shows of a run would be of drawn imagery where the run is of real one, or the
    /// other way round.
    #[error("chips of SYNTHETIC and of real imagery do not mix, and the run's is the other")]
    ChipsOfOtherKind { run: String },
    /// The stored outcomes hold other states than the kept counts say: a fault of hvmap or of the disk.
    #[error(
        "the kept counts are not those of the run's tiles (got {kept:?}, counted {recounted:?})"
    )]
    Miscounted {
        kept: StateCounts,
        recounted: StateCounts,
    },
    /// A scan of everything ended without having looked at everything: a fault of hvmap.
    #[error("a scan of everything left {not_visited} tiles unvisited, expected none")]
    LeftOut { not_visited: u64 },
}

fn in_words(differences: &[Difference]) -> String {
    let each = differences.iter().map(|difference| {
        format!(
            "{} is {} there and {} here",
            difference.setting, difference.recorded, difference.asked
        )
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Refuses a setting that is not `allowed`.
pub(super) fn check_range<T: Copy + Display>(
    setting: &'static str,
    got: T,
    expected: &'static str,
    allowed: impl FnOnce(T) -> bool,
) -> Result<(), RunError> {
    if allowed(got) {
        return Ok(());
    }
    Err(RunError::OutOfRange {
        setting,
        got: got.to_string(),
        expected,
    })
}
