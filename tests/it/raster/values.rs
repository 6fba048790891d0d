//! Any bit depth, palette, nodata and alpha, against `gdalwarp`.

use gdal::raster::{ColorInterpretation, ColorTable};
use hvmap::{
    imagery::{
        ImagerySource,
        raster::{RasterOptions, Stretch},
    },
    tiles::{LonLat, mercator},
};

use super::{
    fetching::{around, fetch, open, open_with, refusal},
    gdalwarp::{agrees_with_gdalwarp, gdalwarp_is_installed, run},
    made::{PLACE, Raster, SIDE, ZOOM, byte, temporary, utm, waves},
};

#[test]
fn sixteen_bits_are_scaled_between_the_given_limits() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("deep.tif");
    utm(3, &|b, x, y| waves(b, x, y) * 10.0).write(&path, |v| v as u16, |_| {});
    let options = RasterOptions {
        stretch: Some(vec![Stretch {
            min: 200.0,
            max: 2400.0,
        }]),
        ..Default::default()
    };
    let source = open_with(&path, options).unwrap();
    assert!(
        source
            .description()
            .name
            .ends_with("deep.tif, stretched from 200,2400 200,2400 200,2400")
    );
    let scale = |value: f64| ((value - 200.0) / 2200.0 * 255.0).round() as u8;
    agrees_with_gdalwarp(&source, &path, &around(PLACE, ZOOM), "bilinear", scale);
}

#[test]
fn sixteen_bits_are_scaled_between_percentiles_and_say_so() {
    let (_folder, path) = temporary("deep.tif");
    // A thousandth of the pixels are glints, which must not darken all others.
    let value = |_: usize, x: usize, y: usize| {
        if (x + 700 * y).is_multiple_of(1000) {
            60_000.0
        } else {
            500.0 + (x % 101) as f64
        }
    };
    utm(1, &value).write(&path, |v| v as u16, |_| {});
    let source = open(&path);
    let name = &source.description().name;
    assert!(name.ends_with("deep.tif, stretched from 502,598"), "{name}");
    let tile = fetch(&source, mercator::tile_at(PLACE, ZOOM)).unwrap();
    let mean =
        tile.as_bytes().iter().map(|b| f64::from(*b)).sum::<f64>() / (SIDE * SIDE * 3) as f64;
    assert!((110.0..145.0).contains(&mean), "mean {mean}");
}

#[test]
fn a_palette_is_expanded_before_it_is_resampled() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (folder, path) = temporary("palette.tif");
    // Neighbouring numbers are opposite colours, so that resampled numbers would be nonsense.
    let value = |_: usize, x: usize, y: usize| ((x / 7 + y / 5) % 4) as f64;
    utm(1, &value).write(&path, byte, |dataset| {
        let colours = [(250, 20, 20), (20, 250, 30), (30, 20, 250), (200, 200, 20)];
        let mut table = ColorTable::new(gdal::raster::PaletteInterpretation::Rgba);
        for (index, (r, g, b)) in (0..).zip(colours) {
            table.set_color_entry(index, &gdal::raster::ColorEntry::rgba(r, g, b, 255));
        }
        dataset.rasterband(1).unwrap().set_color_table(&table);
    });
    let expanded = folder.path().join("expanded.tif");
    let (from, to) = (path.to_str().unwrap(), expanded.to_str().unwrap());
    run("gdal_translate", &["-q", "-expand", "rgb", from, to]);
    let count = agrees_with_gdalwarp(
        &open(&path),
        &expanded,
        &around(PLACE, ZOOM),
        "bilinear",
        byte,
    );
    assert!(count >= 9);
}

#[test]
fn a_palettes_nodata_number_is_missing() {
    let (_folder, path) = temporary("palette.tif");
    let value = |_: usize, x: usize, _: usize| if x < 350 { 7.0 } else { 6.0 };
    utm(1, &value).write(&path, byte, |dataset| {
        let mut table = ColorTable::new(gdal::raster::PaletteInterpretation::Rgba);
        for index in 0..10 {
            table.set_color_entry(index, &gdal::raster::ColorEntry::rgba(90, 100, 110, 255));
        }
        let mut band = dataset.rasterband(1).unwrap();
        band.set_color_table(&table);
        band.set_no_data_value(Some(7.0)).unwrap();
    });
    let source = open(&path);
    let tile = fetch(&source, mercator::tile_at(PLACE, ZOOM)).unwrap();
    let row = &tile.as_bytes()[128 * SIDE * 3..][..SIDE * 3];
    let missing = row.chunks(3).take_while(|p| *p == [0; 3]).count();
    let there = row.chunks(3).filter(|p| *p == [90, 100, 110]).count();
    assert!(
        missing > 20 && there > 20,
        "{missing} missing, {there} there"
    );
    assert_eq!(missing + there, SIDE);
}

