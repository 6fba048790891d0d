//! Sharing, stopping, damage and refusals.

use std::{fs, ops::ControlFlow};

use gdal::{Dataset, DriverManager, raster::RasterCreationOptions};
use hvmap::{
    imagery::{Fetched, ImagerySource, raster::RasterOptions},
    tiles::{BlockCoord, LonLat, TileCoord, mercator},
};

use super::{
    fetching::{around, fetch, fetch_all, open, refusal, unit},
    made::{PLACE, Raster, ZOOM, byte, temporary, utm, waves},
};

#[test]
fn a_tile_has_the_same_pixels_whatever_else_is_asked_for() {
    let (_folder, path) = temporary("utm.tif");
    utm(3, &waves).write(&path, byte, |_| {});
    let source = open(&path);
    let centre = mercator::tile_at(PLACE, ZOOM);
    let tiles: Vec<_> = around(PLACE, ZOOM)
        .into_iter()
        .filter(|tile| BlockCoord::of(*tile) == BlockCoord::of(centre))
        .collect();
    assert!(tiles.len() > 5);
    for (tile, fetched) in fetch_all(&source, &tiles) {
        let together = match fetched {
            Fetched::Pixels(pixels) => Some(pixels),
            _ => None,
        };
        assert!(together == fetch(&open(&path), tile), "{tile}");
    }
}

#[test]
fn threads_share_a_raster() {
    let (_folder, path) = temporary("utm.tif");
    utm(3, &waves).write(&path, byte, |_| {});
    let source = open(&path);
    let tiles = around(PLACE, ZOOM);
    let alone: Vec<_> = tiles.iter().map(|tile| fetch(&source, *tile)).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (tile, alone) in tiles.iter().zip(&alone) {
                    assert!(fetch(&source, *tile) == *alone, "{tile}");
                }
            });
        }
    });
}

#[test]
fn a_fetch_ends_when_the_run_stops() {
    let (_folder, path) = temporary("utm.tif");
    utm(3, &waves).write(&path, byte, |_| {});
    let centre = mercator::tile_at(PLACE, ZOOM);
    let east = TileCoord {
        x: centre.x ^ 1,
        ..centre
    };
    let mut count = 0;
    open(&path)
        .fetch(&unit(&[centre, east]), &mut |_, _| {
            count += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_file_that_is_cut_short_gives_undecodable_tiles() {
    let (_folder, path) = temporary("cut.tif");
    let options = &["TILED=YES", "COMPRESS=DEFLATE"];
    Raster {
        options,
        ..utm(3, &waves)
    }
    .write(&path, byte, |_| {});
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(length / 2).unwrap();
    let tile = mercator::tile_at(
        LonLat {
            lat: PLACE.lat - 0.002,
            ..PLACE
        },
        ZOOM,
    );
    match &fetch_all(&open(&path), &[tile])[0].1 {
        Fetched::Undecodable(reason) => {
            assert!(
                reason.starts_with("the raster cannot be read here ("),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_raster_that_lies_nowhere_is_refused() {
    let (_folder, path) = temporary("nowhere.tif");
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    driver.create(&path, 10, 10, 3).unwrap().close().unwrap();
    let reason = refusal(&path, RasterOptions::default());
    assert!(reason.contains("no georeference"), "{reason}");

    let mut dataset = driver.create(&path, 10, 10, 3).unwrap();
    dataset
        .set_geo_transform(&[500_000.0, 1.0, 0.0, 4_000_000.0, 0.0, -1.0])
        .unwrap();
    dataset.close().unwrap();
    let reason = refusal(&path, RasterOptions::default());
    assert!(
        reason.contains("no coordinate reference system"),
        "{reason}"
    );
}

#[test]
fn what_is_no_picture_is_refused() {
    let (folder, path) = temporary("rgb.tif");
    utm(4, &waves).write(&path, byte, |_| {});
    let print = folder.path().join("print.vrt");
    let (from, to) = (path.to_str().unwrap(), print.to_str().unwrap());
    let dataset = Dataset::open(from).unwrap();
    let vrt = DriverManager::get_driver_by_name("VRT").unwrap();
    let copy = dataset
        .create_copy(&vrt, to, &RasterCreationOptions::new())
        .unwrap();
    copy.close().unwrap();
    let text = fs::read_to_string(&print).unwrap();
    let (head, tail) = text.split_once("<ColorInterp>Red<").unwrap();
    fs::write(&print, format!("{head}<ColorInterp>Cyan<{tail}")).unwrap();
    let reason = refusal(&print, RasterOptions::default());
    assert!(reason.contains("CMYK"), "{reason}");

    fs::write(&path, "towers, towers").unwrap();
    let reason = refusal(&path, RasterOptions::default());
    assert!(reason.contains("not recognized"), "{reason}");
}
