//! Writing a ledger: creating it, and committing outcomes.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, OpenFlags, Transaction, params};

use super::{
    FILE_NAME, LedgerError, LedgerReader, LedgerVersion, Manifest, SettingsRecord,
    check::{self, CandidateColumns},
    lock::RunLock,
    rows::OutcomeRow,
    schema,
};
use crate::{
    digest::Digest,
    frame::{Frame, FrameError},
    tiles::{
        BlockCoord, BlockOutcome, Candidate, LowContrast, SourceImage, StateCounts, TileMask,
        TileState, UnitImages, VisitReason,
    },
};

/// A run's ledger, open for writing.
///
/// It holds the lock of the run's folder for as long as it lives, so there is one writer at a time.
/// Readers ([`LedgerReader`]) need no lock.
#[derive(Debug)]
pub struct Ledger {
    reader: LedgerReader,
    /// The numbers of the images that are stored, by all that is known of each; read when the first
    /// one comes.
    image_numbers: Option<HashMap<String, NonZeroU32>>,
    /// Dropped after the connection, so nobody else writes before this one has let go.
    _lock: RunLock,
}

/// What became of an outcome that was handed to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was committed.
    New,
    /// The unit had an outcome already, which stays.
    Already,
}

impl Ledger {
    /// Creates the ledger of a new run in a folder that exists.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process writes to the folder, [`LedgerError::Exists`]
    /// when it holds a ledger already, and when the file cannot be written.
    pub fn create(dir: &Path, manifest: &Manifest) -> Result<Self, LedgerError> {
        let path = dir.join(FILE_NAME);
        let lock = RunLock::take(dir)?;
        if path.exists() {
            return Err(LedgerError::Exists { path });
        }
        // Made beside and renamed, so that a kill leaves no ledger without a manifest.
        let draft = dir.join("run.hvmap.new");
        if draft.exists() {
            std::fs::remove_file(&draft).map_err(|source| LedgerError::File {
                doing: "remove",
                path: draft.clone(),
                source,
            })?;
        }
        let connection = schema::connect(
            &draft,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        let text = serde_json::to_string(manifest)
            .expect("a manifest holds only strings, numbers and lists");
        let mut chance = [0; 16];
        getrandom::fill(&mut chance).map_err(|source| LedgerError::File {
            doing: "draw a name for the run in",
            path: path.clone(),
            source: source.into(),
        })?;
        let run_id = Digest(chance).to_string();
        schema::create(&connection)
            .and_then(|()| {
                connection.execute(
                    "INSERT INTO manifest (id, manifest, run_id, row_check)
                     VALUES (1, ?1, ?2, ?3)",
                    params![text, run_id, check::manifest(&run_id, &text)],
                )
            })
            .map_err(|source| LedgerError::Sqlite {
                doing: "create",
                path: path.clone(),
                source,
            })?;
        drop(connection);
        std::fs::rename(&draft, &path).map_err(|source| LedgerError::File {
            doing: "create",
            path: path.clone(),
            source,
        })?;
        Self::open_locked(path, lock)
    }

    /// Opens the ledger of a run for writing.
    ///
    /// # Errors
    /// [`LedgerError::NoRun`] when there is none, [`LedgerError::InUse`] when another process writes
    /// to it, and when it is no ledger, is of a newer version, or cannot be written.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join(FILE_NAME);
        if !path.exists() {
            return Err(LedgerError::NoRun {
                dir: dir.to_owned(),
            });
        }
        Self::open_locked(path, RunLock::take(dir)?)
    }

    fn open_locked(path: PathBuf, lock: RunLock) -> Result<Self, LedgerError> {
        let connection = schema::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let version = schema::version(&connection, &path)?;
        let trouble = |source| LedgerError::Sqlite {
            doing: "write to",
            path: path.clone(),
            source,
        };
        // Surviving a killed process needs no more than NORMAL; a power cut may cost the last
        // units, which are then fetched again.
        connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
            .map_err(trouble)?;
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .map_err(trouble)?;
        let mut ledger = Self {
            reader: LedgerReader::over(connection, path, version),
            image_numbers: None,
            _lock: lock,
        };
        // An empty write, so that a read-only file is told now and not after an hour.
        ledger.transaction(|_| Ok(()))?;
        Ok(ledger)
    }

