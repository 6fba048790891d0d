//! Ledgers of small runs, for tests.

use std::{collections::BTreeMap, ops::Deref};

use crate::{
    detections::Detection,
    ledger::{
        AreaRecord, CandidateRow, ImageryRecord, Ledger, LedgerReader, MANIFEST_FORMAT_VERSION,
        Manifest, ModelRecord,
    },
    tiles::{
        BlockCoord, BlockOutcome, Candidate, LowContrast, PixelPosition, TileCoord, TileOutcome,
        UNIT_TILES_MAX, UnitImages, VisitReason,
    },
};

impl Detection {
    /// A hint as it comes from a tile without a grid, but for its rank.
    pub(crate) fn at_centre(tile: TileCoord, score: f32) -> Self {
        Self {
            tile,
            number: 1,
            score,
            rank: 1,
            pixel: PixelPosition::CENTRE,
            at: tile.centre(),
            uncertainty_m: 100.0,
            located: false,
            support: 0.0,
            line: None,
            line_position: None,
            osm_status: None,
            osm_id: None,
            osm_distance_m: None,
            review: None,
        }
    }
}

/// A run that is written to a ledger when it is asked for.
pub(crate) struct TestRun {
    pub(crate) manifest: Manifest,
    pub(crate) candidates: Vec<CandidateRow>,
    /// Tiles below the keep threshold, or without a score.
    pub(crate) others: Vec<(TileCoord, TileOutcome)>,
    /// Tiles among `others` that show next to nothing, with their content hash.
    pub(crate) low_contrast: Vec<(TileCoord, u64)>,
}

/// An open ledger in a folder of its own.
pub(crate) struct TestLedger {
    reader: LedgerReader,
    _folder: tempfile::TempDir,
}

impl Deref for TestLedger {
    type Target = LedgerReader;

    fn deref(&self) -> &LedgerReader {
        &self.reader
    }
}

impl Default for TestRun {
    fn default() -> Self {
        Self {
            manifest: Manifest {
                format_version: MANIFEST_FORMAT_VERSION,
                area: AreaRecord {
                    label: "San Marino".into(),
                    source: "a test".into(),
                    tiles: 4_000,
                    digest: "00".into(),
                    outline: Vec::new(),
                },
                zoom: 18,
                imagery: ImageryRecord {
                    name: "https://example.org/{z}/{x}/{y}.jpg".into(),
                    attribution: "© Example Imagery".into(),
                    terms: Some("https://example.org/terms".into()),
                    synthetic: false,
                    rules: Vec::new(),
                },
                model: ModelRecord {
                    name: "hv_grid.onnx".into(),
                    checksum: "c0ffee".into(),
                    classes: vec!["negative".into(), "tower".into()],
                    positives: vec!["tower".into()],
                    precision: None,
                    adaptation: None,
                    trained_on_synthetic: false,
                    attribution_columns_px: None,
                    attribution_rows_px: None,
                    answers: None,
                },
                threshold: 0.5,
                keep_threshold: 0.25,
                keep_payloads: false,
                unit_tiles_max: UNIT_TILES_MAX,
            },
            candidates: Vec::new(),
            others: Vec::new(),
            low_contrast: Vec::new(),
        }
    }
}

impl TestRun {
    pub(crate) fn add(&mut self, tile: TileCoord, score: f32, content_hash: u64) {
        self.candidates.push(CandidateRow {
            boxes: Vec::new(),
            tile,
            score,
            content_hash,
            attribution: None,
        });
    }

    /// A tile that scores next to nothing and shows as much.
    pub(crate) fn add_low_contrast(&mut self, tile: TileCoord, content_hash: u64) {
        self.others.push((tile, TileOutcome::Scored(0.001)));
        self.low_contrast.push((tile, content_hash));
    }

    fn low_contrast_in(&self, block: BlockCoord) -> Vec<LowContrast> {
        let mut tiles: Vec<LowContrast> = self
            .low_contrast
            .iter()
            .filter(|(tile, _)| BlockCoord::of(*tile) == block)
            .map(|&(tile, content_hash)| LowContrast {
                index: BlockCoord::index_of(tile),
                content_hash,
            })
            .collect();
        tiles.sort_by_key(|tile| tile.index);
        tiles
    }

    /// Writes the ledger, one unit a block.
    pub(crate) fn ledger(&self) -> TestLedger {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(folder.path(), &self.manifest).unwrap();
        for outcome in self.outcomes() {
            ledger.record(&outcome, VisitReason::Everything).unwrap();
        }
        drop(ledger);
        let reader = LedgerReader::open(folder.path()).unwrap();
        TestLedger {
            reader,
            _folder: folder,
        }
    }

    fn outcomes(&self) -> Vec<BlockOutcome> {
        let mut blocks: BTreeMap<BlockCoord, BTreeMap<u16, TileOutcome>> = BTreeMap::new();
        let scored = self
            .candidates
            .iter()
            .map(|found| (found.tile, TileOutcome::Scored(found.score)));
        for (tile, outcome) in scored.chain(self.others.iter().copied()) {
            let tiles = blocks.entry(BlockCoord::of(tile)).or_default();
            tiles.insert(BlockCoord::index_of(tile), outcome);
        }
        let outcome = |(sequence, (block, tiles)): (usize, (BlockCoord, BTreeMap<_, _>))| {
            let mut candidates: Vec<Candidate> = self
                .candidates
                .iter()
                .filter(|found| BlockCoord::of(found.tile) == block)
                .map(|found| Candidate {
                    index: BlockCoord::index_of(found.tile),
                    score: found.score,
                    attribution: found.attribution.clone(),
                    boxes: Vec::new(),
                    content_hash: found.content_hash,
                    payload: None,
                })
                .collect();
            candidates.sort_by_key(|candidate| candidate.index);
            BlockOutcome {
                sequence: sequence as u64,
                block,
                wanted: tiles.keys().copied().collect(),
                tiles: tiles.into_values().collect(),
                candidates,
                low_contrast: self.low_contrast_in(block),
                stages: Vec::new(),
                images: UnitImages::default(),
            }
        };
        blocks.into_iter().enumerate().map(outcome).collect()
    }
}
