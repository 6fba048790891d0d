//! What a run will do: its area, imagery, model and manifest, checked before anything is fetched.

use std::{path::PathBuf, sync::Arc};

use super::{Args, command_line, default_out};
use crate::{
    cli::{CliError, DEMO_MODEL, area_args, imagery_args::ImagerySettings, terminal},
    imagery::ImagerySource,
    ledger::{Difference, ImageryRecord, Manifest, SettingsRecord},
    pipeline::model_record,
    predict::{
        Model, ModelInfo,
        remote::{is_server, same_answers},
    },
    tiles::{Cover, TileCoord, UNIT_TILES_MAX},
};

/// The imagery of the demo.
const DEMO_IMAGERY: &str = "synthetic:1";
/// Share of the threshold from which tiles are kept as candidates, unless told otherwise.
const KEEP_SHARE: f32 = 0.5;

/// Everything that a run needs, ready to start.
pub struct Plan {
    pub cover: Cover,
    pub source: Arc<dyn ImagerySource>,
    pub model: Arc<dyn Model>,
    pub manifest: Manifest,
    pub settings: SettingsRecord,
    /// Where a guided scan begins.
    pub seeds: Vec<TileCoord>,
    pub out: PathBuf,
    /// Servers run the model.
    is_served: bool,
    allow_model_change: bool,
}

impl Plan {
    /// Resolves the arguments.
    ///
    /// # Errors
    /// Whatever makes the run impossible, each with a hint.
    pub fn new(args: &Args) -> Result<Self, CliError> {
        let imagery = if args.demo {
            Some(DEMO_IMAGERY.to_owned())
        } else {
            args.imagery.imagery.clone()
        };
        let mut model = args.model.clone();
        if args.demo {
            model.models = vec![DEMO_MODEL.to_owned()];
        }
        let imagery = configured(imagery, &model.models)?;

        args.scan.check()?;
        let area = args.area.resolve()?;
        let cover = area_args::cover(&area, args.zoom)?;
        area_args::announce(&area);
        terminal::note(format_args!(
            "plan: {} tiles at zoom {}",
            terminal::grouped(cover.count()),
            cover.zoom()
        ));
        let source: Arc<dyn ImagerySource> = Arc::from(args.imagery.settings.open(&imagery)?);
        let is_served = model.models.iter().all(|name| is_server(name));
        let allow_model_change = model.server.allow_model_change;
        let model: Arc<dyn Model> = model.load()?.into();
        let description = source.description().clone();
        let info = model.info();
        refuse_demo_model_on_real_imagery(args, info, description.synthetic)?;

        let threshold = threshold(args, info)?;
        let keep_threshold = args
            .scoring
            .keep_threshold
            .unwrap_or(threshold * KEEP_SHARE);
        if keep_threshold > threshold {
            return Err(CliError::new(format!(
                "--keep-threshold {keep_threshold} is above the threshold {threshold}"
            ))
            .hint("what counts as a detection must be kept: lower --keep-threshold"));
        }
        let manifest = Manifest {
            area: area_args::record(&area, &cover),
            zoom: args.zoom,
            imagery: ImageryRecord {
                name: description.name.clone(),
                attribution: description.attribution.clone(),
                terms: description.terms.clone(),
                synthetic: description.synthetic,
                rules: rules(&args.imagery.settings),
            },
            model: model_record(info),
            threshold,
            keep_threshold,
            keep_payloads: args.scoring.keep_images,
            unit_tiles_max: UNIT_TILES_MAX,
        };
        let seeds = args.scan.seeds(&cover)?;
        let (scan, scan_settings) = args.scan.record(&cover, threshold, &seeds);
        let settings = SettingsRecord {
            scan,
            scan_settings,
            engine: info.engine.clone(),
            rate: args.imagery.settings.rate,
            model: None,
        };
        say_sources(&description, info);
        Ok(Self {
            out: args
                .out
                .clone()
                .unwrap_or_else(|| default_out(&area.label, args.zoom)),
            cover,
            source,
            model,
            manifest,
            settings,
            seeds,
            is_served,
            allow_model_change,
        })
    }

    /// The command that was given, keys redacted.
    pub fn command_to_paste(&self) -> String {
        command_line::to_paste()
    }

    /// Compares with the run that a folder holds, before this one goes on in it. A model that was
    /// swapped since is refused or, where that is allowed, noted in the settings.
    pub fn go_on_from(&mut self, recorded: &Manifest) -> Result<(), CliError> {
        if let Some(difference) = self.another_served_model(recorded) {
            if !self.allow_model_change {
                return Err(self.model_changed(&difference));
            }
            terminal::warn(format_args!(
                "the run in {} goes on with another model, and mixes the scores of both: \
                 {difference}",
                self.out.display()
            ));
            let now = &self.manifest.model;
            self.settings.model = Some(format!("{} {}", now.name, now.checksum));
            self.manifest.model = recorded.model.clone();
        }
        let differences = recorded.differences(&self.manifest);
        if differences.is_empty() {
            return Ok(());
        }
        Err(self.other_settings(&differences))
    }

