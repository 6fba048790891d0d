//! The whole loop on a made-up source and classifier, with every kind of trouble.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::{
    image::{RGB_BYTES, RgbTile},
    imagery::{
        Emit, FetchFailure, Fetched, ImageryError, ImagerySource, RetryClass, SourceDescription,
    },
    ledger::{Ledger, LedgerError, tests::manifest},
    predict::{Batch, Classifier, ImageForm, Located, Model, ModelInfo, PredictError, Predictions},
    scan::{Everything, Next, Scan},
    telemetry::{Stage, Trouble},
    tiles::{
        BlockCoord, BlockOutcome, CascadeStage, StateCounts, TileBox, TileCoord, TileMask,
        TileOutcome, UnitImages, VisitReason, WorkUnit,
    },
};

const BLOCKS: u32 = 3;
const TILES_PER_BLOCK: u64 = 700;
const PLANNED: u64 = BLOCKS as u64 * TILES_PER_BLOCK;

fn blocks() -> impl Iterator<Item = (BlockCoord, TileMask)> + Send {
    (0..BLOCKS).map(|x| {
        let mask = (0..TILES_PER_BLOCK as u16).map(|i| i * 5).collect();
        (BlockCoord { z: 18, x, y: 7 }, mask)
    })
}

/// What the made-up world holds at a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    /// An image whose first byte is the score in 1/255.
    Image(u8),
    Blank,
    NoImagery,
    Broken,
    Down,
}

fn shown(tile: TileCoord) -> Shown {
    match (tile.x * 31 + tile.y * 17) % 100 {
        0..5 => Shown::NoImagery,
        5..8 => Shown::Blank,
        8 => Shown::Broken,
        9 => Shown::Down,
        rest => Shown::Image(rest as u8 * 2),
    }
}

struct Source {
    description: SourceDescription,
    fetched: Mutex<Vec<TileCoord>>,
    /// Raised after so many tiles, as a person would press Ctrl-C.
    stop_after: Option<(usize, Arc<AtomicBool>)>,
    trick: Trick,
}

#[derive(Clone, Copy, PartialEq)]
enum Trick {
    None,
    /// Every tile is in order now.
    Healed,
    Panics,
    Forgets,
    Refuses,
}

impl Source {
    fn new(trick: Trick) -> Self {
        Self {
            description: SourceDescription {
                name: "made up".into(),
                attribution: String::new(),
                terms: None,
                synthetic: true,
                zoom_max: None,
            },
            fetched: Mutex::default(),
            stop_after: None,
            trick,
        }
    }
}

impl ImagerySource for Source {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        2
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        assert!(self.trick != Trick::Panics, "a bug in the source");
        if self.trick == Trick::Refuses {
            return Err(ImageryError::InvalidSource {
                origin: "made up".into(),
                reason: "status 403 again and again".into(),
            });
        }
        for tile in unit.tiles() {
            if self.trick == Trick::Forgets && tile.x == 0 {
                continue;
            }
            let mut fetched = self.fetched.lock().unwrap();
            fetched.push(tile);
            if let Some((count, stop)) = &self.stop_after
                && fetched.len() > *count
            {
                stop.store(true, Ordering::Relaxed);
            }
            drop(fetched);
            let mut pixels = RgbTile::new();
            let fetched = match shown(tile) {
                Shown::Image(score) => {
                    pixels.as_bytes_mut()[0] = score;
                    pixels.as_bytes_mut()[RGB_BYTES / 2] = 255;
                    Fetched::Pixels(pixels)
                }
                Shown::Blank => Fetched::Pixels(pixels),
                Shown::NoImagery => Fetched::NoImagery,
                Shown::Down if self.trick == Trick::Healed => {
                    pixels.as_bytes_mut()[0] = 250;
                    Fetched::Pixels(pixels)
                }
                Shown::Broken => Fetched::Payload(bytes::Bytes::from_static(b"<html>")),
                Shown::Down => Fetched::Failed(FetchFailure {
                    retry: RetryClass::Transient,
                    reason: "status 503".into(),
                }),
            };
            if emit(tile, fetched).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Clone)]
struct FirstByte {
    info: ModelInfo,
    /// Images whose first byte is this make their whole batch fail.
    poison: Option<u8>,
    broken: bool,
    /// It tells stages, and boxes in place of grids.
    detects: bool,
    /// No classifier can be opened.
    full: bool,
    calls: Arc<AtomicUsize>,
}

