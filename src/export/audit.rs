//! Tiles drawn at random for people to look at: the only honest bound on what a run missed.
//!
//! Drawn from the tiles that a guided scan did not visit or, after a full scan, from those scored
//! below the threshold. If none of N tiles shows a tower, then with 95 % confidence at most 3/N of
//! the tiles they were drawn from hold one (Hanley and Lippman-Hand 1983,
//! doi:10.1001/jama.1983.03330370053031).

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
    ops::ControlFlow,
    path::Path,
};

use serde::Serialize;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{ExportError, staged::StagedFile};
use crate::{
    ledger::{LedgerError, LedgerReader},
    tiles::{BlockCoord, Cover, TileCoord, TileMask},
};

/// Where audited tiles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOf {
    /// Tiles without an outcome.
    NotVisited,
    /// Tiles that were scored below the threshold.
    BelowThreshold,
}

/// A sample for people to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    pub of: AuditOf,
    /// Number of tiles it was drawn from.
    pub population: u64,
    /// In tile order.
    pub tiles: Vec<TileCoord>,
}

impl Audit {
    /// Draws up to `wanted` tiles, always the same for a run.
    ///
    /// # Errors
    /// When the ledger is damaged.
    pub fn draw(ledger: &LedgerReader, cover: &Cover, wanted: u64) -> Result<Self, LedgerError> {
        let manifest = ledger.manifest()?;
        let mut visited: HashMap<BlockCoord, TileMask> = HashMap::new();
        let mut below: HashMap<BlockCoord, TileMask> = HashMap::new();
        ledger.outcomes(|outcome| {
            let below = below.entry(outcome.block).or_default();
            for (index, tile) in outcome.wanted.iter().zip(&outcome.tiles) {
                if tile.score().is_some_and(|score| score < manifest.threshold) {
                    below.insert(index);
                }
            }
            visited
                .entry(outcome.block)
                .or_default()
                .extend(&outcome.wanted);
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })?;
        let left = |of: AuditOf, block: &BlockCoord, mask: &TileMask| match of {
            AuditOf::NotVisited => visited
                .get(block)
                .map_or_else(|| mask.clone(), |visited| mask.without(visited)),
            AuditOf::BelowThreshold => below.get(block).cloned().unwrap_or_default(),
        };
        let count = |of| -> u64 {
            cover
                .blocks()
                .map(|(block, mask)| left(of, &block, &mask).count() as u64)
                .sum()
        };
        let (of, population) = match count(AuditOf::NotVisited) {
            0 => (AuditOf::BelowThreshold, count(AuditOf::BelowThreshold)),
            not_visited => (AuditOf::NotVisited, not_visited),
        };
        let positions = positions(&manifest.hash(), population, wanted);
        let mut tiles = Vec::with_capacity(positions.len());
        let mut before = 0;
        let mut next = positions.into_iter().peekable();
        for (block, mask) in cover.blocks() {
            let left = left(of, &block, &mask);
            let indices: Vec<u16> = left.iter().collect();
            while let Some(position) =
                next.next_if(|&position| position < before + indices.len() as u64)
            {
                tiles.push(block.tile(indices[(position - before) as usize]));
            }
            before += indices.len() as u64;
        }
        tiles.sort_unstable();
        Ok(Self {
            of,
            population,
            tiles,
        })
    }

    /// Tiles of the population that hold a tower at most, with 95 % confidence, if none of the
    /// sample shows one.
    #[must_use]
    pub fn bound_if_none(&self) -> u64 {
        match self.tiles.len() as u64 {
            0 => self.population,
            tiles => (3 * self.population).div_ceil(tiles).min(self.population),
        }
    }

