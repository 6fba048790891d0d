//! Puts the answers for a unit's tiles together into its outcome.

use super::{Kept, TileAnswer};
use crate::tiles::{
    BlockOutcome, Candidate, CascadeStage, LowContrast, TileOutcome, UnitImages, WorkUnit,
};

/// A unit on its way: the answers so far.
pub(super) struct Assembly {
    unit: WorkUnit,
    tiles: Vec<Option<TileOutcome>>,
    unanswered: usize,
    candidates: Vec<Candidate>,
    low_contrast: Vec<LowContrast>,
    /// Empty until an answer tells one.
    stages: Vec<CascadeStage>,
}

impl Assembly {
    pub(super) fn new(unit: WorkUnit) -> Self {
        let count = unit.wanted.count();
        Self {
            unit,
            tiles: vec![None; count],
            unanswered: count,
            candidates: Vec::new(),
            low_contrast: Vec::new(),
            stages: Vec::new(),
        }
    }

    /// Takes an answer, and says whether it was the last one missing. A second answer for a tile
    /// changes nothing.
    pub(super) fn answer(&mut self, answer: TileAnswer) -> bool {
        let rank = self.unit.wanted.rank(answer.index);
        let count = self.tiles.len();
        if let Some(rank) = rank
            && let Some(slot @ None) = self.tiles.get_mut(rank)
        {
            *slot = Some(answer.outcome);
            if let Some(stage) = answer.stage {
                self.stages.resize(count, CascadeStage::First);
                self.stages[rank] = stage;
            }
            match answer.kept {
                Kept::Nothing => {}
                Kept::Candidate(candidate) => self.candidates.push(candidate),
                Kept::LowContrast(content_hash) => self.low_contrast.push(LowContrast {
                    index: answer.index,
                    content_hash,
                }),
            }
            self.unanswered -= 1;
        }
        self.unanswered == 0
    }

    /// The outcome of a unit whose tiles are all answered.
    pub(super) fn into_outcome(mut self) -> BlockOutcome {
        debug_assert_eq!(self.unanswered, 0);
        self.candidates.sort_by_key(|candidate| candidate.index);
        self.low_contrast.sort_by_key(|tile| tile.index);
        BlockOutcome {
            sequence: self.unit.sequence,
            block: self.unit.block,
            wanted: self.unit.wanted,
            tiles: self.tiles.into_iter().flatten().collect(),
            candidates: self.candidates,
            low_contrast: self.low_contrast,
            stages: self.stages,
            images: UnitImages::default(),
        }
    }
}
