//! Between the pixels of a raster and Web Mercator.

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use gdal::Dataset;
use gdal_sys::GDALTransformerFunc;

use crate::gdal_reports::Quiet;
use crate::tiles::{TILE_SIZE_PX, TileCoord, mercator};

/// Largest error, in pixels of the tile, of positions interpolated along a row; the same as
/// `gdalwarp` allows by default.
const ERROR_MAX_PX: f64 = 0.125;

/// The Web Mercator coordinate system, with east before north.
const WEB_MERCATOR: &[u8] = b"DST_SRS=EPSG:3857\0";

/// A transformer of GDAL's: the raster's pixels on one side, Web Mercator metres (or the pixels of
/// a tile, see [`Transform::aim_at`]) on the other. Knows rotation, GCPs, RPCs and geolocation
/// arrays.
#[derive(Debug)]
pub(super) struct Transform {
    exact: *mut c_void,
    /// Interpolates `exact` along rows, and owns it.
    approximate: *mut c_void,
}

// SAFETY: GDAL's transformers may move between threads; they must not be used by two at once, and
// nothing here gives out shared access to one.
unsafe impl Send for Transform {}

impl Transform {
    /// The dataset may be closed afterwards, but not while RPCs with an elevation model are used;
    /// callers keep it open.
    pub(super) fn new(dataset: &Dataset, quiet: &Quiet) -> Result<Self, String> {
        let exact = quiet.run("its place on Earth cannot be worked out", || {
            let mut options = [WEB_MERCATOR.as_ptr().cast_mut().cast(), ptr::null_mut()];
            // SAFETY: a NULL-terminated list of NUL-terminated texts, which GDAL only reads.
            let exact = unsafe {
                gdal_sys::GDALCreateGenImgProjTransformer2(
                    dataset.c_dataset(),
                    ptr::null_mut(),
                    options.as_mut_ptr(),
                )
            };
            (!exact.is_null()).then_some(exact)
        })?;
        // SAFETY: `exact` is alive, and owned by the approximation from here on.
        let approximate = unsafe {
            let approximate = gdal_sys::GDALCreateApproxTransformer(
                Some(gdal_sys::GDALGenImgProjTransform),
                exact,
                ERROR_MAX_PX,
            );
            gdal_sys::GDALApproxTransformerOwnsSubtransformer(approximate, 1);
            approximate
        };
        Ok(Self { exact, approximate })
    }

    /// Makes the far side count in pixels of a tile, from its north-western corner.
    pub(super) fn aim_at(&mut self, tile: TileCoord) {
        let tile_m = mercator::CIRCUMFERENCE_M / f64::from(mercator::tiles_per_side(tile.z));
        let pixel_m = tile_m / f64::from(TILE_SIZE_PX);
        let west_m = f64::from(tile.x) * tile_m - mercator::HALF_SIDE_M;
        let north_m = mercator::HALF_SIDE_M - f64::from(tile.y) * tile_m;
        let geo_transform = [west_m, pixel_m, 0.0, north_m, 0.0, -pixel_m];
        // SAFETY: six numbers, which GDAL copies.
        unsafe {
            gdal_sys::GDALSetGenImgProjTransformerDstGeoTransform(
                self.exact,
                geo_transform.as_ptr(),
            );
        }
    }

    /// Where a point of the raster lies, in metres of Web Mercator, before any
    /// [`Transform::aim_at`]; none outside the projection.
    pub(super) fn metres(&mut self, x_px: f64, y_px: f64) -> Option<(f64, f64)> {
        let (mut x, mut y, mut z, mut success) = (x_px, y_px, 0.0, 0 as c_int);
        // SAFETY: one point, in four variables of their own.
        unsafe {
            gdal_sys::GDALGenImgProjTransform(
                self.exact,
                0,
                1,
                &mut x,
                &mut y,
                &mut z,
                &mut success,
            );
        }
        (success != 0 && x.is_finite() && y.is_finite()).then_some((x, y))
    }

    /// How many pixels of the tile aimed at fall on one pixel of the raster, along the raster's
    /// rows and along its columns, at the tile's centre; below 1 the raster is finer. None outside
    /// the projection.
    pub(super) fn scale(&mut self) -> Option<(f64, f64)> {
        let centre = f64::from(TILE_SIZE_PX) / 2.0;
        // The centre, one pixel to its east, one to its south.
        let mut x = [centre, centre + 1.0, centre];
        let mut y = [centre, centre, centre + 1.0];
        let (mut z, mut success) = ([0.0; 3], [0 as c_int; 3]);
        // SAFETY: three points in arrays of three.
        unsafe {
            gdal_sys::GDALGenImgProjTransform(
                self.exact,
                1,
                3,
                x.as_mut_ptr(),
                y.as_mut_ptr(),
                z.as_mut_ptr(),
                success.as_mut_ptr(),
            );
        }
        // The root of squares, so that a turned raster is not taken for a finer one.
        let pixels = |v: [f64; 3]| (v[1] - v[0]).hypot(v[2] - v[0]);
        let (columns, rows) = (pixels(x), pixels(y));
        let usable = |v: f64| v.is_finite() && v > 0.0;
        (success == [1; 3] && usable(columns) && usable(rows))
            .then_some((1.0 / columns, 1.0 / rows))
    }

    /// GDAL's function and its argument, for a warp that lives no longer than this.
    pub(super) fn raw(&self) -> (GDALTransformerFunc, *mut c_void) {
        (Some(gdal_sys::GDALApproxTransform), self.approximate)
    }
}

impl Drop for Transform {
    fn drop(&mut self) {
        // SAFETY: made in `new`; takes `exact` with it.
        unsafe { gdal_sys::GDALDestroyApproxTransformer(self.approximate) };
    }
}
