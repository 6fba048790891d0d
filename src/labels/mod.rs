//! Training sets from towers that are mapped already.
//!
//! In: a cover, what is mapped there and what people said of it ([`Known`]), imagery. Out: labelled
//! tiles in folders as `hvmap-model train` reads them, `labels.csv`, `manifest.json`, and pages on
//! which a person strikes out the wrong ones. Never: a tile of which it is not known what it shows;
//! one that a support may show in, or that shows half a tower, is in neither folder. The choice of
//! tiles depends on the seed alone.

mod choice;
mod error;
mod images;
mod known;
mod sheet;
mod table;

use std::{fs, path::Path};

pub use choice::{Choice, Chosen, Counts, LabelKind, choose};
pub use error::LabelsError;
pub use known::Known;
use serde::Serialize;

use crate::{
    imagery::{ImagerySource, SourceDescription},
    osm,
    tiles::Cover,
};

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Tiles that were written.
    pub tiles: Counts,
    /// Tiles that were chosen, but had no usable imagery.
    pub without_usable_imagery: usize,
}

/// Refuses a folder that holds anything.
///
/// # Errors
/// [`LabelsError::Occupied`].
pub fn refuse_occupied(folder: &Path) -> Result<(), LabelsError> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(LabelsError::Occupied {
            folder: folder.to_owned(),
        });
    }
    Ok(())
}

/// Makes a training set of the tiles of a cover in a folder, which must not exist or be empty.
///
/// # Errors
/// When the folder holds anything, no tower fits, the imagery cannot be used, or a file cannot be
/// written.
pub fn make(
    cover: &Cover,
    known: &Known,
    choice: &Choice,
    source: &dyn ImagerySource,
    folder: &Path,
) -> Result<Made, LabelsError> {
    refuse_occupied(folder)?;
    let chosen = choose(cover, &known.features, &known.rejected, choice);
    if !chosen.values().any(Chosen::is_tower) {
        return Err(LabelsError::NoTower {
            path: known.osm.clone(),
        });
    }
    for label in ["tower", "negative"] {
        fs::create_dir_all(folder.join(label)).map_err(LabelsError::Folder)?;
    }
    let written = images::fetch_all(source, &chosen, folder)?;
    table::write(folder, &chosen, &written)?;
    let labelled = || {
        written
            .iter()
            .map(|(tile, file)| (file.as_str(), &chosen[tile]))
    };
    sheet::write(folder, labelled(), source.description())?;
    let made = Made {
        tiles: Counts::of(labelled().map(|(_, label)| label)),
        without_usable_imagery: chosen.len() - written.len(),
    };
    let manifest = Manifest::new(cover, known, choice, source.description(), &made);
    let json = serde_json::to_string_pretty(&manifest).map_err(std::io::Error::from)?;
    fs::write(folder.join("manifest.json"), format!("{json}\n"))?;
    Ok(made)
}

/// `manifest.json`: what a training set was made from.
#[derive(Serialize)]
struct Manifest<'a> {
    osm: &'a Path,
    osm_attribution: &'a str,
    imagery: &'a str,
    imagery_attribution: &'a str,
    imagery_terms: Option<&'a str>,
    synthetic: bool,
    zoom: u8,
    seed: u64,
    edge_px: u32,
    validation: f64,
    tiles: Counts,
    without_usable_imagery: usize,
}

impl<'a> Manifest<'a> {
    fn new(
        cover: &Cover,
        known: &'a Known,
        choice: &Choice,
        source: &'a SourceDescription,
        made: &Made,
    ) -> Self {
        Self {
            osm: &known.osm,
            osm_attribution: osm::ATTRIBUTION,
            imagery: &source.name,
            imagery_attribution: &source.attribution,
            imagery_terms: source.terms.as_deref(),
            synthetic: source.synthetic,
            zoom: cover.zoom(),
            seed: choice.seed,
            edge_px: choice.edge_px,
            validation: choice.validation,
            tiles: made.tiles,
            without_usable_imagery: made.without_usable_imagery,
        }
    }
}
