//! A run by another door than the command line: planned, started, stopped, gone on with, retried and
//! read through the library alone.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hvmap::{
    export::{self, Against, ExportError, ExportRequest, Format, IfExists},
    image::RgbTile,
    imagery::{
        Emit, FetchFailure, Fetched, ImageryError, ImagerySource, RetryClass, SourceDescription,
        SourceOptions,
    },
    ledger::LedgerError,
    osm::PowerFeatures,
    pipeline::{Ending, PipelineError, Progress},
    predict::{Classifier, Model, ModelInfo, PredictError},
    run::{
        AreaChoice, Clocks, CoveredArea, GuidedSettings, Imagery, LoadedModel, ModelChoice, Notice,
        Observer, Plan, Report, Run, RunError, ScanSettings, ScoringSettings, StopHandle,
        fetch_chips,
        simulation::{Hits, Simulation, SimulationSettings},
    },
    tiles::{StateCounts, TileCoord, WorkUnit},
};

use crate::{
    program,
    run_command::{AREA, SMALL_AREA, exports},
};

const ZOOM: u8 = 18;

/// An area of the tests of the command, here without its flag.
fn covered(flag: &str) -> CoveredArea {
    let bounds = flag.strip_prefix("--bbox=").unwrap().parse().unwrap();
    let area = AreaChoice::Bounds(bounds).resolve(None).unwrap();
    CoveredArea::new(area, ZOOM).unwrap()
}

fn drawn(spec: &str) -> Imagery {
    Imagery::open(spec, &SourceOptions::default()).unwrap()
}

fn packaged() -> LoadedModel {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/contract.onnx");
    ModelChoice::file(file).load(&mut ()).unwrap()
}

/// As the tests of the command have it.
fn scoring() -> ScoringSettings {
    ScoringSettings {
        threshold: Some(0.99),
        allow_synthetic_model: true,
        ..ScoringSettings::default()
    }
}

fn plan(flag: &str, imagery: Imagery, scan: &ScanSettings) -> Plan {
    let area = covered(flag);
    Plan::new(area, imagery, packaged(), scan, &scoring(), &mut ()).unwrap()
}

/// Pictures that differ from place to place, some of which fail while they are told to.
struct Pictures {
    description: SourceDescription,
    failing: Arc<AtomicBool>,
}

impl Pictures {
    fn new(synthetic: bool) -> Self {
        Self {
            description: SourceDescription {
                name: "pictures".to_owned(),
                attribution: "nobody".to_owned(),
                terms: None,
                synthetic,
                zoom_max: None,
            },
            failing: Arc::default(),
        }
    }

    fn answer(&self, tile: TileCoord) -> Fetched {
        match (tile.x + tile.y) % 8 {
            0 => Fetched::NoImagery,
            1 if self.failing.load(Ordering::Relaxed) => Fetched::Failed(FetchFailure {
                retry: RetryClass::Permanent,
                reason: "told to".to_owned(),
            }),
            _ => {
                let mut pixels = RgbTile::new();
                let hash = tile.x.wrapping_mul(2_654_435_761) ^ tile.y.wrapping_mul(40_503);
                for (position, byte) in pixels.as_bytes_mut().iter_mut().enumerate() {
                    *byte = hash.to_le_bytes()[position / 7 % 4];
                }
                Fetched::Pixels(pixels)
            }
        }
    }
}

