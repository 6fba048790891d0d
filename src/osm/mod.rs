//! What OpenStreetMap knows of the power grid in a file of its data.
//!
//! In: GeoJSON, OpenStreetMap's XML or PBF, or Overpass's JSON, told apart by what they hold, gzipped
//! or not. Out: [`PowerFeatures`]: supports, lines and substations in degrees, each with what it is
//! and whether it still stands. Never: a download, or a judgement of what to do with a feature:
//! that differs between a comparison, a scan's seeds and labels.
//!
//! What the tags mean is said in one place, `tags.rs`. The formats of OpenStreetMap itself refer from
//! relations to ways and from ways to nodes, in any order; `objects` reads them and `assemble` puts
//! them together in a few passes, so memory holds the power features alone.

mod assemble;
mod error;
mod format;
mod geojson_file;
mod losses;
mod objects;
mod seeds;
mod tags;

use std::path::Path;

pub use error::OsmError;
use format::Format;
pub(crate) use format::open;
pub(crate) use geojson_file::{for_each_feature, lon_lat};
pub use losses::Losses;
use tags::{FeatureKind, classify};
pub use tags::{Lifecycle, LineKind, SupportKind};

use crate::tiles::LonLat;

/// The licence of everything that derives from OpenStreetMap.
pub const ATTRIBUTION: &str = "© OpenStreetMap contributors, ODbL 1.0";

/// Something that carries conductors, at a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Support {
    pub kind: SupportKind,
    pub lifecycle: Lifecycle,
    pub at: LonLat,
    /// Such as `node/123`, where the file says so.
    pub osm_id: Option<Box<str>>,
}

/// A line or cable, as one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub kind: LineKind,
    pub lifecycle: Lifecycle,
    /// In the way's order, at least two.
    pub path: Vec<LonLat>,
    /// The highest of the stated voltages, in volts.
    pub voltage_v: Option<u32>,
    pub osm_id: Option<Box<str>>,
}

/// A substation as an area, or as the point where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Substation {
    pub lifecycle: Lifecycle,
    /// Outer rings, closed; one ring of one point for a node.
    pub outlines: Vec<Vec<LonLat>>,
    pub osm_id: Option<Box<str>>,
}

/// The power features of a file, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PowerFeatures {
    pub supports: Vec<Support>,
    pub lines: Vec<Line>,
    pub substations: Vec<Substation>,
    /// Power features of other kinds, such as generators and transformers.
    pub others: u64,
    /// What the file names and does not hold.
    pub losses: Losses,
}

impl PowerFeatures {
    /// The places of the towers that stand: `power=tower`, in use or not.
    pub fn towers(&self) -> impl Iterator<Item = LonLat> {
        self.supports
            .iter()
            .filter(|support| support.kind == SupportKind::Tower && support.lifecycle.stands())
            .map(|support| support.at)
    }

    /// The overhead high-voltage lines that stand.
    pub fn overhead_lines(&self) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(|line| line.kind == LineKind::Line && line.lifecycle.stands())
    }

    /// Adds a feature if its tags make it one of the power grid.
    fn add(&mut self, feature: RawFeature<'_>) {
        let Some((kind, lifecycle)) = classify(feature.tag) else {
            return;
        };
        let osm_id = feature.osm_id.map(Into::into);
        match (kind, feature.geometry) {
            (FeatureKind::Support(kind), RawGeometry::Points(points)) => {
                self.supports.extend(points.into_iter().map(|at| Support {
                    kind,
                    lifecycle,
                    at,
                    osm_id: osm_id.clone(),
                }));
            }
            // A portal may be drawn as the beam between its legs, a tower as its footprint.
            (FeatureKind::Support(kind), RawGeometry::Lines(lines) | RawGeometry::Rings(lines)) => {
                let middles = lines.iter().filter_map(|line| middle(line));
                self.supports.extend(middles.map(|at| Support {
                    kind,
                    lifecycle,
                    at,
                    osm_id: osm_id.clone(),
                }));
            }
            // A line that closes is read as an area by some readers.
            (FeatureKind::Line(kind), RawGeometry::Lines(lines) | RawGeometry::Rings(lines)) => {
                let voltage_v = (feature.tag)("voltage").and_then(|text| tags::voltage(&text));
                self.lines
                    .extend(
                        lines
                            .into_iter()
                            .filter(|path| path.len() > 1)
                            .map(|path| Line {
                                kind,
                                lifecycle,
                                path,
                                voltage_v,
                                osm_id: osm_id.clone(),
                            }),
                    );
            }
            (FeatureKind::Substation, geometry) => {
                let outlines = match geometry {
                    RawGeometry::Points(points) => points.into_iter().map(|at| vec![at]).collect(),
                    RawGeometry::Lines(lines) | RawGeometry::Rings(lines) => lines,
                };
                self.substations.push(Substation {
                    lifecycle,
                    outlines,
                    osm_id,
                });
            }
            (FeatureKind::Other, _) | (FeatureKind::Line(_), RawGeometry::Points(_)) => {
                self.others += 1
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.supports.is_empty() && self.lines.is_empty() && self.substations.is_empty()
    }
}

/// A feature before its tags are understood.
struct RawFeature<'a> {
    tag: &'a dyn Fn(&str) -> Option<String>,
    geometry: RawGeometry,
    osm_id: Option<String>,
}

enum RawGeometry {
    Points(Vec<LonLat>),
    Lines(Vec<Vec<LonLat>>),
    /// Outer rings.
    Rings(Vec<Vec<LonLat>>),
}

/// The middle of a line's or ring's extent.
fn middle(line: &[LonLat]) -> Option<LonLat> {
    let fold = |pick: fn(f64, f64) -> f64| {
        line.iter().copied().reduce(|a, b| LonLat {
            lon: pick(a.lon, b.lon),
            lat: pick(a.lat, b.lat),
        })
    };
    let (low, high) = (fold(f64::min)?, fold(f64::max)?);
    Some(LonLat {
        lon: f64::midpoint(low.lon, high.lon),
        lat: f64::midpoint(low.lat, high.lat),
    })
}

/// Reads the power features of a file. Those of OpenStreetMap's own formats come in the order of
/// their numbers: nodes, then ways, then relations; those of GeoJSON in the order of the file.
///
/// # Errors
/// When the file cannot be read, is cut off, is of none of the formats, is not in degrees of
/// longitude and latitude, or holds no power feature.
pub fn read_power(path: &Path) -> Result<PowerFeatures, OsmError> {
    let format = Format::of(path)?;
    let mut features = PowerFeatures::default();
    let read = match format {
        Format::GeoJson => geojson_file::read(path, &mut features)?,
        Format::Osm(form) => assemble::read(path, form, &mut features)?,
    };
    if !features.is_empty() {
        return Ok(features);
    }
    let path = path.to_owned();
    Err(match features.losses.without_geometry {
        0 => OsmError::NoPower {
            path,
            read,
            others: features.others,
        },
        without_geometry => OsmError::NoGeometry {
            path,
            without_geometry,
        },
    })
}

#[cfg(test)]
mod tests;
