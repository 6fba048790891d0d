//! Reading a ledger: for status, exports, resume and retries.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    num::NonZeroU32,
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
    sync::Arc,
};

use half::f16;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::{
    FILE_NAME, LedgerError, LedgerVersion, Manifest, SettingsRecord,
    check::{self, CandidateColumns},
    rows::{
        CandidateRecord, OutcomeRow, candidate_columns, candidate_row, outcome_row,
        row_check_column,
    },
    schema,
};
use crate::{
    frame::Frame,
    tiles::{
        AttributionGrid, BlockCoord, BlockOutcome, Candidate, CascadeStage, SourceImage,
        StateCounts, TileBox, TileCoord, TileMask, TileOutcome, TileState, UnitImages, VisitReason,
        WorkUnit,
    },
};

/// A run's ledger, open for reading; a run may be writing to it meanwhile.
#[derive(Debug)]
pub struct LedgerReader {
    connection: Connection,
    path: PathBuf,
    version: LedgerVersion,
    /// Read once: a resume asks for them with every unit.
    zoom: OnceCell<u8>,
    keep_threshold: OnceCell<f32>,
    /// The images by their numbers, as far as they were read.
    images: RefCell<HashMap<NonZeroU32, Arc<SourceImage>>>,
}

/// A candidate as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateRow {
    pub tile: TileCoord,
    pub score: f32,
    pub content_hash: u64,
    pub attribution: Option<AttributionGrid>,
    /// What a detector found in the tile, in its order.
    pub boxes: Vec<TileBox>,
}

/// Indices in a block, rising, each with its outcome.
type Tiles = Vec<(u16, TileOutcome)>;