impl ImagerySource for Pictures {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        2
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        for tile in unit.tiles() {
            if emit(tile, self.answer(tile)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// Stops a run after its first commit, and remembers what it was told.
#[derive(Default)]
struct StopsEarly {
    stop: StopHandle,
    notices: Vec<Notice>,
    tiles_wanted: u64,
    ending: Option<Ending>,
}

impl Observer for StopsEarly {
    fn notice(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
    }

    fn scan_begins(&mut self, tiles_wanted: u64) {
        self.tiles_wanted = tiles_wanted;
    }

    fn progress(&mut self, progress: &Progress, _clocks: &Clocks) {
        if progress.tiles_answered > 0 {
            self.stop.stop();
        }
    }

    fn scan_ends(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }
}

fn sum(counts: &StateCounts) -> u64 {
    counts.visited() + counts.not_visited
}

#[test]
fn a_run_is_started_stopped_gone_on_with_retried_and_read_without_a_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let pictures = Pictures::new(false);
    let failing = Arc::clone(&pictures.failing);
    failing.store(true, Ordering::Relaxed);
    let plan = plan(
        AREA,
        Imagery::of(Arc::new(pictures)),
        &ScanSettings::Everything,
    );
    let planned = plan.cover().count();

    let mut watch = StopsEarly::default();
    let stop = watch.stop.clone();
    let stopped = Run::open(&plan, &out, &mut watch)
        .unwrap()
        .start(&stop, &mut watch)
        .unwrap();
    assert!(!stopped.is_complete());
    assert_eq!(watch.ending, Some(Ending::Interrupted));
    assert_eq!(watch.tiles_wanted, planned);
    assert!(stopped.counts.visited() > 0 && stopped.counts.not_visited > 0);
    assert_eq!(sum(&stopped.counts), planned);
    assert!(
        !out.join("towers.geojson").exists(),
        "the map comes at the end"
    );

    let mut watch = StopsEarly::default();
    let mut run = Run::resume(&plan, &out, &mut watch).unwrap();
    assert!(
        matches!(watch.notices[..], [Notice::GoingOn { visited, .. }]
            if visited == stopped.counts.visited()),
        "{:?}",
        watch.notices
    );
    let whole = run
        .start(&StopHandle::default(), &mut StopsEarly::default())
        .unwrap();
    assert!(whole.is_complete());
    assert_eq!(whole.notices, watch.notices);
    assert_eq!(whole.counts.not_visited, 0);
    assert!(whole.counts.fetch_failed > 0 && whole.counts.no_imagery > 0);
    assert_eq!(sum(&whole.counts), planned);

    failing.store(false, Ordering::Relaxed);
    let retried = run.retry_failed(&StopHandle::default(), &mut ()).unwrap();
    assert!(retried.is_complete());
    assert_eq!(retried.counts.failed(), 0);
    assert_eq!(retried.counts.no_imagery, whole.counts.no_imagery);
    assert_eq!(sum(&retried.counts), planned);

    // Readers need no lock, so the run may still be open.
    let read = Report::read(&out).unwrap();
    assert_eq!(read.counts, retried.counts);
    assert_eq!(read.detections, retried.detections);
    assert_eq!(read.manifest, retried.manifest);
    assert!(!read.synthetic && read.ending.is_none());
    drop(run);

    // What an undisturbed run finds is the same.
    let other = folder.path().join("undisturbed");
    let undisturbed = Run::open(&plan, &other, &mut ())
        .unwrap()
        .start(&StopHandle::default(), &mut ())
        .unwrap();
    assert_eq!(undisturbed.counts, retried.counts);
    assert_eq!(undisturbed.detections, retried.detections);
}

#[test]
fn a_run_by_the_library_counts_and_maps_as_the_command_does() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(SMALL_AREA, drawn("synthetic:7"), &ScanSettings::Everything);
    let own = folder.path().join("library");
    let report = Run::open(&plan, &own, &mut ())
        .unwrap()
        .start(&StopHandle::default(), &mut ())
        .unwrap();

    let command = folder.path().join("command");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/contract.onnx");
    let mut args = vec!["run", SMALL_AREA, "--zoom", "18", "--json"];
    args.extend(["--imagery", "synthetic:7", "--threshold", "0.99"]);
    args.extend(["--model", model.to_str().unwrap()]);
    args.extend(["--out", command.to_str().unwrap()]);
    let output = program::hvmap(args);
    assert_eq!(output.code, 0, "{output}");
    let printed: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let of_library = serde_json::to_value(&report).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&printed), keys(&of_library));
    for key in ["planned", "scored", "blank", "detections", "manifest"] {
        assert_eq!(printed[key], of_library[key], "{key}");
    }
    let counts: StateCounts = serde_json::from_value(printed).unwrap();
    assert_eq!(counts, report.counts);
    assert_eq!(exports(&own), exports(&command));
}

