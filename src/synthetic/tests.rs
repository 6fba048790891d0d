//! What the synthetic world promises: the same for ever, without seams, and true to its labels.

use std::collections::BTreeSet;

use super::{
    canvas::{MARGIN_PX, SIDE},
    *,
};
use crate::{
    image::RgbTile,
    tiles::{Bounds, TileCoord, mercator},
};

const SAN_MARINO: Bounds = Bounds {
    west: 12.40,
    south: 43.89,
    east: 12.52,
    north: 43.99,
};

fn mosaic(seed: u64) -> World {
    World::new(seed, StyleChoice::Mosaic)
}

/// Tiles spread over the inhabited latitudes by the golden ratio, without any chance.
fn spread(count: u32, zoom: u8) -> impl Iterator<Item = TileCoord> {
    let side = f64::from(mercator::tiles_per_side(zoom));
    (0..count).map(move |i| {
        let (u, v) = (
            f64::from(i) * 0.754_877_666_246_693 % 1.0,
            f64::from(i) * 0.569_840_290_998_053 % 1.0,
        );
        TileCoord {
            z: zoom,
            x: (u * side) as u32,
            y: ((0.25 + 0.42 * v) * side) as u32,
        }
    })
}

/// Some towers of a world from many places, as tiles of a zoom.
fn tower_tiles(world: &World, count: usize, zoom: u8) -> Vec<(Tower, TileCoord)> {
    spread(4_000, 10)
        .filter_map(|tile| world.towers_in(tile.bounds()).pop())
        .map(|tower| (tower, mercator::tile_at(tower.at, zoom)))
        .take(count)
        .collect()
}

/// FNV-1a, so that the expected values do not hang on a library.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn tiles_are_the_same_on_every_machine_and_in_every_version() {
    let mut pixels = RgbTile::new();
    let expected = [
        ("temperate", 0x481a_bb29_5d1b_f6a4),
        ("temperate-nadir", 0x4fb4_8114_211e_0b99),
        ("arid", 0xf159_eba7_fefe_f981),
        ("arid-haze", 0xc98c_7c21_81d2_cfff),
        ("tropical-nadir", 0x9e3e_3524_9cc3_462a),
        ("winter", 0x61e3_1059_803b_3547),
        ("savanna", 0x7e73_b3c1_7eed_8df8),
        ("steppe-poles", 0x4ee8_17bd_d9c6_9095),
    ];
    let mut digests = Vec::new();
    for style in &STYLES {
        let world = World::new(7, StyleChoice::One(style));
        let mut all = Vec::new();
        for (_, tile) in tower_tiles(&world, 3, 18) {
            world.draw(tile, &mut pixels);
            all.extend_from_slice(pixels.as_bytes());
        }
        for (zoom, tile) in [(0, 0), (9, 3), (15, 1), (17, 2), (19, 4), (22, 5)]
            .map(|(zoom, i)| (zoom, spread(8, zoom).nth(i).unwrap()))
        {
            assert_eq!(tile.z, zoom);
            world.draw(tile, &mut pixels);
            all.extend_from_slice(pixels.as_bytes());
        }
        digests.push((style.name, digest(&all)));
    }
    assert_eq!(digests, expected);
}

#[test]
fn neighbouring_tiles_agree_where_their_margins_overlap() {
    for style in &STYLES {
        let world = World::new(3, StyleChoice::One(style));
        for (_, tile) in tower_tiles(&world, 4, 18) {
            let here = world.sketched(tile);
            let east = world.sketched(TileCoord {
                x: tile.x + 1,
                ..tile
            });
            let south = world.sketched(TileCoord {
                y: tile.y + 1,
                ..tile
            });
            let shift = SIDE - 2 * MARGIN_PX;
            let mut different = 0;
            for along in 0..SIDE {
                for over in 0..2 * MARGIN_PX {
                    let pairs = [
                        (here[along * SIDE + shift + over], east[along * SIDE + over]),
                        (
                            here[(shift + over) * SIDE + along],
                            south[over * SIDE + along],
                        ),
                    ];
                    for (a, b) in pairs {
                        let apart = (0..3).map(|c| a[c].abs_diff(b[c])).max().unwrap();
                        different += usize::from(apart > 3);
                    }
                }
            }
            // Rounding relative to the tile's corner moves an edge by a hair now and then.
            let overlap = 2 * SIDE * 2 * MARGIN_PX;
            assert!(
                different * 400 < overlap,
                "{different} of {overlap} pixels differ beside {tile} ({})",
                style.name
            );
        }
    }
}

#[test]
fn a_tower_stands_in_the_tile_that_is_labelled_positive() {
    let world = mosaic(11);
    for zoom in [16, 18, 19] {
        for (tower, tile) in tower_tiles(&world, 40, zoom) {
            let Label::Positive(bases) = world.label(tile) else {
                panic!("{tile} holds a tower");
            };
            let nearest = bases
                .iter()
                .map(|&base| {
                    let place = tile.lon_lat_at(base);
                    (place.lon - tower.at.lon).abs() + (place.lat - tower.at.lat).abs()
                })
                .fold(f64::MAX, f64::min);
            assert!(nearest < 1e-6, "{tile}: {nearest}");
            assert!(bases.iter().all(|base| {
                [base.x_px, base.y_px]
                    .iter()
                    .all(|px| (0.0..256.0).contains(px))
            }));
        }
    }
}

