//! Properties of the strategy alone: made-up areas, towers and detectors.

mod choices;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use proptest::prelude::*;

use super::{located::Spot, *};
use crate::{
    random::SplitMix64,
    tiles::{
        AttributionGrid, BlockCoord, Candidate, TileCoord, TileOutcome, UnitImages, VisitReason,
    },
};

const ZOOM: u8 = 18;

/// A rectangle of tiles with a hole in the middle, at a latitude of 29°.
fn area(width: u32, height: u32, hole: bool) -> Cover {
    let (left, top) = (180_000, 109_000);
    let tiles = (0..height).flat_map(move |y| {
        (0..width)
            .filter(move |x| !(hole && x.abs_diff(width / 2) < 9 && y.abs_diff(height / 2) < 9))
            .map(move |x| TileCoord {
                z: ZOOM,
                x: left + x,
                y: top + y,
            })
    });
    Cover::from_tiles(tiles).unwrap()
}

/// A line of towers across an area, from its western edge on, with spans of 1.7 to 2.7 tiles and
/// bends of up to 8°.
fn line(seed: u64) -> HashSet<TileCoord> {
    spots(seed).into_keys().collect()
}

/// The same, with the place of each tower in its tile.
fn spots(seed: u64) -> HashMap<TileCoord, Spot> {
    let mut random = SplitMix64::at_place(seed, 0, 0, 0);
    let mut tiles = HashMap::new();
    let (mut x, mut y) = (180_001.0f32, random.between(109_100.0, 109_400.0));
    let mut bearing = random.between(-0.3, 0.3);
    while x < 180_500.0 && y > 109_000.0 && y < 109_500.0 {
        let tile = TileCoord {
            z: ZOOM,
            x: x as u32,
            y: y as u32,
        };
        tiles.insert(tile, (x.fract(), y.fract()));
        let span = random.between(1.7, 2.7);
        bearing += random.between(-0.14, 0.14) - 0.1 * bearing;
        x += span * bearing.cos();
        y += span * bearing.sin();
    }
    tiles
}

/// Runs a scan to its end, each answer `late` units behind, and gives its units.
fn scan(
    cover: &Cover,
    settings: &FollowSettings,
    late: usize,
    hit: impl Fn(TileCoord) -> bool,
) -> Vec<WorkUnit> {
    answer(Follow::new(cover, settings.clone()), late, hit)
}

/// Answers a scan to its end.
fn answer(mut scan: Follow<'_>, late: usize, hit: impl Fn(TileCoord) -> bool) -> Vec<WorkUnit> {
    let mut units: Vec<WorkUnit> = Vec::new();
    let mut out: VecDeque<BlockOutcome> = VecDeque::new();
    loop {
        match scan.next() {
            Next::Unit(unit) => {
                out.push_back(outcome(&unit, &hit));
                units.push(unit);
                if out.len() > late
                    && let Some(first) = out.pop_front()
                {
                    scan.learn(&first);
                }
            }
            Next::Waiting => {
                let first = out.pop_front().expect("a scan waits only for what is out");
                scan.learn(&first);
            }
            Next::Finished => return units,
        }
    }
}

fn outcome(unit: &WorkUnit, hit: impl Fn(TileCoord) -> bool) -> BlockOutcome {
    BlockOutcome {
        sequence: unit.sequence,
        block: unit.block,
        wanted: unit.wanted.clone(),
        tiles: unit
            .tiles()
            .map(|tile| match tile.x % 50 {
                // Some tiles have no imagery.
                0 => TileOutcome::NoImagery,
                _ => TileOutcome::Scored(if hit(tile) { 0.9 } else { 0.1 }),
            })
            .collect(),
        candidates: unit
            .tiles()
            .filter(|&tile| hit(tile))
            .map(|tile| Candidate {
                index: BlockCoord::index_of(tile),
                score: 0.9,
                // The strategy does not look into it.
                attribution: Some(AttributionGrid {
                    width: 0,
                    height: 0,
                    cells: Vec::new(),
                }),
                boxes: Vec::new(),
                content_hash: 0,
                payload: None,
            })
            .collect(),
        low_contrast: Vec::new(),
        stages: Vec::new(),
        images: UnitImages::default(),
    }
}

