//! The choices of fixed scans, unit by unit, held against digests.
//!
//! A resumed run replays its ledger, so a scan must choose the same tiles in every version. The
//! digests may change only with the strategy itself, and then every kept guided run loses its resume.
//!
//! A choice goes by single-precision sines, exponentials and logarithms, whose last bits are those of
//! the platform's mathematical library: the digests are those of glibc on x86-64.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use super::*;
use crate::digest::sha256;

/// Towers of several lines, and false positives in one tile of `false_every`, more of them in the
/// south-east.
fn hits(lines: std::ops::Range<u64>, false_every: u32) -> impl Fn(TileCoord) -> bool {
    let towers: HashSet<TileCoord> = lines.flat_map(line).collect();
    move |tile| {
        let mut random = SplitMix64::at_place(77, tile.x.into(), tile.y.into(), 5);
        let number = random.next_u64() % u64::from(false_every);
        let crowded = tile.x > 180_350 && tile.y > 109_350 && number < 12;
        // One tower in eight is missed.
        let missed = random.next_u64().is_multiple_of(8);
        towers.contains(&tile) && !missed || number == 0 || crowded
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of all units: sequence, block, tiles and reason.
fn digest(units: &[WorkUnit]) -> String {
    let mut bytes = Vec::new();
    for unit in units {
        bytes.extend(unit.sequence.to_le_bytes());
        bytes.extend(unit.block.x.to_le_bytes());
        bytes.extend(unit.block.y.to_le_bytes());
        for index in unit.wanted.iter() {
            bytes.extend(index.to_le_bytes());
        }
        bytes.extend(unit.reason.name().as_bytes());
    }
    let tiles: usize = units.iter().map(|unit| unit.wanted.count()).sum();
    format!(
        "{} units, {tiles} tiles, {}",
        units.len(),
        sha256(bytes).start::<8>()
    )
}

#[test]
fn scans_with_several_lines_and_false_positives_choose_what_they_always_chose() {
    let cover = area(500, 500, true);
    let digests: Vec<String> = (0..4)
        .map(|seed| {
            let settings = FollowSettings {
                seed,
                window: 8 + 8 * seed,
                ..FollowSettings::default()
            };
            let hit = hits(3 * seed..3 * seed + 4, 700);
            digest(&scan(&cover, &settings, seed as usize, hit))
        })
        .collect();
    let expected = [
        "7087 units, 102384 tiles, aabd409d16c7395f",
        "6329 units, 96056 tiles, cfefc41f63573999",
        "7069 units, 108392 tiles, e4dc7fe919e51d28",
        "6529 units, 76814 tiles, 022c2a46e4718959",
    ];
    assert_eq!(digests, expected);
}

#[test]
fn a_scan_told_where_towers_stand_chooses_what_it_always_chose() {
    let cover = area(500, 500, false);
    let spots: HashMap<TileCoord, Spot> = (20..24).flat_map(spots).collect();
    let hit = hits(20..24, 900);
    let scan = Follow::new(&cover, FollowSettings::default())
        .located_by(Box::new(move |tile, _| spots.get(&tile).copied()));
    let expected = "5577 units, 98681 tiles, 7216bbf17cb9dc74";
    assert_eq!(digest(&answer(scan, 3, hit)), expected);
}

#[test]
fn a_scan_that_goes_on_from_another_with_known_places_chooses_what_it_always_chose() {
    let cover = area(400, 450, false);
    let hit = hits(30..34, 800);
    let budget = FollowSettings {
        budget: Some(1_800),
        recall: 0.8,
        ..FollowSettings::default()
    };
    let before = scan(&cover, &budget, 0, &hit);
    let settings = FollowSettings {
        stop: 0.003,
        seed: 9,
        ..FollowSettings::default()
    };
    let mut follow = Follow::new(&cover, settings).starting_at(before.len() as u64);
    for unit in &before {
        follow.remember(&outcome(unit, &hit));
    }
    follow.seed(
        line(31)
            .into_iter()
            .filter(|tile| tile.x % 7 == 0)
            .collect::<BTreeSet<_>>(),
    );
    let expected = [
        "27 units, 1800 tiles, 59c7b5db44854149",
        "3381 units, 40734 tiles, cd422a9acd164365",
    ];
    assert_eq!(
        [digest(&before), digest(&answer(follow, 0, &hit))],
        expected
    );
}
