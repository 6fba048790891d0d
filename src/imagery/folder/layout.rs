//! Telling how a folder of tiles is laid out.

use std::{
    fs::DirEntry,
    path::{Path, PathBuf},
};

use super::flat::{Flat, FlatOrder, FlatSurvey};
use crate::{
    imagery::ImageryError,
    tiles::{TileCoord, ZOOM_MAX},
};

/// Endings of tile files, without the dot.
pub(super) const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

/// The most entries of one folder that are looked at.
const ENTRIES_MAX: usize = 1_000_000;

/// How a folder's files are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `z/x/y.ext`
    Tree {
        zooms: Vec<u8>,
        extension: &'static str,
    },
    /// All files in one folder, named after their tile.
    Flat {
        order: FlatOrder,
        zooms: Vec<u8>,
        extension: &'static str,
    },
}

impl Layout {
    /// The zooms of which there are tiles, rising.
    pub(super) fn zooms(&self) -> impl Iterator<Item = u8> + '_ {
        let (Self::Tree { zooms, .. } | Self::Flat { zooms, .. }) = self;
        zooms.iter().copied()
    }

    /// The ending of the first tile that was seen.
    pub(super) fn extension(&self) -> &'static str {
        let (Self::Tree { extension, .. } | Self::Flat { extension, .. }) = self;
        extension
    }

    /// The file's path below the root, the row being already in the folder's order.
    pub(super) fn name_of(&self, tile: TileCoord, row: u32, extension: &str) -> String {
        let TileCoord { z, x, .. } = tile;
        match self {
            Self::Tree { .. } => format!("{z}/{x}/{row}.{extension}"),
            Self::Flat { order, .. } => match order {
                FlatOrder::Xyz => format!("{x}-{row}-{z}.{extension}"),
                FlatOrder::Zxy => format!("{z}-{x}-{row}.{extension}"),
            },
        }
    }
}

/// What a look at a folder found.
pub(super) struct Survey {
    pub(super) layout: Layout,
    /// One of the tiles.
    pub(super) sample: PathBuf,
}

/// Looks at a folder's names.
pub(super) fn survey(root: &Path) -> Result<Survey, ImageryError> {
    let invalid = |reason: String| ImageryError::InvalidSource {
        origin: root.display().to_string(),
        reason,
    };
    let mut zooms = Vec::new();
    let mut flat = FlatSurvey::default();
    for entry in entries(root)?.take(ENTRIES_MAX) {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(zoom) = name.parse().ok().filter(|zoom: &u8| *zoom <= ZOOM_MAX) {
            if entry.path().is_dir() {
                zooms.push(zoom);
            }
        } else if let Some((stem, extension)) = tile_name(name) {
            flat.see(stem, extension, name);
        }
    }
    zooms.sort_unstable();
    let in_tree = zooms
        .iter()
        .rev()
        .find_map(|z| first_of_zoom(&root.join(z.to_string())));
    match (in_tree, flat.is_empty()) {
        (Some((sample, extension)), true) => Ok(Survey {
            layout: Layout::Tree { zooms, extension },
            sample,
        }),
        (Some(_), false) => Err(invalid(
            "it holds a tree z/x/y as well as flat files x-y-z; name a folder with one of them"
                .to_owned(),
        )),
        (None, false) => {
            let Flat {
                order,
                zooms,
                extension,
                first,
            } = flat.finish().map_err(invalid)?;
            Ok(Survey {
                layout: Layout::Flat {
                    order,
                    zooms,
                    extension,
                },
                sample: root.join(first),
            })
        }
        (None, true) => Err(invalid(
            "the folder holds no tiles (expected z/x/y.jpg, x-y-z.jpg or z-x-y.jpg)".to_owned(),
        )),
    }
}

/// The stem of a tile's file name, and its ending as one of [`EXTENSIONS`].
fn tile_name(name: &str) -> Option<(&str, &'static str)> {
    let (stem, ending) = name.rsplit_once('.')?;
    let known = EXTENSIONS.iter().find(|&&known| known == ending)?;
    Some((stem, known))
}

/// A tile in the folder of one zoom: the first in the first column that holds any.
fn first_of_zoom(folder: &Path) -> Option<(PathBuf, &'static str)> {
    entries(folder)
        .ok()?
        .filter(|column| {
            column
                .file_name()
                .to_str()
                .is_some_and(|name| name.parse::<u32>().is_ok())
        })
        .find_map(|column| {
            entries(&column.path()).ok()?.find_map(|file| {
                let name = file.file_name();
                let (stem, extension) = tile_name(name.to_str()?)?;
                stem.parse::<u32>().ok()?;
                Some((file.path(), extension))
            })
        })
}

fn entries(folder: &Path) -> Result<impl Iterator<Item = DirEntry>, ImageryError> {
    let entries = std::fs::read_dir(folder).map_err(|source| ImageryError::Unreadable {
        origin: folder.display().to_string(),
        source,
    })?;
    Ok(entries.filter_map(Result::ok))
}
