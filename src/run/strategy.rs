//! Which tiles are looked at, and in which order.

use serde_json::{Value, json};

use super::{Notice, Observer, RunError, SeedFile, error::check_range, seeds};
use crate::{
    detections::{attribution_map, locate},
    ledger::{LedgerError, LedgerReader, SettingsRecord},
    predict::AttributionMap,
    scan::{Everything, Follow, FollowSettings, Scan},
    tiles::{AttributionGrid, Cover, TILE_SIZE_PX, TileCoord, UNIT_TILES_MAX},
};

/// Counted up when the strategy comes to choose other tiles by the same answers: a run that an older
/// program began is then gone on with as another scan, which repeats no tile.
const FOLLOW_REVISION: u32 = 3;
/// The most units that a guided scan may choose ahead of their answers.
const WINDOW_UNITS_MAX: u64 = 4096;

/// Which tiles a run looks at. A run that was scanned one way can be gone on with in another: no tile
/// is taken twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ScanSettings {
    /// Every tile, block by block.
    #[default]
    Everything,
    /// A sparse net, and then the lines that it caught: a few per cent of the tiles.
    Guided(GuidedSettings),
}

/// What a guided scan may be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuidedSettings {
    /// It ends when no tile is expected to lead to this many towers, above 0 and below 1; by default
    /// [`FollowSettings::usual_stop`].
    pub stop: Option<f32>,
    /// The most tiles that it looks at, at least 1.
    pub budget: Option<u64>,
    /// What it believes of the detector: the chance that it sees a tower, above 0 and below 1.
    pub recall: Option<f32>,
    /// A unit is chosen by the outcomes of those that came at least so many before it, 1 to 4,096.
    pub window_units: Option<u64>,
    /// Where it begins, beside its net.
    pub seeds: Option<SeedFile>,
}

impl GuidedSettings {
    fn follow(&self, cover: &Cover, threshold: f32) -> Result<FollowSettings, RunError> {
        let between = |value: f32| value > 0.0 && value < 1.0;
        let default = FollowSettings::default();
        let settings = FollowSettings {
            threshold,
            recall: self.recall.unwrap_or(default.recall),
            stop: self
                .stop
                .unwrap_or_else(|| FollowSettings::usual_stop(cover.count())),
            budget: self.budget,
            window: self.window_units.unwrap_or(default.window),
            ..default
        };
        check_range(
            "scan's recall",
            settings.recall,
            "above 0 and below 1",
            between,
        )?;
        check_range("scan's stop", settings.stop, "above 0 and below 1", between)?;
        check_range(
            "scan's window",
            settings.window,
            "1 to 4096 units",
            |units| (1..=WINDOW_UNITS_MAX).contains(&units),
        )?;
        if let Some(budget) = settings.budget {
            check_range("scan's budget", budget, "at least 1 tile", |tiles| {
                tiles > 0
            })?;
        }
        Ok(settings)
    }
}

/// A scan of an area, with all that was left open decided.
#[derive(Clone, Debug)]
pub(super) enum Strategy {
    Everything,
    Follow {
        settings: FollowSettings,
        seeds: Vec<TileCoord>,
    },
}

impl Strategy {
    /// Decides what the settings leave open. `threshold` is the score of a hit.
    ///
    /// # Errors
    /// When a setting is out of its range, or the seeds cannot be read.
    pub fn new(
        asked: &ScanSettings,
        cover: &Cover,
        threshold: f32,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let ScanSettings::Guided(guided) = asked else {
            return Ok(Self::Everything);
        };
        let settings = guided.follow(cover, threshold)?;
        let seeds = match &guided.seeds {
            Some(file) => file.tiles(cover, observer)?,
            None => Vec::new(),
        };
        Ok(Self::Follow { settings, seeds })
    }

    /// The name and the knobs for the ledger.
    pub fn record(&self) -> (String, Value) {
        match self {
            Self::Everything => ("everything".to_owned(), json!({})),
            Self::Follow { settings, seeds } => (
                "follow".to_owned(),
                json!({
                    "revision": FOLLOW_REVISION,
                    "strategy": settings,
                    "seeds": seeds.len(),
                    "seeds_digest": seeds::digest(seeds),
                }),
            ),
        }
    }

    /// The scan that goes on from what a ledger holds; its settings are recorded already.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn open<'a>(
        &self,
        cover: &'a Cover,
        ledger: &LedgerReader,
        recorded: &SettingsRecord,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn Scan + 'a>, LedgerError> {
        let begin = ledger.scan_begin(recorded)?.unwrap_or(0);
        if begin > 0 {
            observer.notice(&Notice::EarlierScan);
        }
        Ok(match self {
            Self::Everything => {
                let visited = ledger.visited_before(begin)?;
                let blocks = cover.blocks().filter_map(move |(block, mask)| {
                    let left = visited
                        .get(&block)
                        .map_or_else(|| mask.clone(), |visited| mask.without(visited));
                    (!left.is_empty()).then_some((block, left))
                });
                Box::new(Everything::new(blocks, cover.count(), UNIT_TILES_MAX).starting_at(begin))
            }
            Self::Follow { settings, seeds } => {
                let mut scan = Follow::new(cover, settings.clone()).starting_at(begin);
                if let Some(map) = attribution_map(&ledger.manifest()?.model) {
                    scan = scan.located_by(Box::new(move |tile, grid| spot(tile, grid, &map)));
                }
                if begin > 0 {
                    ledger.first_outcomes_before(begin, |outcome| scan.remember(outcome))?;
                }
                scan.seed(seeds.iter().copied());
                Box::new(scan)
            }
        })
    }
}

/// Where in a tile the model looked most, in tiles from the corner; nothing where its grid does not
/// tell, or is not of the model's form.
fn spot(tile: TileCoord, grid: &AttributionGrid, map: &AttributionMap) -> Option<(f32, f32)> {
    let peaks = locate(tile, grid, map).ok()?;
    let side = f64::from(TILE_SIZE_PX);
    peaks
        .first()
        .map(|peak| peak.pixel)
        .map(|pixel| ((pixel.x_px / side) as f32, (pixel.y_px / side) as f32))
}
