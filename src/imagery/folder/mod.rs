//! Tiles from a folder of image files.
//!
//! In: a tree `{z}/{x}/{y}.ext` (rows XYZ or, by option, TMS) or one flat folder of `x-y-z.ext` or
//! `z-x-y.ext`, whichever its names show. Out: the files as they are. A missing file is no imagery;
//! a missing zoom is an error, because then the wrong folder or zoom was named.

mod flat;
mod layout;

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use layout::{EXTENSIONS, Layout};

use super::{
    Emit, FetchFailure, Fetched, ImageryError, ImagerySource, RetryClass, Scheme,
    SourceDescription, SourceOptions, addressing::ImageSize,
};
use crate::tiles::{TileCoord, WorkUnit};

/// Units worth fetching at once: one being read while another is taken.
const CONCURRENT_UNITS: usize = 2;

/// A folder of tiles.
#[derive(Debug)]
pub struct FolderSource {
    root: PathBuf,
    layout: Layout,
    scheme: Scheme,
    size: ImageSize,
    description: SourceDescription,
}

impl FolderSource {
    /// Looks at a folder's names to see how it is laid out.
    ///
    /// # Errors
    /// When the folder cannot be read, holds no tiles, or its names could mean several layouts.
    pub fn open(root: &Path, options: &SourceOptions) -> Result<Self, ImageryError> {
        let survey = layout::survey(root)?;
        let sample = std::fs::read(&survey.sample).map_err(|source| ImageryError::Unreadable {
            origin: survey.sample.display().to_string(),
            source,
        })?;
        let size = ImageSize::of(&sample).unwrap_or(ImageSize::Single);
        let mut name = root.display().to_string();
        if options.scheme == Scheme::Tms {
            name.push_str(" (TMS rows)");
        }
        let zoom_max = survey.layout.zooms().max().map(|z| z + size.zooms_above());
        Ok(Self {
            root: root.to_owned(),
            layout: survey.layout,
            scheme: options.scheme,
            size,
            description: options.overlay(SourceDescription {
                name,
                attribution: String::new(),
                terms: None,
                synthetic: false,
                zoom_max,
            }),
        })
    }

    fn check_zoom(&self, zoom: u8) -> Result<(), ImageryError> {
        let above = self.size.zooms_above();
        if self.layout.zooms().any(|stored| stored + above == zoom) {
            return Ok(());
        }
        let available: Vec<_> = self
            .layout
            .zooms()
            .map(|stored| (stored + above).to_string())
            .collect();
        Err(ImageryError::ZoomMissing {
            origin: self.description.name.clone(),
            zoom,
            available: available.join(", "),
        })
    }

