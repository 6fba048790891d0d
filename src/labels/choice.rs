//! Which tiles become labels, and of which kind. Pure: the same inputs and seed, the same choice.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::{
    osm::PowerFeatures,
    random::SplitMix64,
    tiles::{
        BlockCoord, Cover, LonLat, PixelPosition, TILE_SIZE_PX, TileCoord, TilePosition, mercator,
    },
};

/// A support nearer than this to a tile may show in it: such a tile is no negative.
const CLEAR_PX: f64 = 96.0;
/// Tiles between a negative near a line and that line, at the most.
const NEAR_TILES: u64 = 4;
/// Draws for each negative wanted, before a small area is said to have no more.
const DRAWS_PER_TILE: usize = 50;

/// How many tiles are wanted, and which.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Tiles with a tower, at the most.
    pub positives: usize,
    /// Tiles without one, at the most: half of them near lines, half anywhere. Rejected places come
    /// on top.
    pub negatives: usize,
    /// A tower nearer to its tile's edge than this many pixels makes no positive.
    pub edge_px: u32,
    /// Share of the blocks whose tiles are for validation, 0 to 1.
    pub validation: f64,
    /// Another seed chooses other tiles.
    pub seed: u64,
}

/// Why a tile was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelKind {
    /// A mapped tower stands in it, away from its edges.
    Tower,
    /// No support shows in it, and a line is near.
    NearLine,
    /// No support shows in it, wherever it lies in the area.
    Anywhere,
    /// People found that what looks like a tower in it is none.
    Rejected,
}

impl LabelKind {
    /// As `labels.csv` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tower => "tower",
            Self::NearLine => "near-line",
            Self::Anywhere => "anywhere",
            Self::Rejected => "rejected",
        }
    }
}

/// A tile's label.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Why it was chosen.
    pub kind: LabelKind,
    /// Where in the tile each mapped tower stands.
    pub bases: Vec<PixelPosition>,
    /// On the validation's side of the split by blocks.
    pub validation: bool,
}

impl Chosen {
    /// Whether it is a positive.
    #[must_use]
    pub fn is_tower(&self) -> bool {
        self.kind == LabelKind::Tower
    }

    /// The folder of its label.
    #[must_use]
    pub fn folder(&self) -> &'static str {
        if self.is_tower() { "tower" } else { "negative" }
    }
}

/// Labels of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub tower: usize,
    pub near_line: usize,
    pub anywhere: usize,
    pub rejected: usize,
    /// Those of all kinds that are for validation.
    pub validation: usize,
}

impl Counts {
    /// Counts labels.
    pub fn of<'a>(labels: impl Iterator<Item = &'a Chosen>) -> Self {
        let mut counts = Self::default();
        for label in labels {
            *match label.kind {
                LabelKind::Tower => &mut counts.tower,
                LabelKind::NearLine => &mut counts.near_line,
                LabelKind::Anywhere => &mut counts.anywhere,
                LabelKind::Rejected => &mut counts.rejected,
            } += 1;
            counts.validation += usize::from(label.validation);
        }
        counts
    }
}

