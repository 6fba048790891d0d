//! Areas: a country's name, a file, bounds or a list of tiles become something to cover.
//!
//! In: what was given on the command line. Out: an [`Area`]: polygons in degrees, split at the
//! antimeridian, with where they come from and what people should know about them. Never: a
//! silent guess. Whatever is mended or assumed is an [`AreaWarning`].

mod antimeridian;
mod bounds;
mod buffer;
mod clean;
pub mod country;
mod crossing;
mod error;
mod far_parts;
mod features;
mod file;
mod geojson_file;
#[cfg(feature = "gdal")]
mod ogr_file;
mod outline;
mod provenance;
mod tile_list;
mod warning;

use geo::MultiPolygon;

pub use self::{
    bounds::of_bounds,
    buffer::Distance,
    error::{AreaError, RingPosition},
    file::read_file,
    provenance::Provenance,
    tile_list::{RowOrder, read_tiles},
    warning::AreaWarning,
};
use crate::tiles::Cover;

/// Something to cover with tiles.
#[derive(Clone, Debug)]
pub struct Area {
    /// A short name for people: "Pakistan", "plant.gpkg".
    pub label: String,
    pub shape: Shape,
    pub provenance: Provenance,
    /// Width of the margin that was laid around the shape, if any.
    pub buffer: Option<Distance>,
    pub warnings: Vec<AreaWarning>,
}

/// What an area is made of.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Polygons in degrees, split at the antimeridian, within Web Mercator's latitudes. They may
    /// overlap: the area is whatever lies in any of them.
    Polygons(MultiPolygon<f64>),
    /// Tiles of one zoom.
    Tiles(Cover),
}

impl Area {
    /// The tiles of a zoom that touch the area: at least one.
    ///
    /// # Errors
    /// When the zoom is too deep, when a list of tiles is of another zoom, and when no tile
    /// touches the area.
    pub fn cover(&self, zoom: u8) -> Result<Cover, AreaError> {
        let cover = match &self.shape {
            Shape::Polygons(polygons) => Cover::from_polygons(polygons, zoom)?,
            Shape::Tiles(cover) if cover.zoom() == zoom => cover.clone(),
            Shape::Tiles(cover) => {
                return Err(AreaError::OtherZoom {
                    source_name: self.label.clone(),
                    got: cover.zoom(),
                    wanted: zoom,
                });
            }
        };
        if cover.is_empty() {
            return Err(AreaError::Empty {
                what: self.label.clone(),
            });
        }
        Ok(cover)
    }
}