    /// What tells the servers' model from the one that the run was begun with, where both answer the
    /// same classes in the same way.
    fn another_served_model(&self, recorded: &Manifest) -> Option<String> {
        let (then, now) = (&recorded.model, &self.manifest.model);
        if !self.is_served
            || then.classes != now.classes
            || then.positives != now.positives
            || then.adaptation != now.adaptation
            || then.attribution_columns_px != now.attribution_columns_px
            || then.attribution_rows_px != now.attribution_rows_px
            || then.trained_on_synthetic != now.trained_on_synthetic
        {
            return None;
        }
        if then.checksum != now.checksum {
            return Some(format!(
                "{} {} then, {} {} now",
                then.name, then.checksum, now.name, now.checksum
            ));
        }
        // A server that tells no checksum may hold another model under the same name and version.
        match (&then.answers, &now.answers) {
            (Some(then), Some(now)) if !same_answers(then, now) => {
                Some("the built-in tiles are answered otherwise".to_owned())
            }
            _ => None,
        }
    }

    fn model_changed(&self, difference: &str) -> CliError {
        CliError::new(format!(
            "the model servers do not hold the model that the run in {} was begun with: {difference}",
            self.out.display()
        ))
        .hint(
            "serve the model of the run's start again, or give this run another folder with --out\n\
             --allow-model-change goes on and mixes the scores of both",
        )
    }

    fn other_settings(&self, differences: &[Difference]) -> CliError {
        let list: Vec<String> = differences
            .iter()
            .map(|d| format!("{} is {} there and {} here", d.setting, d.recorded, d.asked))
            .collect();
        let mut hint = "give this run another folder with --out, or use the settings of the run \
                        there"
            .to_owned();
        if differences.iter().any(|d| d.setting == "threshold") {
            hint.push_str(&format!(
                "\nto see a finished run at another threshold: hvmap export {} --format geojson \
                 --threshold {} -o towers.geojson",
                self.out.display(),
                self.manifest.threshold
            ));
        }
        CliError::new(format!(
            "{} holds a run with other settings: {}",
            self.out.display(),
            list.join("; ")
        ))
        .hint(hint)
    }
}

/// The imagery, unless imagery or model is missing: then how to get going.
fn configured(imagery: Option<String>, models: &[String]) -> Result<String, CliError> {
    let missing = match (&imagery, models) {
        (Some(_), [_, ..]) => None,
        (None, []) => Some("no imagery and no model are configured"),
        (None, _) => Some("no imagery is configured"),
        (Some(_), []) => Some("no model is configured"),
    };
    let imagery_is_missing = imagery.is_none();
    match (imagery, missing) {
        (Some(imagery), None) => Ok(imagery),
        (_, missing) => {
            let mut command = command_line::to_paste();
            if imagery_is_missing {
                command.push_str(" --imagery imagery.mbtiles");
            }
            if models.is_empty() {
                command.push_str(" --model model.onnx");
            }
            Err(
                CliError::new(missing.unwrap_or("no imagery is configured")).hint(format!(
                    "the demo draws its own imagery and brings a model that knows it:\n  \
                     hvmap run --country san-marino --zoom 18 --demo\n\
                     your own imagery and model:\n  \
                     {command}\n\
                     or set them once in hvmap.toml, here or in ~/.config/hvmap:\n  \
                     [run]\n  \
                     imagery = \"imagery.mbtiles\"\n  \
                     model = \"model.onnx\""
                )),
            )
        }
    }
}

fn say_sources(description: &crate::imagery::SourceDescription, info: &ModelInfo) {
    let credit = match description.attribution.as_str() {
        "" => "no attribution known".to_owned(),
        attribution => attribution.to_owned(),
    };
    terminal::note(format_args!("imagery: {} ({credit})", description.name));
    if let Some(terms) = &description.terms {
        terminal::note(format_args!("terms: {terms}"));
    }
    terminal::note(format_args!("model: {}, {}", info.name, info.engine));
}

fn refuse_demo_model_on_real_imagery(
    args: &Args,
    info: &ModelInfo,
    imagery_is_synthetic: bool,
) -> Result<(), CliError> {
    if !info.trained_on_synthetic || imagery_is_synthetic || args.scoring.allow_synthetic_model {
        return Ok(());
    }
    Err(CliError::new(format!(
        "the model {} was trained on drawn imagery alone and knows nothing of the real world",
        info.name
    ))
    .hint(
        "name a model trained on real imagery with --model, or override with \
         --allow-synthetic-model to see for yourself",
    ))
}

fn threshold(args: &Args, info: &ModelInfo) -> Result<f32, CliError> {
    args.scoring
        .threshold
        .or(info.default_threshold)
        .ok_or_else(|| {
            CliError::new(format!("the model {} recommends no threshold", info.name)).hint(
                "choose one with --threshold; in country-wide runs strict ones pay, such as 0.9, \
             because almost all tiles hold no tower",
            )
        })
}

/// The flags that decide what a server answers and which answers count as imagery.
fn rules(settings: &ImagerySettings) -> Vec<String> {
    let headers = settings
        .headers
        .iter()
        .map(|pair| format!("header {}", pair.name));
    let no_imagery = settings
        .no_imagery_headers
        .iter()
        .map(|pair| format!("no imagery where {}: {}", pair.name, pair.value));
    let hashes = settings
        .no_imagery_hashes
        .iter()
        .map(|hash| format!("no imagery is {hash:?}"));
    let statuses = settings
        .no_imagery_statuses
        .iter()
        .map(|status| format!("no imagery at status {status}"));
    let mut rules: Vec<String> = headers
        .chain(no_imagery)
        .chain(hashes)
        .chain(statuses)
        .collect();
    rules.sort_unstable();
    rules
}
