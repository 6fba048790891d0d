//! From rings as they were drawn to polygons that can be covered.
//!
//! Checks that a ring is closed, finite and in degrees; unrolls it across the antimeridian; mends
//! polygons that cross themselves; splits at ±180°; and cuts at Web Mercator's latitudes.

use geo::{
    BooleanOps, Coord, LineString, MultiPolygon, Polygon,
    algorithm::bool_ops::{FillRule, OpType},
};

use super::{
    AreaError, AreaWarning, RingPosition,
    antimeridian::{self, Course},
    crossing::find_crossing,
};
use crate::tiles::mercator::LAT_MAX;

/// Longitudes up to here are read as going on past the antimeridian; beyond, the coordinates are
/// taken for metres or feet.
const LON_UNROLLED_MAX: f64 = 360.0;

/// Whether the input's rings may cross themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Someone else's file: look for crossings, and tell about jumps.
    Foreign,
    /// Our own boundaries, which are known.
    Own,
}

/// Collects polygons and what was odd about them.
pub(super) struct Cleaner {
    trust: Trust,
    polygons: Vec<Polygon<f64>>,
    warnings: Vec<AreaWarning>,
    /// The first ring that jumps across the antimeridian, and how many do.
    jumping: Option<(RingPosition, usize)>,
    /// The first place where a polygon crosses itself, and how many polygons do.
    crossing: Option<(usize, Coord<f64>, usize)>,
    rings_without_area: usize,
    /// The latitude farthest beyond the limit.
    beyond: Option<f64>,
}

impl Cleaner {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust,
            polygons: Vec::new(),
            warnings: Vec::new(),
            jumping: None,
            crossing: None,
            rings_without_area: 0,
            beyond: None,
        }
    }

    /// Adds a polygon of a feature, numbered from 1: its exterior and then its holes.
    /// `rings_before` rings of the feature came earlier. A polygon without rings is an empty geometry
    /// (RFC 7946, 3.1) and counts for nothing.
    ///
    /// # Errors
    /// When a ring is not closed, has too few points, or is not in degrees.
    pub(super) fn push(
        &mut self,
        rings: &[LineString<f64>],
        feature: usize,
        rings_before: usize,
    ) -> Result<(), AreaError> {
        if rings.is_empty() {
            return Ok(());
        }
        let mut unrolled = Vec::new();
        for (index, ring) in rings.iter().enumerate() {
            let place = RingPosition {
                feature,
                ring: rings_before + index + 1,
            };
            if ring.0.is_empty() && index == 0 {
                self.rings_without_area += 1;
                return Ok(());
            }
            check_ring(ring, &place)?;
            let (ring, course) = antimeridian::unroll(ring);
            match course {
                Course::Crosses if self.trust == Trust::Foreign => {
                    self.jumping.get_or_insert((place, 0)).1 += 1;
                }
                Course::AroundPole if self.trust == Trust::Foreign => {
                    self.warnings.push(AreaWarning::AroundPole { place });
                }
                _ => {}
            }
            if is_flat(&ring) {
                self.rings_without_area += 1;
                if index == 0 {
                    return Ok(());
                }
                continue;
            }
            unrolled.push(ring);
        }
        if self.trust == Trust::Foreign
            && let Some(at) = odd_place(&unrolled)
        {
            // A cover takes whatever a lone ring winds around as inside, so such a ring stays just
            // as it was drawn; holes that cross, and parts that cancel out, need more.
            let cancels = antimeridian::doubled_area(&unrolled[0].0) == 0.0;
            if unrolled.len() > 1 || cancels {
                let polygons = mended(unrolled);
                if polygons.0.is_empty() {
                    self.rings_without_area += 1;
                    return Ok(());
                }
                self.crossing.get_or_insert((feature, at, 0)).2 += 1;
                for polygon in polygons {
                    let (exterior, holes) = polygon.into_inner();
                    self.split(exterior, holes);
                }
                return Ok(());
            }
            self.crossing.get_or_insert((feature, at, 0)).2 += 1;
        }
        let holes = unrolled.split_off(1);
        if let Some(exterior) = unrolled.pop() {
            self.split(exterior, holes);
        }
        Ok(())
    }

    pub(super) fn warn(&mut self, warning: AreaWarning) {
        self.warnings.push(warning);
    }

    fn split(&mut self, exterior: LineString<f64>, holes: Vec<LineString<f64>>) {
        for mut polygon in antimeridian::split(exterior, holes) {
            let mut beyond = self.beyond;
            let mut clamp = |ring: &mut LineString<f64>| {
                for at in ring.coords_mut() {
                    if at.y.abs() > LAT_MAX {
                        if beyond.is_none_or(|lat| lat.abs() < at.y.abs()) {
                            beyond = Some(at.y);
                        }
                        at.y = at.y.clamp(-LAT_MAX, LAT_MAX);
                    }
                }
            };
            polygon.exterior_mut(&mut clamp);
            polygon.interiors_mut(|holes| holes.iter_mut().for_each(&mut clamp));
            self.beyond = beyond;
            if antimeridian::doubled_area(&polygon.exterior().0) != 0.0 {
                self.polygons.push(polygon);
            }
        }
    }

    /// The polygons and the warnings; there may be no polygon.
    pub(super) fn finish(mut self) -> (MultiPolygon<f64>, Vec<AreaWarning>) {
        if let Some((place, rings)) = self.jumping {
            self.warnings
                .push(AreaWarning::AcrossAntimeridian { place, rings });
        }
        if let Some((feature, at, polygons)) = self.crossing {
            self.warnings.push(AreaWarning::CrossesItself {
                feature,
                lon: at.x,
                lat: at.y,
                polygons,
            });
        }
        if self.trust == Trust::Foreign && self.rings_without_area > 0 {
            self.warnings.push(AreaWarning::NoArea {
                rings: self.rings_without_area,
            });
        }
        if let Some(lat) = self.beyond {
            self.warnings.push(AreaWarning::Clamped { lat });
        }
        (MultiPolygon(self.polygons), self.warnings)
    }
}

