//! Which tiles are looked at, and in which order: flags that `run` and `simulate` share.

use std::{collections::HashSet, path::PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{CliError, terminal};
use crate::{
    detections::{attribution_map, locate},
    digest,
    ledger::{LedgerError, LedgerReader, SettingsRecord},
    osm,
    predict::AttributionMap,
    scan::{Everything, Follow, FollowSettings, Scan},
    tiles::{AttributionGrid, Cover, TILE_SIZE_PX, TileCoord, UNIT_TILES_MAX, mercator},
};

/// Counted up when the strategy comes to choose other tiles by the same answers: a run that an older
/// program began is then gone on with as another scan, which repeats no tile.
const FOLLOW_REVISION: u32 = 3;

/// The names of the strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScanName {
    /// Every tile, block by block
    Everything,
    /// A sparse net, and then the lines that it caught: a few per cent of the tiles
    Follow,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Scan")]
pub struct ScanArgs {
    /// Which tiles are looked at, and in which order
    ///
    /// A run that was scanned one way can be gone on with in another: no tile is taken twice.
    #[arg(long, value_enum, default_value_t = ScanName::Everything)]
    pub scan: ScanName,

    /// A guided scan ends when no tile is expected to lead to this many towers [default: 0.001 for
    /// countries, up to 0.005 for small areas]
    ///
    /// Half of it looks at some more tiles for some more towers. See docs/GUIDED-SCAN.md.
    #[arg(long, value_name = "TOWERS", value_parser = fraction)]
    pub scan_stop: Option<f32>,

    /// The most tiles that a guided scan looks at
    #[arg(long, value_name = "TILES", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: Option<u64>,

    /// Begin a guided scan where OpenStreetMap knows of the grid: at loose ends of lines, substations
    /// and towers on no line
    ///
    /// GeoJSON, .osm or .osm.pbf, gzip allowed.
    #[arg(long, value_name = "FILE")]
    pub osm: Option<PathBuf>,

    /// Look along the mapped lines too
    #[arg(long, requires = "osm")]
    pub osm_lines: bool,

    /// What a guided scan believes of the detector: the chance that it sees a tower [default: 0.9]
    #[arg(long, value_name = "R", value_parser = fraction)]
    pub scan_recall: Option<f32>,

    /// Choose a unit by the outcomes of those that came at least so many before it [default: 64]
    ///
    /// A measure of what waiting costs: 1 chooses by all that is known.
    #[arg(long, value_name = "UNITS", hide = true, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub scan_window: Option<u64>,
}

impl ScanArgs {
    /// Refuses the flags of a guided scan where another one is asked for.
    pub fn check(&self) -> Result<(), CliError> {
        let given = [
            ("--scan-stop", self.scan_stop.is_some()),
            ("--budget", self.budget.is_some()),
            ("--scan-recall", self.scan_recall.is_some()),
            ("--osm", self.osm.is_some()),
            ("--scan-window", self.scan_window.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) if self.scan != ScanName::Follow => Err(CliError::new(format!(
                "{flag} is for a guided scan, and this one takes every tile"
            ))
            .hint("add --scan follow")),
            _ => Ok(()),
        }
    }

    /// The name and the knobs for the ledger. `threshold` is the score of a hit.
    pub fn record(&self, cover: &Cover, threshold: f32, seeds: &[TileCoord]) -> (String, Value) {
        match self.scan {
            ScanName::Everything => ("everything".to_owned(), json!({})),
            ScanName::Follow => (
                "follow".to_owned(),
                json!({
                    "revision": FOLLOW_REVISION,
                    "strategy": self.follow(cover, threshold),
                    "seeds": seeds.len(),
                    "seeds_digest": digest_of(seeds),
                }),
            ),
        }
    }

    /// The tiles where a guided scan begins, in the order of the file.
    pub fn seeds(&self, cover: &Cover) -> Result<Vec<TileCoord>, CliError> {
        let Some(path) = &self.osm else {
            return Ok(Vec::new());
        };
        let features = osm::read_power(path).map_err(|error| {
            let hint = error.hint();
            CliError::from(error).hint(hint)
        })?;
        let places = features.seeds(self.osm_lines);
        let mut seen = HashSet::new();
        let tiles: Vec<TileCoord> = places
            .iter()
            .map(|&(lon, lat)| mercator::tile_at(lon, lat, cover.zoom()))
            .filter(|&tile| cover.contains(tile) && seen.insert(tile))
            .collect();
        if tiles.is_empty() {
            return Err(CliError::new(format!(
                "{} knows of no loose end, substation or lone tower inside the area",
                path.display()
            ))
            .hint("give an extract of the same area, or leave --osm out"));
        }
        terminal::note(format_args!(
            "{} tiles to begin with from {} ({})",
            terminal::grouped(tiles.len() as u64),
            path.display(),
            osm::ATTRIBUTION
        ));
        Ok(tiles)
    }

    fn follow(&self, cover: &Cover, threshold: f32) -> FollowSettings {
        let default = FollowSettings::default();
        FollowSettings {
            threshold,
            recall: self.scan_recall.unwrap_or(default.recall),
            stop: self
                .scan_stop
                .unwrap_or_else(|| FollowSettings::usual_stop(cover.count())),
            budget: self.budget,
            window: self.scan_window.unwrap_or(default.window),
            ..default
        }
    }

    /// The scan that goes on from what a ledger holds; its settings are recorded already.
    pub fn open<'a>(
        &self,
        cover: &'a Cover,
        ledger: &LedgerReader,
        settings: &SettingsRecord,
        threshold: f32,
        seeds: &[TileCoord],
    ) -> Result<Box<dyn Scan + 'a>, LedgerError> {
        let begin = ledger.scan_begin(settings)?.unwrap_or(0);
        if begin > 0 {
            terminal::note(format_args!(
                "what an earlier scan looked at is taken in and not looked at again"
            ));
        }
        Ok(match self.scan {
            ScanName::Everything => {
                let visited = ledger.visited_before(begin)?;
                let blocks = cover.blocks().filter_map(move |(block, mask)| {
                    let left = visited
                        .get(&block)
                        .map_or_else(|| mask.clone(), |visited| mask.without(visited));
                    (!left.is_empty()).then_some((block, left))
                });
                Box::new(Everything::new(blocks, cover.count(), UNIT_TILES_MAX).starting_at(begin))
            }
            ScanName::Follow => {
                let mut scan = Follow::new(cover, self.follow(cover, threshold)).starting_at(begin);
                if let Some(map) = attribution_map(&ledger.manifest()?.model) {
                    scan = scan.located_by(Box::new(move |tile, grid| place(tile, grid, &map)));
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
fn place(tile: TileCoord, grid: &AttributionGrid, map: &AttributionMap) -> Option<(f32, f32)> {
    let peaks = locate(tile, grid, map).ok()?;
    let side = f64::from(TILE_SIZE_PX);
    peaks
        .first()
        .map(|peak| ((peak.x_px / side) as f32, (peak.y_px / side) as f32))
}

fn digest_of(seeds: &[TileCoord]) -> String {
    let bytes: Vec<u8> = seeds
        .iter()
        .flat_map(|tile| [tile.x.to_le_bytes(), tile.y.to_le_bytes()].concat())
        .collect();
    digest::xxh3(bytes).to_string()
}

fn fraction(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value > 0.0 && value < 1.0 => Ok(value),
        _ => Err("a number above 0 and below 1".to_owned()),
    }
}
