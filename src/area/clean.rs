//! From rings as they were drawn to polygons that can be covered.
//!
//! Checks that a ring is closed, finite and in degrees; unrolls it across the antimeridian; mends
//! polygons that cross themselves; splits at ±180°; and cuts at Web Mercator's latitudes.

use geo::{
    BooleanOps, LineString, MultiPolygon, Polygon,
    algorithm::bool_ops::{FillRule, OpType},
};

use super::{
    AreaError, AreaWarning, Place,
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
            rings_without_area: 0,
            beyond: None,
        }
    }

    /// Adds a polygon of a feature, numbered from 1: its exterior and then its holes.
    /// `rings_before` rings of the feature came earlier.
    ///
    /// # Errors
    /// When a ring is not closed, has too few points, or is not in degrees.
    pub(super) fn push(
        &mut self,
        rings: &[LineString<f64>],
        feature: usize,
        rings_before: usize,
    ) -> Result<(), AreaError> {
        let mut unrolled = Vec::new();
        for (index, ring) in rings.iter().enumerate() {
            let place = Place {
                feature,
                ring: rings_before + index + 1,
            };
            if ring.0.is_empty() && index == 0 {
                self.rings_without_area += 1;
                return Ok(());
            }
            check_ring(ring, &place)?;
            let (ring, course) = antimeridian::unroll(ring);
            if self.trust == Trust::Foreign {
                match course {
                    Course::Plain => {}
                    Course::Crosses => self
                        .warnings
                        .push(AreaWarning::AcrossAntimeridian { place }),
                    Course::AroundPole => self.warnings.push(AreaWarning::AroundPole { place }),
                }
            }
            if antimeridian::doubled_area(&ring.0) == 0.0 {
                self.rings_without_area += 1;
                if index == 0 {
                    return Ok(());
                }
                continue;
            }
            unrolled.push(ring);
        }
        if self.trust == Trust::Foreign
            && let Some(at) = find_crossing(&unrolled)
        {
            self.warnings.push(AreaWarning::CrossesItself {
                feature,
                lon: at.x,
                lat: at.y,
            });
            for polygon in mended(unrolled) {
                let (exterior, holes) = polygon.into_inner();
                self.split(exterior, holes);
            }
            return Ok(());
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

/// Checks what holds for lines and rings alike.
///
/// # Errors
/// When a coordinate is not finite or not in degrees.
pub(super) fn check_coordinates(line: &LineString<f64>, place: &Place) -> Result<(), AreaError> {
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

fn check_ring(ring: &LineString<f64>, place: &Place) -> Result<(), AreaError> {
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
