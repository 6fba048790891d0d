//! What can be said about a raster beside its name.

use super::Stretch;

/// How a raster's bands become colours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RasterOptions {
    /// Limits of the linear scaling to 0–255, for all bands or one pair a band; measured on the
    /// file where absent.
    pub stretch: Option<Vec<Stretch>>,
    /// The bands to show as red, green and blue, or one band as grey, counted from 1.
    pub bands: Option<Vec<usize>>,
}