#[test]
fn a_guided_scan_within_a_budget_leaves_the_rest_and_everything_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let guided = ScanSettings::Guided(GuidedSettings {
        budget: Some(20),
        ..GuidedSettings::default()
    });
    let first = plan(SMALL_AREA, drawn("synthetic:7"), &guided);
    let report = Run::open(&first, folder.path(), &mut ())
        .unwrap()
        .start(&StopHandle::default(), &mut ())
        .unwrap();
    assert!(report.is_complete() && report.counts.not_visited > 0);
    assert!(report.counts.visited() <= 20);

    let everything = plan(SMALL_AREA, drawn("synthetic:7"), &ScanSettings::Everything);
    let mut watch = StopsEarly::default();
    let mut run = Run::open(&everything, folder.path(), &mut watch).unwrap();
    let report = run.start(&StopHandle::default(), &mut watch).unwrap();
    assert!(watch.notices.contains(&Notice::EarlierScan));
    assert_eq!(report.counts.not_visited, 0);
    assert_eq!(sum(&report.counts), report.planned);
}

/// A model that says of itself what it was trained on.
struct Trained {
    model: Arc<dyn Model>,
    info: ModelInfo,
}

impl Model for Trained {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn workers(&self) -> usize {
        self.model.workers()
    }

    fn classifier(&self) -> Result<Box<dyn Classifier>, PredictError> {
        self.model.classifier()
    }
}

fn trained(on_synthetic: bool) -> LoadedModel {
    let model = Arc::clone(packaged().model());
    let info = ModelInfo {
        trained_on_synthetic: on_synthetic,
        ..model.info().clone()
    };
    LoadedModel::of(Arc::new(Trained { model, info }))
}

fn combined(
    model_synthetic: bool,
    imagery_synthetic: bool,
    scoring: &ScoringSettings,
) -> Result<Plan, RunError> {
    Plan::new(
        covered(SMALL_AREA),
        Imagery::of(Arc::new(Pictures::new(imagery_synthetic))),
        trained(model_synthetic),
        &ScanSettings::Everything,
        scoring,
        &mut (),
    )
}

#[test]
fn a_model_of_drawn_imagery_judges_real_imagery_only_where_that_is_allowed() {
    let strict = ScoringSettings {
        threshold: Some(0.9),
        ..ScoringSettings::default()
    };
    assert!(matches!(
        combined(true, false, &strict),
        Err(RunError::SyntheticModel { .. })
    ));
    let allowing = ScoringSettings {
        allow_synthetic_model: true,
        ..strict.clone()
    };
    let allowed = combined(true, false, &allowing).unwrap();
    assert!(allowed.manifest().model.trained_on_synthetic);
    assert!(!allowed.manifest().imagery.synthetic);
    for (model, imagery) in [(true, true), (false, true), (false, false)] {
        let plan = combined(model, imagery, &strict).unwrap();
        assert_eq!(plan.manifest().model.trained_on_synthetic, model);
        assert_eq!(plan.manifest().imagery.synthetic, imagery);
    }
}

#[test]
fn a_run_says_synthetic_by_its_imagery_and_never_goes_on_with_the_other_kind() {
    let folder = tempfile::tempdir().unwrap();
    let plan = combined(false, true, &scoring()).unwrap();
    let report = Run::open(&plan, folder.path(), &mut ())
        .unwrap()
        .start(&StopHandle::default(), &mut ())
        .unwrap();
    assert!(report.synthetic);
    assert!(Report::read(folder.path()).unwrap().synthetic);
    // The other source even bears the same name.
    let real = combined(false, false, &scoring()).unwrap();
    match Run::open(&real, folder.path(), &mut ()) {
        Err(RunError::OtherSettings { differences, .. }) => {
            let settings: Vec<_> = differences.iter().map(|one| one.setting.as_str()).collect();
            assert!(settings.contains(&"imagery.synthetic"), "{settings:?}");
        }
        other => panic!("{:?}", other.map(|_| "opened")),
    }
}

