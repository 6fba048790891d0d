//! What detections need of a run.

use std::ops::ControlFlow;

use super::DetectionsError;
use crate::{
    predict::AttributionMap,
    tiles::{AttributionGrid, BlockOutcome, TileCoord},
};

/// What every export says about the run it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    /// The area as it was asked for.
    pub area: String,
    /// Zoom of the tiles.
    pub zoom: u8,
    /// The imagery source, keys redacted.
    pub imagery: String,
    /// Credit that every output carries; empty when nothing is known.
    pub attribution: String,
    /// Where the imagery's terms are to be read, if known.
    pub terms: Option<String>,
    /// The imagery was drawn, not photographed.
    pub synthetic: bool,
    /// The model, keys redacted.
    pub model: String,
    /// SHA-256 of the model, in hexadecimal.
    pub model_checksum: String,
    /// Hash of the manifest, in hexadecimal: two exports with the same one come from the same run.
    pub manifest_hash: String,
    /// The score from which the run calls a tile a detection.
    pub threshold: f32,
    /// The score from which the run kept candidates. Nothing below it can be exported.
    pub keep_threshold: f32,
    /// The pixel of each attribution cell, where the model has one.
    pub attribution_map: Option<AttributionMap>,
}

/// A candidate as the ledger holds it, without its payload.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundCandidate {
    pub tile: TileCoord,
    pub score: f32,
    pub attribution: Option<AttributionGrid>,
    pub content_hash: u64,
}

/// The committed outcomes of a run, streamed in fixed orders.
///
/// Each method stops early, with `Ok`, once its visitor answers `Break`.
pub trait RunReader {
    fn facts(&self) -> &RunFacts;

    /// Candidates with at least this score, by falling score, among equals in tile order.
    ///
    /// # Errors
    /// When the run cannot be read.
    fn visit_candidates(
        &self,
        score_min: f32,
        visit: &mut dyn FnMut(FoundCandidate) -> ControlFlow<()>,
    ) -> Result<(), DetectionsError>;

    /// Content hash and tile of every candidate whose hash at least `repeats_min` candidates
    /// share, grouped by hash, each group in tile order.
    ///
    /// # Errors
    /// When the run cannot be read.
    fn visit_repeated(
        &self,
        repeats_min: u64,
        visit: &mut dyn FnMut(u64, TileCoord) -> ControlFlow<()>,
    ) -> Result<(), DetectionsError>;

    /// Every unit's outcome as it counts now, in the order of units; candidates without payloads.
    ///
    /// # Errors
    /// When the run cannot be read.
    fn visit_outcomes(
        &self,
        visit: &mut dyn FnMut(&BlockOutcome) -> ControlFlow<()>,
    ) -> Result<(), DetectionsError>;
}

/// [`RunReader::visit_candidates`] for a visitor that can fail.
pub(crate) fn for_each_candidate<E: From<DetectionsError>>(
    run: &dyn RunReader,
    score_min: f32,
    mut visit: impl FnMut(FoundCandidate) -> Result<(), E>,
) -> Result<(), E> {
    let mut failed = None;
    run.visit_candidates(score_min, &mut |candidate| {
        keep(visit(candidate), &mut failed)
    })?;
    failed.map_or(Ok(()), Err)
}

/// [`RunReader::visit_repeated`] for a visitor that can fail.
pub(crate) fn for_each_repeated<E: From<DetectionsError>>(
    run: &dyn RunReader,
    repeats_min: u64,
    mut visit: impl FnMut(u64, TileCoord) -> Result<(), E>,
) -> Result<(), E> {
    let mut failed = None;
    run.visit_repeated(repeats_min, &mut |hash, tile| {
        keep(visit(hash, tile), &mut failed)
    })?;
    failed.map_or(Ok(()), Err)
}

/// [`RunReader::visit_outcomes`] for a visitor that can fail.
pub(crate) fn for_each_outcome<E: From<DetectionsError>>(
    run: &dyn RunReader,
    mut visit: impl FnMut(&BlockOutcome) -> Result<(), E>,
) -> Result<(), E> {
    let mut failed = None;
    run.visit_outcomes(&mut |outcome| keep(visit(outcome), &mut failed))?;
    failed.map_or(Ok(()), Err)
}

