//! How long the synthetic world takes to draw and to label one tile, on one core.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hvmap::{
    image::RgbTile,
    synthetic::{STYLES, StyleChoice, World},
    tiles::{TileCoord, mercator},
};

/// Tiles all over the inhabited world, of which about one in 500 holds a tower.
fn anywhere(count: usize) -> Vec<TileCoord> {
    let side = f64::from(mercator::tiles_per_side(18));
    (0..count)
        .map(|i| TileCoord {
            z: 18,
            x: (i as f64 * 0.754_877_666_246_693 % 1.0 * side) as u32,
            y: ((0.25 + 0.42 * (i as f64 * 0.569_840_290_998_053 % 1.0)) * side) as u32,
        })
        .collect()
}

/// Tiles that hold a tower.
fn with_towers(world: &World, count: usize) -> Vec<TileCoord> {
    anywhere(count * 400)
        .into_iter()
        .filter_map(|tile| {
            let region = TileCoord {
                z: 11,
                x: tile.x >> 7,
                y: tile.y >> 7,
            };
            world.towers_in(region.bounds()).pop()
        })
        .map(|tower| mercator::tile_at(tower.at, 18))
        .take(count)
        .collect()
}

fn draw(criterion: &mut Criterion) {
    let mut pixels = RgbTile::new();
    let mut group = criterion.benchmark_group("synthetic");
    group.sample_size(20);
    for style in STYLES
        .iter()
        .filter(|s| ["temperate", "arid-haze"].contains(&s.name))
    {
        let world = World::new(1, StyleChoice::One(style));
        for (name, tiles) in [
            ("anywhere", anywhere(64)),
            ("with_towers", with_towers(&world, 64)),
        ] {
            let mut next = tiles.iter().cycle();
            group.bench_function(format!("draw/{}/{name}", style.name), |bencher| {
                bencher.iter(|| {
                    if let Some(&tile) = next.next() {
                        world.draw(black_box(tile), &mut pixels);
                    }
                });
            });
        }
    }
    let world = World::new(1, StyleChoice::Mosaic);
    let tiles = anywhere(256);
    let mut next = tiles.iter().cycle();
    group.bench_function("label", |bencher| {
        bencher.iter(|| next.next().map(|&tile| world.label(black_box(tile))));
    });
    group.finish();
}

criterion_group!(benches, draw);
criterion_main!(benches);