    /// The reading half.
    #[must_use]
    pub fn reader(&self) -> &LedgerReader {
        &self.reader
    }

    /// Brings up to date what the manifest says for people only, such as an attribution that was
    /// forgotten at first.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    ///
    /// # Panics
    /// When the manifest differs in more than that.
    pub fn relabel(&mut self, manifest: &Manifest) -> Result<(), LedgerError> {
        let recorded = self.reader.manifest()?;
        assert!(
            recorded.differences(manifest).is_empty(),
            "a run's manifest never changes"
        );
        let mut manifest = manifest.clone();
        // Those of the run's start, or they would creep from start to start.
        manifest.model.answers.clone_from(&recorded.model.answers);
        manifest.format_version = recorded.format_version;
        if recorded == manifest {
            return Ok(());
        }
        let text = serde_json::to_string(&manifest)
            .expect("a manifest holds only strings, numbers and lists");
        let run_id = self.reader.run_id()?;
        self.transaction(|transaction| match &run_id {
            None => transaction.execute("UPDATE manifest SET manifest = ?1", [&text]),
            Some(run_id) => transaction.execute(
                "UPDATE manifest SET manifest = ?1, row_check = ?2",
                params![text, check::manifest(run_id, &text)],
            ),
        })?;
        Ok(())
    }

