//! Where an area comes from, and what a run's manifest keeps of it.

use serde::{Deserialize, Serialize};

/// Where an area comes from, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// A data set, a file, or the command line.
    pub source: String,
    /// The data set's date, where it has one.
    pub date: Option<String>,
    /// How exact the outline is, where that is known.
    pub coarseness: Option<String>,
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)?;
        if let Some(date) = &self.date {
            write!(f, " ({date})")?;
        }
        if let Some(coarseness) = &self.coarseness {
            write!(f, ", {coarseness}")?;
        }
        Ok(())
    }
}

/// What a run's manifest keeps of its area. Two runs cover the same tiles when `cover_digest` is
/// the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaRecord {
    pub label: String,
    pub source: String,
    pub date: Option<String>,
    pub coarseness: Option<String>,
    /// Width of the margin around the area, if there is one.
    pub buffer_m: Option<f64>,
    pub zoom: u8,
    pub tiles: u64,
    /// [`crate::tiles::Cover::digest`].
    pub cover_digest: String,
}
