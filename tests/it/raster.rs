//! Rasters of every kind, warped to tiles, against the real `gdalwarp`.

use std::{
    f64::consts::TAU,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
};

use gdal::{
    Dataset, DriverManager,
    raster::{Buffer, ColorInterpretation, ColorTable, GdalType, RasterCreationOptions},
    spatial_ref::{CoordTransform, SpatialRef},
};
use hvmap::{
    image::RgbTile,
    imagery::{
        Fetched, ImageryError, ImagerySource, SourceOptions,
        raster::{RasterOptions, RasterSource, Stretch},
    },
    tiles::{BlockCoord, TILE_SIZE_PX, TileCoord, WorkUnit, mercator},
};
use tempfile::TempDir;

const SIDE: usize = TILE_SIZE_PX as usize;
/// In San Marino.
const LON: f64 = 12.45;
const LAT: f64 = 43.93;
/// Its UTM zone, 33 north.
const UTM: u32 = 32633;
/// A tile pixel of this zoom is 0.86 m wide there.
const ZOOM: u8 = 17;

/// A raster to be written: where it lies and what its pixels are.
struct Raster<'a> {
    epsg: u32,
    size: (usize, usize),
    geo_transform: [f64; 6],
    bands: usize,
    /// Value of a band (from 0) at a column and row.
    value: &'a dyn Fn(usize, usize, usize) -> f64,
    options: &'a [&'a str],
}

impl Raster<'_> {
    fn write<T: GdalType + Copy>(
        &self,
        path: &Path,
        cast: impl Fn(f64) -> T,
        finish: impl FnOnce(&mut Dataset),
    ) {
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let options = RasterCreationOptions::from_iter(self.options.iter().copied());
        let (width, height) = self.size;
        let mut dataset = driver
            .create_with_band_type_with_options::<T, _>(path, width, height, self.bands, &options)
            .unwrap();
        dataset.set_geo_transform(&self.geo_transform).unwrap();
        let srs = SpatialRef::from_epsg(self.epsg).unwrap();
        dataset.set_spatial_ref(&srs).unwrap();
        finish(&mut dataset);
        for band in 0..self.bands {
            let pixels = (0..height)
                .flat_map(|y| (0..width).map(move |x| (x, y)))
                .map(|(x, y)| cast((self.value)(band, x, y)))
                .collect();
            let mut buffer = Buffer::new((width, height), pixels);
            let mut band = dataset.rasterband(band + 1).unwrap();
            band.write((0, 0), (width, height), &mut buffer).unwrap();
        }
        dataset.close().unwrap();
    }
}

/// A pattern in which a shift of half a pixel shows: waves of 9 to 15 pixels, different in each
/// band, from 28 to 228.
fn waves(band: usize, x: usize, y: usize) -> f64 {
    let (x, y, band) = (x as f64, y as f64, band as f64);
    128.0 + 50.0 * (x / (9.0 + band) * TAU).sin() + 50.0 * (y / (12.0 + band) * TAU).sin()
}

fn byte(value: f64) -> u8 {
    value as u8
}

/// A place in the coordinates of a CRS, x before y.
fn place(lon: f64, lat: f64, epsg: u32) -> (f64, f64) {
    use gdal::spatial_ref::AxisMappingStrategy::TraditionalGisOrder;
    let mut from = SpatialRef::from_epsg(4326).unwrap();
    let mut to = SpatialRef::from_epsg(epsg).unwrap();
    from.set_axis_mapping_strategy(TraditionalGisOrder);
    to.set_axis_mapping_strategy(TraditionalGisOrder);
    let (mut x, mut y) = ([lon], [lat]);
    CoordTransform::new(&from, &to)
        .unwrap()
        .transform_coords(&mut x, &mut y, &mut [0.0])
        .unwrap();
    (x[0], y[0])
}

/// A geotransform with pixels of a size, turned clockwise, whose centre is at a place.
fn centred(at: (f64, f64), size: (usize, usize), pixel: (f64, f64), turn: f64) -> [f64; 6] {
    let (sin, cos) = turn.to_radians().sin_cos();
    let (a, b) = (pixel.0 * cos, -pixel.1 * sin);
    let (d, e) = (-pixel.0 * sin, -pixel.1 * cos);
    let (half_x, half_y) = (size.0 as f64 / 2.0, size.1 as f64 / 2.0);
    let west = at.0 - a * half_x - b * half_y;
    let north = at.1 - d * half_x - e * half_y;
    [west, a, b, north, d, e]
}