/// Keeps a visitor's error for later and stops the visit.
fn keep<E>(result: Result<(), E>, failed: &mut Option<E>) -> ControlFlow<()> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            *failed = Some(error);
            ControlFlow::Break(())
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A run in memory.

    use std::collections::BTreeMap;

    use super::*;
    use crate::tiles::{BlockCoord, Candidate, TileMask, TileOutcome};

    pub(crate) struct MemoryRun {
        pub(crate) facts: RunFacts,
        pub(crate) candidates: Vec<FoundCandidate>,
        /// Tiles below the keep threshold, or without a score.
        pub(crate) others: Vec<(TileCoord, TileOutcome)>,
    }

    impl Default for MemoryRun {
        fn default() -> Self {
            Self {
                facts: RunFacts {
                    area: "San Marino".into(),
                    zoom: 18,
                    imagery: "https://example.org/{z}/{x}/{y}.jpg".into(),
                    attribution: "© Example Imagery".into(),
                    terms: Some("https://example.org/terms".into()),
                    synthetic: false,
                    model: "hv_grid.onnx".into(),
                    model_checksum: "c0ffee".into(),
                    manifest_hash: "0123456789abcdef".into(),
                    threshold: 0.5,
                    keep_threshold: 0.25,
                    attribution_map: None,
                },
                candidates: Vec::new(),
                others: Vec::new(),
            }
        }
    }

    impl MemoryRun {
        pub(crate) fn add(&mut self, tile: TileCoord, score: f32, content_hash: u64) {
            let attribution = None;
            self.candidates.push(FoundCandidate {
                tile,
                score,
                attribution,
                content_hash,
            });
        }
    }

    impl RunReader for MemoryRun {
        fn facts(&self) -> &RunFacts {
            &self.facts
        }

        fn visit_candidates(
            &self,
            score_min: f32,
            visit: &mut dyn FnMut(FoundCandidate) -> ControlFlow<()>,
        ) -> Result<(), DetectionsError> {
            let mut sorted = self.candidates.clone();
            sorted.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.tile.cmp(&b.tile)));
            let _ = sorted
                .into_iter()
                .filter(|candidate| candidate.score >= score_min)
                .try_for_each(visit);
            Ok(())
        }

        fn visit_repeated(
            &self,
            repeats_min: u64,
            visit: &mut dyn FnMut(u64, TileCoord) -> ControlFlow<()>,
        ) -> Result<(), DetectionsError> {
            let mut groups: BTreeMap<u64, Vec<TileCoord>> = BTreeMap::new();
            for candidate in &self.candidates {
                groups
                    .entry(candidate.content_hash)
                    .or_default()
                    .push(candidate.tile);
            }
            for (hash, mut tiles) in groups {
                tiles.sort();
                if tiles.len() as u64 >= repeats_min
                    && tiles
                        .into_iter()
                        .try_for_each(|tile| visit(hash, tile))
                        .is_break()
                {
                    break;
                }
            }
            Ok(())
        }

        fn visit_outcomes(
            &self,
            visit: &mut dyn FnMut(&BlockOutcome) -> ControlFlow<()>,
        ) -> Result<(), DetectionsError> {
            let mut blocks: BTreeMap<BlockCoord, BTreeMap<u16, TileOutcome>> = BTreeMap::new();
            let scored = self
                .candidates
                .iter()
                .map(|c| (c.tile, TileOutcome::Scored(c.score)));
            for (tile, outcome) in scored.chain(self.others.iter().copied()) {
                let index = BlockCoord::index_of(tile);
                blocks
                    .entry(BlockCoord::of(tile))
                    .or_default()
                    .insert(index, outcome);
            }
            for (sequence, (block, tiles)) in blocks.into_iter().enumerate() {
                let mut candidates: Vec<Candidate> = self
                    .candidates
                    .iter()
                    .filter(|candidate| BlockCoord::of(candidate.tile) == block)
                    .map(|candidate| Candidate {
                        index: BlockCoord::index_of(candidate.tile),
                        score: candidate.score,
                        attribution: candidate.attribution.clone(),
                        content_hash: candidate.content_hash,
                        payload: None,
                    })
                    .collect();
                candidates.sort_by_key(|candidate| candidate.index);
                let outcome = BlockOutcome {
                    sequence: sequence as u64,
                    block,
                    wanted: tiles.keys().copied().collect::<TileMask>(),
                    tiles: tiles.into_values().collect(),
                    candidates,
                };
                if visit(&outcome).is_break() {
                    break;
                }
            }
            Ok(())
        }
    }
}
