//! From the text after `--imagery` to a source.

use std::path::Path;

use super::{
    ImageryError, ImagerySource, SourceOptions,
    folder::FolderSource,
    mbtiles::MbtilesSource,
    synthetic::{PREFIX, SyntheticSource},
};

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
    Err(ImageryError::UnknownForm {
        origin: spec.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
