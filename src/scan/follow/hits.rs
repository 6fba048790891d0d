//! The hits of a scan: where their towers were seen, which lines they belong to, and where those were
//! followed.

use std::f32::consts::TAU;

use rustc_hash::FxHashMap;

use super::located::Spot;

/// Sectors of direction, all around.
const SECTORS: u32 = 24;

/// A hit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// The chance that it is a false positive, by what was expected.
    pub(super) false_share: f32,
    /// Where in its tile the tower was seen, in tiles from the corner, if that is known.
    pub(super) spot: Option<Spot>,
    /// Whether it was found by the net alone.
    pub(super) by_net: bool,
    /// Level of the net that led to it.
    pub(super) level: u8,
    /// Direction of its line in radians, if it belongs to one.
    bearing: Option<f32>,
    /// Directions in which a line was followed from it, by sectors of 15°.
    followed: u32,
    /// Whether the tiles close to it were looked at as those of an end or a bend.
    looked_near: bool,
}

impl Hit {
    /// A hit that belongs to no line yet.
    pub(super) fn new(false_share: f32, spot: Option<Spot>, by_net: bool, level: u8) -> Self {
        Self {
            false_share,
            spot,
            by_net,
            level,
            bearing: None,
            followed: 0,
            looked_near: false,
        }
    }
}

/// All hits, by column and row of their tile.
#[derive(Default)]
pub(super) struct Hits(FxHashMap<(i64, i64), Hit>);

impl Hits {
    pub(super) fn insert(&mut self, x: i64, y: i64, hit: Hit) {
        self.0.insert((x, y), hit);
    }

    pub(super) fn get(&self, x: i64, y: i64) -> Option<&Hit> {
        self.0.get(&(x, y))
    }

    /// The direction of the line that a hit belongs to, if it belongs to one, in radians.
    pub(super) fn bearing(&self, x: i64, y: i64) -> Option<f32> {
        self.get(x, y)?.bearing
    }

    /// A hit belongs to a line of a direction. Returns the hit if it belonged to none before.
    pub(super) fn link(&mut self, x: i64, y: i64, bearing: f32) -> Option<Hit> {
        let hit = self.0.get_mut(&(x, y))?;
        let before = hit.bearing.replace(bearing);
        before.is_none().then_some(*hit)
    }

    /// Whether a line may be followed from a hit in a direction; from then on it counts as followed,
    /// there and in the sectors beside.
    pub(super) fn follow(&mut self, x: i64, y: i64, bearing: f32) -> bool {
        let sector = sector_of(bearing);
        let Some(hit) = self.0.get_mut(&(x, y)) else {
            return false;
        };
        if hit.followed >> sector & 1 == 1 {
            return false;
        }
        for near in [sector + SECTORS - 1, sector, sector + 1] {
            hit.followed |= 1 << (near % SECTORS);
        }
        true
    }

    /// Whether a hit's own line is known, or one was followed from it in a direction or against it.
    pub(super) fn is_explained(&self, x: i64, y: i64, bearing: f32) -> bool {
        let sector = sector_of(bearing);
        self.get(x, y).is_some_and(|hit| {
            (hit.followed >> sector | hit.followed >> ((sector + SECTORS / 2) % SECTORS)) & 1 == 1
                || hit.bearing.is_some()
        })
    }

    /// Whether the tiles close to a hit are still to be looked at; from then on they are not.
    pub(super) fn look_near(&mut self, x: i64, y: i64) -> bool {
        let hit = self.0.get_mut(&(x, y));
        hit.is_some_and(|hit| !std::mem::replace(&mut hit.looked_near, true))
    }
}

fn sector_of(bearing: f32) -> u32 {
    (bearing.rem_euclid(TAU) / TAU * SECTORS as f32) as u32 % SECTORS
}