#[test]
fn a_report_shows_no_drawn_images_of_a_run_over_real_imagery_nor_the_other_way_round() {
    let source = |synthetic| Pictures::new(synthetic);
    for synthetic in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let plan = combined(false, synthetic, &scoring()).unwrap();
        let mut run = Run::open(&plan, folder.path(), &mut ()).unwrap();
        run.start(&StopHandle::default(), &mut ()).unwrap();
        let request = ExportRequest::new(run.ledger(), 0.99).unwrap();
        assert!(matches!(
            fetch_chips(&source(!synthetic), &request, &mut ()),
            Err(RunError::ChipsOfOtherKind { .. })
        ));
        fetch_chips(&source(synthetic), &request, &mut ()).unwrap();
    }
}

#[test]
fn drawn_towers_reach_no_format_for_mapping_unless_that_is_allowed() {
    for synthetic in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let plan = combined(false, synthetic, &scoring()).unwrap();
        let mut run = Run::open(&plan, folder.path(), &mut ()).unwrap();
        run.start(&StopHandle::default(), &mut ()).unwrap();
        for allowed in [true, false] {
            let refused = synthetic && !allowed;
            let request = || {
                ExportRequest::new(run.ledger(), 0.99)
                    .unwrap()
                    .with_synthetic_allowed(allowed)
            };
            let is_refused = |result: Result<u64, ExportError>| {
                matches!(result, Err(ExportError::Synthetic { .. }))
            };
            let mut out = Vec::new();
            for format in Format::ALL
                .iter()
                .copied()
                .filter(|format| format.is_for_mapping())
            {
                let written = export::write_to(format, &request(), &mut out);
                assert_eq!(is_refused(written), refused, "{format}");
            }
            let bundle = folder.path().join(format!("bundle-{allowed}"));
            let written = export::write_bundle(request(), &bundle, IfExists::Refuse);
            assert_eq!(is_refused(written), refused);
            assert_eq!(bundle.exists(), !refused);
            let against = Against {
                features: &PowerFeatures::default(),
                radius_m: 50.0,
                allow_synthetic: allowed,
            };
            let compared = ExportRequest::against(run.ledger(), 0.99, Some(against));
            assert_eq!(is_refused(compared.map(|_| 0)), refused);
        }
    }
}

#[test]
fn settings_that_would_lose_detections_are_refused() {
    let with = |threshold: Option<f32>, keep_threshold: Option<f32>| {
        let scoring = ScoringSettings {
            threshold,
            keep_threshold,
            ..ScoringSettings::default()
        };
        combined(false, false, &scoring)
    };
    assert!(matches!(
        with(Some(0.5), Some(0.6)),
        Err(RunError::KeepAboveThreshold { .. })
    ));
    for (threshold, keep) in [(1.5, None), (f32::NAN, None), (0.5, Some(-0.1))] {
        assert!(matches!(
            with(Some(threshold), keep),
            Err(RunError::OutOfRange { .. })
        ));
    }
    let halved = with(Some(0.8), None).unwrap();
    assert_eq!(halved.manifest().keep_threshold, 0.4);
}

#[test]
fn a_guided_scan_outside_its_ranges_is_refused() {
    let guided = GuidedSettings::default;
    for settings in [
        GuidedSettings {
            stop: Some(0.0),
            ..guided()
        },
        GuidedSettings {
            recall: Some(1.0),
            ..guided()
        },
        GuidedSettings {
            budget: Some(0),
            ..guided()
        },
        GuidedSettings {
            window_units: Some(5_000),
            ..guided()
        },
    ] {
        let refused = Plan::new(
            covered(SMALL_AREA),
            drawn("synthetic:7"),
            packaged(),
            &ScanSettings::Guided(settings),
            &scoring(),
            &mut (),
        );
        assert!(matches!(refused, Err(RunError::OutOfRange { .. })));
    }
}

