use std::collections::BTreeSet;

use geo::{Contains, MultiPolygon, Point, Polygon, Rect, coord, polygon};
use proptest::prelude::*;

use super::*;
use crate::tiles::{TilePosition, mercator};

/// A polygon given in tile units of a zoom.
fn in_tiles(zoom: u8, ring: &[(f64, f64)]) -> Polygon<f64> {
    let coords = ring
        .iter()
        .map(|&(x, y)| mercator::tile_to_lon_lat(TilePosition { x, y }, zoom));
    Polygon::new(coords.collect(), vec![])
}

fn cover_of(polygon: Polygon<f64>, zoom: u8) -> Vec<(u32, u32)> {
    let cover = Cover::from_polygons(&MultiPolygon(vec![polygon]), zoom).unwrap();
    cover.iter().map(|tile| (tile.x, tile.y)).collect()
}

#[test]
fn the_whole_world_is_covered_at_every_low_zoom() {
    let world = Rect::new(coord! {x: -180.0, y: -90.0}, coord! {x: 180.0, y: 90.0}).to_polygon();
    for zoom in 0..=6 {
        let cover = Cover::from_polygons(&MultiPolygon(vec![world.clone()]), zoom).unwrap();
        assert_eq!(cover.count(), 1 << (2 * zoom));
    }
}

#[test]
fn a_polygon_along_tile_borders_takes_only_the_tiles_inside() {
    // At zoom 2 the borders lie at longitudes −90, 0, 90 and on the equator, exactly.
    let north = mercator::tile_to_lon_lat(TilePosition { x: 0.0, y: 1.0 }, 2).lat;
    let square = Rect::new(coord! {x: -90.0, y: 0.0}, coord! {x: 0.0, y: north}).to_polygon();
    assert_eq!(cover_of(square, 2), [(1, 1)]);
}

proptest! {
    #[test]
    fn the_square_of_a_tile_covers_that_tile_alone(
        zoom in 1..=ZOOM_MAX,
        x in 0.0..1.0f64,
        y in 0.0..1.0f64,
    ) {
        let side = f64::from(mercator::tiles_per_side(zoom));
        let tile = TileCoord { z: zoom, x: (x * side) as u32, y: (y * side) as u32 };
        let Bounds { west, south, east, north } = tile.bounds();
        let square = Rect::new(coord! {x: west, y: south}, coord! {x: east, y: north});
        let cover = Cover::from_polygons(&MultiPolygon(vec![square.to_polygon()]), zoom).unwrap();
        prop_assert_eq!(cover.iter().collect::<Vec<_>>(), [tile]);
    }
}

#[test]
fn a_polygon_smaller_than_a_tile_takes_that_tile() {
    let speck = in_tiles(10, &[(5.4, 7.4), (5.6, 7.4), (5.5, 7.45), (5.4, 7.4)]);
    assert_eq!(cover_of(speck, 10), [(5, 7)]);
}

#[test]
fn a_sliver_takes_every_tile_that_it_runs_through() {
    let sliver = in_tiles(10, &[(3.5, 4.5), (6.5, 4.75), (6.5, 4.76), (3.5, 4.5)]);
    assert_eq!(cover_of(sliver, 10), [(3, 4), (4, 4), (5, 4), (6, 4)]);
}

#[test]
fn a_hole_is_left_out_but_its_rim_is_not() {
    let outer = in_tiles(
        10,
        &[(0.5, 0.5), (5.5, 0.5), (5.5, 5.5), (0.5, 5.5), (0.5, 0.5)],
    );
    let hole = in_tiles(
        10,
        &[(1.5, 1.5), (4.5, 1.5), (4.5, 4.5), (1.5, 4.5), (1.5, 1.5)],
    );
    for reversed in [false, true] {
        let mut hole = hole.exterior().clone();
        if reversed {
            hole.0.reverse();
        }
        let ring = Polygon::new(outer.exterior().clone(), vec![hole]);
        let tiles = cover_of(ring, 10);
        assert_eq!(tiles.len(), 36 - 4);
        assert!(!tiles.contains(&(2, 2)) && !tiles.contains(&(3, 3)));
        assert!(tiles.contains(&(1, 1)) && tiles.contains(&(4, 4)));
    }
}

#[test]
fn a_ring_that_crosses_itself_covers_both_lobes() {
    let bow = in_tiles(
        10,
        &[(0.0, 0.0), (9.0, 9.0), (9.0, 0.0), (0.0, 9.0), (0.0, 0.0)],
    );
    let tiles = cover_of(bow, 10);
    assert!(tiles.contains(&(0, 5)) && tiles.contains(&(8, 3)));
    assert!(!tiles.contains(&(4, 0)) && !tiles.contains(&(4, 8)));
}

#[test]
fn overlapping_polygons_are_united() {
    let one = in_tiles(
        10,
        &[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)],
    );
    let cover = Cover::from_polygons(&MultiPolygon(vec![one.clone(), one.clone()]), 10).unwrap();
    let alone = Cover::from_polygons(&MultiPolygon(vec![one]), 10).unwrap();
    assert_eq!(cover, alone);
}

