//! How often each known tower is reported: what a mapper meets, after the views of several tiles
//! have been merged.
//!
//! A hint belongs to the known tower nearest to it, if that lies within [`MATCH_M`]; so two hints at
//! one tower are told from one hint each at two towers that stand close. Towers are told apart by
//! how many stand in their tile, where one picture has to show several.

use std::collections::HashMap;

use rstar::{RTree, primitives::GeomWithData};
use serde::Serialize;

use crate::{
    detections::{
        Detection, MATCH_M, distance_m,
        sphere::{Vector, on_sphere},
    },
    tiles::{LonLat, TileCoord, mercator},
};

/// Towers in tiles with as many or more are counted together.
const SEVERAL: u64 = 4;

/// Known towers in scored tiles, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Reported {
    /// How many known towers stand in the tile of each; 4 is four or more, `None` is all together.
    pub in_tile: Option<u64>,
    pub towers: u64,
    pub once: u64,
    pub more_than_once: u64,
    /// From a tower to the nearest of its hints, in metres.
    pub median_m: Option<f64>,
    pub p90_m: Option<f64>,
}

impl Reported {
    /// Of the towers that were reported the share that was reported once.
    #[must_use]
    pub fn share_once(&self) -> Option<f64> {
        let reported = self.once + self.more_than_once;
        (reported > 0).then(|| self.once as f64 / reported as f64)
    }
}

/// What became of known towers: all of them, then by how many share a tile.
/// Those count that stand in a tile which `is_scored`; hints at the others are theirs nevertheless.
pub(super) fn reported(
    hints: &[Detection],
    towers: &[LonLat],
    zoom: u8,
    is_scored: impl Fn(TileCoord) -> bool,
) -> Vec<Reported> {
    let tree: RTree<GeomWithData<Vector, usize>> = RTree::bulk_load(
        towers
            .iter()
            .enumerate()
            .map(|(i, &tower)| GeomWithData::new(on_sphere(tower), i))
            .collect(),
    );
    // Of each tower its hints, and the distance of the nearest.
    let mut found = vec![(0u64, f64::INFINITY); towers.len()];
    for hint in hints {
        let Some(nearest) = tree.nearest_neighbor(&on_sphere(hint.at)) else {
            break;
        };
        let metres = distance_m(hint.at, towers[nearest.data]);
        if metres <= MATCH_M {
            let (hints, least_m) = &mut found[nearest.data];
            *hints += 1;
            *least_m = least_m.min(metres);
        }
    }
    let tiles: Vec<TileCoord> = towers
        .iter()
        .map(|&tower| mercator::tile_at(tower, zoom))
        .collect();
    let mut in_tile: HashMap<TileCoord, u64> = HashMap::new();
    for &tile in &tiles {
        *in_tile.entry(tile).or_default() += 1;
    }
    let group = |number: Option<u64>| {
        let mut group = Reported {
            in_tile: number,
            ..Reported::default()
        };
        let mut metres = Vec::new();
        for (tile, &(hints, least_m)) in tiles.iter().zip(&found) {
            if !is_scored(*tile) || number.is_some_and(|n| in_tile[tile].min(SEVERAL) != n) {
                continue;
            }
            group.towers += 1;
            match hints {
                0 => continue,
                1 => group.once += 1,
                _ => group.more_than_once += 1,
            }
            metres.push(least_m);
        }
        metres.sort_unstable_by(f64::total_cmp);
        let quantile = |share: f64| {
            let last = metres.len().checked_sub(1)?;
            Some(metres[(last as f64 * share).round() as usize])
        };
        (group.median_m, group.p90_m) = (quantile(0.5), quantile(0.9));
        group
    };
    [None]
        .into_iter()
        .chain((1..=SEVERAL).map(Some))
        .map(group)
        .filter(|group| group.towers > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: TileCoord = TileCoord {
        z: 18,
        x: 140_000,
        y: 95_000,
    };

    /// Some metres north of the tile's centre.
    fn north(metres: f64) -> LonLat {
        let centre = TILE.centre();
        LonLat {
            lat: centre.lat + metres / 111_195.0,
            ..centre
        }
    }

    fn hint_at(at: LonLat) -> Detection {
        Detection {
            at,
            ..Detection::at_centre(TILE, 0.9)
        }
    }

    #[test]
    fn a_hint_belongs_to_the_nearest_tower() {
        // Two in a tile 30 m from each other, one in the next tile but one.
        let towers = [0.0, 30.0, 250.0].map(north);
        let hints = [
            -2.0, 29.0, // A second one of the same tower, farther off.
            39.0, // Of nothing.
            150.0,
        ]
        .map(|metres| hint_at(north(metres)));
        let all = reported(&hints, &towers, 18, |_| true);
        let counts: Vec<_> = all
            .iter()
            .map(|group| {
                (
                    group.in_tile,
                    group.towers,
                    group.once,
                    group.more_than_once,
                )
            })
            .collect();
        assert_eq!(
            counts,
            [(None, 3, 1, 1), (Some(1), 1, 0, 0), (Some(2), 2, 1, 1)]
        );
        assert_eq!(all[0].share_once(), Some(0.5));
        assert!((all[2].p90_m.unwrap() - 2.0).abs() < 0.1, "{all:?}");
        assert_eq!(all[1].median_m, None);

        // A hint of a tower that does not count is not lent to one that does.
        let further = mercator::tile_at(north(250.0), 18);
        let beside = [hint_at(north(230.0))];
        let rest = reported(&beside, &towers, 18, |tile| tile != further);
        assert_eq!((rest[0].towers, rest[0].once), (2, 0));
    }

    #[test]
    fn without_towers_there_is_nothing_to_report() {
        assert_eq!(reported(&[hint_at(TILE.centre())], &[], 18, |_| true), []);
    }
}
