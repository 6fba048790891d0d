//! Rasters made for the tests.

use std::{
    f64::consts::TAU,
    path::{Path, PathBuf},
};

use gdal::{
    Dataset, DriverManager,
    raster::{Buffer, GdalType, RasterCreationOptions},
    spatial_ref::{CoordTransform, SpatialRef},
};
use hvmap::tiles::{LonLat, TILE_SIZE_PX};
use tempfile::TempDir;

pub(super) const SIDE: usize = TILE_SIZE_PX as usize;
/// In San Marino.
pub(super) const PLACE: LonLat = LonLat {
    lon: 12.45,
    lat: 43.93,
};
/// Its UTM zone, 33 north.
pub(super) const UTM: u32 = 32633;
/// A tile pixel of this zoom is 0.86 m wide there.
pub(super) const ZOOM: u8 = 17;

/// A raster to be written: where it lies and what its pixels are.
pub(super) struct Raster<'a> {
    pub(super) epsg: u32,
    pub(super) size: (usize, usize),
    pub(super) geo_transform: [f64; 6],
    pub(super) bands: usize,
    /// Value of a band (from 0) at a column and row.
    pub(super) value: &'a dyn Fn(usize, usize, usize) -> f64,
    pub(super) options: &'a [&'a str],
}

impl Raster<'_> {
    pub(super) fn write<T: GdalType + Copy>(
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
pub(super) fn waves(band: usize, x: usize, y: usize) -> f64 {
    let (x, y, band) = (x as f64, y as f64, band as f64);
    128.0 + 50.0 * (x / (9.0 + band) * TAU).sin() + 50.0 * (y / (12.0 + band) * TAU).sin()
}

pub(super) fn byte(value: f64) -> u8 {
    value as u8
}

/// A place in the coordinates of a CRS, x before y.
pub(super) fn projected(place: LonLat, epsg: u32) -> (f64, f64) {
    use gdal::spatial_ref::AxisMappingStrategy::TraditionalGisOrder;
    let mut from = SpatialRef::from_epsg(4326).unwrap();
    let mut to = SpatialRef::from_epsg(epsg).unwrap();
    from.set_axis_mapping_strategy(TraditionalGisOrder);
    to.set_axis_mapping_strategy(TraditionalGisOrder);
    let (mut x, mut y) = ([place.lon], [place.lat]);
    CoordTransform::new(&from, &to)
        .unwrap()
        .transform_coords(&mut x, &mut y, &mut [0.0])
        .unwrap();
    (x[0], y[0])
}

/// A geotransform with pixels of a size, turned clockwise, whose centre lies at these coordinates of
/// the CRS.
pub(super) fn centred(
    at: (f64, f64),
    size: (usize, usize),
    pixel: (f64, f64),
    turn: f64,
) -> [f64; 6] {
    let (sin, cos) = turn.to_radians().sin_cos();
    let (a, b) = (pixel.0 * cos, -pixel.1 * sin);
    let (d, e) = (-pixel.0 * sin, -pixel.1 * cos);
    let (half_x, half_y) = (size.0 as f64 / 2.0, size.1 as f64 / 2.0);
    let west = at.0 - a * half_x - b * half_y;
    let north = at.1 - d * half_x - e * half_y;
    [west, a, b, north, d, e]
}

/// 700×650 pixels of 0.9 m in UTM: about three by three tiles of zoom 17.
pub(super) fn utm_frame(turn: f64) -> ((usize, usize), [f64; 6]) {
    let size = (700, 650);
    (size, centred(projected(PLACE, UTM), size, (0.9, 0.9), turn))
}

pub(super) fn utm<'a>(bands: usize, value: &'a dyn Fn(usize, usize, usize) -> f64) -> Raster<'a> {
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

pub(super) fn temporary(name: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}
