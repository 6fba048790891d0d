//! What people should know about an area before they spend days on it.

use std::fmt;

use super::error::RingPosition;

/// Something that was mended, assumed, or that makes the plan larger than expected.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AreaWarning {
    /// A polygon's rings cross each other or themselves; everything that they wind around is
    /// taken as inside.
    CrossesItself {
        feature: usize,
        lon: f64,
        lat: f64,
        polygons: usize,
    },
    /// Parts beyond Web Mercator's limit were moved to it.
    Clamped { lat: f64 },
    /// Rings jump from one side of the map to the other; the place is the first one's.
    AcrossAntimeridian { place: RingPosition, rings: usize },
    /// A ring goes around a pole.
    AroundPole { place: RingPosition },
    /// Rings without any area were left out.
    NoArea { rings: usize },
    /// Lines and points were left out, because they have no area.
    Ignored { lines: usize, points: usize },
    /// A file that does not say in which coordinates it is.
    NoCrs { layer: String },
    /// What its boundary includes or leaves out, where that is disputed or surprising.
    Boundary { country: String, note: String },
    /// Overseas territories and the like.
    FarParts {
        country: String,
        /// Name and share of the tiles (0 to 1) of each.
        parts: Vec<(String, f64)>,
        /// The name under which the rest can be had alone.
        rest: Option<String>,
    },
}

impl fmt::Display for AreaWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrossesItself {
                feature,
                lon,
                lat,
                polygons,
            } => write!(
                f,
                "feature {feature} crosses itself near {lon:.6}, {lat:.6} (longitude, latitude){}; \
                 everything its outline winds around is taken as inside",
                and_others(*polygons, "polygons")
            ),
            Self::Clamped { lat } => write!(
                f,
                "the area reaches latitude {lat:.2}°; tiles end at ±85.05°, so it is cut there"
            ),
            Self::AcrossAntimeridian { place, rings } => write!(
                f,
                "{place} jumps by more than 180° of longitude{}; it is taken to cross the \
                 antimeridian",
                and_others(*rings, "rings")
            ),
            Self::AroundPole { place } => write!(
                f,
                "{place} runs once around the world; the pole is taken as inside"
            ),
            Self::NoArea { rings } => {
                write!(f, "rings that enclose nothing are left out: {rings}")
            }
            Self::Ignored { lines, points } => write!(
                f,
                "lines ({lines}) and points ({points}) have no area and are left out"
            ),
            Self::NoCrs { layer } => write!(
                f,
                "layer {layer:?} does not say in which coordinates it is; they are taken as \
                 longitude and latitude"
            ),
            Self::Boundary { country, note } => write!(f, "{country}: {note}"),
            Self::FarParts { country, parts, .. } => {
                let total: f64 = parts.iter().map(|(_, share)| share).sum();
                write!(
                    f,
                    "{:.1} % of the tiles of {country} are far from the rest: ",
                    100.0 * total
                )?;
                for (index, (name, share)) in parts.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    match 100.0 * share {
                        little if little < 0.1 => write!(f, "{comma}{name} under 0.1 %")?,
                        percent => write!(f, "{comma}{name} {percent:.1} %")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// " (and 3 other polygons)", where there are others.
fn and_others(all: usize, what: &str) -> String {
    match all {
        0 | 1 => String::new(),
        _ => format!(" (and {} other {what})", all - 1),
    }
}
