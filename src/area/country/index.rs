//! The table of places and where their boundaries lie in the boundary file.

use std::io::Read;

use serde::Deserialize;

use super::{super::AreaError, names};

/// Names, codes and positions: made by `data/boundaries/build.py`.
static INDEX: &str = include_str!("../../../data/boundaries/countries.json");
/// One gzip member for each feature, so that one country is read without the others.
static BOUNDARIES: &[u8] = include_bytes!("../../../data/boundaries/countries.topojsonl.gz");

/// The built-in places.
#[derive(Deserialize)]
pub(super) struct Index<'a> {
    pub source: &'a str,
    pub date: &'a str,
    pub coarseness: &'a str,
    #[serde(borrow)]
    features: Vec<FeatureEntry<'a>>,
    #[serde(borrow)]
    pub places: Vec<PlaceEntry<'a>>,
    #[serde(borrow)]
    ambiguous: Vec<AmbiguousEntry<'a>>,
}

/// A piece of the boundary file, in bytes.
#[derive(Deserialize)]
struct FeatureEntry<'a> {
    name: &'a str,
    offset: usize,
    length: usize,
}

/// A country, a territory, or a part of a country with a name of its own.
#[derive(Deserialize)]
pub(super) struct PlaceEntry<'a> {
    pub name: &'a str,
    pub alpha2: Option<&'a str>,
    pub alpha3: Option<&'a str>,
    /// Three digits.
    pub numeric: Option<&'a str>,
    #[serde(default, borrow)]
    pub aliases: Vec<&'a str>,
    /// What people should know about its border.
    pub note: Option<&'a str>,
    /// Positions among the features; the first is the main one.
    pub features: Vec<usize>,
}

/// A name that several places share.
#[derive(Deserialize)]
struct AmbiguousEntry<'a> {
    name: &'a str,
    places: Vec<usize>,
}

impl PlaceEntry<'_> {
    /// Every name and code by which the place is found.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        [Some(self.name), self.alpha2, self.alpha3, self.numeric]
            .into_iter()
            .flatten()
            .chain(self.aliases.iter().copied())
    }
}

impl Index<'static> {
    pub(super) fn load() -> Result<Self, AreaError> {
        serde_json::from_str(INDEX).map_err(|cause| AreaError::Boundaries(cause.into()))
    }
}

impl Index<'_> {
    /// The place of a name or code.
    pub(super) fn find(&self, given: &str) -> Result<&PlaceEntry<'_>, AreaError> {
        let wanted = names::folded(given);
        if let Some(several) = self
            .ambiguous
            .iter()
            .find(|entry| names::folded(entry.name) == wanted)
        {
            return Err(AreaError::AmbiguousCountry {
                given: given.to_owned(),
                could_be: several
                    .places
                    .iter()
                    .map(|&place| self.places[place].name.to_owned())
                    .collect(),
            });
        }
        let found = self
            .places
            .iter()
            .find(|place| place.keys().any(|key| names::folded(key) == wanted));
        found.ok_or_else(|| AreaError::UnknownCountry {
            given: given.to_owned(),
            nearest: {
                let places = self.places.iter();
                names::nearest(&wanted, places.map(|place| (place.name, place.keys())))
            },
        })
    }

    /// The name of a feature and its TopoJSON.
    pub(super) fn feature(&self, position: usize) -> Result<(&str, Vec<u8>), AreaError> {
        let missing = || AreaError::Boundaries("a feature is missing".into());
        let entry = self.features.get(position).ok_or_else(missing)?;
        let packed = BOUNDARIES
            .get(entry.offset..entry.offset + entry.length)
            .ok_or_else(missing)?;
        let mut topology = Vec::new();
        flate2::read::GzDecoder::new(packed)
            .read_to_end(&mut topology)
            .map_err(|cause| AreaError::Boundaries(cause.into()))?;
        Ok((entry.name, topology))
    }
}
