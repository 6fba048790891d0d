//! From a source's name to the source.

use std::path::Path;

#[cfg(feature = "gdal")]
use super::raster::RasterSource;
use super::{
    ImageryError, ImagerySource, SourceOptions, folder::FolderSource, http::HttpSource,
    mbtiles::MbtilesSource, secrets::redacted, synthetic::SyntheticSource,
};
use crate::synthetic::PREFIX;

/// Opens the imagery that a text names.
///
/// Recognised are, in this order: `http://` and `https://` templates, `synthetic:SEED[/STYLE]`, a
/// folder of tiles, an `.mbtiles` file, and any raster that GDAL opens.
///
/// # Errors
/// When the text names nothing of these, or what it names is missing or unusable.
pub fn open(spec: &str, options: &SourceOptions) -> Result<Box<dyn ImagerySource>, ImageryError> {
    if spec.starts_with(PREFIX) {
        return Ok(Box::new(SyntheticSource::parse(spec)?));
    }
    if spec.starts_with("http://") || spec.starts_with("https://") {
        return Ok(Box::new(HttpSource::open(spec, options)?));
    }
    let path = Path::new(spec);
    if path.is_dir() {
        return Ok(Box::new(FolderSource::open(path, options)?));
    }
    let is_mbtiles = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("mbtiles"));
    if is_mbtiles {
        return Ok(Box::new(MbtilesSource::open(path, options)?));
    }
    if path.exists() || names_a_dataset(spec) {
        return open_raster(spec, options);
    }
    Err(ImageryError::UnknownForm {
        origin: redacted(spec),
    })
}

/// Whether a text is in GDAL's own words: `/vsicurl/https://…`, `NETCDF:file.nc:band`.
fn names_a_dataset(spec: &str) -> bool {
    let driver = spec.split_once(':').map_or("", |(driver, _)| driver);
    let is_driver = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    spec.starts_with("/vsi") || (driver.len() > 1 && driver.bytes().all(is_driver))
}

#[cfg(feature = "gdal")]
fn open_raster(
    spec: &str,
    options: &SourceOptions,
) -> Result<Box<dyn ImagerySource>, ImageryError> {
    Ok(Box::new(RasterSource::open(Path::new(spec), options)?))
}

#[cfg(not(feature = "gdal"))]
fn open_raster(
    spec: &str,
    _options: &SourceOptions,
) -> Result<Box<dyn ImagerySource>, ImageryError> {
    Err(ImageryError::InvalidSource {
        origin: redacted(spec),
        reason: "this program was built without GDAL (the feature `gdal`), which rasters need"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gdal_names_in_its_own_words_is_left_to_it() {
        for spec in [
            "/vsicurl/https://host/ortho.tif",
            "NETCDF:a.nc:red",
            "GTIFF_DIR:2:a.tif",
        ] {
            assert!(names_a_dataset(spec), "{spec}");
        }
        for spec in ["", ":", "ftp:nothing", "C:\\tiles", "missing.tif"] {
            assert!(!names_a_dataset(spec), "{spec}");
        }
    }

    #[test]
    fn what_is_no_source_is_refused_with_the_forms_that_are() {
        let error = open("ftp:nothing", &SourceOptions::default())
            .err()
            .unwrap();
        let message = error.to_string();
        assert!(
            message.starts_with("ftp:nothing is no imagery source"),
            "{message}"
        );
        assert!(message.contains("synthetic:SEED"), "{message}");
    }
}