/// 700×650 pixels of 0.9 m in UTM: about three by three tiles of zoom 17.
fn utm_frame(turn: f64) -> ((usize, usize), [f64; 6]) {
    let size = (700, 650);
    (size, centred(place(LON, LAT, UTM), size, (0.9, 0.9), turn))
}

fn utm<'a>(bands: usize, value: &'a dyn Fn(usize, usize, usize) -> f64) -> Raster<'a> {
    let (size, geo_transform) = utm_frame(0.0);
    Raster {
        epsg: UTM,
        size,
        geo_transform,
        bands,
        value,
        options: &[],
    }
}

fn unit(tiles: &[TileCoord]) -> WorkUnit {
    WorkUnit {
        sequence: 0,
        block: BlockCoord::of(tiles[0]),
        wanted: tiles
            .iter()
            .map(|tile| BlockCoord::index_of(*tile))
            .collect(),
    }
}

fn fetch_all(source: &RasterSource, tiles: &[TileCoord]) -> Vec<(TileCoord, Fetched)> {
    let mut got = Vec::new();
    source
        .fetch(&unit(tiles), &mut |tile, fetched| {
            got.push((tile, fetched));
            ControlFlow::Continue(())
        })
        .unwrap();
    got
}

/// The pixels of a tile; none where there is no imagery.
fn fetch(source: &RasterSource, tile: TileCoord) -> Option<RgbTile> {
    match fetch_all(source, &[tile]).remove(0).1 {
        Fetched::Pixels(pixels) => Some(pixels),
        Fetched::NoImagery => None,
        other => panic!("{tile}: {other:?}"),
    }
}

fn open_with(path: &Path, raster: RasterOptions) -> Result<RasterSource, ImageryError> {
    let options = SourceOptions {
        raster,
        ..Default::default()
    };
    RasterSource::open(path, &options)
}

fn open(path: &Path) -> RasterSource {
    open_with(path, RasterOptions::default()).unwrap()
}

/// The tile of a place, and its neighbours as far as two tiles away.
fn around(lon: f64, lat: f64, zoom: u8) -> Vec<TileCoord> {
    let centre = mercator::tile_at(lon, lat, zoom);
    let side = mercator::tiles_per_side(zoom);
    (0..25)
        .map(|n| TileCoord {
            z: zoom,
            x: (centre.x + side + n % 5 - 2) % side,
            y: centre.y + n / 5 - 2,
        })
        .collect()
}

fn gdalwarp_is_installed() -> bool {
    let found = Command::new("gdalwarp").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: gdalwarp is not installed");
    }
    found
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
}

/// What `gdalwarp` makes of a rectangle of tiles (the first in the north-west, the last in the
/// south-east), in one go: for each tile each band's values, and alpha after them.
fn gdalwarp(raster: &Path, tiles: &[TileCoord], resampling: &str) -> Vec<Vec<Vec<f64>>> {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("tiles.tif");
    let (first, last) = (tiles[0], tiles[tiles.len() - 1]);
    let tile_m = mercator::CIRCUMFERENCE_M / f64::from(mercator::tiles_per_side(first.z));
    let east = |x: u32| f64::from(x) * tile_m - mercator::HALF_SIDE_M;
    let south = |y: u32| mercator::HALF_SIDE_M - f64::from(y) * tile_m;
    let extent = [
        east(first.x),
        south(last.y + 1),
        east(last.x + 1),
        south(first.y),
    ];
    let extent = extent.map(|v| format!("{v:.9}"));
    let size = [last.x + 1 - first.x, last.y + 1 - first.y];
    let size = size.map(|tiles| (tiles * TILE_SIZE_PX).to_string());
    let mut arguments = vec!["-q", "-t_srs", "EPSG:3857", "-te"];
    arguments.extend(extent.iter().map(String::as_str));
    arguments.extend(["-ts", &size[0], &size[1], "-dstalpha", "-r", resampling]);
    arguments.extend([raster.to_str().unwrap(), out.to_str().unwrap()]);
    run("gdalwarp", &arguments);
    let dataset = Dataset::open(&out).unwrap();
    let read = |tile: &TileCoord, band: usize| {
        let at = [tile.x - first.x, tile.y - first.y].map(|n| (n * TILE_SIZE_PX) as isize);
        let size = (SIDE, SIDE);
        let band = dataset.rasterband(band).unwrap();
        band.read_as::<f64>(at.into(), size, size, None)
            .unwrap()
            .data()
            .to_vec()
    };
    let bands = 1..=dataset.raster_count();
    tiles
        .iter()
        .map(|tile| bands.clone().map(|band| read(tile, band)).collect())
        .collect()
}

