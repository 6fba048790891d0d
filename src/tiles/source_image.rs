//! The images that a source cuts its tiles from.

use std::sync::Arc;

/// An image of the source, such as one scene of a mosaic, as far as the source tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceImage {
    /// What the source calls it.
    pub name: String,
    /// When the oldest of it was taken, ISO 8601: a date or a time in UTC.
    pub taken_from: Option<String>,
    /// When the newest of it was taken, ISO 8601; equal to `taken_from` for a single pass.
    pub taken_to: Option<String>,
    /// Metres on the ground a pixel, as the source says.
    pub gsd_m: Option<f64>,
    /// SPDX identifier or address of the licence.
    pub licence: Option<String>,
    /// Who has to be credited.
    pub credit: Option<String>,
}

/// Which image each tile of a unit was cut from. Empty where the source does not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitImages {
    /// The images, each once.
    pub images: Vec<Arc<SourceImage>>,
    /// For each wanted tile, in the mask's rising order, the position of its image in `images`;
    /// `None` for a tile of no known image. Empty where `images` is.
    pub of_tiles: Vec<Option<u16>>,
}

impl UnitImages {
    /// The image of the tile at a rank among the wanted ones.
    #[must_use]
    pub fn of(&self, rank: usize) -> Option<&Arc<SourceImage>> {
        let position = (*self.of_tiles.get(rank)?)?;
        self.images.get(usize::from(position))
    }

    /// Whether nothing is known of any tile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of_tiles.is_empty()
    }

    /// Says of which image the tile at a rank among `count` wanted ones was cut.
    pub fn set(&mut self, rank: usize, image: &Arc<SourceImage>, count: usize) {
        let known = self.images.iter().position(|known| known == image);
        let position = known.unwrap_or_else(|| {
            self.images.push(Arc::clone(image));
            self.images.len() - 1
        });
        self.of_tiles.resize(count, None);
        self.of_tiles[rank] = u16::try_from(position).ok();
    }
}
