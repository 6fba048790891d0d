//! What a run will do, checked before anything is fetched.

use std::path::{Path, PathBuf};

use super::{
    CoveredArea, Imagery, LoadedModel, Observer, RunError, ScanSettings, ScoringSettings,
    scoring::Thresholds, strategy::Strategy,
};
use crate::{
    imagery::SourceDescription,
    ledger::{self, Manifest, SettingsRecord},
    pipeline::model_record,
    predict::ModelInfo,
    tiles::{Cover, UNIT_TILES_MAX},
};

/// Everything that a run needs, ready to start. A plan may be started, gone on with and retried as
/// often as wanted.
///
/// ```no_run
/// use hvmap::{
///     imagery::SourceOptions,
///     run::{
///         AreaChoice, CoveredArea, GuidedSettings, Imagery, ModelChoice, Plan, ScanSettings,
///         ScoringSettings,
///     },
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let area = AreaChoice::Bounds("12.40,43.90,12.48,43.95".parse()?).resolve(None)?;
/// let plan = Plan::new(
///     CoveredArea::new(area, 18)?,
///     Imagery::open("ortho.mbtiles", &SourceOptions::default())?,
///     ModelChoice::file("models/hv_grid/1/model.onnx").load(&mut ())?,
///     // The net and the lines that it catches, but no more than 1,000 tiles.
///     &ScanSettings::Guided(GuidedSettings {
///         budget: Some(1_000),
///         ..GuidedSettings::default()
///     }),
///     &ScoringSettings {
///         threshold: Some(0.9),
///         ..ScoringSettings::default()
///     },
///     &mut (),
/// )?;
/// println!("{} tiles at zoom {}", plan.cover().count(), plan.cover().zoom());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) area: CoveredArea,
    pub(super) imagery: Imagery,
    pub(super) model: LoadedModel,
    pub(super) strategy: Strategy,
    pub(super) manifest: Manifest,
    pub(super) settings: SettingsRecord,
}

impl Plan {
    /// Checks that the parts go together, and decides what the settings leave open.
    ///
    /// # Errors
    /// When the model was trained on drawn imagery alone, the imagery is real and that is not
    /// allowed; when thresholds or the scan's settings are out of their ranges; when the file that a
    /// guided scan begins with cannot be used.
    pub fn new(
        area: CoveredArea,
        imagery: Imagery,
        model: LoadedModel,
        scan: &ScanSettings,
        scoring: &ScoringSettings,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let info = model.model.info();
        scoring.check_model(info, imagery.source.description().synthetic)?;
        let Thresholds {
            threshold,
            keep_threshold,
        } = scoring.thresholds(info)?;
        let manifest = Manifest {
            format_version: ledger::MANIFEST_FORMAT_VERSION,
            area: area.record(),
            zoom: area.cover().zoom(),
            imagery: imagery.record(),
            model: model_record(info),
            threshold,
            keep_threshold,
            keep_payloads: scoring.keep_images,
            unit_tiles_max: UNIT_TILES_MAX,
        };
        let strategy = Strategy::new(scan, area.cover(), threshold, observer)?;
        let (scan, scan_settings) = strategy.record();
        let settings = SettingsRecord {
            scan,
            scan_settings,
            engine: info.engine.clone(),
            rate: imagery.rate,
            model: None,
        };
        Ok(Self {
            area,
            imagery,
            model,
            strategy,
            manifest,
            settings,
        })
    }

    /// The area and the tiles that cover it.
    #[must_use]
    pub fn area(&self) -> &CoveredArea {
        &self.area
    }

    /// The tiles that cover the area.
    #[must_use]
    pub fn cover(&self) -> &Cover {
        self.area.cover()
    }

    /// Where the imagery comes from.
    #[must_use]
    pub fn imagery(&self) -> &SourceDescription {
        self.imagery.source.description()
    }

    /// The model that classifies it.
    #[must_use]
    pub fn model(&self) -> &ModelInfo {
        self.model.model.info()
    }

    /// Everything that the run's outcomes depend on.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether the scan is guided, and leaves out tiles that promise little.
    #[must_use]
    pub fn is_guided(&self) -> bool {
        matches!(self.strategy, Strategy::Follow { .. })
    }

    /// The folder of a run that was given none: `runs/AREA-zZOOM`.
    #[must_use]
    pub fn default_out(&self) -> PathBuf {
        let slug: String = self
            .area
            .area()
            .label
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .flat_map(char::to_lowercase)
            .collect();
        let zoom = self.cover().zoom();
        Path::new("runs").join(format!("{}-z{zoom}", slug.trim_matches('-')))
    }
}