/// The reference as a tile: missing pixels black, other depths scaled.
fn as_tile(bands: &[Vec<f64>], scale: impl Fn(f64) -> u8) -> Option<RgbTile> {
    let (alpha, colours) = bands.split_last().unwrap();
    let opaque = if alpha.iter().any(|a| *a > 255.0) {
        65535.0
    } else {
        255.0
    };
    let mut tile = RgbTile::new();
    let mut present = false;
    for (index, pixel) in tile.as_bytes_mut().chunks_exact_mut(3).enumerate() {
        if alpha[index] / opaque < 0.5 {
            continue;
        }
        present = true;
        for (band, byte) in pixel.iter_mut().enumerate() {
            *byte = scale(colours[band.min(colours.len() - 1)][index]);
        }
    }
    present.then_some(tile)
}

/// Mean difference of two tiles where both have pixels, the second moved to the right.
fn difference(a: &RgbTile, b: &RgbTile, moved_px: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for row in 0..SIDE {
        for column in 0..SIDE - moved_px {
            let at = |column: usize| (row * SIDE + column) * 3;
            let left = &a.as_bytes()[at(column + moved_px)..][..3];
            let right = &b.as_bytes()[at(column)..][..3];
            if left == [0; 3] || right == [0; 3] {
                continue;
            }
            let differences = left.iter().zip(right).map(|(l, r)| l.abs_diff(*r));
            sum += differences.map(f64::from).sum::<f64>() / 3.0;
            count += 1.0;
        }
    }
    if count == 0.0 { 0.0 } else { sum / count }
}

/// Share of pixels that only one of two tiles has.
fn mask_difference(a: &RgbTile, b: &RgbTile) -> f64 {
    let pixels = |tile: &RgbTile| -> Vec<bool> {
        tile.as_bytes()
            .chunks_exact(3)
            .map(|p| p != [0; 3])
            .collect()
    };
    let differing = pixels(a)
        .iter()
        .zip(pixels(b))
        .filter(|(a, b)| *a != b)
        .count();
    differing as f64 / (SIDE * SIDE) as f64
}

/// Fetches all tiles around a place and holds them against `gdalwarp`. Says how many had imagery.
fn agrees_with_gdalwarp(
    source: &RasterSource,
    reference: &Path,
    tiles: &[TileCoord],
    resampling: &str,
    scale: impl Fn(f64) -> u8,
) -> usize {
    let mut with_imagery = 0;
    for (&tile, expected) in tiles.iter().zip(gdalwarp(reference, tiles, resampling)) {
        let expected = as_tile(&expected, &scale);
        let (got, expected) = match (fetch(source, tile), expected) {
            (None, None) => continue,
            (Some(got), Some(expected)) => (got, expected),
            (got, expected) => panic!(
                "{tile}: imagery {}, gdalwarp {}",
                got.is_some(),
                expected.is_some()
            ),
        };
        with_imagery += 1;
        let off = difference(&got, &expected, 0);
        // A whole pixel's shift is measured on the same tile, so that the bound means a quarter of one.
        let pixel = difference(&expected, &expected, 1);
        assert!(
            off <= pixel / 4.0,
            "{tile}: differs by {off:.2}, a pixel's shift by {pixel:.2}"
        );
        let mask = mask_difference(&got, &expected);
        assert!(
            mask < 0.01,
            "{tile}: {:.2} % of the mask differs",
            mask * 100.0
        );
    }
    with_imagery
}

fn temporary(name: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

#[test]
fn a_utm_raster_comes_as_gdalwarp_gives_it() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("utm.tif");
    utm(3, &waves).write(&path, byte, |_| {});
    let tiles = around(LON, LAT, ZOOM);
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
    let count = agrees_with_gdalwarp(
        &open(&path),
        &path,
        &around(LON, LAT, ZOOM),
        "bilinear",
        byte,
    );
    assert!((9..25).contains(&count), "{count} tiles had imagery");
}

