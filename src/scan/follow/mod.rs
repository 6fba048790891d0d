//! The guided scan: a sparse net, and then the lines that it caught.
//!
//! In: a cover, and outcomes in the order of their units. Out: units of the tiles that are most
//! likely to hold a tower, or to lead to many. Never: a tile twice, a tile outside of the area.
//!
//! Every hit starts *tracks*: drawn lines that say where the next tower may stand (`track`,
//! `lines`). All tracks compete in one queue, ordered by the towers that a tile is expected to
//! lead to (`predict`), as search theory has it for a target that does not move (Koopman 1980,
//! *Search and Screening*; Stone 1975, *Theory of Optimal Search*), each prediction corrected by how
//! often its like came true (`calibration`). Where hits do not line up, the rate of false positives is
//! estimated as higher, and tracks there are believed less (`place`). The
//! `net` is laid where the queue has little left. The scan ends when no tile is worth
//! [`FollowSettings::stop`] towers.

mod around;
mod belief;
mod beside_rates;
mod blocks;
mod calibration;
mod choose;
mod claims;
mod draw;
mod hits;
mod learn;
mod lines;
mod linked_hits;
mod located;
mod near;
mod net;
mod net_yield;
mod order;
mod predictor;
mod pursuit;
mod queue;
mod reliability;
mod reliability_map;
mod settings;
mod side;
mod starts;
#[cfg(test)]
mod tests;
mod track;

use self::{
    belief::Belief,
    choose::choose,
    learn::learn,
    located::spots,
    net::Net,
    order::{Answers, Order},
    pursuit::Pursuit,
};
pub use self::{located::Locate, settings::FollowSettings};
use super::{Next, Scan};
use crate::tiles::{BlockOutcome, Cover, TileCoord, UNIT_TILES_MAX, UnitImages, WorkUnit};

/// The guided scan; see the module.
///
/// ```
/// use hvmap::{
///     scan::{Follow, FollowSettings, Next, Scan},
///     tiles::{BlockOutcome, Cover, TileCoord, TileOutcome, UnitImages},
/// };
///
/// let tiles = (0..30).map(|x| TileCoord { z: 18, x, y: 7 });
/// let cover = Cover::from_tiles(tiles)?;
/// let mut scan = Follow::new(&cover, FollowSettings::default());
/// let Next::Unit(unit) = scan.next() else {
///     unreachable!("the first unit needs no answers");
/// };
/// scan.learn(&BlockOutcome {
///     sequence: unit.sequence,
///     block: unit.block,
///     tiles: unit.tiles().map(|_| TileOutcome::Scored(0.1)).collect(),
///     wanted: unit.wanted,
///     candidates: Vec::new(),
///     low_contrast: Vec::new(),
///     stages: Vec::new(),
///     images: UnitImages::default(),
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Follow<'a> {
    settings: FollowSettings,
    /// What is believed of the area, and the tracks that are followed there.
    pursuit: Pursuit<'a>,
    net: Net,
    order: Order,
    /// Tells where in its tile a tower stands, if the detector does.
    locate: Option<Box<Locate<'a>>>,
    tiles_asked: u64,
}

impl<'a> Follow<'a> {
    /// A guided scan of a cover.
    #[must_use]
    pub fn new(cover: &'a Cover, settings: FollowSettings) -> Self {
        let belief = Belief::new(cover, settings.recall, settings.false_positive_rate);
        let net = Net::new(&belief.blocks, settings.seed);
        Self {
            pursuit: Pursuit::new(belief, settings.seed, settings.stop),
            net,
            order: Order::new(0, settings.window),
            locate: None,
            tiles_asked: 0,
            settings,
        }
    }

    /// Numbers the units from `first_sequence` on.
    #[must_use]
    pub fn starting_at(self, first_sequence: u64) -> Self {
        Self {
            order: Order::new(first_sequence, self.settings.window),
            ..self
        }
    }

    /// With a detector that tells where in its tile a tower stands, by the grids of candidates.
    #[must_use]
    pub fn located_by(self, locate: Box<Locate<'a>>) -> Self {
        Self {
            locate: Some(locate),
            ..self
        }
    }

    /// Looks first at places where towers are known or likely from elsewhere, and beside them.
    pub fn seed(&mut self, tiles: impl IntoIterator<Item = TileCoord>) {
        for tile in tiles {
            let (x, y) = (i64::from(tile.x), i64::from(tile.y));
            self.pursuit.look_at_seed(x, y);
        }
    }

    /// Takes in what an earlier scan of the area saw, before the first unit: those tiles are not
    /// asked for again, hits among them are followed, and they count towards the budget.
    pub fn remember(&mut self, outcome: &BlockOutcome) {
        self.tiles_asked += outcome.tiles.len() as u64;
        let answers = self.answers(outcome);
        self.apply(&answers);
    }

    /// What an outcome tells the scan.
    fn answers(&self, outcome: &BlockOutcome) -> Answers {
        let locate = self.locate.as_deref();
        Answers {
            spots: locate.map_or_else(Vec::new, |locate| spots(locate, outcome)),
            outcome: BlockOutcome {
                sequence: outcome.sequence,
                block: outcome.block,
                wanted: outcome.wanted.clone(),
                tiles: outcome.tiles.clone(),
                // Of no more use here, and large.
                candidates: Vec::new(),
                low_contrast: Vec::new(),
                stages: Vec::new(),
                images: UnitImages::default(),
            },
        }
    }

    fn apply(&mut self, answers: &Answers) {
        learn(
            &mut self.pursuit,
            &self.net,
            self.settings.threshold,
            answers,
        );
    }

    /// The next unit, if the budget allows one and any tile is worth it.
    fn choose(&mut self) -> Option<WorkUnit> {
        let left = match self.settings.budget {
            Some(budget) => budget.saturating_sub(self.tiles_asked),
            None => u64::MAX,
        };
        if left == 0 {
            return None;
        }
        let tiles_max = left.min(UNIT_TILES_MAX as u64) as usize;
        let stop = self.settings.stop;
        let chosen = choose(&mut self.pursuit, &mut self.net, stop, tiles_max)?;
        self.tiles_asked += chosen.tiles.count() as u64;
        Some(WorkUnit {
            sequence: self.order.number(),
            block: self.pursuit.belief.blocks.get(chosen.block).coord,
            wanted: chosen.tiles,
            reason: chosen.reason,
        })
    }
}

impl Scan for Follow<'_> {
    fn name(&self) -> &'static str {
        "follow"
    }

    fn planned(&self) -> u64 {
        self.pursuit.belief.blocks.tiles()
    }

    fn window(&self) -> Option<u64> {
        Some(self.order.window())
    }

    fn first_sequence(&self) -> u64 {
        self.order.first()
    }

    fn next(&mut self) -> Next {
        loop {
            while self.order.is_behind() {
                let Some(answers) = self.order.take() else {
                    return Next::Waiting;
                };
                self.apply(&answers);
            }
            if let Some(unit) = self.choose() {
                return Next::Unit(unit);
            }
            if self.order.is_settled() {
                return Next::Finished;
            }
            let Some(answers) = self.order.take() else {
                return Next::Waiting;
            };
            self.apply(&answers);
        }
    }

    fn learn(&mut self, outcome: &BlockOutcome) {
        let answers = self.answers(outcome);
        self.order.keep(answers);
    }
}
