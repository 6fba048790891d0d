//! Which part of the world a run is about.

use std::{fs::File, io::BufReader, path::PathBuf};

use crate::{
    area::{self, Area, AreaError, Distance, RowOrder},
    tiles::{Bounds, Cover},
};

/// Bytes read at a time from a list of tiles.
const READ_BUFFER_BYTES: usize = 1 << 20;

/// The ways in which an area can be named.
#[derive(Clone, Debug, PartialEq)]
pub enum AreaChoice {
    /// Countries or territories, by name, ISO 3166 code or alias, united.
    Countries(Vec<String>),
    /// All features of a vector file, united.
    File(PathBuf),
    /// A box in degrees.
    Bounds(Bounds),
    /// A list of tiles of one zoom, and how its rows are counted.
    Tiles { path: PathBuf, rows: RowOrder },
}

impl AreaChoice {
    /// The area, widened by a margin on the ground where one is given. A list of tiles is taken as
    /// it is.
    ///
    /// # Errors
    /// When there is no such area, or its file cannot be read or used.
    pub fn resolve(&self, margin: Option<Distance>) -> Result<Area, AreaError> {
        let area = match self {
            // A file's lines and points count with a margin, so the margin is laid on reading.
            Self::File(path) => return area::read_file(path, margin),
            Self::Tiles { path, rows } => {
                let file = File::open(path).map_err(|cause| AreaError::Read {
                    path: path.clone(),
                    cause,
                })?;
                let file = BufReader::with_capacity(READ_BUFFER_BYTES, file);
                return area::read_tiles(file, &path.display().to_string(), *rows);
            }
            Self::Countries(names) => area::country::of_names(names)?,
            Self::Bounds(bounds) => area::of_bounds(*bounds)?,
        };
        Ok(match margin {
            Some(margin) => area.widened(margin),
            None => area,
        })
    }
}

/// An area with the tiles that touch it.
#[derive(Clone, Debug)]
pub struct CoveredArea {
    area: Area,
    cover: Cover,
}

impl CoveredArea {
    /// Covers an area with the tiles of a zoom: at least one.
    ///
    /// # Errors
    /// As [`Area::cover`].
    pub fn new(area: Area, zoom: u8) -> Result<Self, AreaError> {
        let cover = area.cover(zoom)?;
        Ok(Self { area, cover })
    }

    #[must_use]
    pub fn area(&self) -> &Area {
        &self.area
    }

    #[must_use]
    pub fn cover(&self) -> &Cover {
        &self.cover
    }
}