#[test]
fn a_raster_in_degrees_comes_as_gdalwarp_gives_it() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("degrees.tif");
    let size = (700, 700);
    let geo_transform = centred((LON, LAT), size, (1.1e-5, 0.8e-5), 0.0);
    let raster = Raster {
        epsg: 4326,
        size,
        geo_transform,
        ..utm(1, &waves)
    };
    raster.write(&path, byte, |_| {});
    let count = agrees_with_gdalwarp(
        &open(&path),
        &path,
        &around(LON, LAT, ZOOM),
        "bilinear",
        byte,
    );
    assert!((9..25).contains(&count), "{count} tiles had imagery");
}

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
    agrees_with_gdalwarp(&source, &path, &around(LON, LAT, ZOOM), "bilinear", scale);
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
    let tile = fetch(&source, mercator::tile_at(LON, LAT, ZOOM)).unwrap();
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
        &around(LON, LAT, ZOOM),
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
    let tile = fetch(&source, mercator::tile_at(LON, LAT, ZOOM)).unwrap();
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
    let count = agrees_with_gdalwarp(
        &open(&path),
        &path,
        &around(LON, LAT, ZOOM),
        "bilinear",
        byte,
    );
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
    let tiles = around(LON, LAT, ZOOM);
    let count = agrees_with_gdalwarp(&source, &path, &tiles, "bilinear", byte);
    let covered = tiles
        .iter()
        .filter(|tile| fetch(&source, **tile).is_some())
        .count();
    assert_eq!(count, covered);
    // A tile that lies wholly in the hole, inside the raster.
    let west = mercator::tile_at(LON - 0.003, LAT, ZOOM);
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
    let tile = fetch(&open(&path), mercator::tile_at(LON, LAT, ZOOM)).unwrap();
    let missing = tile.as_bytes().chunks(3).filter(|p| *p == [0; 3]).count();
    let share = missing as f64 / (SIDE * SIDE) as f64;
    // A fifth is missing; the darkest tenth of the rest is black as well.
    assert!((0.19..0.32).contains(&share), "{share}");
}

#[test]
fn a_coarser_zoom_is_read_from_the_overviews() {
    if !gdalwarp_is_installed() {
        return;
    }
    let (_folder, path) = temporary("overviews.tif");
    let size = (2800, 2600);
    let geo_transform = centred(place(LON, LAT, UTM), size, (0.225, 0.225), 0.0);
    let slow = |band: usize, x: usize, y: usize| waves(band, x / 4, y / 4);
    let options = &["TILED=YES", "COMPRESS=DEFLATE"];
    let raster = Raster {
        size,
        geo_transform,
        options,
        ..utm(3, &slow)
    };
    raster.write(&path, byte, |_| {});
    let tiles = around(LON, LAT, ZOOM);
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
    let west = mercator::tile_at(179.999, -17.0, ZOOM);
    let east = mercator::tile_at(-179.999, -17.0, ZOOM);
    assert_eq!(
        agrees_with_gdalwarp(&source, &path, &[west], "bilinear", byte),
        1
    );
    assert_eq!(
        agrees_with_gdalwarp(&source, &path, &[east], "bilinear", byte),
        1
    );
}

#[test]
fn a_tile_has_the_same_pixels_whatever_else_is_asked_for() {
    let (_folder, path) = temporary("utm.tif");
    utm(3, &waves).write(&path, byte, |_| {});
    let source = open(&path);
    let centre = mercator::tile_at(LON, LAT, ZOOM);
    let tiles: Vec<_> = around(LON, LAT, ZOOM)
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
    let tiles = around(LON, LAT, ZOOM);
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
    let centre = mercator::tile_at(LON, LAT, ZOOM);
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
    let tile = mercator::tile_at(LON, LAT - 0.002, ZOOM);
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

fn refusal(path: &Path, options: RasterOptions) -> String {
    match open_with(path, options).unwrap_err() {
        ImageryError::InvalidSource { reason, .. } => reason,
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

#[test]
fn the_bands_to_show_can_be_chosen() {
    let (_folder, path) = temporary("many.tif");
    let value = |band: usize, _: usize, _: usize| 40.0 * (band + 1) as f64;
    utm(5, &value).write(&path, byte, |dataset| {
        let mut band = dataset.rasterband(1).unwrap();
        band.set_color_interpretation(ColorInterpretation::GrayIndex)
            .unwrap();
    });
    let tile = mercator::tile_at(LON, LAT, ZOOM);
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
