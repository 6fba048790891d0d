//! A scan of a real area with known towers and a pretended detector: what would it find and miss?
//!
//! In: a covered area, a file of towers, how the detector errs, and how to scan. Out: a ledger like
//! that of any run, which says SYNTHETIC, and the figures in [`Found`]. Never: imagery or a model.

mod course;
mod towers;

use std::{
    collections::HashMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use serde::Serialize;

use super::{
    CoveredArea, Observer, RunError, ScanSettings, error::check_range, strategy::Strategy,
};
use crate::{
    ledger::{
        ImageryRecord, Ledger, LedgerError, LedgerReader, MANIFEST_FORMAT_VERSION, Manifest,
        ModelRecord, SettingsRecord,
    },
    pipeline::{
        DetectorErrors, Drive, Recording, Simulated, SimulatedDetector, binormal_recall, grid_px,
    },
    telemetry::Stage,
    tiles::{Cover, PixelPosition, TileCoord, UNIT_TILES_MAX, mercator},
};

/// Score from which the pretended detector's answer is a hit.
const HIT: f32 = 0.5;

/// What a simulation may be told.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulationSettings {
    /// Known towers: GeoJSON, gzip allowed; points with `power=tower`, or all points if none has
    /// `power`.
    pub towers: PathBuf,
    pub scan: ScanSettings,
    pub hits: Hits,
    /// Probability that a tile without a tower is a hit, 0 to 1.
    pub false_positive_rate: f64,
    /// False positives come in clusters some 60 tiles wide, as terrain makes them.
    pub clustered: bool,
    /// Share of the area, 0 to 1, in regions some 60 tiles wide, where every tower is missed.
    pub missing: f64,
    /// The detector also says where in the tile a tower stands, with a normal error of this
    /// deviation along each axis.
    pub location_error_m: Option<f64>,
    /// Another seed, other errors.
    pub seed: u64,
}

/// How many tiles with a tower are hits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hits {
    /// The probability that one is, 0 to 1.
    Recall(f64),
    /// The area under the ROC curve, above 0.5 and below 1, from which the recall at the
    /// false-positive rate follows (binormal scores of equal deviation).
    Auc(f64),
}

impl Hits {
    fn recall(self, false_positive_rate: f64) -> Result<f64, RunError> {
        match self {
            Self::Recall(recall) => {
                check_range("recall", recall, "0 to 1", is_probability)?;
                Ok(recall)
            }
            Self::Auc(auc) => {
                check_range(
                    "area under the curve",
                    auc,
                    "above 0.5 and below 1",
                    |auc| auc > 0.5 && auc < 1.0,
                )?;
                Ok(binormal_recall(auc, false_positive_rate))
            }
        }
    }
}

fn is_probability(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

/// What a simulated scan found. Serialised it is what `hvmap simulate` gives as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    pub planned: u64,
    pub visited: u64,
    pub visited_fraction: f64,
    /// Tiles of the area that hold a known tower.
    pub truth_tiles: u64,
    pub full_scan_true_positives: u64,
    pub true_positives: u64,
    pub recall_of_full_scan: f64,
    pub full_scan_false_positives: u64,
    pub false_positives: u64,
}

/// A simulation, ready to scan.
#[derive(Debug)]
pub struct Simulation {
    area: CoveredArea,
    settings: SimulationSettings,
    errors: DetectorErrors,
    detector: SimulatedDetector,
}

impl Simulation {
    /// Reads the towers, and builds a detector that errs as the settings say.
    ///
    /// # Errors
    /// When the towers cannot be read or none lies in the area, or a setting is out of its range.
    pub fn new(
        area: CoveredArea,
        settings: SimulationSettings,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let errors = errors(&settings, area.cover())?;
        let towers: HashMap<TileCoord, PixelPosition> =
            towers::read(&settings.towers, area.cover(), observer)?;
        let detector = SimulatedDetector::new(towers, area.cover(), errors);
        Ok(Self {
            area,
            settings,
            errors,
            detector,
        })
    }

    /// Scans into a ledger in `out`, which may hold part of the same scan.
    ///
    /// # Errors
    /// When the folder holds another run, another process runs there, or it cannot be written.
    pub fn scan(&self, out: &Path, observer: &mut dyn Observer) -> Result<Ledger, RunError> {
        fs::create_dir_all(out).map_err(|source| RunError::Folder {
            dir: out.to_owned(),
            source,
        })?;
        let manifest = self.manifest();
        let mut ledger = match Ledger::open(out) {
            Err(LedgerError::NoRun { .. }) => Ledger::create(out, &manifest),
            opened => opened,
        }?;
        let mut differences = ledger.reader().manifest()?.differences(&manifest);
        if !differences.is_empty() {
            // The detector is told in several settings at once.
            differences.truncate(1);
            return Err(RunError::OtherSettings {
                dir: out.to_owned(),
                differences,
            });
        }
        let cover = self.area.cover();
        let strategy = Strategy::new(&self.told_of_the_detector(), cover, HIT, observer)?;
        let (scan, scan_settings) = strategy.record();
        let settings = SettingsRecord {
            scan,
            scan_settings,
            engine: "simulated".to_owned(),
            rate: None,
            model: None,
        };
        ledger.change_settings(&settings)?;
        let mut scan = strategy.open(cover, ledger.reader(), &settings, observer)?;
        let drive = Drive {
            ledger: &mut ledger,
            recording: Recording::First,
            threshold: HIT,
            stop: &AtomicBool::new(false),
            record: &Stage::new("record"),
            observe: &mut |_| {},
        };
        drive.run(scan.as_mut(), &mut Simulated::new(self.detector.clone()))?;
        Ok(ledger)
    }