    /// Writes the tiles as GeoJSON squares, for QGIS or JOSM.
    ///
    /// # Errors
    /// When the file cannot be written or the ledger is damaged.
    pub fn write(&self, ledger: &LedgerReader, path: &Path) -> Result<(), ExportError> {
        let manifest = ledger.manifest()?;
        let features: Vec<_> = self
            .tiles
            .iter()
            .map(|tile| {
                let b = tile.bounds();
                json!({
                    "type": "Feature",
                    "id": tile.to_string(),
                    "geometry": {"type": "Polygon", "coordinates": [[
                        [b.west, b.south], [b.east, b.south], [b.east, b.north],
                        [b.west, b.north], [b.west, b.south],
                    ]]},
                    "properties": {
                        "tile": tile.to_string(),
                        "drawn_from": self.of,
                        "tower": null,
                    },
                })
            })
            .collect();
        let collection = json!({
            "type": "FeatureCollection",
            "description": "tiles drawn at random: look at each and note whether it holds a tower",
            "drawn_from": self.of,
            "population": self.population,
            "bound_if_none": self.bound_if_none(),
            "imagery": manifest.imagery.name,
            "attribution": manifest.imagery.attribution,
            "synthetic": manifest.imagery.synthetic,
            "model": manifest.model.name,
            "manifest": manifest.hash(),
            "features": features,
        });
        let staged = StagedFile::create(path)?;
        let mut text = serde_json::to_vec(&collection).expect("GeoJSON has string keys alone");
        text.push(b'\n');
        staged
            .file()
            .write_all(&text)
            .map_err(|source| staged.error(source))?;
        staged.publish()
    }
}

/// Distinct positions below `population`, by the run alone.
fn positions(manifest_hash: &str, population: u64, wanted: u64) -> BTreeSet<u64> {
    let wanted = wanted.min(population);
    let mut positions = BTreeSet::new();
    if wanted == population {
        return (0..population).collect();
    }
    let mut draw = 0;
    while (positions.len() as u64) < wanted {
        let random = xxh3_64_with_seed(manifest_hash.as_bytes(), draw);
        // The upper half of the product is even enough below 2³² tiles.
        positions.insert(((u128::from(random) * u128::from(population)) >> 64) as u64);
        draw += 1;
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::{Ledger, tests::manifest},
        tiles::{BlockOutcome, TileOutcome, UnitImages, VisitReason},
    };

    fn cover() -> Cover {
        let tiles = (0..64).flat_map(|y| (0..128).map(move |x| TileCoord { z: 18, x, y }));
        Cover::from_tiles(tiles).unwrap()
    }

    fn scored(sequence: u64, x: u32, score: impl Fn(u16) -> f32) -> BlockOutcome {
        BlockOutcome {
            sequence,
            block: BlockCoord { z: 18, x, y: 0 },
            wanted: (0..4096).collect(),
            tiles: (0..4096)
                .map(|index| TileOutcome::Scored(score(index)))
                .collect(),
            candidates: Vec::new(),
            low_contrast: Vec::new(),
            stages: Vec::new(),
            images: UnitImages::default(),
        }
    }

    #[test]
    fn tiles_are_drawn_from_what_was_not_visited_and_always_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        ledger
            .record(&scored(0, 0, |_| 0.1), VisitReason::Net)
            .unwrap();
        let audit = Audit::draw(ledger.reader(), &cover(), 300).unwrap();
        assert_eq!((audit.of, audit.population), (AuditOf::NotVisited, 4_096));
        assert_eq!(audit.tiles.len(), 300);
        assert!(audit.tiles.iter().all(|tile| tile.x >= 64));
        assert_eq!(audit.bound_if_none(), 41);
        assert_eq!(audit, Audit::draw(ledger.reader(), &cover(), 300).unwrap());
        // Both halves of the block, so about evenly.
        let west = audit.tiles.iter().filter(|tile| tile.x < 96).count();
        assert!(west.abs_diff(150) < 45, "{west}");
    }

    #[test]
    fn after_a_full_scan_they_come_from_below_the_threshold() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(dir.path(), &manifest()).unwrap();
        for x in 0..2 {
            let score = |index| if index < 4_090 { 0.9 } else { 0.1 };
            ledger
                .record(&scored(u64::from(x), x, score), VisitReason::Everything)
                .unwrap();
        }
        let audit = Audit::draw(ledger.reader(), &cover(), 100).unwrap();
        assert_eq!((audit.of, audit.population), (AuditOf::BelowThreshold, 12));
        assert_eq!(audit.tiles.len(), 12);
        let path = dir.path().join("audit.geojson");
        audit.write(ledger.reader(), &path).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["features"].as_array().unwrap().len(), 12);
        assert_eq!(
            read["features"][0]["properties"]["drawn_from"],
            "below_threshold"
        );
    }
}
