//! Flat folders: the order of the numbers in `1-2-3.jpg`.
//!
//! The tools of 2018 wrote `x-y-z.jpg`, others `z-x-y.jpg`. A name fits an order when its zoom is
//! one and its column and row exist there; among real tiles soon only one order fits all.

use std::collections::BTreeSet;

use crate::tiles::TileCoord;

/// The order of the numbers in a flat folder's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlatOrder {
    Xyz,
    Zxy,
}

impl FlatOrder {
    /// The zoom of a name's numbers, if they are a tile in this order.
    fn zoom_of(self, [a, b, c]: [u32; 3]) -> Option<u8> {
        let (z, x, y) = match self {
            Self::Xyz => (c, a, b),
            Self::Zxy => (a, b, c),
        };
        let z = u8::try_from(z).ok()?;
        TileCoord::new(z, x, y).is_ok().then_some(z)
    }
}

/// How a flat folder's files are named.
pub(super) struct Flat {
    pub(super) order: FlatOrder,
    /// The zooms of which there are tiles, rising.
    pub(super) zooms: Vec<u8>,
    /// The ending of the first tile.
    pub(super) extension: &'static str,
    /// The first tile.
    pub(super) first: String,
}

/// One order, checked against every name.
#[derive(Debug)]
struct Hypothesis {
    order: FlatOrder,
    zooms: BTreeSet<u8>,
    fits: bool,
}

/// What the names of a flat folder say.
#[derive(Debug)]
pub(super) struct FlatSurvey {
    hypotheses: [Hypothesis; 2],
    /// The name and ending of the first tile.
    first: Option<(String, &'static str)>,
}

impl Default for FlatSurvey {
    fn default() -> Self {
        Self {
            hypotheses: [FlatOrder::Xyz, FlatOrder::Zxy].map(|order| Hypothesis {
                order,
                zooms: BTreeSet::new(),
                fits: true,
            }),
            first: None,
        }
    }
}

impl FlatSurvey {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Takes one file's name into account; names that are not three numbers say nothing.
    pub(super) fn see(&mut self, stem: &str, extension: &'static str, name: &str) {
        let mut numbers = stem.split('-').map(str::parse::<u32>);
        let (Some(Ok(a)), Some(Ok(b)), Some(Ok(c)), None) = (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next(),
        ) else {
            return;
        };
        self.first
            .get_or_insert_with(|| (name.to_owned(), extension));
        for hypothesis in &mut self.hypotheses {
            match hypothesis.order.zoom_of([a, b, c]) {
                Some(zoom) => {
                    hypothesis.zooms.insert(zoom);
                }
                None => hypothesis.fits = false,
            }
        }
    }

    /// How the files are named, if exactly one order fits all names; else the reason why not.
    pub(super) fn finish(self) -> Result<Flat, String> {
        let Some((name, extension)) = self.first else {
            return Err("the folder holds no tiles".to_owned());
        };
        let mut fitting = self.hypotheses.into_iter().filter(|order| order.fits);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(Flat {
                order: only.order,
                zooms: only.zooms.into_iter().collect(),
                extension,
                first: name,
            }),
            (Some(_), Some(_)) => Err(format!(
                "its names, such as {name}, can be read as x-y-z as well as z-x-y; move the files \
                 into a tree z/x/y"
            )),
            _ => Err(format!(
                "its names, such as {name}, are all tiles neither as x-y-z nor as z-x-y"
            )),
        }
    }
}