    /// Appends to the history of settings, if they differ from the last ones, and returns those.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn change_settings(
        &mut self,
        settings: &SettingsRecord,
    ) -> Result<Option<SettingsRecord>, LedgerError> {
        let last = self.reader.settings()?.pop();
        if last.as_ref() == Some(settings) {
            return Ok(last);
        }
        let text = serde_json::to_string(settings)
            .expect("settings hold only strings, numbers and JSON values");
        let version = self.reader.version();
        self.transaction(|transaction| {
            let first_sequence: i64 = transaction.query_row(
                "SELECT COALESCE(MAX(sequence) + 1, 0) FROM outcome",
                [],
                |row| row.get(0),
            )?;
            insert(
                transaction,
                version,
                "INSERT INTO settings (first_sequence, settings",
                &[&first_sequence, &text],
                check::settings(first_sequence, &text),
            )
        })?;
        Ok(last)
    }

    /// Commits the outcome of a unit with its candidates and why it was visited. Recording a unit twice
    /// is harmless: the first commit stays.
    ///
    /// # Errors
    /// When the ledger cannot be written; nothing of the outcome is then in it.
    pub fn record(
        &mut self,
        outcome: &BlockOutcome,
        reason: VisitReason,
    ) -> Result<Recorded, LedgerError> {
        self.refuse_boxes(&outcome.candidates)?;
        let images = self.image_numbers(&outcome.images)?;
        let frame = Frame {
            wanted: outcome.wanted.clone(),
            tiles: outcome.tiles.clone(),
            stages: outcome.stages.clone(),
            images,
        };
        let row = OutcomeRow {
            sequence: outcome.sequence,
            block_x: outcome.block.x,
            block_y: outcome.block.y,
            reason: reason as u8,
            tiles: self.encode(&frame)?,
            row_check: None,
        };
        let version = self.reader.version();
        self.transaction(|transaction| {
            let inserted = insert(
                transaction,
                version,
                "INSERT OR IGNORE INTO outcome (sequence, block_x, block_y, reason, tiles",
                &[
                    &row.sequence,
                    &row.block_x,
                    &row.block_y,
                    &row.reason,
                    &row.tiles,
                ],
                check::outcome(&row),
            )?;
            if inserted == 0 {
                return Ok(Recorded::Already);
            }
            let mut counts = StateCounts::default();
            counts.add(outcome);
            for &state in TileState::ALL {
                add_to_count(transaction, state, counts.get(state).cast_signed())?;
            }
            insert_candidates(transaction, version, outcome.block, &outcome.candidates)?;
            insert_low_contrast(transaction, version, outcome.block, &outcome.low_contrast)?;
            if outcome.tiles.iter().any(|tile| tile.state().is_failure()) {
                transaction.execute(
                    "INSERT INTO failed_unit (sequence) VALUES (?1)",
                    [outcome.sequence],
                )?;
            }
            Ok(Recorded::New)
        })
    }

    /// Commits the outcome of a retry. Of its tiles only those whose present state is a failure
    /// are replaced.
    ///
    /// # Errors
    /// When the unit has no outcome yet, or the ledger cannot be written.
    pub fn record_retry(&mut self, outcome: &BlockOutcome) -> Result<(), LedgerError> {
        self.refuse_boxes(&outcome.candidates)?;
        let (before, _) = self.reader.present(outcome.sequence)?;
        let mut wanted = TileMask::new();
        let mut tiles = Vec::new();
        let mut stages = Vec::new();
        let mut images = Vec::new();
        let of_images = self.image_numbers(&outcome.images)?;
        for (rank, (index, &tile)) in outcome.wanted.iter().zip(&outcome.tiles).enumerate() {
            let was = before.iter().find(|&&(at, _)| at == index);
            if was.is_some_and(|(_, was)| was.state().is_failure()) {
                wanted.insert(index);
                tiles.push(tile);
                stages.extend(outcome.stages.get(rank));
                images.extend(of_images.get(rank));
            }
        }
        let candidates: Vec<Candidate> = outcome
            .candidates
            .iter()
            .filter(|candidate| wanted.contains(candidate.index))
            .cloned()
            .collect();
        let low_contrast: Vec<LowContrast> = outcome
            .low_contrast
            .iter()
            .filter(|tile| wanted.contains(tile.index))
            .copied()
            .collect();
        let still_failed = before
            .iter()
            .filter(|(index, was)| was.state().is_failure() && !wanted.contains(*index))
            .count()
            + tiles
                .iter()
                .filter(|tile| tile.state().is_failure())
                .count();
        let frame = Frame {
            wanted,
            tiles,
            stages,
            images,
        };
        let blob = self.encode(&frame)?;
        let Frame { wanted, tiles, .. } = frame;
        let version = self.reader.version();
        self.transaction(|transaction| {
            insert(
                transaction,
                version,
                "INSERT INTO retry (sequence, tiles",
                &[&outcome.sequence, &blob],
                check::retry(outcome.sequence, &blob),
            )?;
            for (index, was) in &before {
                if let Some(rank) = wanted.rank(*index) {
                    add_to_count(transaction, was.state(), -1)?;
                    add_to_count(transaction, tiles[rank].state(), 1)?;
                }
            }
            insert_candidates(transaction, version, outcome.block, &candidates)?;
            insert_low_contrast(transaction, version, outcome.block, &low_contrast)?;
            if still_failed == 0 {
                transaction.execute(
                    "DELETE FROM failed_unit WHERE sequence = ?1",
                    [outcome.sequence],
                )?;
            }
            Ok(())
        })
    }

    /// A ledger of version 1 has no table for boxes.
    fn refuse_boxes(&self, candidates: &[Candidate]) -> Result<(), LedgerError> {
        let has_boxes = candidates
            .iter()
            .any(|candidate| !candidate.boxes.is_empty());
        if has_boxes && self.reader.version() == LedgerVersion::One {
            return Err(LedgerError::Frame {
                path: self.reader.path().to_owned(),
                source: FrameError::NotInVersion1 { what: "boxes" },
            });
        }
        Ok(())
    }

    fn encode(&self, frame: &Frame) -> Result<Vec<u8>, LedgerError> {
        frame
            .encode(self.reader.version().frame())
            .map_err(|source| LedgerError::Frame {
                path: self.reader.path().to_owned(),
                source,
            })
    }

    /// The number of each tile's image, once all of them are stored. An image that no outcome names in
    /// the end, since the unit was committed before, does no harm.
    fn image_numbers(&mut self, unit: &UnitImages) -> Result<Vec<Option<NonZeroU32>>, LedgerError> {
        // A run that was begun as version 1 goes on without what its ledger has no room for.
        if unit.is_empty() || self.reader.version() == LedgerVersion::One {
            return Ok(Vec::new());
        }
        let mut known = match self.image_numbers.take() {
            Some(known) => known,
            None => {
                let stored = self.reader.images()?.into_iter();
                stored
                    .map(|(number, image)| (key(&image), number))
                    .collect()
            }
        };
        let mut numbers = Vec::with_capacity(unit.images.len());
        for image in &unit.images {
            let number = match known.get(&key(image)) {
                Some(&number) => number,
                None => {
                    let number = self.insert_image(image, known.len())?;
                    known.insert(key(image), number);
                    number
                }
            };
            numbers.push(number);
        }
        self.image_numbers = Some(known);
        let of_tiles = unit.of_tiles.iter();
        Ok(of_tiles
            .map(|position| numbers.get(usize::from((*position)?)).copied())
            .collect())
    }

    fn insert_image(
        &mut self,
        image: &Arc<SourceImage>,
        known: usize,
    ) -> Result<NonZeroU32, LedgerError> {
        let number = NonZeroU32::MIN.saturating_add(known as u32);
        let id = i64::from(number.get());
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO image (id, name, taken_from, taken_to, gsd_m, licence, credit, row_check)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    id,
                    image.name,
                    image.taken_from,
                    image.taken_to,
                    image.gsd_m,
                    image.licence,
                    image.credit,
                    check::image(id, image)
                ],
            )
        })?;
        Ok(number)
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let path: PathBuf = self.reader.path().to_owned();
        let connection: &mut Connection = self.reader.connection_mut();
        (|| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })()
        .map_err(|source| LedgerError::Sqlite {
            doing: "write to",
            path,
            source,
        })
    }
}