    /// What a scan found, beside what a scan of everything would have found.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn measure(&self, ledger: &LedgerReader) -> Result<Found, RunError> {
        let (cover, detector) = (self.area.cover(), &self.detector);
        let (mut true_positives, mut false_positives) = (0, 0);
        ledger.candidates_by_rank(HIT, |candidate| {
            if detector.positives.contains_key(&candidate.tile) {
                true_positives += 1;
            } else {
                false_positives += 1;
            }
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })?;
        let full_scan_true_positives = count(detector.positives.keys().copied(), detector);
        let full_scan_false_positives = count(cover.iter(), detector) - full_scan_true_positives;
        let counts = ledger.counts(cover.count())?;
        Ok(Found {
            planned: counts.planned(),
            visited: counts.visited(),
            visited_fraction: counts.visited() as f64 / counts.planned() as f64,
            truth_tiles: detector.positives.len() as u64,
            full_scan_true_positives,
            true_positives,
            recall_of_full_scan: true_positives as f64 / (full_scan_true_positives as f64).max(1.0),
            full_scan_false_positives,
            false_positives,
        })
    }

    /// Writes how many towers and false positives were found by the time that so many tiles were
    /// looked at, as CSV.
    ///
    /// # Errors
    /// When the ledger cannot be read or the file cannot be written.
    pub fn write_course(&self, ledger: &LedgerReader, path: &Path) -> Result<(), RunError> {
        let visited = ledger.counts(self.area.cover().count())?.visited();
        course::write(path, ledger, visited, |tile| {
            self.detector.positives.contains_key(&tile)
        })
    }

    /// A guided scan is told how good the detector is, as a person would who has tried it.
    fn told_of_the_detector(&self) -> ScanSettings {
        let mut scan = self.settings.scan.clone();
        if let ScanSettings::Guided(guided) = &mut scan {
            guided.recall = guided
                .recall
                .or(Some(self.errors.recall.clamp(0.01, 0.98) as f32));
        }
        scan
    }

    /// A manifest that says what the detector is in place of a model.
    fn manifest(&self) -> Manifest {
        let Self {
            settings, errors, ..
        } = self;
        let detector = format!(
            "simulated, recall {:.4}, false-positive rate {}{}{}{}, seed {}",
            errors.recall,
            errors.false_positive_rate,
            if errors.clustered { " in clusters" } else { "" },
            if errors.missing > 0.0 {
                format!(", {} of the area missing", errors.missing)
            } else {
                String::new()
            },
            match settings.location_error_m {
                Some(metres) => format!(", located to {metres} m"),
                None => String::new(),
            },
            errors.seed
        );
        let grid = settings.location_error_m.map(|_| grid_px());
        Manifest {
            format_version: MANIFEST_FORMAT_VERSION,
            area: self.area.record(),
            zoom: self.area.cover().zoom(),
            imagery: ImageryRecord {
                name: format!("simulated from {}", settings.towers.display()),
                attribution: "SYNTHETIC – simulated, no imagery was looked at".to_owned(),
                terms: None,
                synthetic: true,
                rules: Vec::new(),
            },
            model: ModelRecord {
                name: detector.clone(),
                checksum: detector,
                classes: vec!["negative".to_owned(), "tower".to_owned()],
                positives: vec!["tower".to_owned()],
                precision: None,
                adaptation: None,
                trained_on_synthetic: true,
                attribution_columns_px: grid.clone(),
                attribution_rows_px: grid,
                answers: None,
            },
            threshold: HIT,
            keep_threshold: HIT,
            keep_payloads: false,
            unit_tiles_max: UNIT_TILES_MAX,
        }
    }
}

fn count(tiles: impl Iterator<Item = TileCoord>, detector: &SimulatedDetector) -> u64 {
    tiles.filter(|&tile| detector.hits(tile)).count() as u64
}

/// How the detector errs, by the settings.
fn errors(settings: &SimulationSettings, cover: &Cover) -> Result<DetectorErrors, RunError> {
    let rate = settings.false_positive_rate;
    check_range("false-positive rate", rate, "0 to 1", is_probability)?;
    check_range("missing share", settings.missing, "0 to 1", is_probability)?;
    let middle = cover.nth(cover.count() / 2);
    let lat = middle.map_or(0.0, |tile| tile.centre().lat);
    let metres_per_px = mercator::metres_per_px(lat, cover.zoom());
    Ok(DetectorErrors {
        recall: settings.hits.recall(rate)?,
        false_positive_rate: rate,
        clustered: settings.clustered,
        missing: settings.missing,
        location_px: settings
            .location_error_m
            .map(|metres| metres / metres_per_px),
        seed: settings.seed,
    })
}