#[test]
fn a_tile_that_a_tower_leans_into_is_partial() {
    let style = STYLES.iter().find(|s| s.name == "savanna").unwrap();
    let world = World::new(2, StyleChoice::One(style));
    let mut partial = 0;
    for (tower, tile) in tower_tiles(&world, 60, 18) {
        let Label::Positive(bases) = world.label(tile) else {
            panic!("{tile} holds a tower");
        };
        // It leans southward by 0.36 of its height: 15 px from the southern edge it crosses it.
        let south = TileCoord {
            y: tile.y + 1,
            ..tile
        };
        if bases.iter().any(|base| base.y_px > 241.0) && tower.height_m > 28.0 {
            assert!(
                matches!(world.label(south), Label::Partial | Label::Positive(_)),
                "{south}"
            );
            partial += 1;
        }
    }
    assert!(partial > 0, "the sample holds a case");
}

#[test]
fn a_tile_off_all_lines_holds_no_tower() {
    let world = mosaic(5);
    let mut seen = 0;
    for tile in spread(300, 18) {
        if let Label::Negative { wires: false, .. } = world.label(tile) {
            assert!(world.towers_in(tile.bounds()).is_empty());
            seen += 1;
        }
    }
    assert!(seen > 250);
}

#[test]
fn san_marino_is_crossed_for_every_seed() {
    for seed in 0..200 {
        let world = mosaic(seed);
        // The middle third, which lies inside the republic's border.
        let middle = Bounds {
            west: 12.43,
            south: 43.92,
            east: 12.485,
            north: 43.965,
        };
        assert!(!world.towers_in(middle).is_empty(), "seed {seed}");
        assert!(world.towers_in(SAN_MARINO).len() >= 8, "seed {seed}");
        assert!(!world.lines_in(middle).is_empty(), "seed {seed}");
    }
}

#[test]
fn towers_are_as_rare_as_in_the_world() {
    let (mut positive, mut tiles, mut empty) = (0, 0, 0);
    for seed in 0..4 {
        let world = mosaic(seed);
        for tile in spread(60, 10) {
            let here: BTreeSet<TileCoord> = world
                .towers_in(tile.bounds())
                .iter()
                .map(|tower| mercator::tile_at(tower.at, 18))
                .collect();
            positive += here.len();
            empty += usize::from(here.is_empty());
            tiles += 1usize << 16;
        }
    }
    let share = positive as f64 / tiles as f64;
    assert!((0.0007..0.003).contains(&share), "share {share}");
    assert!(
        (10..140).contains(&empty),
        "{empty} of 240 regions are empty"
    );
}

#[test]
fn spans_are_those_of_real_lines() {
    let world = mosaic(1);
    let mut spans = Vec::new();
    for tile in spread(60, 9) {
        for piece in world.lines_in(tile.bounds()) {
            for pair in piece.points.windows(2) {
                let (from, to) = (pair[0], pair[1]);
                let east = (to.lon - from.lon) * from.lat.to_radians().cos();
                let north = to.lat - from.lat;
                let metres =
                    (east * east + north * north).sqrt() * (mercator::EARTH_RADIUS_M.to_radians());
                spans.push(metres);
            }
        }
    }
    spans.sort_by(f64::total_cmp);
    let quantile = |q: f64| spans[(q * (spans.len() - 1) as f64) as usize];
    assert!((260.0..330.0).contains(&quantile(0.5)), "{}", quantile(0.5));
    assert!(
        (80.0..150.0).contains(&quantile(0.01)),
        "{}",
        quantile(0.01)
    );
    assert!(
        (600.0..900.0).contains(&quantile(0.99)),
        "{}",
        quantile(0.99)
    );
    assert!(quantile(1.0) < 1_500.0, "{}", quantile(1.0));
}

#[test]
fn every_tower_is_listed_once_also_across_the_antimeridian() {
    let world = mosaic(4);
    let all: Bounds = "179.5,-30,-179.5,30".parse().unwrap();
    let ids: Vec<u64> = world.towers_in(all).iter().map(|tower| tower.id).collect();
    let distinct: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
    let places: BTreeSet<(u64, u64)> = world
        .towers_in(all)
        .iter()
        .map(|tower| (tower.at.lon.to_bits(), tower.at.lat.to_bits()))
        .collect();
    assert_eq!(ids.len(), places.len(), "no two towers stand on one spot");
    assert!(!ids.is_empty());
    let halves = ["179.5,-30,180,30", "-180,-30,-179.5,30"]
        .iter()
        .map(|text| world.towers_in(text.parse().unwrap()).len())
        .sum::<usize>();
    assert_eq!(halves, ids.len());
}

#[test]
fn a_mosaic_shows_every_seen_style_and_never_the_held_out_one() {
    let world = mosaic(1);
    let shown: BTreeSet<&str> = spread(500, 12)
        .map(|tile| world.style_at(tile).name)
        .collect();
    let seen: BTreeSet<&str> = STYLES
        .iter()
        .filter(|style| !style.held_out)
        .map(|style| style.name)
        .collect();
    assert_eq!(shown, seen);
    // One patch is one style.
    let tile = TileCoord {
        z: 18,
        x: 140_143,
        y: 95_379,
    };
    let corner = TileCoord {
        x: tile.x & !255,
        y: tile.y & !255,
        ..tile
    };
    assert_eq!(world.style_at(tile).name, world.style_at(corner).name);
}

#[test]
fn tiles_of_every_zoom_and_corner_can_be_drawn_and_labelled() {
    let world = mosaic(9);
    let mut pixels = RgbTile::new();
    for z in (0..=24).step_by(2) {
        let last = mercator::tiles_per_side(z) - 1;
        for (x, y) in [(0, 0), (last, last), (last / 2, 0), (0, last / 3)] {
            let tile = TileCoord { z, x, y };
            world.draw(tile, &mut pixels);
            if z >= 12 {
                let _ = world.label(tile);
            }
        }
    }
}
