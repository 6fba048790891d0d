//! Small networks with known edges, around a place on the antimeridian.

use super::*;

/// A place so many metres east and north of the antimeridian at 30° north.
fn place(east: f64, north: f64) -> LonLat {
    let degree = 111_195.0;
    let lon = 180.0 + east / (degree * 30f64.to_radians().cos());
    LonLat {
        lon: if lon > 180.0 { lon - 360.0 } else { lon },
        lat: 30.0 + north / degree,
    }
}

fn chained(metres: &[(f64, f64)]) -> Chains {
    let places: Vec<_> = metres.iter().map(|&(x, y)| place(x, y)).collect();
    chain(&places, |_| false)
}

/// Towers every 300 m from a start, in a direction in degrees from east.
fn line(start: (f64, f64), degrees: f64, towers: usize) -> Vec<(f64, f64)> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let along = (0..towers).map(|i| 300.0 * i as f64);
    along
        .map(|m| (start.0 + m * cos, start.1 + m * sin))
        .collect()
}

fn consecutive(first: u32, count: u32) -> Vec<(u32, u32)> {
    (first..first + count - 1).map(|i| (i, i + 1)).collect()
}

#[test]
fn a_line_across_the_antimeridian_is_one_chain_in_order() {
    let found = chained(&line((-1_500.0, 0.0), 10.0, 12));
    assert_eq!(found.edges, consecutive(0, 12));
    assert_eq!(found.chains.len(), 1);
    let mut places = found.chains[0].clone();
    if places[0] > places[1] {
        places.reverse();
    }
    assert_eq!(places, (0..12).collect::<Vec<_>>());
    assert!(found.support.iter().all(|&support| support > 10.0));
}

#[test]
fn a_missed_tower_and_a_river_are_crossed() {
    let mut towers = line((-6_000.0, 0.0), 0.0, 20);
    towers.remove(7);
    // A river span of 1.4 km in the middle.
    towers
        .iter_mut()
        .filter(|tower| tower.0 > -2_500.0)
        .for_each(|tower| tower.0 += 1_100.0);
    assert_eq!(chained(&towers).edges, consecutive(0, 19));
}

#[test]
fn parallel_lines_stay_two() {
    let mut towers = line((0.0, 0.0), 30.0, 15);
    towers.extend(line((40.0, -45.0), 30.0, 15));
    let expected = [consecutive(0, 15), consecutive(15, 15)].concat();
    assert_eq!(chained(&towers).edges, expected);
}

#[test]
fn crossing_lines_do_not_swap() {
    let mut towers = line((-3_000.0, 130.0), 0.0, 21);
    towers.extend(line((170.0, -3_000.0), 80.0, 21));
    let expected = [consecutive(0, 21), consecutive(21, 21)].concat();
    assert_eq!(chained(&towers).edges, expected);
}

#[test]
fn crossing_lines_of_unlike_spans_do_not_swap() {
    // A line that lacks a tower at the crossing, and one of shorter spans.
    let mut towers = line((-3_000.0, 0.0), 0.0, 21);
    towers.remove(10);
    let short = (0..31).map(|i| (40.0, -3_000.0 + 200.0 * f64::from(i) + 70.0));
    towers.extend(short);
    let expected = [consecutive(0, 20), consecutive(20, 31)].concat();
    assert_eq!(chained(&towers).edges, expected);
}

#[test]
fn regions_change_nothing() {
    // Lines across each other and false places among them, over 90 km.
    let mut towers = Vec::new();
    for i in 0..12 {
        let start = (
            -45_000.0 + 2_500.0 * f64::from(i),
            -40_000.0 + 3_100.0 * f64::from(i),
        );
        towers.extend(line(start, 17.0 * f64::from(i), 140));
    }
    let scattered = (0..1_200u32).map(|i| {
        let share = |factor: u32| f64::from(i.wrapping_mul(factor) >> 8) / f64::from(1u32 << 24);
        let far = |share: f64| 90_000.0 * share - 45_000.0;
        (far(share(2_654_435_761)), far(share(2_246_822_519)))
    });
    towers.extend(scattered);
    let places: Vec<_> = towers.iter().map(|&(x, y)| place(x, y)).collect();
    let whole = chain_by_regions(&places, usize::MAX, &|_| false);
    assert!(whole.edges.len() > 1_000);
    for region_places_max in [700, 150] {
        let cut = chain_by_regions(&places, region_places_max, &|_| false);
        assert!(cut == whole, "{region_places_max}");
    }
}

#[test]
fn a_branch_leaves_a_line_at_a_tower() {
    let mut towers = line((0.0, 0.0), 0.0, 15);
    towers.extend(line((2_100.0, 300.0), 85.0, 8));
    let found = chained(&towers);
    assert!(found.edges.contains(&(7, 15)), "{:?}", found.edges);
    assert_eq!(found.chains.len(), 2);
    assert_eq!(found.chains[0].len(), 15);
}

#[test]
fn places_alone_or_crowded_are_no_line() {
    assert!(
        chained(&[(0.0, 0.0), (5_000.0, 0.0), (0.0, 9_000.0)])
            .edges
            .is_empty()
    );
    let yard: Vec<_> = (0..25)
        .map(|i| (f64::from(i % 5) * 40.0, f64::from(i / 5) * 40.0))
        .collect();
    assert!(chained(&yard).edges.is_empty());
    assert_eq!(chained(&[]), Chains::default());
}

#[test]
fn nothing_is_chained_within_a_known_substation() {
    let places: Vec<_> = line((0.0, 0.0), 0.0, 10)
        .iter()
        .map(|&(x, y)| place(x, y))
        .collect();
    let found = chain(&places, |i| i >= 5);
    assert_eq!(found.edges, consecutive(0, 6));
}
