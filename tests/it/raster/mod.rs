//! Rasters of every kind, warped to tiles, against the real `gdalwarp`.

mod fetching;
mod gdalwarp;
mod geometry;
mod made;
mod reading;
mod values;