/// All that is known of an image, as one text.
fn key(image: &SourceImage) -> String {
    format!("{image:?}")
}

/// Inserts a row, with its checksum where the version has one. `sql` ends within the list of columns.
fn insert(
    transaction: &Transaction<'_>,
    version: LedgerVersion,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
    row_check: i64,
) -> rusqlite::Result<usize> {
    let marks = vec!["?"; values.len()].join(", ");
    match version {
        LedgerVersion::One => transaction
            .prepare_cached(&format!("{sql}) VALUES ({marks})"))?
            .execute(values),
        LedgerVersion::Two => transaction
            .prepare_cached(&format!("{sql}, row_check) VALUES ({marks}, ?)"))?
            .execute([values, &[&row_check]].concat().as_slice()),
    }
}

fn add_to_count(
    transaction: &Transaction<'_>,
    state: TileState,
    tiles: i64,
) -> rusqlite::Result<()> {
    if tiles == 0 {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO state_count (state, tiles) VALUES (?1, ?2)
             ON CONFLICT (state) DO UPDATE SET tiles = tiles + excluded.tiles",
        )?
        .execute(params![state as u8, tiles])?;
    Ok(())
}

fn insert_low_contrast(
    transaction: &Transaction<'_>,
    version: LedgerVersion,
    block: BlockCoord,
    tiles: &[LowContrast],
) -> rusqlite::Result<()> {
    for low_contrast in tiles {
        let tile = block.tile(low_contrast.index);
        let hash = low_contrast.content_hash.cast_signed();
        insert(
            transaction,
            version,
            "INSERT OR IGNORE INTO low_contrast (content_hash, y, x",
            &[&hash, &tile.y, &tile.x],
            check::low_contrast(hash, tile.y, tile.x),
        )?;
    }
    Ok(())
}