/// Whether all points of a ring lie on one line. A ring whose parts wind both ways has no signed
/// area either, but is not flat.
fn is_flat(ring: &LineString<f64>) -> bool {
    let Some(&origin) = ring.0.first() else {
        return true;
    };
    let Some(&along) = ring.0.iter().find(|&&at| at != origin) else {
        return true;
    };
    let (dx, dy) = (along.x - origin.x, along.y - origin.y);
    ring.coords()
        .all(|at| dx * (at.y - origin.y) == dy * (at.x - origin.x))
}

/// A place where rings cross, or where the exterior touches itself so that its parts cancel out.
fn odd_place(rings: &[LineString<f64>]) -> Option<Coord<f64>> {
    find_crossing(rings).or_else(|| {
        let exterior = rings.first()?;
        let cancels = antimeridian::doubled_area(&exterior.0) == 0.0;
        cancels.then(|| exterior.0[0])
    })
}

/// Checks what holds for lines and rings alike.
///
/// # Errors
/// When a coordinate is not finite or not in degrees.
pub(super) fn check_coordinates(
    line: &LineString<f64>,
    place: &RingPosition,
) -> Result<(), AreaError> {
    for at in line.coords() {
        let (lon, lat) = (at.x, at.y);
        if !(lon.is_finite() && lat.is_finite()) {
            return Err(AreaError::NotFinite {
                place: place.clone(),
                lon,
                lat,
            });
        }
        if lon.abs() > LON_UNROLLED_MAX || lat.abs() > 90.0 {
            return Err(AreaError::NotDegrees {
                place: place.clone(),
                lon,
                lat,
            });
        }
    }
    Ok(())
}

fn check_ring(ring: &LineString<f64>, place: &RingPosition) -> Result<(), AreaError> {
    check_coordinates(ring, place)?;
    if ring.0.len() < 4 {
        return Err(AreaError::TooFewPoints {
            place: place.clone(),
            got: ring.0.len(),
        });
    }
    let (begin, end) = (ring.0[0], ring.0[ring.0.len() - 1]);
    if begin != end {
        return Err(AreaError::NotClosed {
            place: place.clone(),
            begin: begin.x_y(),
            end: end.x_y(),
        });
    }
    Ok(())
}