#[test]
fn one_run_at_a_time_writes_to_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(SMALL_AREA, drawn("synthetic:7"), &ScanSettings::Everything);
    let first = Run::open(&plan, folder.path(), &mut ()).unwrap();
    assert!(matches!(
        Run::open(&plan, folder.path(), &mut ()),
        Err(RunError::Ledger(LedgerError::InUse { .. }))
    ));
    drop(first);
    Run::open(&plan, folder.path(), &mut ()).unwrap();
}

#[test]
fn only_a_run_that_is_there_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(SMALL_AREA, drawn("synthetic:7"), &ScanSettings::Everything);
    assert!(matches!(
        Run::resume(&plan, folder.path(), &mut ()),
        Err(RunError::Ledger(LedgerError::NoRun { .. }))
    ));
    assert!(Report::read(folder.path()).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_source_that_gives_up_ends_the_run_and_what_was_committed_stays() {
    struct GivesUp(Pictures);

    impl ImagerySource for GivesUp {
        fn description(&self) -> &SourceDescription {
            self.0.description()
        }

        fn concurrent_units(&self) -> usize {
            1
        }

        fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
            if unit.sequence > 1 && self.0.failing.load(Ordering::Relaxed) {
                return Err(ImageryError::InvalidSource {
                    origin: "pictures".to_owned(),
                    reason: "told to give up".to_owned(),
                });
            }
            self.0.fetch(unit, emit)
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let pictures = Pictures::new(true);
    let failing = Arc::clone(&pictures.failing);
    failing.store(true, Ordering::Relaxed);
    let imagery = Imagery::of(Arc::new(GivesUp(pictures)));
    let plan = plan(AREA, imagery, &ScanSettings::Everything);
    let mut run = Run::open(&plan, folder.path(), &mut ()).unwrap();
    assert!(matches!(
        run.start(&StopHandle::default(), &mut ()),
        Err(RunError::Pipeline(PipelineError::Imagery(_)))
    ));
    failing.store(false, Ordering::Relaxed);
    // The same run that is still open goes on.
    let report = run.start(&StopHandle::default(), &mut ()).unwrap();
    assert!(report.is_complete());
    assert_eq!(report.counts.not_visited, 0);
}

#[test]
fn a_simulation_measures_through_the_library_and_its_ledger_is_synthetic() {
    let folder = tempfile::tempdir().unwrap();
    let towers = folder.path().join("towers.geojson");
    std::fs::write(
        &towers,
        r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},
            "geometry":{"type":"Point","coordinates":[12.405,43.9025]}}]}"#,
    )
    .unwrap();
    let settings = SimulationSettings {
        towers,
        scan: ScanSettings::Everything,
        hits: Hits::Recall(1.0),
        false_positive_rate: 0.0,
        clustered: false,
        missing: 0.0,
        location_error_m: None,
        seed: 1,
    };
    let out = folder.path().join("simulated");
    let simulation = Simulation::new(covered(SMALL_AREA), settings.clone(), &mut ()).unwrap();
    let ledger = simulation.scan(&out, &mut ()).unwrap();
    let found = simulation.measure(ledger.reader()).unwrap();
    assert_eq!((found.truth_tiles, found.true_positives), (1, 1));
    assert_eq!(found.false_positives, 0);
    assert_eq!(found.visited, found.planned);
    drop(ledger);
    assert!(Report::read(&out).unwrap().synthetic);
    let unsure = SimulationSettings {
        hits: Hits::Auc(0.5),
        ..settings
    };
    assert!(matches!(
        Simulation::new(covered(SMALL_AREA), unsure, &mut ()),
        Err(RunError::OutOfRange { .. })
    ));
}