impl LedgerReader {
    /// Opens the ledger of the run in a folder, also one that cannot be written.
    ///
    /// # Errors
    /// When there is none, it is not one, or it is of a newer version.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join(FILE_NAME);
        if !path.exists() {
            return Err(LedgerError::NoRun {
                dir: dir.to_owned(),
            });
        }
        let connection = schema::connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        match schema::version(&connection, &path) {
            // A write-ahead log cannot be shared in a folder that is not writable; when no log is
            // left over, the file alone is the whole truth.
            Err(LedgerError::Sqlite { .. }) if !path.with_extension("hvmap-wal").exists() => {
                let uri = format!("file:{}?immutable=1", escape_uri(&path));
                let connection = schema::connect(
                    Path::new(&uri),
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
                )?;
                let version = schema::version(&connection, &path)?;
                Ok(Self::over(connection, path, version))
            }
            version => version.map(|version| Self::over(connection, path, version)),
        }
    }

    pub(super) fn over(connection: Connection, path: PathBuf, version: LedgerVersion) -> Self {
        Self {
            connection,
            path,
            version,
            zoom: OnceCell::new(),
            keep_threshold: OnceCell::new(),
            images: RefCell::default(),
        }
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The ledger's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// When the ledger is damaged.
    pub fn manifest(&self) -> Result<Manifest, LedgerError> {
        let (text, _) = self.checked_manifest()?;
        serde_json::from_str(&text).map_err(|error| self.damaged(format!("manifest: {error}")))
    }

    /// The version of the ledger.
    #[must_use]
    pub fn version(&self) -> LedgerVersion {
        self.version
    }

    /// The name of this run, 32 hexadecimal digits that were drawn when it was created; `None` in a
    /// ledger of version 1.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn run_id(&self) -> Result<Option<String>, LedgerError> {
        Ok(self.checked_manifest()?.1)
    }

    /// The manifest's text and the run's name.
    pub(super) fn checked_manifest(&self) -> Result<(String, Option<String>), LedgerError> {
        match self.version {
            LedgerVersion::One => self
                .connection
                .query_row("SELECT manifest FROM manifest", [], |row| row.get(0))
                .map(|text| (text, None))
                .map_err(|source| self.trouble(source)),
            LedgerVersion::Two => {
                let (text, run_id, kept): (String, String, i64) = self
                    .connection
                    .query_row(
                        "SELECT manifest, run_id, row_check FROM manifest",
                        [],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                    )
                    .map_err(|source| self.trouble(source))?;
                self.hold(check::manifest(&run_id, &text), Some(kept), || {
                    "the manifest".to_owned()
                })?;
                Ok((text, Some(run_id)))
            }
        }
    }

    fn zoom(&self) -> Result<u8, LedgerError> {
        if let Some(&zoom) = self.zoom.get() {
            return Ok(zoom);
        }
        let zoom = self.manifest()?.zoom;
        Ok(*self.zoom.get_or_init(|| zoom))
    }

    pub(super) fn keep_threshold(&self) -> Result<f32, LedgerError> {
        if let Some(&threshold) = self.keep_threshold.get() {
            return Ok(threshold);
        }
        let threshold = self.manifest()?.keep_threshold;
        Ok(*self.keep_threshold.get_or_init(|| threshold))
    }

    /// The history of the changeable settings, oldest first.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn settings(&self) -> Result<Vec<SettingsRecord>, LedgerError> {
        let mut history = Vec::new();
        self.each(
            &format!(
                "SELECT settings, first_sequence, {} FROM settings ORDER BY id",
                self.row_check()
            ),
            [],
            |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)),
            |(text, first_sequence, kept)| {
                self.hold(check::settings(first_sequence, &text), kept, || {
                    "a row of the settings".to_owned()
                })?;
                history.push(
                    serde_json::from_str(&text)
                        .map_err(|error| self.damaged(format!("settings: {error}")))?,
                );
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(history)
    }

    /// The number of the first unit of the scan that these settings go on with: where the last rows
    /// of the history that ask for the same scan begin. `None` when the last scan was another one.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn scan_begin(&self, asked: &SettingsRecord) -> Result<Option<u64>, LedgerError> {
        let mut begin = None;
        self.each(
            "SELECT first_sequence, settings FROM settings ORDER BY id DESC",
            [],
            |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?)),
            |(first, text)| {
                let past: SettingsRecord = serde_json::from_str(&text)
                    .map_err(|error| self.damaged(format!("settings: {error}")))?;
                if past.scan != asked.scan || past.scan_settings != asked.scan_settings {
                    return Ok::<_, LedgerError>(ControlFlow::Break(()));
                }
                begin = Some(first);
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(begin)
    }

    /// The first outcomes of the units below a number, in rising order, with their candidates, as
    /// [`LedgerReader::first_outcome`] has them.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn first_outcomes_before(
        &self,
        sequence: u64,
        mut visit: impl FnMut(&BlockOutcome),
    ) -> Result<(), LedgerError> {
        self.stored_before(sequence, |mut outcome| {
            self.add_candidates(&mut outcome)?;
            visit(&outcome);
            Ok(())
        })
    }

    /// The same without candidates.
    fn stored_before(
        &self,
        sequence: u64,
        mut visit: impl FnMut(BlockOutcome) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let zoom = self.zoom()?;
        self.each(
            &self.outcome_sql("WHERE sequence < ?1 ORDER BY sequence"),
            [sequence],
            outcome_row,
            |row| {
                visit(self.outcome(zoom, row)?)?;
                Ok(ControlFlow::Continue(()))
            },
        )
    }

    /// The tiles that units below a number visited, block by block.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn visited_before(
        &self,
        sequence: u64,
    ) -> Result<HashMap<BlockCoord, TileMask>, LedgerError> {
        let mut visited: HashMap<BlockCoord, TileMask> = HashMap::new();
        self.stored_before(sequence, |outcome| {
            visited
                .entry(outcome.block)
                .or_default()
                .extend(&outcome.wanted);
            Ok(())
        })?;
        Ok(visited)
    }

    /// The tiles visited for each reason, by reason and block.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn visits(&self) -> Result<Vec<(VisitReason, BlockCoord, TileMask)>, LedgerError> {
        let zoom = self.zoom()?;
        let mut visits: HashMap<(VisitReason, BlockCoord), TileMask> = HashMap::new();
        self.each(
            &self.outcome_sql("ORDER BY sequence"),
            [],
            outcome_row,
            |row| {
                let number = row.reason;
                let reason = VisitReason::from_repr(number)
                    .ok_or_else(|| self.damaged(format!("unknown reason number {number}")))?;
                let outcome = self.outcome(zoom, row)?;
                visits
                    .entry((reason, outcome.block))
                    .or_default()
                    .extend(&outcome.wanted);
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        let mut visits: Vec<_> = visits
            .into_iter()
            .map(|((reason, block), mask)| (reason, block, mask))
            .collect();
        visits.sort_by_key(|&(reason, block, _)| (reason, block));
        Ok(visits)
    }

    /// The number of tiles in each state, out of `planned`.
    ///
    /// # Errors
    /// When the ledger is damaged, or holds more tiles than planned.
    pub fn counts(&self, planned: u64) -> Result<StateCounts, LedgerError> {
        let mut counts = self.kept_counts()?;
        counts.not_visited = planned.checked_sub(counts.planned()).ok_or_else(|| {
            self.damaged(format!(
                "it holds {} tiles, more than the {planned} planned",
                counts.planned()
            ))
        })?;
        Ok(counts)
    }

    /// The kept number of tiles in each state; `not_visited` is 0.
    pub(super) fn kept_counts(&self) -> Result<StateCounts, LedgerError> {
        let mut counts = StateCounts::default();
        self.each(
            "SELECT state, tiles FROM state_count",
            [],
            |row| Ok((row.get::<_, u8>(0)?, row.get::<_, u64>(1)?)),
            |(number, tiles)| {
                let state = TileState::from_repr(number)
                    .ok_or_else(|| self.damaged(format!("unknown state number {number}")))?;
                *counts.get_mut(state) = tiles;
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        Ok(counts)
    }

    /// The sequence numbers that have an outcome, as rising half-open ranges.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn committed(&self) -> Result<Vec<Range<u64>>, LedgerError> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        self.each(
            "SELECT sequence FROM outcome ORDER BY sequence",
            [],
            |row| row.get::<_, u64>(0),
            |sequence| {
                match ranges.last_mut() {
                    Some(last) if last.end == sequence => last.end += 1,
                    _ => ranges.push(sequence..sequence + 1),
                }
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(ranges)
    }

    /// The first outcome of a unit, which is what the scan learnt from, with its candidates; those
    /// without their images.
    ///
    /// # Errors
    /// When the unit has none, or the ledger is damaged.
    pub fn first_outcome(&self, sequence: u64) -> Result<BlockOutcome, LedgerError> {
        let mut outcome = self.stored(sequence)?;
        self.add_candidates(&mut outcome)?;
        Ok(outcome)
    }

    /// The same without candidates.
    fn stored(&self, sequence: u64) -> Result<BlockOutcome, LedgerError> {
        let zoom = self.zoom()?;
        self.connection
            .prepare_cached(&self.outcome_sql("WHERE sequence = ?1"))
            .and_then(|mut statement| statement.query_row([sequence], outcome_row))
            .map_err(|source| self.trouble(source))
            .and_then(|row| self.outcome(zoom, row))
    }

    /// Adds the candidates among the scored tiles of an outcome, without their images. Only
    /// failures are ever retried, so they are what came with the outcome first.
    pub(super) fn add_candidates(&self, outcome: &mut BlockOutcome) -> Result<(), LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM candidate WHERE y = ?1 AND x = ?2",
                candidate_columns(self.version)
            ))
            .map_err(|source| self.trouble(source))?;
        let keep_threshold = self.keep_threshold()?;
        let kept = outcome
            .iter()
            .filter(|(_, answer)| answer.score().is_some_and(|score| score >= keep_threshold))
            .map(|(tile, _)| tile);
        let mut candidates = Vec::new();
        for tile in kept {
            let row = statement
                .query_row([tile.y, tile.x], candidate_row)
                .optional()
                .map_err(|source| self.trouble(source))?;
            if let Some(row) = row {
                let row = self.candidate(row)?;
                candidates.push(Candidate {
                    index: BlockCoord::index_of(tile),
                    score: row.score,
                    attribution: row.attribution,
                    boxes: row.boxes,
                    content_hash: row.content_hash,
                    payload: None,
                });
            }
        }
        outcome.candidates = candidates;
        Ok(())
    }

    /// A candidate with its boxes, once its checksum holds.
    pub(super) fn candidate(&self, row: CandidateRecord) -> Result<CandidateRow, LedgerError> {
        let tile = TileCoord {
            z: self.zoom()?,
            x: row.x,
            y: row.y,
        };
        let boxes = match self.version {
            LedgerVersion::One => Vec::new(),
            LedgerVersion::Two => self.boxes(row.id)?,
        };
        let columns = CandidateColumns {
            y: row.y,
            x: row.x,
            score: row.score,
            content_hash: row.content_hash,
            grid_width: row.grid_width,
            grid: row.grid.as_deref(),
            boxes: &boxes,
        };
        self.hold(columns.check(), row.row_check, || {
            format!("the candidate {tile}")
        })?;
        let attribution = match row.grid_width.zip(row.grid.as_deref()) {
            None => None,
            Some((width, bytes)) => Some(
                grid(width, bytes)
                    .ok_or_else(|| self.damaged(format!("attribution grid of {tile}")))?,
            ),
        };
        Ok(CandidateRow {
            tile,
            score: row.score,
            content_hash: row.content_hash.cast_unsigned(),
            attribution,
            boxes,
        })
    }

    fn boxes(&self, candidate: i64) -> Result<Vec<TileBox>, LedgerError> {
        let mut boxes = Vec::new();
        self.each(
            "SELECT class, score, x0, y0, x1, y1 FROM box WHERE candidate = ?1 ORDER BY number",
            [candidate],
            |row| {
                Ok(TileBox {
                    class: row.get(0)?,
                    score: row.get(1)?,
                    x0: row.get(2)?,
                    y0: row.get(3)?,
                    x1: row.get(4)?,
                    y1: row.get(5)?,
                })
            },
            |found| {
                boxes.push(found);
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        Ok(boxes)
    }

    /// The images that the run's tiles were cut from, each with its number, as far as the source told
    /// them.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn images(&self) -> Result<Vec<(NonZeroU32, Arc<SourceImage>)>, LedgerError> {
        let mut images = Vec::new();
        if self.version == LedgerVersion::One {
            return Ok(images);
        }
        self.each(
            "SELECT id, name, taken_from, taken_to, gsd_m, licence, credit, row_check FROM image
             ORDER BY id",
            [],
            |row| {
                let image = SourceImage {
                    name: row.get(1)?,
                    taken_from: row.get(2)?,
                    taken_to: row.get(3)?,
                    gsd_m: row.get(4)?,
                    licence: row.get(5)?,
                    credit: row.get(6)?,
                };
                Ok((row.get::<_, i64>(0)?, image, row.get(7)?))
            },
            |(id, image, kept)| {
                self.hold(check::image(id, &image), kept, || format!("image {id}"))?;
                let number = u32::try_from(id).ok().and_then(NonZeroU32::new);
                let number = number.ok_or_else(|| self.damaged(format!("image number {id}")))?;
                images.push((number, Arc::new(image)));
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        Ok(images)
    }

    /// What a frame's numbers of images stand for.
    fn unit_images(&self, numbers: &[Option<NonZeroU32>]) -> Result<UnitImages, LedgerError> {
        let mut known = self.images.borrow_mut();
        if numbers
            .iter()
            .flatten()
            .any(|number| !known.contains_key(number))
        {
            known.extend(self.images()?);
        }
        let mut unit = UnitImages::default();
        let mut positions = HashMap::new();
        for number in numbers {
            let position = match number {
                None => None,
                Some(number) => Some(match positions.get(number) {
                    Some(&position) => position,
                    None => {
                        let image = known.get(number).ok_or_else(|| {
                            self.damaged(format!("it names image {number} and does not hold it"))
                        })?;
                        let position = unit.images.len() as u16;
                        unit.images.push(Arc::clone(image));
                        positions.insert(*number, position);
                        position
                    }
                }),
            };
            unit.of_tiles.push(position);
        }
        Ok(unit)
    }

    /// The name of the column of checksums, which version 1 has not.
    fn row_check(&self) -> &'static str {
        row_check_column(self.version)
    }

    fn outcome_sql(&self, rest: &str) -> String {
        format!(
            "SELECT sequence, block_x, block_y, reason, tiles, {} FROM outcome {rest}",
            self.row_check()
        )
    }

    /// Refuses a row whose checksum is another than was kept.
    fn hold(
        &self,
        computed: i64,
        kept: Option<i64>,
        what: impl FnOnce() -> String,
    ) -> Result<(), LedgerError> {
        match kept {
            Some(kept) if kept != computed => {
                Err(self.damaged(format!("{} does not match its checksum", what())))
            }
            _ => Ok(()),
        }
    }

    /// Every unit's present outcome in rising order of sequence, retries taken in; without
    /// candidates.
    ///
    /// # Errors
    /// The visitor's, or when the ledger is damaged.
    pub fn outcomes<E: From<LedgerError>>(
        &self,
        mut visit: impl FnMut(BlockOutcome) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let zoom = self.zoom()?;
        self.each(
            &self.outcome_sql("ORDER BY sequence"),
            [],
            outcome_row,
            |row| {
                let mut outcome = self.outcome(zoom, row)?;
                self.apply_retries(&mut outcome)?;
                visit(outcome)
            },
        )
    }

    /// The tiles that a retry takes: for each unit with failures a unit of the same
    /// sequence that wants those alone, in rising order.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn failed_units(&self) -> Result<Vec<WorkUnit>, LedgerError> {
        let mut sequences = Vec::new();
        self.each(
            "SELECT sequence FROM failed_unit ORDER BY sequence",
            [],
            |row| row.get::<_, u64>(0),
            |sequence| {
                sequences.push(sequence);
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            },
        )?;
        sequences
            .into_iter()
            .map(|sequence| {
                let (tiles, block) = self.present(sequence)?;
                Ok(WorkUnit {
                    sequence,
                    block,
                    wanted: tiles
                        .into_iter()
                        .filter(|(_, tile)| tile.state().is_failure())
                        .map(|(index, _)| index)
                        .collect(),
                    reason: VisitReason::Everything,
                })
            })
            .collect()
    }

    /// Visits the candidates with at least a score, best first, equal scores in tile order.
    ///
    /// # Errors
    /// The visitor's, or when the ledger is damaged.
    pub fn candidates_by_rank<E: From<LedgerError>>(
        &self,
        score_min: f32,
        mut visit: impl FnMut(CandidateRow) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT {} FROM candidate WHERE score >= ?1 ORDER BY score DESC, y, x",
            candidate_columns(self.version)
        );
        self.each(&sql, [score_min], candidate_row, |row| {
            visit(self.candidate(row)?)
        })
    }

    /// Visits the content hash and tile of every kept tile whose hash at least `repeats_min` share,
    /// grouped by hash, each group in tile order: first the candidates, then those of low contrast.
    /// No content is among both, since equal images score alike.
    ///
    /// # Errors
    /// The visitor's, or when the ledger is damaged.
    pub fn repeated_contents<E: From<LedgerError>>(
        &self,
        repeats_min: u64,
        mut visit: impl FnMut(u64, TileCoord) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let z = self.manifest()?.zoom;
        // One query a table, so that each reads its rows from an index as they come.
        for table in ["candidate", "low_contrast"] {
            self.each(
                &format!(
                    "SELECT content_hash, x, y FROM {table} WHERE content_hash IN (
                         SELECT content_hash FROM {table} GROUP BY content_hash HAVING COUNT(*) >= ?1
                     ) ORDER BY content_hash, y, x"
                ),
                [repeats_min],
                |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)),
                |(hash, x, y)| visit(hash.cast_unsigned(), TileCoord { z, x, y }),
            )?;
        }
        Ok(())
    }

    /// The kept image of a candidate, if the run keeps them.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn payload(&self, tile: TileCoord) -> Result<Option<Vec<u8>>, LedgerError> {
        use rusqlite::OptionalExtension;
        self.connection
            .prepare_cached(&format!(
                "SELECT candidate, bytes, {} FROM payload
                 WHERE candidate = (SELECT id FROM candidate WHERE y = ?1 AND x = ?2)",
                self.row_check()
            ))
            .and_then(|mut statement| {
                let read =
                    |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?));
                statement.query_row([tile.y, tile.x], read).optional()
            })
            .map_err(|source| self.trouble(source))?
            .map(|(candidate, bytes, kept)| {
                let check = check::payload(candidate, &bytes);
                self.hold(check, kept, || format!("the image of {tile}"))?;
                Ok(bytes)
            })
            .transpose()
    }

    /// A unit's tiles as they stand now, and its block.
    pub(super) fn present(&self, sequence: u64) -> Result<(Tiles, BlockCoord), LedgerError> {
        let outcome = self.present_outcome(sequence)?;
        let tiles = outcome.wanted.iter().zip(outcome.tiles).collect();
        Ok((tiles, outcome.block))
    }

    /// A unit's outcome with its retries; without candidates.
    pub(super) fn present_outcome(&self, sequence: u64) -> Result<BlockOutcome, LedgerError> {
        let mut outcome = self.stored(sequence)?;
        self.apply_retries(&mut outcome)?;
        Ok(outcome)
    }

    fn apply_retries(&self, outcome: &mut BlockOutcome) -> Result<(), LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached(&format!(
                "SELECT tiles, {} FROM retry WHERE sequence = ?1 ORDER BY id",
                self.row_check()
            ))
            .map_err(|source| self.trouble(source))?;
        let blobs = statement
            .query_map([outcome.sequence], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?))
            })
            .map_err(|source| self.trouble(source))?;
        for blob in blobs {
            let (blob, kept) = blob.map_err(|source| self.trouble(source))?;
            self.hold(check::retry(outcome.sequence, &blob), kept, || {
                format!("a retry of unit {}", outcome.sequence)
            })?;
            let frame = Frame::decode(self.version.frame(), &blob)
                .map_err(|error| self.damaged(error.to_string()))?;
            let images = self.unit_images(&frame.images)?;
            for (at, (index, tile)) in frame.wanted.iter().zip(frame.tiles).enumerate() {
                let rank = outcome.wanted.rank(index).ok_or_else(|| {
                    self.damaged(format!(
                        "a retry of unit {} holds a tile that the unit does not want",
                        outcome.sequence
                    ))
                })?;
                outcome.tiles[rank] = tile;
                let count = outcome.tiles.len();
                if let Some(&stage) = frame.stages.get(at) {
                    outcome.stages.resize(count, CascadeStage::First);
                    outcome.stages[rank] = stage;
                }
                if let Some(image) = images.of(at) {
                    outcome.images.set(rank, image, count);
                }
            }
        }
        Ok(())
    }

    fn outcome(&self, zoom: u8, row: OutcomeRow) -> Result<BlockOutcome, LedgerError> {
        self.hold(check::outcome(&row), row.row_check, || {
            format!("unit {}", row.sequence)
        })?;
        let frame = Frame::decode(self.version.frame(), &row.tiles)
            .map_err(|error| self.damaged(format!("unit {}: {error}", row.sequence)))?;
        let images = self.unit_images(&frame.images)?;
        Ok(BlockOutcome {
            sequence: row.sequence,
            block: BlockCoord {
                z: zoom,
                x: row.block_x,
                y: row.block_y,
            },
            wanted: frame.wanted,
            tiles: frame.tiles,
            stages: frame.stages,
            images,
            candidates: Vec::new(),
            low_contrast: Vec::new(),
        })
    }

    /// Runs a query and hands each row to a visitor, until it breaks.
    pub(super) fn each<T, E: From<LedgerError>>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        mut visit: impl FnMut(T) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .map_err(|source| self.trouble(source))?;
        let mut rows = statement
            .query(parameters)
            .map_err(|source| self.trouble(source))?;
        while let Some(row) = rows.next().map_err(|source| self.trouble(source))? {
            let value = read(row).map_err(|source| self.trouble(source))?;
            if visit(value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn trouble(&self, source: rusqlite::Error) -> LedgerError {
        LedgerError::Sqlite {
            doing: "read",
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self, what: String) -> LedgerError {
        LedgerError::Damaged {
            path: self.path.clone(),
            what,
        }
    }
}

fn grid(width: u16, bytes: &[u8]) -> Option<AttributionGrid> {
    let cells: Vec<f16> = bytes
        .chunks_exact(2)
        .map(|pair| f16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let height = cells.len().checked_div(usize::from(width))?;
    (height > 0 && height * usize::from(width) * 2 == bytes.len()).then_some(AttributionGrid {
        width,
        height: height as u16,
        cells,
    })
}

/// A path as SQLite's URI file names want it (<https://www.sqlite.org/uri.html>).
fn escape_uri(path: &Path) -> String {
    path.to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}