#[test]
fn coordinates_that_are_no_degrees_are_refused() {
    let projected = polygon![(x: 500_000.0, y: 4_649_776.0), (x: 500_100.0, y: 4_649_776.0), (x: 500_000.0, y: 4_649_900.0)];
    let error = Cover::from_polygons(&MultiPolygon(vec![projected]), 10).unwrap_err();
    assert!(matches!(error, TilesError::CoordinateOutOfRange { .. }));
    let nan = polygon![(x: 0.0, y: f64::NAN), (x: 1.0, y: 0.0), (x: 0.0, y: 1.0)];
    assert!(Cover::from_polygons(&MultiPolygon(vec![nan]), 10).is_err());
}

#[test]
fn tiles_of_two_zooms_make_no_cover() {
    let tiles = [
        TileCoord { z: 3, x: 1, y: 1 },
        TileCoord { z: 4, x: 1, y: 1 },
    ];
    let error = Cover::from_tiles(tiles).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tiles of one zoom are needed (got 4/1/1 among tiles of zoom 3)"
    );
    assert!(matches!(Cover::from_tiles([]), Err(TilesError::NoTiles)));
}

#[test]
fn the_digest_tells_covers_apart() {
    let one = Cover::from_tiles([TileCoord { z: 3, x: 1, y: 1 }]).unwrap();
    let other = Cover::from_tiles([TileCoord { z: 4, x: 1, y: 1 }]).unwrap();
    assert_ne!(one.digest(), other.digest());
    assert_eq!(one.digest().len(), 64);
}

prop_compose! {
    /// A triangle of any size and shape anywhere on the map.
    fn any_triangle()(
        corners in proptest::array::uniform3((-180.0..180.0f64, -84.0..84.0f64)),
        shrink in 1e-5..1.0f64,
    ) -> Polygon<f64> {
        let (lon, lat) = corners[0];
        let towards = |(x, y): (f64, f64)| coord! {x: lon + (x - lon) * shrink, y: lat + (y - lat) * shrink};
        Polygon::new(corners.map(towards).to_vec().into(), vec![])
    }
}

proptest! {
    #[test]
    fn every_point_of_an_area_lies_in_its_cover(
        triangle in any_triangle(),
        zoom in 0..=9u8,
        shares in proptest::collection::vec((0.0..1.0f64, 0.0..1.0f64), 20),
    ) {
        // Edges are straight in Mercator, so points are drawn there and not in degrees.
        let corners: Vec<_> = triangle.exterior().coords().take(3)
            .map(|at| mercator::lon_lat_to_tile((*at).into(), zoom)).collect();
        let flat = Polygon::new(corners.iter().copied().collect(), vec![]);
        let cover = Cover::from_polygons(&MultiPolygon(vec![triangle]), zoom).unwrap();
        for (a, b) in shares {
            let (a, b) = if a + b > 1.0 { (1.0 - a, 1.0 - b) } else { (a, b) };
            let blend = |p: f64, q: f64, r: f64| p + a * (q - p) + b * (r - p);
            let x = blend(corners[0].x, corners[1].x, corners[2].x);
            let y = blend(corners[0].y, corners[1].y, corners[2].y);
            if flat.contains(&Point::new(x, y)) {
                let tile = TileCoord { z: zoom, x: x as u32, y: y as u32 };
                prop_assert!(cover.contains(tile), "{tile}");
            }
        }
    }

    #[test]
    fn every_tile_of_a_cover_touches_the_area(triangle in any_triangle(), zoom in 0..=6u8) {
        use geo::Intersects;
        let flat = Polygon::new(
            triangle.exterior().coords().map(|at| mercator::lon_lat_to_tile((*at).into(), zoom)).collect(),
            vec![],
        );
        let cover = Cover::from_polygons(&MultiPolygon(vec![triangle]), zoom).unwrap();
        for tile in cover.iter() {
            let (x, y) = (f64::from(tile.x), f64::from(tile.y));
            let square = Rect::new(coord! {x: x, y: y}, coord! {x: x + 1.0, y: y + 1.0});
            prop_assert!(flat.intersects(&square), "{tile}");
        }
    }

    #[test]
    fn a_cover_is_the_set_of_its_tiles(
        set in proptest::collection::btree_set((0..300u32, 0..300u32), 1..400),
        order in any::<u64>(),
    ) {
        let zoom = 9;
        let sorted: BTreeSet<TileCoord> = set.iter().map(|&(x, y)| TileCoord { z: zoom, x, y }).collect();
        let mut shuffled: Vec<TileCoord> = sorted.iter().copied().collect();
        shuffled.sort_by_key(|tile| u64::from(tile.x * 7919 + tile.y).wrapping_mul(order | 1));
        shuffled.push(shuffled[0]);
        let cover = Cover::from_tiles(shuffled).unwrap();

        let listed: Vec<TileCoord> = cover.iter().collect();
        prop_assert_eq!(&listed, &sorted.iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(cover.count(), sorted.len() as u64);
        for (position, &tile) in listed.iter().enumerate() {
            prop_assert_eq!(cover.nth(position as u64), Some(tile));
            prop_assert!(cover.contains(tile));
        }
        prop_assert_eq!(cover.nth(cover.count()), None);

        let blocks: Vec<_> = cover.blocks().collect();
        prop_assert!(blocks.is_sorted_by(|a, b| a.0 < b.0));
        for (block, mask) in &blocks {
            prop_assert!(!mask.is_empty());
            prop_assert_eq!(&cover.tiles_in(*block), mask);
        }
        let by_block: BTreeSet<TileCoord> = blocks
            .iter()
            .flat_map(|(block, mask)| mask.iter().map(|index| block.tile(index)))
            .collect();
        prop_assert_eq!(by_block, sorted);
    }
}
