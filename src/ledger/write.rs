//! Writing a ledger: creating it, and committing outcomes.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};

use super::{
    FILE_NAME, LedgerError, LedgerReader, Manifest, SettingsRecord, encoding, lock::RunLock, schema,
};
use crate::tiles::{
    BlockCoord, BlockOutcome, Candidate, LowContrast, StateCounts, TileMask, TileOutcome,
    TileState, VisitReason,
};

/// A run's ledger, open for writing.
///
/// It holds the lock of the run's folder for as long as it lives, so there is one writer at a time.
/// Readers ([`LedgerReader`]) need no lock.
#[derive(Debug)]
pub struct Ledger {
    reader: LedgerReader,
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
        schema::create(&connection)
            .and_then(|()| {
                connection.execute("INSERT INTO manifest (id, manifest) VALUES (1, ?1)", [text])
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
        schema::check(&connection, &path)?;
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
            reader: LedgerReader::over(connection, path),
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
        if recorded == manifest {
            return Ok(());
        }
        let text = serde_json::to_string(&manifest)
            .expect("a manifest holds only strings, numbers and lists");
        self.transaction(|transaction| {
            transaction.execute("UPDATE manifest SET manifest = ?1", [&text])
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
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO settings (first_sequence, settings)
                 VALUES ((SELECT COALESCE(MAX(sequence) + 1, 0) FROM outcome), ?1)",
                [&text],
            )
        })?;
        Ok(last)
    }

    /// Commits the outcome of a unit with its candidates and why it was visited. Recording a unit twice is harmless: the
    /// first commit stays.
    ///
    /// # Errors
    /// When the ledger cannot be written; nothing of the outcome is then in it.
    pub fn record(
        &mut self,
        outcome: &BlockOutcome,
        reason: VisitReason,
    ) -> Result<Recorded, LedgerError> {
        let blob = self.encode(&outcome.wanted, &outcome.tiles)?;
        self.transaction(|transaction| {
            let inserted = transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO outcome (sequence, block_x, block_y, reason, tiles)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    outcome.sequence,
                    outcome.block.x,
                    outcome.block.y,
                    reason as u8,
                    blob
                ])?;
            if inserted == 0 {
                return Ok(Recorded::Already);
            }
            let mut counts = StateCounts::default();
            counts.add(outcome);
            for state in TileState::ALL {
                add_to_count(transaction, state, counts.get(state).cast_signed())?;
            }
            insert_candidates(transaction, outcome.block, &outcome.candidates)?;
            insert_low_contrast(transaction, outcome.block, &outcome.low_contrast)?;
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
        let (before, _) = self.reader.present(outcome.sequence)?;
        let mut wanted = TileMask::new();
        let mut tiles = Vec::new();
        for (index, &tile) in outcome.wanted.iter().zip(&outcome.tiles) {
            let was = before.iter().find(|&&(at, _)| at == index);
            if was.is_some_and(|(_, was)| was.state().is_failure()) {
                wanted.insert(index);
                tiles.push(tile);
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
        let blob = self.encode(&wanted, &tiles)?;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO retry (sequence, tiles) VALUES (?1, ?2)",
                params![outcome.sequence, blob],
            )?;
            for (index, was) in &before {
                if let Some(rank) = wanted.rank(*index) {
                    add_to_count(transaction, was.state(), -1)?;
                    add_to_count(transaction, tiles[rank].state(), 1)?;
                }
            }
            insert_candidates(transaction, outcome.block, &candidates)?;
            insert_low_contrast(transaction, outcome.block, &low_contrast)?;
            if still_failed == 0 {
                transaction.execute(
                    "DELETE FROM failed_unit WHERE sequence = ?1",
                    [outcome.sequence],
                )?;
            }
            Ok(())
        })
    }

    fn encode(&self, wanted: &TileMask, tiles: &[TileOutcome]) -> Result<Vec<u8>, LedgerError> {
        encoding::encode(wanted, tiles).map_err(|source| LedgerError::File {
            doing: "compress an outcome for",
            path: self.reader.path().to_owned(),
            source,
        })
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
    block: BlockCoord,
    tiles: &[LowContrast],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO low_contrast (content_hash, y, x) VALUES (?1, ?2, ?3)",
    )?;
    for low_contrast in tiles {
        let tile = block.tile(low_contrast.index);
        insert.execute(params![
            low_contrast.content_hash.cast_signed(),
            tile.y,
            tile.x
        ])?;
    }
    Ok(())
}

fn insert_candidates(
    transaction: &Transaction<'_>,
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
        let id: Option<i64> = transaction
            .prepare_cached(
                "INSERT INTO candidate (y, x, score, content_hash, grid_width, grid)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (y, x) DO NOTHING RETURNING id",
            )?
            .query_row(
                params![
                    tile.y,
                    tile.x,
                    candidate.score,
                    // SQLite's integers are signed; the bits are kept.
                    candidate.content_hash.cast_signed(),
                    grid.map(|grid| grid.width),
                    cells
                ],
                |row| row.get(0),
            )
            .optional()?;
        if let (Some(id), Some(payload)) = (id, &candidate.payload) {
            transaction
                .prepare_cached("INSERT INTO payload (candidate, bytes) VALUES (?1, ?2)")?
                .execute(params![id, payload.as_ref()])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use half::f16;

    use super::*;
    use crate::{ledger::manifest::tests::manifest, tiles::AttributionGrid};

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
}