/// Chooses tiles of the cover. Towers on a tile's edge leave that tile and its neighbour out of
/// both labels: what is half in a picture is neither.
#[must_use]
pub fn choose(
    cover: &Cover,
    features: &PowerFeatures,
    rejected: &[LonLat],
    choice: &Choice,
) -> BTreeMap<TileCoord, Chosen> {
    let zoom = cover.zoom();
    let mut chance = SplitMix64::new(choice.seed);
    let mut towers: HashMap<TileCoord, Vec<PixelPosition>> = HashMap::new();
    for tower in features.towers() {
        let tile = mercator::tile_at(tower, zoom);
        let base = tile.pixel(mercator::lon_lat_to_tile(tower, zoom));
        towers.entry(tile).or_default().push(base);
    }
    let taken = unclear(features, zoom);

    let mut chosen = BTreeMap::new();
    let mut add = |tile: TileCoord, kind: LabelKind, bases: Vec<PixelPosition>| {
        let validation = is_drawn(BlockCoord::of(tile), choice);
        chosen.entry(tile).or_insert(Chosen {
            kind,
            bases,
            validation,
        });
        chosen.len()
    };
    let inside = |base: &PixelPosition| {
        let near = f64::from(choice.edge_px);
        let far = f64::from(TILE_SIZE_PX) - near;
        (near..=far).contains(&base.x_px) && (near..=far).contains(&base.y_px)
    };
    let mut positives: Vec<_> = towers
        .into_iter()
        .filter(|(tile, bases)| cover.contains(*tile) && bases.iter().any(inside))
        .collect();
    positives.sort_by_key(|(tile, _)| *tile);
    chance.shuffle(&mut positives);
    let mut count = 0;
    for (tile, bases) in positives.into_iter().take(choice.positives) {
        count = add(tile, LabelKind::Tower, bases);
    }
    let is_clear = |tile: TileCoord| cover.contains(tile) && !taken.contains(&tile);
    for &place in rejected {
        let tile = mercator::tile_at(place, zoom);
        if is_clear(tile) {
            count = add(tile, LabelKind::Rejected, Vec::new());
        }
    }
    let lines: Vec<_> = features.overhead_lines().collect();
    let near_end = count
        + if lines.is_empty() {
            0
        } else {
            choice.negatives / 2
        };
    let end = count + choice.negatives;
    for _ in 0..choice.negatives * DRAWS_PER_TILE {
        if count >= near_end {
            break;
        }
        let path = &lines[chance.below(lines.len() as u64) as usize].path;
        let at = chance.below(path.len() as u64 - 1) as usize;
        let (from, to) = (path[at], path[at + 1]);
        let along = chance.unit_f64();
        let place = LonLat {
            lon: from.lon + along * (to.lon - from.lon),
            lat: from.lat + along * (to.lat - from.lat),
        };
        let middle = mercator::tile_at(place, zoom);
        let step = |from: u32, by: u64| {
            u32::try_from(u64::from(from) + by)
                .ok()?
                .checked_sub(NEAR_TILES as u32)
        };
        let across = chance.below(2 * NEAR_TILES + 1);
        let down = chance.below(2 * NEAR_TILES + 1);
        if let (Some(x), Some(y)) = (step(middle.x, across), step(middle.y, down)) {
            let tile = TileCoord { z: zoom, x, y };
            if is_clear(tile) {
                count = add(tile, LabelKind::NearLine, Vec::new());
            }
        }
    }
    for _ in 0..choice.negatives * DRAWS_PER_TILE {
        if count >= end {
            break;
        }
        if let Some(tile) = cover.nth(chance.below(cover.count()))
            && is_clear(tile)
        {
            count = add(tile, LabelKind::Anywhere, Vec::new());
        }
    }
    chosen
}

/// All tiles in which a mapped support may show, of whatever kind and even if it no longer stands.
fn unclear(features: &PowerFeatures, zoom: u8) -> HashSet<TileCoord> {
    let side = f64::from(TILE_SIZE_PX);
    let mut tiles = HashSet::new();
    for support in &features.supports {
        let TilePosition { x, y } = mercator::lon_lat_to_tile(support.at, zoom);
        for dx in [-CLEAR_PX, 0.0, CLEAR_PX] {
            for dy in [-CLEAR_PX, 0.0, CLEAR_PX] {
                tiles.insert(TileCoord {
                    z: zoom,
                    x: (x + dx / side).max(0.0) as u32,
                    y: (y + dy / side).max(0.0) as u32,
                });
            }
        }
    }
    tiles
}

/// Whether a block is for validation: by its place and the seed, so that neighbours go together and
/// a second set of the same seed splits alike.
fn is_drawn(block: BlockCoord, choice: &Choice) -> bool {
    let mut chance = SplitMix64::new(choice.seed ^ (u64::from(block.x) << 32 | u64::from(block.y)));
    chance.unit_f64() < choice.validation
}
