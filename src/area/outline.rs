//! An area's outline, coarse enough to be kept beside every run.

use geo::{BoundingRect, Coord, LineString, Simplify};

use super::{Area, Shape};
use crate::tiles::LonLat;

/// An outline's details are this share of the area's longer side: half a pixel of a map on a screen.
const DETAIL_SHARE: f64 = 1.0 / 2_000.0;
/// Decimals of a degree that are kept: a metre.
const DECIMALS: f64 = 1e5;

impl Area {
    /// The outline as closed rings, without what is too small to be seen on a map of the whole: for
    /// pictures, not for covering. Empty for a list of tiles.
    #[must_use]
    pub fn outline(&self) -> Vec<Vec<LonLat>> {
        let Shape::Polygons(polygons) = &self.shape else {
            return Vec::new();
        };
        let rings = || {
            polygons
                .iter()
                .flat_map(|polygon| [polygon.exterior()].into_iter().chain(polygon.interiors()))
        };
        let detail = DETAIL_SHARE * longer_side(rings());
        rings()
            .filter(|ring| {
                ring.bounding_rect()
                    .is_some_and(|rect| rect.width().max(rect.height()) > detail)
            })
            .map(|ring| {
                let coarse = ring.simplify(detail);
                let round = |degrees: f64| (degrees * DECIMALS).round() / DECIMALS;
                coarse
                    .coords()
                    .map(|at| LonLat {
                        lon: round(at.x),
                        lat: round(at.y),
                    })
                    .collect()
            })
            .collect()
    }
}

/// The longer side of the box around rings, in degrees. One that lies across the antimeridian is
/// taken in one piece.
fn longer_side<'a>(rings: impl Iterator<Item = &'a LineString<f64>>) -> f64 {
    // Longitudes as they are, and counted from 0 eastwards; latitudes.
    let mut spans = [(f64::INFINITY, f64::NEG_INFINITY); 3];
    for &Coord { x, y } in rings.flat_map(LineString::coords) {
        for (span, value) in spans.iter_mut().zip([x, x.rem_euclid(360.0), y]) {
            *span = (span.0.min(value), span.1.max(value));
        }
    }
    let [across, turned, along] = spans.map(|(low, high)| (high - low).max(0.0));
    across.min(turned).max(along)
}

#[cfg(test)]
mod tests {
    use geo::{LineString, MultiPolygon, Polygon};

    use super::*;
    use crate::area::{Provenance, country};

    fn area(polygons: Vec<Polygon<f64>>) -> Area {
        Area {
            label: "a test".into(),
            shape: Shape::Polygons(MultiPolygon::new(polygons)),
            provenance: Provenance {
                source: "a test".into(),
                date: None,
                coarseness: None,
            },
            buffer: None,
            warnings: Vec::new(),
        }
    }

    fn square(x: f64, y: f64, side: f64) -> LineString<f64> {
        let corners = [(0., 0.), (1., 0.), (1., 1.), (0., 1.), (0., 0.)];
        LineString::from_iter(corners.map(|(a, b)| (x + a * side, y + b * side)))
    }

    #[test]
    fn holes_stay_and_islets_go() {
        let with_a_hole = Polygon::new(square(10.0, 40.0, 2.0), vec![square(11.0, 41.0, 0.5)]);
        let islet = Polygon::new(square(13.0, 41.0, 0.0005), Vec::new());
        let outline = area(vec![with_a_hole, islet]).outline();
        assert_eq!(outline.len(), 2);
        for ring in &outline {
            assert_eq!(ring.len(), 5);
            assert_eq!(ring.first(), ring.last());
        }
        assert_eq!(outline[1][0], LonLat::from((11.0, 41.0)));
    }

    #[test]
    fn points_that_nobody_can_tell_apart_are_left_out() {
        let wavy = (0..=10_000).map(|i| {
            let turn = f64::from(i % 10_000) / 10_000.0 * std::f64::consts::TAU;
            let radius = 1.0 + 1e-5 * (turn * 900.0).sin();
            (radius * turn.cos(), radius * turn.sin())
        });
        let outline = area(vec![Polygon::new(wavy.collect(), Vec::new())]).outline();
        assert!(
            (30..200).contains(&outline[0].len()),
            "{}",
            outline[0].len()
        );
    }

    #[test]
    fn a_country_across_the_antimeridian_keeps_its_islands() {
        let fiji = country::of_names(&["Fiji"]).unwrap();
        let outline = fiji.outline();
        // Several degrees of islands, and not 360: a detail is finer than the smaller of them.
        assert!(outline.len() > 10, "{}", outline.len());
    }
}
