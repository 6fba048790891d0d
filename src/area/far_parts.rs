//! Parts of an area that lie far from the rest and multiply a plan.

use geo::{Coord, LineString, MultiPolygon, Polygon};

use super::{AreaWarning, antimeridian::doubled_area};
use crate::tiles::mercator;

/// Shares below this are not worth a warning.
const SHARE_MIN: f64 = 0.001;
/// Unnamed parts farther than this from all others are pointed out.
const FAR_M: f64 = 1_000_000.0;
/// Unnamed parts are only pointed out from this share of the tiles on.
const UNNAMED_SHARE_MIN: f64 = 0.02;
/// Above this many polygons, nearness is not looked into: it takes their square.
const POLYGONS_MAX: usize = 4_000;

/// Share of the world's tiles that polygons cover, at any zoom fine enough.
pub(super) fn world_share(polygons: &MultiPolygon<f64>) -> f64 {
    polygons.iter().map(polygon_share).sum()
}

fn polygon_share(polygon: &Polygon<f64>) -> f64 {
    let ring_share = |ring: &LineString<f64>| {
        let flat: Vec<Coord<f64>> = ring
            .coords()
            .map(|at| mercator::lon_lat_to_tile((*at).into(), 0).into())
            .collect();
        doubled_area(&flat).abs() / 2.0
    };
    ring_share(polygon.exterior()) - polygon.interiors().iter().map(ring_share).sum::<f64>()
}

/// Points out the named parts of a country, the first of which is the country's main one.
pub(super) fn named(country: &str, parts: &[(String, MultiPolygon<f64>)]) -> Option<AreaWarning> {
    let shares: Vec<f64> = parts.iter().map(|(_, part)| world_share(part)).collect();
    let total: f64 = shares.iter().sum();
    let far: Vec<(String, f64)> = parts
        .iter()
        .zip(&shares)
        .skip(1)
        .map(|((name, _), share)| (name.clone(), share / total))
        .collect();
    let far_share: f64 = far.iter().map(|(_, share)| share).sum();
    (far_share >= SHARE_MIN).then(|| AreaWarning::FarParts {
        country: country.to_owned(),
        parts: far,
        rest: parts.first().map(|(name, _)| name.clone()),
    })
}

/// Points out groups of polygons that lie far from the largest group.
pub(super) fn unnamed(label: &str, polygons: &MultiPolygon<f64>) -> Option<AreaWarning> {
    if polygons.0.len() < 2 || polygons.0.len() > POLYGONS_MAX {
        return None;
    }
    let boxes: Vec<Extent> = polygons.iter().map(Extent::of).collect();
    let shares: Vec<f64> = polygons.iter().map(polygon_share).collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut left: Vec<usize> = (0..boxes.len()).collect();
    while let Some(seed) = left.pop() {
        let mut group = vec![seed];
        let mut at = 0;
        while at < group.len() {
            let member = group[at];
            left.retain(|&other| {
                let near = boxes[member].distance_m(&boxes[other]) <= FAR_M;
                if near {
                    group.push(other);
                }
                !near
            });
            at += 1;
        }
        groups.push(group);
    }
    let share_of = |group: &Vec<usize>| group.iter().map(|&index| shares[index]).sum::<f64>();
    let total: f64 = shares.iter().sum();
    groups.sort_by(|a, b| share_of(b).total_cmp(&share_of(a)));
    let far: Vec<(String, f64)> = groups
        .iter()
        .skip(1)
        .map(|group| {
            let largest = group
                .iter()
                .copied()
                .max_by(|&a, &b| shares[a].total_cmp(&shares[b]));
            let extent = &boxes[largest.unwrap_or(group[0])];
            let place = format!(
                "around {:.1}, {:.1} (longitude, latitude)",
                (extent.west + extent.east) / 2.0,
                (extent.south + extent.north) / 2.0
            );
            (place, share_of(group) / total)
        })
        .filter(|&(_, share)| share >= UNNAMED_SHARE_MIN)
        .collect();
    (!far.is_empty()).then(|| AreaWarning::FarParts {
        country: label.to_owned(),
        parts: far,
        rest: None,
    })
}

/// The box around a polygon, in degrees.
struct Extent {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Extent {
    fn of(polygon: &Polygon<f64>) -> Self {
        let mut extent = Self {
            west: f64::INFINITY,
            south: f64::INFINITY,
            east: f64::NEG_INFINITY,
            north: f64::NEG_INFINITY,
        };
        for at in polygon.exterior().coords() {
            extent.west = extent.west.min(at.x);
            extent.east = extent.east.max(at.x);
            extent.south = extent.south.min(at.y);
            extent.north = extent.north.max(at.y);
        }
        extent
    }

    /// About how far two boxes are apart, 0 where they meet, across the antimeridian too.
    fn distance_m(&self, other: &Self) -> f64 {
        let gap = |low: f64, high: f64, other_low: f64, other_high: f64| {
            (other_low - high).max(low - other_high).max(0.0)
        };
        let lat = gap(self.south, self.north, other.south, other.north);
        let lon = [-360.0, 0.0, 360.0]
            .map(|turn| gap(self.west, self.east, other.west + turn, other.east + turn))
            .into_iter()
            .fold(f64::INFINITY, f64::min);
        let nearest_equator =
            (self.south.abs().min(self.north.abs())).min(other.south.abs().min(other.north.abs()));
        let lon = lon * nearest_equator.to_radians().cos();
        lat.hypot(lon).to_radians() * mercator::EARTH_RADIUS_M
    }
}
