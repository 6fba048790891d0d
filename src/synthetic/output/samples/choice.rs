//! Which tiles of a world become samples. Pure: the same world and settings, the same tiles.

use std::collections::HashSet;

use super::Samples;
use crate::{
    synthetic::{Label, World},
    tiles::{TileCoord, mercator},
};

/// A tile to draw.
pub(super) struct Sample {
    pub(super) tile: TileCoord,
    pub(super) label: Label,
}

/// Chooses places from 56° south to 70° north: evenly on the map for negatives, tower by tower
/// for positives, beside towers and by chance for hard negatives.
pub(super) fn choose(world: &World, wanted: &Samples) -> Vec<Sample> {
    let mut chance = Chance::new(world.seed(), wanted.sample);
    let mut taken = HashSet::new();
    let mut samples = Vec::new();
    let towers_near = |chance: &mut Chance| loop {
        let towers = world.towers_in(chance.tile(11).bounds());
        if !towers.is_empty() {
            return towers;
        }
    };
    while samples.len() < wanted.positives {
        let towers = towers_near(&mut chance);
        for _ in 0..2 {
            let tower = &towers[chance.below(towers.len())];
            let tile = mercator::tile_at(tower.at, wanted.zoom);
            let label = world.label(tile);
            if samples.len() < wanted.positives
                && matches!(label, Label::Positive(_))
                && taken.insert(tile)
            {
                samples.push(Sample { tile, label });
            }
        }
    }
    let mut negatives = 0;
    while negatives < wanted.negatives {
        let tile = chance.tile(wanted.zoom);
        let label = world.label(tile);
        if matches!(label, Label::Negative { .. }) && taken.insert(tile) {
            samples.push(Sample { tile, label });
            negatives += 1;
        }
    }
    let mut hard = 0;
    while hard < wanted.hard_negatives {
        // Half of them along lines, half distractors wherever they stand.
        let tile = if hard % 2 == 0 {
            let towers = towers_near(&mut chance);
            let tower = &towers[chance.below(towers.len())];
            let middle = mercator::tile_at(tower.at, wanted.zoom);
            let step = |v: u32, by: usize| (v + by as u32).saturating_sub(2);
            let (dx, dy) = (chance.below(5), chance.below(5));
            TileCoord {
                z: wanted.zoom,
                x: step(middle.x, dx),
                y: step(middle.y, dy),
            }
        } else {
            chance.tile(wanted.zoom)
        };
        let label = world.label(tile);
        let is_hard = if hard % 2 == 0 {
            matches!(label, Label::Negative { wires: true, .. })
        } else {
            matches!(
                label,
                Label::Negative {
                    distractor: true,
                    ..
                }
            )
        };
        if is_hard && taken.insert(tile) {
            samples.push(Sample { tile, label });
            hard += 1;
        }
    }
    samples
}

/// The generator of the choice of places: xorshift64* (Vigna, "An experimental exploration of
/// Marsaglia's xorshift generators, scrambled", 2016). Another one would choose other tiles for the
/// same seed.
struct Chance(u64);

impl Chance {
    fn new(seed: u64, sample: u64) -> Self {
        // The generator needs a state that is not 0, so the lowest bit is set; the sample must
        // keep clear of it, or every two samples would be one.
        Self((seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491 | 1) ^ (sample << 1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() >> 11) as usize % count
    }

    /// A random tile between 56° south and 70° north.
    fn tile(&mut self, zoom: u8) -> TileCoord {
        let side = f64::from(mercator::tiles_per_side(zoom));
        let unit = |bits: u64| (bits >> 11) as f64 / 9_007_199_254_740_992.0;
        let (u, v) = (unit(self.next()), unit(self.next()));
        TileCoord {
            z: zoom,
            x: (u * side) as u32,
            y: ((0.224 + (0.689 - 0.224) * v) * side) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_of_a_world_is_another_one() {
        let firsts: HashSet<u64> = (0..100)
            .map(|sample| Chance::new(7, sample).next())
            .collect();
        assert_eq!(firsts.len(), 100);
    }
}