#[test]
fn alpha_is_honoured() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("alpha.tif");
    let value = |band: usize, x: usize, y: usize| match band {
        3 if (x / 60 + y / 60).is_multiple_of(2) => 0.0,
        3 => 255.0,
        _ => waves(band, x, y),
    };
    let raster = Raster {
        options: &["PHOTOMETRIC=RGB", "ALPHA=YES"],
        ..utm(4, &value)
    };
    raster.write(&path, byte, |_| {});
    let count = agrees_with_gdalwarp(&open(&path), &path, &around(PLACE, ZOOM), "bilinear", byte);
    assert!(count >= 9);
}

#[test]
fn nodata_is_honoured_only_where_all_bands_have_it() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("hole.tif");
    // The west has no data; one band is zero in the north, which is a colour.
    let value = |band: usize, x: usize, y: usize| {
        if x < 300 || (band == 0 && y < 200) {
            0.0
        } else {
            waves(band, x, y)
        }
    };
    utm(3, &value).write(&path, byte, |dataset| {
        for band in 1..=3 {
            dataset
                .rasterband(band)
                .unwrap()
                .set_no_data_value(Some(0.0))
                .unwrap();
        }
    });
    let source = open(&path);
    let tiles = around(PLACE, ZOOM);
    let count = agrees_with_gdalwarp(&source, &path, &tiles, "bilinear", byte);
    let covered = tiles
        .iter()
        .filter(|tile| fetch(&source, **tile).is_some())
        .count();
    assert_eq!(count, covered);
    // A tile that lies wholly in the hole, inside the raster.
    let west = mercator::tile_at(
        LonLat {
            lon: PLACE.lon - 0.003,
            ..PLACE
        },
        ZOOM,
    );
    assert!(fetch(&source, west).is_none());
}

#[test]
fn not_a_number_is_missing_and_does_not_spread() {
    let (_folder, path) = temporary("float.tif");
    let value = |_: usize, x: usize, y: usize| {
        if (x / 20 + y / 20).is_multiple_of(5) {
            f64::NAN
        } else {
            0.25 + (x % 10) as f64 / 20.0
        }
    };
    utm(1, &value).write(&path, |v| v as f32, |_| {});
    let tile = fetch(&open(&path), mercator::tile_at(PLACE, ZOOM)).unwrap();
    let missing = tile.as_bytes().chunks(3).filter(|p| *p == [0; 3]).count();
    let share = missing as f64 / (SIDE * SIDE) as f64;
    // A fifth is missing; the darkest tenth of the rest is black as well.
    assert!((0.19..0.32).contains(&share), "{share}");
}

#[test]
fn the_bands_to_show_can_be_chosen() {
    let (_folder, path) = temporary("many.tif");
    let value = |band: usize, _: usize, _: usize| 40.0 * (band + 1) as f64;
    utm(5, &value).write(&path, byte, |dataset| {
        let mut band = dataset.rasterband(1).unwrap();
        band.set_color_interpretation(ColorInterpretation::GrayIndex)
            .unwrap();
    });
    let tile = mercator::tile_at(PLACE, ZOOM);
    let with = |bands: Option<Vec<usize>>| {
        let options = RasterOptions {
            bands,
            ..Default::default()
        };
        let source = open_with(&path, options).unwrap();
        let tile = fetch(&source, tile).unwrap();
        <[u8; 3]>::try_from(&tile.as_bytes()[128 * SIDE * 3 + 128 * 3..][..3]).unwrap()
    };
    assert_eq!(with(None), [40, 80, 120]);
    assert_eq!(with(Some(vec![5, 3, 1])), [200, 120, 40]);
    assert_eq!(with(Some(vec![4])), [160; 3]);
    let options = RasterOptions {
        bands: Some(vec![6]),
        ..Default::default()
    };
    assert!(refusal(&path, options).contains("from 1 to 5"));
}