/// The polygon as its outline winds: whatever the exterior winds around, less whatever any hole
/// winds around.
fn mended(mut rings: Vec<LineString<f64>>) -> MultiPolygon<f64> {
    let holes = rings.split_off(1);
    let wound = |ring: LineString<f64>| {
        MultiPolygon::<f64>(vec![]).boolean_op_with_fill_rule(
            &Polygon::new(ring, vec![]),
            OpType::Union,
            FillRule::NonZero,
        )
    };
    let mut polygons = rings.pop().map_or(MultiPolygon(vec![]), wound);
    for hole in holes {
        polygons = polygons.difference(&wound(hole));
    }
    polygons
}

#[cfg(test)]
mod tests {
    use geo::{Area, Contains, Point, line_string};

    use super::*;

    fn cleaned(rings: &[LineString<f64>]) -> (MultiPolygon<f64>, Vec<AreaWarning>) {
        let mut cleaner = Cleaner::new(Trust::Foreign);
        cleaner.push(rings, 1, 0).unwrap();
        cleaner.finish()
    }

    #[test]
    fn both_lobes_of_a_bow_tie_are_kept_even_where_their_areas_cancel() {
        let bow = line_string![(x: 0.0, y: 0.0), (x: 2.0, y: 2.0), (x: 2.0, y: 0.0), (x: 0.0, y: 2.0), (x: 0.0, y: 0.0)];
        let (polygons, warnings) = cleaned(&[bow]);
        assert!((polygons.unsigned_area() - 2.0).abs() < 1e-6);
        assert!(matches!(
            warnings[..],
            [AreaWarning::CrossesItself {
                lon: 1.0,
                lat: 1.0,
                ..
            }]
        ));
    }

    #[test]
    fn a_spike_is_left_as_it_was_drawn() {
        let spiked = line_string![(x: 0.0, y: 0.0), (x: 2.0, y: 0.0), (x: 2.0, y: 2.0), (x: 1.0, y: 2.0), (x: 1.0, y: 5.0), (x: 1.0, y: 2.0), (x: 0.0, y: 2.0), (x: 0.0, y: 0.0)];
        let (polygons, warnings) = cleaned(std::slice::from_ref(&spiked));
        assert_eq!(warnings, []);
        assert_eq!(polygons.0[0].exterior(), &spiked);
    }

    #[test]
    fn a_hole_that_reaches_out_takes_away_only_what_is_inside() {
        let outer = line_string![(x: 0.0, y: 0.0), (x: 4.0, y: 0.0), (x: 4.0, y: 4.0), (x: 0.0, y: 4.0), (x: 0.0, y: 0.0)];
        let hole = line_string![(x: 3.0, y: 1.0), (x: 6.0, y: 1.0), (x: 6.0, y: 2.0), (x: 3.0, y: 2.0), (x: 3.0, y: 1.0)];
        let (polygons, warnings) = cleaned(&[outer, hole]);
        assert!((polygons.unsigned_area() - 15.0).abs() < 1e-6);
        assert!(!polygons.contains(&Point::new(5.0, 1.5)));
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn a_hole_on_the_other_side_of_the_antimeridian_is_found() {
        let outer = line_string![(x: 178.0, y: 0.0), (x: -178.0, y: 0.0), (x: -178.0, y: 4.0), (x: 178.0, y: 4.0), (x: 178.0, y: 0.0)];
        let hole = line_string![(x: -179.5, y: 1.0), (x: -179.0, y: 1.0), (x: -179.0, y: 2.0), (x: -179.5, y: 1.0)];
        let (polygons, _) = cleaned(&[outer, hole]);
        assert_eq!(polygons.0.len(), 2);
        assert_eq!(polygons.0[1].interiors().len(), 1);
        assert!((polygons.unsigned_area() - (16.0 - 0.25)).abs() < 1e-6);
    }

    #[test]
    fn latitudes_beyond_the_map_are_clamped_and_told() {
        let cap = line_string![(x: 0.0, y: 80.0), (x: 10.0, y: 80.0), (x: 10.0, y: 90.0), (x: 0.0, y: 80.0)];
        let (polygons, warnings) = cleaned(&[cap]);
        assert_eq!(warnings, [AreaWarning::Clamped { lat: 90.0 }]);
        assert!(polygons.0[0].exterior().coords().all(|at| at.y <= LAT_MAX));
    }
}