    /// The file of a tile, under the first extension that exists.
    fn read(&self, tile: TileCoord) -> Fetched {
        let row = match self.scheme {
            Scheme::Xyz => tile.y,
            Scheme::Tms => tile.tms_y(),
        };
        let own = self.layout.extension();
        let others = EXTENSIONS.iter().copied().filter(|&other| other != own);
        for extension in std::iter::once(own).chain(others) {
            let path = self.root.join(self.layout.name_of(tile, row, extension));
            match std::fs::read(path) {
                Ok(bytes) if bytes.is_empty() => return Fetched::NoImagery,
                Ok(bytes) => return Fetched::Payload(Bytes::from(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Fetched::Failed(FetchFailure {
                        retry: RetryClass::Permanent,
                        reason: format!("the file cannot be read: {error}"),
                    });
                }
            }
        }
        Fetched::NoImagery
    }
}

impl ImagerySource for FolderSource {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        CONCURRENT_UNITS
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        self.check_zoom(unit.block.z)?;
        for address in self.size.addresses(unit) {
            let found = self.read(address);
            if self.size.deliver(unit, address, found, emit).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::{
        image::{encode_png, test_images},
        imagery::test_units::{collect, unit_of},
    };

    const TILE: TileCoord = TileCoord {
        z: 18,
        x: 140_143,
        y: 95_508,
    };
    const ABSENT: TileCoord = TileCoord {
        z: 18,
        x: 140_143,
        y: 95_509,
    };

    fn folder_with(names: &[String]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        folder
    }

    fn open(folder: &tempfile::TempDir, scheme: Scheme) -> Result<FolderSource, ImageryError> {
        let options = SourceOptions {
            scheme,
            ..SourceOptions::default()
        };
        FolderSource::open(folder.path(), &options)
    }

    /// The content of the file that was found for [`TILE`]; [`ABSENT`] must be no imagery.
    fn found_in(source: &FolderSource) -> String {
        let mut found = collect(source, &unit_of(&[TILE, ABSENT]));
        assert!(matches!(found[&ABSENT], Fetched::NoImagery));
        match found.remove(&TILE) {
            Some(Fetched::Payload(payload)) => String::from_utf8(payload.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_tree_is_read_in_either_row_order() {
        let (x, y) = (TILE.x, TILE.y);
        let name = format!("18/{x}/{y}.jpg");
        let folder = folder_with(&[name.clone(), "metadata.json".to_owned()]);
        assert_eq!(found_in(&open(&folder, Scheme::Xyz).unwrap()), name);
        let name = format!("18/{x}/{}.png", TILE.tms_y());
        let folder = folder_with(std::slice::from_ref(&name));
        assert_eq!(found_in(&open(&folder, Scheme::Tms).unwrap()), name);
    }

    #[test]
    fn a_flat_folder_shows_its_order_by_its_names() {
        let (x, y) = (TILE.x, TILE.y);
        for name in [format!("{x}-{y}-18.jpg"), format!("18-{x}-{y}.jpeg")] {
            let folder = folder_with(std::slice::from_ref(&name));
            assert_eq!(found_in(&open(&folder, Scheme::Xyz).unwrap()), name);
        }
    }

    #[test]
    fn flat_names_that_fit_both_orders_are_refused() {
        let folder = folder_with(&["10-12-14.jpg".to_owned()]);
        let message = open(&folder, Scheme::Xyz).unwrap_err().to_string();
        assert!(message.contains("x-y-z as well as z-x-y"), "{message}");
        assert!(message.contains("10-12-14.jpg"), "{message}");
    }

    #[test]
    fn a_tile_under_another_extension_is_found() {
        let (x, y) = (TILE.x, TILE.y);
        let other = format!("18/{x}/{y}.webp");
        let folder = folder_with(&[format!("18/{}/{y}.jpg", x - 1), other.clone()]);
        assert_eq!(found_in(&open(&folder, Scheme::Xyz).unwrap()), other);
    }

    #[test]
    fn a_zoom_that_is_not_there_is_refused_with_those_that_are() {
        let folder = folder_with(&["16/1/2.png".to_owned(), "17/3/4.png".to_owned()]);
        let source = open(&folder, Scheme::Xyz).unwrap();
        assert_eq!(source.description().zoom_max, Some(17));
        let error = source
            .fetch(&unit_of(&[TILE]), &mut |_, _| ControlFlow::Continue(()))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("has no zoom 18 (it has 16, 17)"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_tiles_is_refused() {
        let folder = folder_with(&["readme.txt".to_owned()]);
        let message = open(&folder, Scheme::Xyz).unwrap_err().to_string();
        assert!(message.contains("holds no tiles"), "{message}");
    }

    #[test]
    fn double_images_are_split_into_the_tiles_of_the_next_zoom() {
        let side = 512;
        let scene = test_images::scene();
        let row = 3 * 256;
        let double: Vec<u8> = (0..side)
            .flat_map(|y| {
                let line = &scene[(y % 256) * row..(y % 256 + 1) * row];
                [line, line].concat()
            })
            .collect();
        let mut png = Vec::new();
        image::ImageEncoder::write_image(
            image::codecs::png::PngEncoder::new(&mut png),
            &double,
            side as u32,
            side as u32,
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
        let folder = folder_with(&[]);
        let column = folder.path().join(format!("17/{}", TILE.x / 2));
        std::fs::create_dir_all(&column).unwrap();
        std::fs::write(column.join(format!("{}.png", TILE.y / 2)), &png).unwrap();
        let source = open(&folder, Scheme::Xyz).unwrap();
        let found = collect(&source, &unit_of(&[TILE]));
        let Fetched::Pixels(pixels) = &found[&TILE] else {
            panic!("{found:?}")
        };
        assert_eq!(encode_png(pixels.as_bytes()), encode_png(&scene));
    }
}