impl FirstByte {
    fn new() -> Self {
        Self {
            info: ModelInfo {
                name: "first byte".into(),
                checksum: "11".into(),
                engine: "none".into(),
                classes: vec!["negative".into(), "tower".into()],
                positives: vec!["tower".into()],
                default_threshold: None,
                precision: None,
                trained_on_synthetic: true,
                adaptation: None,
                attribution: None,
                answers: None,
            },
            poison: None,
            broken: false,
            detects: false,
            full: false,
            calls: Arc::default(),
        }
    }
}

impl Model for FirstByte {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn workers(&self) -> usize {
        2
    }

    fn classifier(&self) -> Result<Box<dyn Classifier>, PredictError> {
        if self.full {
            return Err(PredictError::DeviceUnavailable {
                device: "none".into(),
                reason: "it is full".into(),
            });
        }
        Ok(Box::new(FirstByteClassifier {
            detects: self.detects,
            poison: self.poison,
            broken: self.broken,
            calls: Arc::clone(&self.calls),
        }))
    }
}

struct FirstByteClassifier {
    detects: bool,
    poison: Option<u8>,
    broken: bool,
    calls: Arc<AtomicUsize>,
}

impl Classifier for FirstByteClassifier {
    fn form(&self) -> ImageForm {
        ImageForm::Rgb8
    }

    fn batch_size_max(&self) -> usize {
        4
    }

    fn classify(&mut self, batch: Batch<'_>, out: &mut Predictions) -> Result<(), PredictError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let Batch::Rgb8(pixels) = batch else {
            panic!("this classifier takes pixels");
        };
        out.clear();
        out.scores.extend(
            pixels
                .chunks(RGB_BYTES)
                .map(|image| f32::from(image[0]) / 255.0),
        );
        if self.detects {
            detect(out);
        }
        let poisoned = pixels
            .chunks(RGB_BYTES)
            .any(|image| Some(image[0]) == self.poison);
        if poisoned || self.broken {
            // Too few answers: the worker must notice by itself.
            out.scores.pop();
        }
        Ok(())
    }
}

/// Two boxes for each image whose score is at least a half, and none for the others, which the first
/// model of the cascade judges alone.
fn detect(out: &mut Predictions) {
    let (mut boxes, mut ends) = (Vec::new(), Vec::new());
    for &score in &out.scores {
        if score >= 0.5 {
            boxes.extend([0.0, 100.0].map(|x0| box_of(score, x0)));
        }
        ends.push(boxes.len());
        out.stages.push(match score >= 0.5 {
            true => CascadeStage::Second,
            false => CascadeStage::First,
        });
    }
    out.located = Located::Boxes { boxes, ends };
}

fn box_of(score: f32, x0: f32) -> TileBox {
    TileBox {
        class: 1,
        score,
        x0,
        y0: 20.0,
        x1: x0 + 40.0,
        y1: 90.0,
    }
}

/// One start of a run in `dir`, on a ledger that is made when there is none.
fn start(
    dir: &std::path::Path,
    source: Source,
    model: &FirstByte,
    recording: Recording,
) -> (Result<Ending, PipelineError>, Ledger, Arc<Source>) {
    let mut manifest = manifest();
    manifest.area.tiles = PLANNED;
    manifest.keep_threshold = 0.5;
    let mut ledger = match Ledger::open(dir) {
        Err(LedgerError::NoRun { .. }) => Ledger::create(dir, &manifest).unwrap(),
        opened => opened.unwrap(),
    };
    let stop = source
        .stop_after
        .as_ref()
        .map_or_else(Arc::default, |(_, stop)| Arc::clone(stop));
    let source = Arc::new(source);
    let options = LocalOptions {
        keep_threshold: 0.5,
        keep_payloads: false,
    };
    let mut executor = Local::start(
        Arc::clone(&source) as Arc<dyn ImagerySource>,
        &(Arc::new(model.clone()) as Arc<dyn Model>),
        options,
        Arc::default(),
        Arc::new(Trouble::default()),
    )
    .unwrap();
    let mut scan: Box<dyn crate::scan::Scan> = match recording {
        Recording::First => Box::new(Everything::new(blocks(), PLANNED, 512)),
        Recording::Retry => Box::new(crate::scan::Listed::new(
            ledger.reader().failed_units().unwrap(),
            PLANNED,
        )),
    };
    let ending = Drive {
        ledger: &mut ledger,
        recording,
        threshold: 0.5,
        stop: &stop,
        record: &Stage::new("record"),
        observe: &mut |_| {},
    }
    .run(scan.as_mut(), &mut executor);
    drop(executor);
    (ending, ledger, source)
}