fn insert_candidates(
    transaction: &Transaction<'_>,
    version: LedgerVersion,
    block: BlockCoord,
    candidates: &[Candidate],
) -> rusqlite::Result<()> {
    for candidate in candidates {
        let tile = block.tile(candidate.index);
        let grid = candidate.attribution.as_ref();
        let cells: Option<Vec<u8>> = grid.map(|grid| {
            grid.cells
                .iter()
                .flat_map(|cell| cell.to_le_bytes())
                .collect()
        });
        let columns = CandidateColumns {
            y: tile.y,
            x: tile.x,
            score: candidate.score,
            // SQLite's integers are signed; the bits are kept.
            content_hash: candidate.content_hash.cast_signed(),
            grid_width: grid.map(|grid| grid.width),
            grid: cells.as_deref(),
            boxes: &candidate.boxes,
        };
        let inserted = insert(
            transaction,
            version,
            "INSERT OR IGNORE INTO candidate (y, x, score, content_hash, grid_width, grid",
            &[
                &columns.y,
                &columns.x,
                &columns.score,
                &columns.content_hash,
                &columns.grid_width,
                &columns.grid,
            ],
            columns.check(),
        )?;
        if inserted == 0 {
            continue;
        }
        let id = transaction.last_insert_rowid();
        for (number, found) in candidate.boxes.iter().enumerate() {
            transaction
                .prepare_cached(
                    "INSERT INTO box (candidate, number, class, score, x0, y0, x1, y1)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    id,
                    number as i64,
                    found.class,
                    found.score,
                    found.x0,
                    found.y0,
                    found.x1,
                    found.y1
                ])?;
        }
        if let Some(payload) = &candidate.payload {
            insert(
                transaction,
                version,
                "INSERT INTO payload (candidate, bytes",
                &[&id, &payload.as_ref()],
                check::payload(id, payload),
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use half::f16;

    use super::*;
    use crate::{
        ledger::manifest::tests::manifest,
        tiles::{AttributionGrid, CascadeStage, TileBox, TileOutcome, UnitImages},
    };

    const BLOCK: BlockCoord = BlockCoord {
        z: 18,
        x: 2189,
        y: 1492,
    };

    fn candidate(index: u16, score: f32) -> Candidate {
        Candidate {
            index,
            score,
            attribution: Some(AttributionGrid {
                width: 2,
                height: 1,
                cells: vec![f16::from_f32(score), f16::from_f32(-0.1)],
            }),
            boxes: Vec::new(),
            content_hash: u64::MAX - u64::from(index),
            payload: Some(bytes::Bytes::from_static(b"jpeg")),
        }
    }

    fn outcome(sequence: u64, tiles: &[(u16, TileOutcome)]) -> BlockOutcome {
        BlockOutcome {
            sequence,
            block: BLOCK,
            wanted: tiles.iter().map(|(index, _)| *index).collect(),
            tiles: tiles.iter().map(|(_, tile)| *tile).collect(),
            candidates: tiles
                .iter()
                .filter_map(|(index, tile)| {
                    tile.score()
                        .filter(|&score| score >= 0.25)
                        .map(|score| candidate(*index, score))
                })
                .collect(),
            low_contrast: Vec::new(),
            stages: Vec::new(),
            images: UnitImages::default(),
        }
    }

    /// A scan that goes on learns from candidates as they came, but needs no images.
    fn without_images(outcome: &BlockOutcome) -> Vec<Candidate> {
        let without = |candidate: &Candidate| Candidate {
            payload: None,
            ..candidate.clone()
        };
        outcome.candidates.iter().map(without).collect()
    }

    fn ranked(ledger: &Ledger) -> Vec<(String, f32)> {
        let mut rows = Vec::new();
        ledger
            .reader()
            .candidates_by_rank(0.0, |row| {
                rows.push((row.tile.to_string(), row.score));
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            })
            .unwrap();
        rows
    }

    #[test]
    fn the_first_outcome_of_a_unit_wins() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        let first = outcome(
            3,
            &[(0, TileOutcome::Scored(0.5)), (9, TileOutcome::NoImagery)],
        );
        let second = outcome(3, &[(0, TileOutcome::Scored(0.9)), (9, TileOutcome::Blank)]);
        assert_eq!(
            ledger.record(&first, VisitReason::Everything).unwrap(),
            Recorded::New
        );
        assert_eq!(
            ledger.record(&second, VisitReason::Everything).unwrap(),
            Recorded::Already
        );
        let stored = ledger.reader().first_outcome(3).unwrap();
        assert_eq!(stored.tiles, first.tiles);
        assert_eq!(stored.candidates, without_images(&first));
        let mut learnt = Vec::new();
        ledger
            .reader()
            .first_outcomes_before(4, |outcome| learnt.push(outcome.clone()))
            .unwrap();
        assert_eq!(learnt, [stored]);
        assert_eq!(
            ledger.reader().committed().unwrap(),
            std::slice::from_ref(&(3..4))
        );
        let counts = ledger.reader().counts(4_000).unwrap();
        assert_eq!(
            counts,
            StateCounts {
                scored: 1,
                no_imagery: 1,
                not_visited: 3_998,
                ..StateCounts::default()
            }
        );
    }

    #[test]
    fn a_retry_replaces_failures_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        ledger
            .record(
                &outcome(
                    0,
                    &[
                        (1, TileOutcome::Scored(0.3)),
                        (2, TileOutcome::FetchFailed),
                        (3, TileOutcome::PredictFailed),
                    ],
                ),
                VisitReason::Everything,
            )
            .unwrap();
        let failed = ledger.reader().failed_units().unwrap();
        assert_eq!(failed[0].wanted.iter().collect::<Vec<_>>(), [2, 3]);
        ledger
            .record_retry(&outcome(
                0,
                &[
                    (1, TileOutcome::Scored(0.99)),
                    (2, TileOutcome::Scored(0.8)),
                    (3, TileOutcome::PredictFailed),
                ],
            ))
            .unwrap();
        assert_eq!(
            ranked(&ledger),
            [
                (BLOCK.tile(2).to_string(), 0.8),
                (BLOCK.tile(1).to_string(), 0.3)
            ]
        );
        let failed = ledger.reader().failed_units().unwrap();
        assert_eq!(failed[0].wanted.iter().collect::<Vec<_>>(), [3]);
        let counts = ledger.reader().counts(3).unwrap();
        assert_eq!((counts.scored, counts.predict_failed), (2, 1));
        // The scan still sees what it saw first.
        let first = ledger.reader().first_outcome(0).unwrap();
        assert_eq!(first.tiles[1], TileOutcome::FetchFailed);
        let payload = ledger.reader().payload(BLOCK.tile(2)).unwrap();
        assert_eq!(payload.as_deref(), Some(&b"jpeg"[..]));
    }

    #[test]
    fn equal_scores_rank_in_tile_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        ledger
            .record(
                &outcome(
                    0,
                    &[
                        (5, TileOutcome::Scored(0.5)),
                        (6, TileOutcome::Scored(0.75)),
                        (70, TileOutcome::Scored(0.5)),
                    ],
                ),
                VisitReason::Everything,
            )
            .unwrap();
        let tiles: Vec<_> = ranked(&ledger).into_iter().map(|(tile, _)| tile).collect();
        assert_eq!(tiles, [6, 5, 70].map(|index| BLOCK.tile(index).to_string()));
    }

    #[test]
    fn a_ledger_has_one_writer_and_is_created_once() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        for second in [
            Ledger::open(dir.path()),
            Ledger::create(dir.path(), &manifest()),
        ] {
            assert!(matches!(second, Err(LedgerError::InUse { .. })));
        }
        drop(ledger);
        assert!(matches!(
            Ledger::create(dir.path(), &manifest()),
            Err(LedgerError::Exists { .. })
        ));
        Ledger::open(dir.path()).unwrap();
    }

    #[test]
    fn a_ledger_of_a_newer_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        let path = ledger.reader.path().to_owned();
        drop(ledger);
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        let error = LedgerReader::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("newer hvmap (ledger version 99"), "{error}");
    }

    #[test]
    fn another_sqlite_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (a)")
            .unwrap();
        assert!(matches!(
            Ledger::open(dir.path()),
            Err(LedgerError::NotALedger { .. })
        ));
    }

    #[test]
    fn changed_settings_are_appended_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        let mut settings = SettingsRecord {
            scan: "everything".into(),
            scan_settings: serde_json::json!({}),
            engine: "onnxruntime 1.31.1, cpu".into(),
            rate: None,
            model: None,
        };
        assert_eq!(ledger.change_settings(&settings).unwrap(), None);
        ledger.change_settings(&settings).unwrap();
        settings.rate = Some(10.0);
        ledger.change_settings(&settings).unwrap();
        assert_eq!(ledger.reader().settings().unwrap().len(), 2);
        // Among so many numbers are some that JSON does not give back to the last bit.
        let mut count = 2;
        for thousandths in 1..200u16 {
            let stop = f32::from(thousandths) / 1_000.0;
            settings.scan_settings = serde_json::json!({ "stop": stop });
            ledger.change_settings(&settings).unwrap();
            ledger.change_settings(&settings).unwrap();
            count += 1;
            let known = ledger.reader().settings().unwrap().len();
            assert_eq!(known, count, "{stop}");
            assert_eq!(ledger.reader().scan_begin(&settings).unwrap(), Some(0));
        }
    }

    fn found(score: f32) -> TileBox {
        TileBox {
            class: 1,
            score,
            x0: -0.0,
            y0: 10.0,
            x1: 40.25,
            y1: 99.0,
        }
    }

    fn scene(name: &str) -> Arc<SourceImage> {
        Arc::new(SourceImage {
            name: name.to_owned(),
            taken_from: Some("2024-01-31".to_owned()),
            gsd_m: Some(0.5),
            ..SourceImage::default()
        })
    }

    /// A unit of a cascade of detectors over a mosaic of two images.
    fn rich(sequence: u64) -> BlockOutcome {
        let mut unit = outcome(
            sequence,
            &[
                (1, TileOutcome::Scored(0.9)),
                (2, TileOutcome::Scored(0.1)),
                (3, TileOutcome::FetchFailed),
            ],
        );
        unit.candidates[0].boxes = vec![found(0.9), found(0.4)];
        unit.stages = vec![
            CascadeStage::Second,
            CascadeStage::First,
            CascadeStage::First,
        ];
        unit.images = UnitImages {
            images: vec![scene("east"), scene("west")],
            of_tiles: vec![Some(1), Some(0), None],
        };
        unit.low_contrast = vec![LowContrast {
            index: 2,
            content_hash: 7,
        }];
        unit
    }

    #[test]
    fn stages_images_and_boxes_come_back_and_a_retry_adds_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        let first = rich(0);
        ledger.record(&first, VisitReason::Net).unwrap();
        let stored = ledger.reader().first_outcome(0).unwrap();
        assert_eq!(stored.stages, first.stages);
        for rank in 0..3 {
            assert_eq!(stored.images.of(rank), first.images.of(rank), "{rank}");
        }
        assert_eq!(stored.candidates, without_images(&first));

        let mut retry = outcome(0, &[(3, TileOutcome::Scored(0.5))]);
        retry.candidates[0].boxes = vec![found(0.5)];
        retry.stages = vec![CascadeStage::Second];
        retry.images = UnitImages {
            images: vec![scene("north")],
            of_tiles: vec![Some(0)],
        };
        ledger.record_retry(&retry).unwrap();
        let present = ledger.reader().present_outcome(0).unwrap();
        assert_eq!(present.stages[2], CascadeStage::Second);
        assert_eq!(present.images.of(2), Some(&scene("north")));
        assert_eq!(present.images.of(0), Some(&scene("west")));
        // Each image is stored once, also by a process that comes later.
        drop(ledger);
        let mut ledger = Ledger::open(dir.path()).unwrap();
        ledger.record(&rich(1), VisitReason::Net).unwrap();
        let images = ledger.reader().images().unwrap();
        let names: Vec<&str> = images
            .iter()
            .map(|(_, image)| image.name.as_str())
            .collect();
        assert_eq!(names, ["east", "west", "north"]);
        let mut boxes = Vec::new();
        ledger
            .reader()
            .candidates_by_rank(0.0, |row| {
                boxes.push((row.score, row.boxes.len()));
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!(boxes, [(0.9, 2), (0.5, 1)]);
    }

    #[test]
    fn a_run_has_a_name_that_no_other_has_and_keeps_it() {
        let name = |dir: &Path| LedgerReader::open(dir).unwrap().run_id().unwrap().unwrap();
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&one, &other] {
            Ledger::create(dir.path(), &manifest()).unwrap();
        }
        assert_eq!(name(one.path()).len(), 32);
        assert_ne!(name(one.path()), name(other.path()));
        let mut relabelled = manifest();
        relabelled.area.label = "SM".into();
        let before = name(one.path());
        Ledger::open(one.path())
            .unwrap()
            .relabel(&relabelled)
            .unwrap();
        assert_eq!(name(one.path()), before);
    }

    /// A ledger with a row in each table.
    fn whole() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        ledger
            .change_settings(&SettingsRecord {
                scan: "everything".into(),
                scan_settings: serde_json::json!({}),
                engine: "an engine".into(),
                rate: None,
                model: None,
            })
            .unwrap();
        ledger.record(&rich(0), VisitReason::Net).unwrap();
        let mut mended = outcome(0, &[(3, TileOutcome::FetchFailed)]);
        mended.stages = vec![CascadeStage::First];
        ledger.record_retry(&mended).unwrap();
        dir
    }

    #[test]
    fn a_sound_ledger_verifies() {
        let dir = whole();
        let verified = LedgerReader::open(dir.path()).unwrap().verify().unwrap();
        assert_eq!(verified.problems, [""; 0]);
        assert!(verified.has_checksums);
        assert_eq!((verified.units, verified.candidates), (1, 1));
        assert_eq!(
            (verified.counts.scored, verified.counts.fetch_failed),
            (2, 1)
        );
    }

    #[test]
    fn every_changed_value_is_found() {
        for change in [
            "UPDATE manifest SET manifest = replace(manifest, '18', '17')",
            "UPDATE manifest SET run_id = 'another'",
            "UPDATE settings SET first_sequence = 1",
            "UPDATE outcome SET block_x = block_x + 1",
            "UPDATE outcome SET reason = 2",
            "UPDATE outcome SET tiles = (SELECT tiles FROM retry)",
            "UPDATE retry SET tiles = (SELECT tiles FROM outcome)",
            "UPDATE candidate SET x = x + 1",
            "UPDATE candidate SET score = 0.91",
            "UPDATE candidate SET content_hash = 1",
            "UPDATE candidate SET grid_width = NULL",
            "UPDATE box SET x1 = 41.0 WHERE number = 0",
            "UPDATE box SET number = number + 1 WHERE number = 0 AND 0 = 1; DELETE FROM box WHERE number = 1",
            "UPDATE image SET gsd_m = 0.25 WHERE id = 1",
            "UPDATE image SET taken_to = '2025-01-01' WHERE id = 2",
            "UPDATE low_contrast SET x = x + 1",
            "UPDATE payload SET bytes = X'00'",
            "UPDATE state_count SET tiles = tiles + 1 WHERE state = 1",
            "DELETE FROM failed_unit",
            "DELETE FROM box; DELETE FROM payload; DELETE FROM candidate",
        ] {
            let dir = whole();
            Connection::open(dir.path().join(FILE_NAME))
                .unwrap()
                .execute_batch(change)
                .unwrap();
            let reader = LedgerReader::open(dir.path()).unwrap();
            let verified = reader.verify();
            let told = verified.map(|verified| verified.problem_count);
            assert!(
                told.as_ref().is_ok_and(|&count| count > 0),
                "{change}: {told:?}"
            );
        }
    }
}
