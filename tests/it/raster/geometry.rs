//! Any CRS, rotation and resolution, against `gdalwarp`.

use hvmap::{
    imagery::ImagerySource,
    tiles::{LonLat, mercator},
};

use super::{
    fetching::{around, open},
    gdalwarp::{agrees_with_gdalwarp, gdalwarp_is_installed, run},
    made::{PLACE, Raster, UTM, ZOOM, byte, centred, projected, temporary, utm, utm_frame, waves},
};

#[test]
fn a_utm_raster_comes_as_gdalwarp_gives_it() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("utm.tif");
    utm(3, &waves).write(&path, byte, |_| {});
    let tiles = around(PLACE, ZOOM);
    let count = agrees_with_gdalwarp(&open(&path), &path, &tiles, "bilinear", byte);
    assert!((9..25).contains(&count), "{count} tiles had imagery");
}

#[test]
fn a_turned_raster_comes_as_gdalwarp_gives_it() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("turned.tif");
    let (size, geo_transform) = utm_frame(30.0);
    let raster = Raster {
        size,
        geo_transform,
        ..utm(3, &waves)
    };
    raster.write(&path, byte, |_| {});
    let count = agrees_with_gdalwarp(&open(&path), &path, &around(PLACE, ZOOM), "bilinear", byte);
    assert!((9..25).contains(&count), "{count} tiles had imagery");
}

#[test]
fn a_raster_in_degrees_comes_as_gdalwarp_gives_it() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("degrees.tif");
    let size = (700, 700);
    let geo_transform = centred(PLACE.into(), size, (1.1e-5, 0.8e-5), 0.0);
    let raster = Raster {
        epsg: 4326,
        size,
        geo_transform,
        ..utm(1, &waves)
    };
    raster.write(&path, byte, |_| {});
    let count = agrees_with_gdalwarp(&open(&path), &path, &around(PLACE, ZOOM), "bilinear", byte);
    assert!((9..25).contains(&count), "{count} tiles had imagery");
}

#[test]
fn a_coarser_zoom_is_read_from_the_overviews() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("overviews.tif");
    let size = (2800, 2600);
    let geo_transform = centred(projected(PLACE, UTM), size, (0.225, 0.225), 0.0);
    let slow = |band: usize, x: usize, y: usize| waves(band, x / 4, y / 4);
    let options = &["TILED=YES", "COMPRESS=DEFLATE"];
    let raster = Raster {
        size,
        geo_transform,
        options,
        ..utm(3, &slow)
    };
    raster.write(&path, byte, |_| {});
    let tiles = around(PLACE, ZOOM);
    // Without overviews almost four source pixels fall on one of the tile.
    let count = agrees_with_gdalwarp(&open(&path), &path, &tiles, "average", byte);
    assert!(count >= 9);
    run(
        "gdaladdo",
        &["-q", "-r", "average", path.to_str().unwrap(), "2", "4"],
    );
    let source = open(&path);
    assert_eq!(source.description().zoom_max, Some(19));
    agrees_with_gdalwarp(&source, &path, &tiles, "bilinear", byte);
}

#[test]
fn a_raster_across_the_antimeridian_is_whole() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("fiji.tif");
    let size = (700, 700);
    let geo_transform = centred((180.0, -17.0), size, (1e-5, 1e-5), 0.0);
    let raster = Raster {
        epsg: 4326,
        size,
        geo_transform,
        ..utm(3, &waves)
    };
    raster.write(&path, byte, |_| {});
    let source = open(&path);
    assert_eq!(source.description().zoom_max, Some(17));
    let [west, east] =
        [179.999, -179.999].map(|lon| mercator::tile_at(LonLat { lon, lat: -17.0 }, ZOOM));
    assert_eq!(
        agrees_with_gdalwarp(&source, &path, &[west], "bilinear", byte),
        1
    );
    assert_eq!(
        agrees_with_gdalwarp(&source, &path, &[east], "bilinear", byte),
        1
    );
}