fn all_tiles() -> Vec<TileCoord> {
    blocks()
        .flat_map(|(block, mask)| mask.iter().map(|i| block.tile(i)).collect::<Vec<_>>())
        .collect()
}

fn expected_counts() -> StateCounts {
    let mut counts = StateCounts::default();
    for tile in all_tiles() {
        match shown(tile) {
            Shown::Image(_) => counts.scored += 1,
            Shown::Blank => counts.blank += 1,
            Shown::NoImagery => counts.no_imagery += 1,
            Shown::Broken => counts.undecodable += 1,
            Shown::Down => counts.fetch_failed += 1,
        }
    }
    counts
}

fn candidates(ledger: &Ledger) -> Vec<(TileCoord, f32, u64)> {
    let mut rows = Vec::new();
    ledger
        .reader()
        .candidates_by_rank(0.0, |row| {
            rows.push((row.tile, row.score, row.content_hash));
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })
        .unwrap();
    rows
}

#[test]
fn every_tile_ends_in_the_state_that_its_image_deserves() {
    let dir = tempfile::tempdir().unwrap();
    let (ending, ledger, source) = start(
        dir.path(),
        Source::new(Trick::None),
        &FirstByte::new(),
        Recording::First,
    );
    assert_eq!(ending.unwrap(), Ending::Complete);
    let counts = ledger.reader().counts(PLANNED).unwrap();
    assert_eq!(counts, expected_counts());
    assert_eq!(counts.planned(), PLANNED);
    let fetched = source.fetched.lock().unwrap();
    assert_eq!(fetched.len() as u64, PLANNED);
    assert_eq!(
        fetched.iter().collect::<HashSet<_>>().len() as u64,
        PLANNED,
        "no tile is fetched twice"
    );
    for (tile, score, _) in candidates(&ledger) {
        let Shown::Image(byte) = shown(tile) else {
            panic!("{tile} is no image")
        };
        assert_eq!(score, f32::from(byte) / 255.0);
        assert!(score >= 0.5);
    }
    // The made-up images are nearly black, so the hash is kept of those that score low as well.
    let mut hashed = HashSet::new();
    ledger
        .reader()
        .repeated_contents(1, |_, tile| {
            assert!(matches!(shown(tile), Shown::Image(_)), "{tile}");
            assert!(hashed.insert(tile), "{tile} is kept twice");
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(hashed.len() as u64, counts.scored);
}

#[test]
fn boxes_and_stages_reach_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let model = FirstByte {
        detects: true,
        ..FirstByte::new()
    };
    let (ending, ledger, _) = start(
        dir.path(),
        Source::new(Trick::None),
        &model,
        Recording::First,
    );
    assert_eq!(ending.unwrap(), Ending::Complete);
    let reader = ledger.reader();
    let mut candidates = 0;
    reader
        .candidates_by_rank(0.0, |row| {
            candidates += 1;
            let expected = match row.score >= 0.5 {
                true => vec![box_of(row.score, 0.0), box_of(row.score, 100.0)],
                false => Vec::new(),
            };
            assert_eq!(row.boxes, expected, "{}", row.tile);
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert!(candidates > 0);
    let mut careful = 0;
    reader
        .outcomes(|outcome| {
            for ((_, tile), &stage) in outcome.iter().zip(&outcome.stages) {
                let is_careful = tile.score().is_some_and(|score| score >= 0.5);
                assert_eq!(stage == CascadeStage::Second, is_careful);
                careful += u64::from(is_careful);
            }
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert!(careful > 0);
    assert_eq!(reader.verify().unwrap().problems, [""; 0]);
}

#[test]
fn a_run_that_is_stopped_goes_on_where_it_was_and_ends_the_same() {
    let undisturbed_dir = tempfile::tempdir().unwrap();
    let model = FirstByte::new();
    let (_, undisturbed, _) = start(
        undisturbed_dir.path(),
        Source::new(Trick::None),
        &model,
        Recording::First,
    );
    let dir = tempfile::tempdir().unwrap();
    let mut visited = 0;
    for start_number in 1.. {
        let mut source = Source::new(Trick::None);
        source.stop_after = Some((700, Arc::default()));
        let before: HashSet<TileCoord> = committed_tiles(dir.path());
        let (ending, ledger, source) = start(dir.path(), source, &model, Recording::First);
        let fetched = source.fetched.lock().unwrap();
        assert!(
            fetched.iter().all(|tile| !before.contains(tile)),
            "committed tiles are not fetched again"
        );
        let counts = ledger.reader().counts(PLANNED).unwrap();
        assert!(counts.visited() >= visited);
        visited = counts.visited();
        if ending.unwrap() == Ending::Complete {
            assert!(start_number > 1, "the first start was stopped");
            assert_eq!(counts, expected_counts());
            assert_eq!(candidates(&ledger), candidates(&undisturbed));
            return;
        }
    }
}

fn committed_tiles(dir: &std::path::Path) -> HashSet<TileCoord> {
    let mut tiles = HashSet::new();
    if let Ok(ledger) = Ledger::open(dir) {
        ledger
            .reader()
            .outcomes(|outcome| {
                tiles.extend(outcome.iter().map(|(tile, _)| tile));
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            })
            .unwrap();
    }
    tiles
}

#[test]
fn a_retry_takes_only_what_failed() {
    let dir = tempfile::tempdir().unwrap();
    let model = FirstByte::new();
    let (first_start, ..) = start(
        dir.path(),
        Source::new(Trick::None),
        &model,
        Recording::First,
    );
    assert_eq!(first_start.unwrap(), Ending::Complete);
    let (ending, ledger, source) = start(
        dir.path(),
        Source::new(Trick::Healed),
        &model,
        Recording::Retry,
    );
    assert_eq!(ending.unwrap(), Ending::Complete);
    let failed = expected_counts().fetch_failed;
    assert!(failed > 0);
    assert_eq!(source.fetched.lock().unwrap().len() as u64, failed);
    let counts = ledger.reader().counts(PLANNED).unwrap();
    assert_eq!(counts.fetch_failed, 0);
    assert_eq!(counts.scored, expected_counts().scored + failed);
    assert!(ledger.reader().failed_units().unwrap().is_empty());
}

#[test]
fn one_bad_image_does_not_fail_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = FirstByte::new();
    model.poison = Some(100);
    let (ending, ledger, _) = start(
        dir.path(),
        Source::new(Trick::None),
        &model,
        Recording::First,
    );
    assert_eq!(ending.unwrap(), Ending::Complete);
    let poisoned = all_tiles()
        .into_iter()
        .filter(|&tile| shown(tile) == Shown::Image(100))
        .count() as u64;
    let counts = ledger.reader().counts(PLANNED).unwrap();
    assert!(poisoned > 0);
    assert_eq!(counts.predict_failed, poisoned);
    assert_eq!(counts.scored, expected_counts().scored - poisoned);
}

#[test]
fn a_classifier_that_always_fails_stops_the_run_instead_of_failing_the_country() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = FirstByte::new();
    model.broken = true;
    let (ending, ledger, _) = start(
        dir.path(),
        Source::new(Trick::None),
        &model,
        Recording::First,
    );
    assert!(matches!(ending, Err(PipelineError::ClassifierDown { .. })));
    let counts = ledger.reader().counts(PLANNED).unwrap();
    assert!(counts.not_visited > PLANNED / 2);
}

#[test]
fn a_classifier_that_cannot_be_opened_stops_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = FirstByte::new();
    model.full = true;
    let (ending, ..) = start(
        dir.path(),
        Source::new(Trick::None),
        &model,
        Recording::First,
    );
    let error = ending.unwrap_err();
    assert!(
        matches!(
            error,
            PipelineError::Predict(PredictError::DeviceUnavailable { .. })
        ),
        "{error:?}"
    );
}

#[test]
fn a_source_that_refuses_stops_the_run_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (ending, ledger, _) = start(
        dir.path(),
        Source::new(Trick::Refuses),
        &FirstByte::new(),
        Recording::First,
    );
    assert!(matches!(ending, Err(PipelineError::Imagery(_))));
    assert_eq!(
        ledger.reader().counts(PLANNED).unwrap().not_visited,
        PLANNED
    );
}

#[test]
fn a_panic_in_a_thread_ends_the_run_with_its_message() {
    let dir = tempfile::tempdir().unwrap();
    let (ending, ..) = start(
        dir.path(),
        Source::new(Trick::Panics),
        &FirstByte::new(),
        Recording::First,
    );
    let error = ending.unwrap_err().to_string();
    assert_eq!(error, "a fetch thread died: a bug in the source");
}

#[test]
fn a_tile_that_the_source_forgets_counts_as_failed() {
    let dir = tempfile::tempdir().unwrap();
    let (ending, ledger, _) = start(
        dir.path(),
        Source::new(Trick::Forgets),
        &FirstByte::new(),
        Recording::First,
    );
    assert_eq!(ending.unwrap(), Ending::Complete);
    let forgotten = all_tiles().into_iter().filter(|tile| tile.x == 0);
    let forgotten_down = forgotten
        .clone()
        .filter(|&tile| shown(tile) == Shown::Down)
        .count() as u64;
    assert_eq!(
        ledger.reader().counts(PLANNED).unwrap().fetch_failed,
        expected_counts().fetch_failed + forgotten.count() as u64 - forgotten_down
    );
}

/// A scan of one unit that learns.
struct OneUnit(Option<WorkUnit>);

impl Scan for OneUnit {
    fn name(&self) -> &'static str {
        "one unit"
    }

    fn planned(&self) -> u64 {
        PLANNED
    }

    fn window(&self) -> Option<u64> {
        Some(1)
    }

    fn next(&mut self) -> Next {
        self.0.take().map_or(Next::Finished, Next::Unit)
    }

    fn learn(&mut self, _: &BlockOutcome) {}
}

