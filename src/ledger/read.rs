//! Reading a ledger: for status, exports, resume and retries.

use std::{
    cell::OnceCell,
    collections::HashMap,
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
};

use half::f16;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::{FILE_NAME, LedgerError, Manifest, SettingsRecord, encoding, schema};
use crate::tiles::{
    AttributionGrid, BlockCoord, BlockOutcome, Candidate, StateCounts, TileCoord, TileMask,
    TileOutcome, TileState, VisitReason, WorkUnit,
};

/// A run's ledger, open for reading; a run may be writing to it meanwhile.
#[derive(Debug)]
pub struct LedgerReader {
    connection: Connection,
    path: PathBuf,
    /// Read once: a resume asks for them with every unit.
    zoom: OnceCell<u8>,
    keep_threshold: OnceCell<f32>,
}

/// A candidate as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateRow {
    pub tile: TileCoord,
    pub score: f32,
    pub content_hash: u64,
    pub attribution: Option<AttributionGrid>,
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
        match schema::check(&connection, &path) {
            // A write-ahead log cannot be shared in a folder that is not writable; when no log is
            // left over, the file alone is the whole truth.
            Err(LedgerError::Sqlite { .. }) if !path.with_extension("hvmap-wal").exists() => {
                let uri = format!("file:{}?immutable=1", escape_uri(&path));
                let connection = schema::connect(
                    Path::new(&uri),
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
                )?;
                schema::check(&connection, &path)?;
                Ok(Self::over(connection, path))
            }
            checked => checked.map(|()| Self::over(connection, path)),
        }
    }

    pub(super) fn over(connection: Connection, path: PathBuf) -> Self {
        Self {
            connection,
            path,
            zoom: OnceCell::new(),
            keep_threshold: OnceCell::new(),
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
        let text: String = self
            .connection
            .query_row("SELECT manifest FROM manifest", [], |row| row.get(0))
            .map_err(|source| self.trouble(source))?;
        serde_json::from_str(&text).map_err(|error| self.damaged(format!("manifest: {error}")))
    }

    fn zoom(&self) -> Result<u8, LedgerError> {
        if let Some(&zoom) = self.zoom.get() {
            return Ok(zoom);
        }
        let zoom = self.manifest()?.zoom;
        Ok(*self.zoom.get_or_init(|| zoom))
    }

    fn keep_threshold(&self) -> Result<f32, LedgerError> {
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
            "SELECT settings FROM settings ORDER BY id",
            [],
            |row| row.get::<_, String>(0),
            |text| {
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
            "SELECT sequence, block_x, block_y, tiles FROM outcome WHERE sequence < ?1
             ORDER BY sequence",
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
            "SELECT reason, sequence, block_x, block_y, tiles FROM outcome ORDER BY sequence",
            [],
            |row| {
                let outcome = OutcomeRow {
                    sequence: row.get(1)?,
                    block_x: row.get(2)?,
                    block_y: row.get(3)?,
                    tiles: row.get(4)?,
                };
                Ok((row.get::<_, u8>(0)?, outcome))
            },
            |(number, row)| {
                let reason = VisitReason::from_number(number)
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
        let mut counts = StateCounts::default();
        self.each(
            "SELECT state, tiles FROM state_count",
            [],
            |row| Ok((row.get::<_, u8>(0)?, row.get::<_, u64>(1)?)),
            |(number, tiles)| {
                let state = TileState::from_number(number)
                    .ok_or_else(|| self.damaged(format!("unknown state number {number}")))?;
                *counts.get_mut(state) = tiles;
                Ok(ControlFlow::Continue(()))
            },
        )?;
        counts.not_visited = planned.checked_sub(counts.planned()).ok_or_else(|| {
            self.damaged(format!(
                "it holds {} tiles, more than the {planned} planned",
                counts.planned()
            ))
        })?;
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
            .prepare_cached(
                "SELECT sequence, block_x, block_y, tiles FROM outcome WHERE sequence = ?1",
            )
            .and_then(|mut statement| statement.query_row([sequence], outcome_row))
            .map_err(|source| self.trouble(source))
            .and_then(|row| self.outcome(zoom, row))
    }

    /// Adds the candidates among the scored tiles of an outcome, without their images. Only
    /// failures are ever retried, so they are what came with the outcome first.
    fn add_candidates(&self, outcome: &mut BlockOutcome) -> Result<(), LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT score, content_hash, grid_width, grid FROM candidate
                 WHERE y = ?1 AND x = ?2",
            )
            .map_err(|source| self.trouble(source))?;
        let keep_threshold = self.keep_threshold()?;
        let kept = outcome
            .iter()
            .filter(|(_, answer)| answer.score().is_some_and(|score| score >= keep_threshold))
            .map(|(tile, _)| tile);
        let mut candidates = Vec::new();
        for tile in kept {
            let row = statement
                .query_row([tile.y, tile.x], |row| {
                    Ok((
                        row.get::<_, f32>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, Option<u16>>(2)?,
                        row.get::<_, Option<Vec<u8>>>(3)?,
                    ))
                })
                .optional()
                .map_err(|source| self.trouble(source))?;
            if let Some((score, content_hash, width, cells)) = row {
                candidates.push(Candidate {
                    index: BlockCoord::index_of(tile),
                    score,
                    attribution: self.attribution(tile, width, cells)?,
                    content_hash: content_hash.cast_unsigned(),
                    payload: None,
                });
            }
        }
        outcome.candidates = candidates;
        Ok(())
    }

    fn attribution(
        &self,
        tile: TileCoord,
        width: Option<u16>,
        cells: Option<Vec<u8>>,
    ) -> Result<Option<AttributionGrid>, LedgerError> {
        let Some((width, bytes)) = width.zip(cells) else {
            return Ok(None);
        };
        grid(width, &bytes)
            .map(Some)
            .ok_or_else(|| self.damaged(format!("attribution grid of {tile}")))
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
            "SELECT sequence, block_x, block_y, tiles FROM outcome ORDER BY sequence",
            [],
            outcome_row,
            |row| {
                let mut outcome = self.outcome(zoom, row)?;
                self.apply_retries(&mut outcome)?;
                visit(outcome)
            },
        )
    }

    /// The tiles that `--retry-failed` takes: for each unit with failures a unit of the same
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
        let z = self.manifest()?.zoom;
        self.each(
            "SELECT x, y, score, content_hash, grid_width, grid FROM candidate
             WHERE score >= ?1 ORDER BY score DESC, y, x",
            [score_min],
            |row| {
                Ok((
                    TileCoord {
                        z,
                        x: row.get(0)?,
                        y: row.get(1)?,
                    },
                    row.get::<_, f32>(2)?,
                    row.get::<_, i64>(3)?,
                    row.get::<_, Option<u16>>(4)?,
                    row.get::<_, Option<Vec<u8>>>(5)?,
                ))
            },
            |(tile, score, content_hash, width, cells)| {
                let attribution = self.attribution(tile, width, cells)?;
                visit(CandidateRow {
                    tile,
                    score,
                    content_hash: content_hash.cast_unsigned(),
                    attribution,
                })
            },
        )
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
            .prepare_cached(
                "SELECT bytes FROM payload JOIN candidate ON candidate.id = payload.candidate
                 WHERE y = ?1 AND x = ?2",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([tile.y, tile.x], |row| row.get(0))
                    .optional()
            })
            .map_err(|source| self.trouble(source))
    }

    /// A unit's tiles as they stand now, and its block.
    pub(super) fn present(&self, sequence: u64) -> Result<(Tiles, BlockCoord), LedgerError> {
        let mut outcome = self.stored(sequence)?;
        self.apply_retries(&mut outcome)?;
        let tiles = outcome.wanted.iter().zip(outcome.tiles).collect();
        Ok((tiles, outcome.block))
    }

    fn apply_retries(&self, outcome: &mut BlockOutcome) -> Result<(), LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT tiles FROM retry WHERE sequence = ?1 ORDER BY id")
            .map_err(|source| self.trouble(source))?;
        let blobs = statement
            .query_map([outcome.sequence], |row| row.get::<_, Vec<u8>>(0))
            .map_err(|source| self.trouble(source))?;
        for blob in blobs {
            let blob = blob.map_err(|source| self.trouble(source))?;
            let (wanted, tiles) = encoding::decode(&blob).map_err(|what| self.damaged(what))?;
            for (index, tile) in wanted.iter().zip(tiles) {
                let rank = outcome.wanted.rank(index).ok_or_else(|| {
                    self.damaged(format!(
                        "a retry of unit {} holds a tile that the unit does not want",
                        outcome.sequence
                    ))
                })?;
                outcome.tiles[rank] = tile;
            }
        }
        Ok(())
    }

    fn outcome(&self, zoom: u8, row: OutcomeRow) -> Result<BlockOutcome, LedgerError> {
        let (wanted, tiles): (TileMask, Vec<TileOutcome>) = encoding::decode(&row.tiles)
            .map_err(|what| self.damaged(format!("unit {}: {what}", row.sequence)))?;
        Ok(BlockOutcome {
            sequence: row.sequence,
            block: BlockCoord {
                z: zoom,
                x: row.block_x,
                y: row.block_y,
            },
            wanted,
            tiles,
            candidates: Vec::new(),
            low_contrast: Vec::new(),
        })
    }

    /// Runs a query and hands each row to a visitor, until it breaks.
    fn each<T, E: From<LedgerError>>(
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

struct OutcomeRow {
    sequence: u64,
    block_x: u32,
    block_y: u32,
    tiles: Vec<u8>,
}

fn outcome_row(row: &Row<'_>) -> rusqlite::Result<OutcomeRow> {
    Ok(OutcomeRow {
        sequence: row.get(0)?,
        block_x: row.get(1)?,
        block_y: row.get(2)?,
        tiles: row.get(3)?,
    })
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