/// The tiles of all units; fails if one is asked for twice or lies outside.
fn tiles_of(units: &[WorkUnit], cover: &Cover) -> BTreeSet<TileCoord> {
    let mut seen = BTreeSet::new();
    for (number, unit) in units.iter().enumerate() {
        assert_eq!(unit.sequence, number as u64);
        assert!(!unit.wanted.is_empty() && unit.wanted.count() <= crate::tiles::UNIT_TILES_MAX);
        for tile in unit.tiles() {
            assert!(cover.contains(tile), "{tile} lies outside");
            assert!(seen.insert(tile), "{tile} is asked for twice");
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_scan_stays_inside_asks_once_ends_and_keeps_its_budget(
        width in 1u32..200,
        height in 1u32..200,
        hole: bool,
        seed: u64,
        hits_per_thousand in prop_oneof![Just(0u64), Just(3), Just(30), Just(200)],
        budget in proptest::option::of(1u64..3_000),
        window in 1u64..40,
    ) {
        let cover = area(width, height, hole && width > 40 && height > 40);
        let settings = FollowSettings { budget, window, seed, ..FollowSettings::default() };
        let hit = |tile: TileCoord| {
            let mut random = SplitMix64::at_place(seed, tile.x.into(), tile.y.into(), 9);
            random.unit_f32() * 1000.0 < hits_per_thousand as f32
        };
        let units = scan(&cover, &settings, 0, hit);
        let seen = tiles_of(&units, &cover);
        prop_assert!(budget.is_none_or(|budget| seen.len() as u64 <= budget));
    }
}

#[test]
fn the_units_do_not_depend_on_how_late_answers_come() {
    let cover = area(500, 500, false);
    let towers = line(3);
    let settings = FollowSettings {
        window: 16,
        ..FollowSettings::default()
    };
    let hit =
        |tile: TileCoord| towers.contains(&tile) || (tile.x * 31 + tile.y * 17).is_multiple_of(997);
    let prompt = scan(&cover, &settings, 0, hit);
    for late in [1, 7, 15] {
        assert!(
            scan(&cover, &settings, late, hit) == prompt,
            "{late} units late"
        );
    }
}

#[test]
fn a_line_that_the_net_crosses_is_followed_to_both_ends_by_a_perfect_detector() {
    let cover = area(500, 500, false);
    let settings = FollowSettings {
        recall: 0.98,
        false_positive_rate: 1e-4,
        stop: FollowSettings::usual_stop(cover.count()),
        ..FollowSettings::default()
    };
    let mut crossed = 0;
    for seed in 0..20 {
        let towers = line(seed);
        let units = scan(&cover, &settings, 0, |tile| towers.contains(&tile));
        let seen = tiles_of(&units, &cover);
        let caught = units
            .iter()
            .filter(|unit| unit.reason == VisitReason::Net)
            .any(|unit| {
                unit.tiles()
                    .any(|tile| tile.x % 50 != 0 && towers.contains(&tile))
            });
        if !caught {
            // It slipped between the towers.
            continue;
        }
        crossed += 1;
        // Towers in tiles without imagery cannot be found.
        let missed = towers
            .iter()
            .filter(|tile| tile.x % 50 != 0 && !seen.contains(tile))
            .count();
        // Single towers where the line bends may stay unseen between two that are found.
        assert!(
            missed * 33 <= towers.len(),
            "seed {seed}: {missed} of {} missed",
            towers.len()
        );
        for end in [
            towers.iter().min_by_key(|t| t.x),
            towers.iter().max_by_key(|t| t.x),
        ] {
            let end = end.expect("a line has towers");
            let near = seen.iter().any(|tile| {
                towers.contains(tile) && tile.x.abs_diff(end.x) < 6 && tile.y.abs_diff(end.y) < 6
            });
            assert!(near, "seed {seed}: the end at {end} was not reached");
        }
        assert!(
            (seen.len() as u64) < cover.count() / 8,
            "seed {seed}: {} tiles",
            seen.len()
        );
    }
    assert!(crossed >= 10, "the net catches most lines: {crossed} of 20");
}

#[test]
fn a_detector_that_locates_towers_saves_looks_and_finds_no_less() {
    let cover = area(500, 500, false);
    let settings = FollowSettings::default();
    // Tiles asked for in following, and towers found.
    let (mut located, mut plain) = ((0, 0), (0, 0));
    for seed in 0..10 {
        let spots = spots(seed);
        let hit = |tile: TileCoord| spots.contains_key(&tile);
        let add = |sum: &mut (usize, usize), units: &[WorkUnit]| {
            let seen = tiles_of(units, &cover);
            let followed = units
                .iter()
                .filter(|unit| unit.reason == VisitReason::Follow);
            sum.0 += followed.map(|unit| unit.wanted.count()).sum::<usize>();
            sum.1 += seen.iter().filter(|&&tile| hit(tile)).count();
        };
        add(&mut plain, &scan(&cover, &settings, 0, hit));
        let of = spots.clone();
        let follow = || {
            let of = of.clone();
            Follow::new(&cover, settings.clone())
                .located_by(Box::new(move |tile, _| of.get(&tile).copied()))
        };
        let units = answer(follow(), 0, hit);
        add(&mut located, &units);
        assert!(answer(follow(), 9, hit) == units, "seed {seed}: late");
    }
    assert!(
        located.0 * 10 < plain.0 * 9 && located.1 * 100 >= plain.1 * 99,
        "{located:?} with places, {plain:?} without"
    );
}

#[test]
fn a_denser_scan_goes_on_without_repeating_a_tile() {
    let cover = area(400, 400, false);
    let towers = line(5);
    let hit = |tile: TileCoord| towers.contains(&tile);
    let coarse = FollowSettings {
        budget: Some(1_500),
        ..FollowSettings::default()
    };
    let units = scan(&cover, &coarse, 0, hit);
    let before = tiles_of(&units, &cover);
    let mut denser =
        Follow::new(&cover, FollowSettings::default()).starting_at(units.len() as u64 + 7);
    for unit in &units {
        denser.remember(&outcome(unit, hit));
    }
    let mut tiles_asked = 0;
    loop {
        match denser.next() {
            Next::Unit(unit) => {
                assert!(unit.sequence >= units.len() as u64 + 7);
                assert!(unit.tiles().all(|tile| !before.contains(&tile)));
                tiles_asked += unit.wanted.count();
                denser.learn(&outcome(&unit, hit));
            }
            Next::Waiting => panic!("every answer was given"),
            Next::Finished => break,
        }
    }
    assert!(tiles_asked > 0);
}

#[test]
fn every_unit_says_why_it_is_looked_at() {
    let cover = area(500, 500, false);
    let towers = line(0);
    let units = scan(&cover, &FollowSettings::default(), 0, |tile| {
        towers.contains(&tile)
    });
    let tiles = |reason| -> usize {
        units
            .iter()
            .filter(|unit| unit.reason == reason)
            .map(|unit| unit.wanted.count())
            .sum()
    };
    assert_eq!(units[0].reason, VisitReason::Net);
    assert!(tiles(VisitReason::Follow) > towers.len() / 2);
    assert!(tiles(VisitReason::Neighbour) > 0 && tiles(VisitReason::End) > 0);
    assert_eq!(tiles(VisitReason::Everything), 0);
}

#[test]
fn the_net_grows_denser_beside_a_line_although_it_was_laid_before_any_answer_came() {
    let cover = area(500, 500, false);
    let settings = FollowSettings::default();
    let mut denser = 0;
    for seed in 0..6 {
        let towers = line(seed);
        let units = scan(&cover, &settings, 0, |tile| towers.contains(&tile));
        let first = |reason| units.iter().position(|unit| unit.reason == reason);
        let followed = first(VisitReason::Follow);
        let laid_last = units
            .iter()
            .rposition(|unit| unit.reason == VisitReason::Net);
        denser += usize::from(followed.is_some() && laid_last > followed);
    }
    assert!(denser >= 4, "{denser} of 6");
}