/// Answers every unit with the tiles of another one.
struct Confused {
    answers: TileMask,
    asked: Option<WorkUnit>,
}

impl Executor for Confused {
    fn capacity(&self) -> usize {
        1
    }

    fn submit(&mut self, unit: WorkUnit) -> Result<(), PipelineError> {
        self.asked = Some(unit);
        Ok(())
    }

    fn next_outcome(&mut self, _: Duration) -> Result<Option<BlockOutcome>, PipelineError> {
        Ok(self.asked.take().map(|unit| BlockOutcome {
            sequence: unit.sequence,
            block: unit.block,
            tiles: vec![TileOutcome::Blank; self.answers.count()],
            wanted: self.answers.clone(),
            candidates: Vec::new(),
            low_contrast: Vec::new(),
            stages: Vec::new(),
            images: UnitImages::default(),
        }))
    }
}

#[test]
fn answers_for_other_tiles_than_a_unit_asked_for_are_refused_and_not_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
    let mut run = |asked: &[u16], answered: &[u16]| {
        let mut scan = OneUnit(Some(WorkUnit {
            sequence: 0,
            block: BlockCoord { z: 18, x: 0, y: 7 },
            wanted: asked.iter().copied().collect(),
            reason: VisitReason::Follow,
        }));
        let mut executor = Confused {
            answers: answered.iter().copied().collect(),
            asked: None,
        };
        let ending = Drive {
            ledger: &mut ledger,
            recording: Recording::First,
            threshold: 0.5,
            stop: &AtomicBool::new(false),
            record: &Stage::new("record"),
            observe: &mut |_| {},
        }
        .run(&mut scan, &mut executor);
        (ending, ledger.reader().committed().unwrap().len())
    };
    let (ending, committed) = run(&[5, 6], &[5, 7]);
    assert!(
        matches!(ending, Err(PipelineError::OtherUnit { sequence: 0, .. })),
        "{ending:?}"
    );
    let message = ending.unwrap_err().to_string();
    let block = BlockCoord { z: 18, x: 0, y: 7 };
    for tile in [6, 7].map(|index| block.tile(index)) {
        assert!(
            message.contains(&format!("tile {tile} among them")),
            "{message}"
        );
    }
    assert_eq!(committed, 0);
    let (ending, committed) = run(&[5, 6], &[5, 6]);
    assert_eq!((ending.unwrap(), committed), (Ending::Complete, 1));
    // On a resume the ledger answers, for a scan that chooses otherwise by now.
    let (ending, _) = run(&[5, 6, 7], &[]);
    let message = ending.unwrap_err().to_string();
    assert!(
        message.contains("3 tiles of block 18/0/7") && message.contains("ledger answers 2 tiles"),
        "{message}"
    );
    let (ending, _) = run(&[5, 6], &[]);
    assert_eq!(ending.unwrap(), Ending::Complete);
}
