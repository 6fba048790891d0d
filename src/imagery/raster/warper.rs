//! One thread's handle on a raster: warps one tile at a time.

use std::{
    ffi::{CStr, CString, c_int},
    ptr,
};

use gdal::{Dataset, DriverManager, raster::GdalType};
use gdal_sys::{CPLErr, GDALRWFlag, GDALResampleAlg, GDALWarpOperationH};

use super::{
    Raster,
    colours::{Colours, Depth},
    open_dataset, palette,
    transform::Transform,
};
use crate::{
    gdal_reports::Quiet,
    image::RgbTile,
    tiles::{TILE_SIZE_PX, TileCoord},
};

const SIDE: usize = TILE_SIZE_PX as usize;
const PIXELS: usize = SIDE * SIDE;
/// Memory for the source pixels and masks of one warp. GDAL splits a tile that needs more, such as
/// one that shrinks a large file without overviews.
const WARP_BYTES_MAX: f64 = (64 << 20) as f64;
/// From this many source pixels on one pixel of the tile, along a side, all are averaged.
const AVERAGE_FROM: f64 = 2.0;
/// Alpha of a pixel from which on it counts as there.
const ALPHA_MIN: u8 = 128;

/// The options of every warp, as `gdalwarp` sets them for a new file with an alpha band.
const WARP_OPTIONS: [(&CStr, &CStr); 3] = [
    (c"INIT_DEST", c"0"),
    // A pixel is missing where all its bands are: black water has a zero in one band, too.
    (c"UNIFIED_SRC_NODATA", c"YES"),
    (c"DST_ALPHA_MAX", c"255"),
];

/// An open raster, aimed at the tiles of one zoom.
#[derive(Debug)]
pub(super) struct Warper {
    zoom: u8,
    /// What every warp is told, but for the scale at its tile.
    settings: Settings,
    transform: Transform,
    /// One tile in memory: the colour bands and alpha.
    tile: Dataset,
    /// What is warped: the raster itself, or its palette expanded.
    source: Dataset,
    /// The raster itself where `source` is not.
    _raster: Option<Dataset>,
    alpha: Vec<u8>,
    values: Vec<f32>,
}

// SAFETY: GDAL's handles may move between threads; they must not be used by two at once, and using
// one here takes `&mut`.
unsafe impl Send for Warper {}

impl Warper {
    pub(super) fn open(raster: &Raster, zoom: u8) -> Result<Self, String> {
        let quiet = Quiet::new();
        let (overview, ratio) = raster.frame.level(zoom);
        let dataset = open_dataset(&raster.path, overview, &quiet)?;
        // The raster knows where it lies; the expanded palette has the same pixels and no place.
        let transform = Transform::new(&dataset, &quiet)?;
        let (source, dataset, colours) = if raster.colours.is_palette() {
            let expanded = palette::expand(&raster.path, overview, &dataset, &raster.colours);
            let expanded = open_dataset(&expanded, None, &quiet)?;
            (expanded, Some(dataset), Colours::expanded())
        } else {
            (dataset, None, raster.colours.clone())
        };
        let tile = match colours.depth {
            Depth::Byte => memory::<u8>(&colours, &quiet),
            Depth::UInt16 => memory::<u16>(&colours, &quiet),
            Depth::Int16 => memory::<i16>(&colours, &quiet),
            Depth::Float32 => memory::<f32>(&colours, &quiet),
        }?;
        Ok(Self {
            zoom,
            settings: Settings {
                average: ratio > AVERAGE_FROM,
                opaque: colours.alpha_depth(&source).opaque(),
                colours,
            },
            transform,
            tile,
            source,
            _raster: dataset,
            alpha: vec![0; PIXELS],
            values: Vec::new(),
        })
    }

    pub(super) fn zoom(&self) -> u8 {
        self.zoom
    }

    /// The pixels of a tile, missing ones black; none where all are missing.
    ///
    /// # Errors
    /// When the file cannot be read there: one clause with GDAL's reason.
    pub(super) fn warp(
        &mut self,
        raster: &Raster,
        tile: TileCoord,
    ) -> Result<Option<RgbTile>, String> {
        let quiet = Quiet::new();
        self.transform.aim_at(tile);
        let Some(scale) = self.transform.scale() else {
            return Ok(None);
        };
        let operation = self.operation(scale, &quiet)?;
        let side = SIDE as c_int;
        quiet.run("the raster cannot be read here", || {
            // SAFETY: the handles that the operation refers to live in `self`.
            let class = unsafe { gdal_sys::GDALChunkAndWarpImage(operation.0, 0, 0, side, side) };
            (class < CPLErr::CE_Failure).then_some(())
        })?;
        quiet.run("the warped tile cannot be read back", || {
            self.collect(raster)
        })
    }

    fn collect(&mut self, raster: &Raster) -> Option<Option<RgbTile>> {
        read_bands(
            &self.tile,
            &[self.settings.colours.bands().len() + 1],
            &mut self.alpha,
        )?;
        if self.alpha.iter().all(|alpha| *alpha < ALPHA_MIN) {
            return Some(None);
        }
        // A grey band is read three times.
        let bands: [usize; 3] = if self.settings.colours.bands().len() == 1 {
            [1; 3]
        } else {
            [1, 2, 3]
        };
        let mut image = RgbTile::new();
        if raster.stretch.is_empty() {
            read_bands(&self.tile, &bands, image.as_bytes_mut())?;
        } else {
            self.values.resize(PIXELS * 3, 0.0);
            read_bands(&self.tile, &bands, &mut self.values)?;
            let bytes = image.as_bytes_mut().chunks_exact_mut(3);
            for ((pixel, values), alpha) in
                bytes.zip(self.values.chunks_exact(3)).zip(&mut self.alpha)
            {
                if values.iter().any(|value| !value.is_finite()) {
                    *alpha = 0;
                }
                for ((byte, value), band) in pixel.iter_mut().zip(values).zip(bands) {
                    *byte = raster.stretch[band - 1].byte(*value);
                }
            }
        }
        let mut present = false;
        for (pixel, alpha) in image.as_bytes_mut().chunks_exact_mut(3).zip(&self.alpha) {
            if *alpha < ALPHA_MIN {
                pixel.fill(0);
            } else {
                present = true;
            }
        }
        Some(present.then_some(image))
    }
}

impl Warper {
    /// Sets up the warp of one tile; cheap beside the warp itself.
    ///
    /// `scale` is [`Transform::scale`]. Left to itself, GDAL works it out from the part of the
    /// raster under the tile, so that tiles on the raster's edge would come out blurred.
    fn operation(&self, scale: (f64, f64), quiet: &Quiet) -> Result<Operation, String> {
        let Settings {
            colours,
            average,
            opaque,
        } = &self.settings;
        let bands = colours.bands();
        let scale = [scale.0, scale.1].map(|scale| CString::new(scale.to_string()));
        let [Ok(scale_x), Ok(scale_y)] = scale else {
            return Err("its scale is no number".to_owned());
        };
        // SAFETY: the options are GDAL's own structure, filled with memory of GDAL's allocator,
        // which GDALDestroyWarpOptions frees; the operation keeps a copy of its own.
        unsafe {
            let options = gdal_sys::GDALCreateWarpOptions();
            let filled = &mut *options;
            filled.dfWarpMemoryLimit = WARP_BYTES_MAX;
            filled.eResampleAlg = if *average {
                GDALResampleAlg::GRA_Average
            } else {
                GDALResampleAlg::GRA_Bilinear
            };
            filled.eWorkingDataType = colours.depth.gdal();
            filled.hSrcDS = self.source.c_dataset();
            filled.hDstDS = self.tile.c_dataset();
            filled.nBandCount = bands.len() as c_int;
            filled.panSrcBands =
                allocate(&bands.iter().map(|band| *band as c_int).collect::<Vec<_>>());
            filled.panDstBands = allocate(&(1..=bands.len() as c_int).collect::<Vec<_>>());
            filled.nSrcAlphaBand = colours.alpha().unwrap_or(0) as c_int;
            filled.nDstAlphaBand = bands.len() as c_int + 1;
            if let Some(nodata) = colours.nodata() {
                filled.padfSrcNoDataReal = allocate(nodata);
            }
            let of_tile = [
                (c"XSCALE", scale_x.as_c_str()),
                (c"YSCALE", scale_y.as_c_str()),
                (c"SRC_ALPHA_MAX", opaque),
            ];
            for (key, value) in WARP_OPTIONS.into_iter().chain(of_tile) {
                filled.papszWarpOptions = gdal_sys::CSLSetNameValue(
                    filled.papszWarpOptions,
                    key.as_ptr(),
                    value.as_ptr(),
                );
            }
            (filled.pfnTransformer, filled.pTransformerArg) = self.transform.raw();
            let made = quiet.run("it cannot be warped", || {
                let operation = gdal_sys::GDALCreateWarpOperation(options);
                (!operation.is_null()).then_some(Operation(operation))
            });
            // The transform stays ours.
            gdal_sys::GDALDestroyWarpOptions(options);
            made
        }
    }
}

/// What the warps of one handle have in common.
#[derive(Debug)]
struct Settings {
    colours: Colours,
    average: bool,
    /// The source's alpha of a pixel that hides all below it.
    opaque: &'static CStr,
}

/// A set-up warp.
struct Operation(GDALWarpOperationH);

impl Drop for Operation {
    fn drop(&mut self) {
        // SAFETY: made by GDALCreateWarpOperation, and dropped once.
        unsafe { gdal_sys::GDALDestroyWarpOperation(self.0) };
    }
}

/// A tile in memory, with an alpha band after the colours.
fn memory<T: GdalType>(colours: &Colours, quiet: &Quiet) -> Result<Dataset, String> {
    quiet.run("there is no memory for a tile", || {
        DriverManager::get_driver_by_name("MEM")
            .and_then(|driver| {
                driver.create_with_band_type::<T, _>("", SIDE, SIDE, colours.bands().len() + 1)
            })
            .ok()
    })
}

/// Copies values into memory of GDAL's allocator.
fn allocate<T: Copy>(values: &[T]) -> *mut T {
    // SAFETY: CPLMalloc never answers NULL for a size above zero (it aborts), its memory is
    // aligned for any number, and the copy fills exactly what was asked for.
    unsafe {
        let memory = gdal_sys::CPLMalloc(size_of_val(values)).cast::<T>();
        ptr::copy_nonoverlapping(values.as_ptr(), memory, values.len());
        memory
    }
}

/// Reads bands of a tile, interleaved by pixel.
fn read_bands<T: GdalType + Copy>(tile: &Dataset, bands: &[usize], out: &mut [T]) -> Option<()> {
    assert_eq!(
        out.len(),
        PIXELS * bands.len(),
        "one value a pixel and band"
    );
    let mut numbers: Vec<c_int> = bands.iter().map(|band| *band as c_int).collect();
    let side = SIDE as c_int;
    let value_bytes = size_of::<T>() as c_int;
    let pixel_bytes = value_bytes * numbers.len() as c_int;
    // SAFETY: `out` holds `side × side` pixels of `pixel_bytes` each, as asserted.
    let class = unsafe {
        gdal_sys::GDALDatasetRasterIO(
            tile.c_dataset(),
            GDALRWFlag::GF_Read,
            0,
            0,
            side,
            side,
            out.as_mut_ptr().cast(),
            side,
            side,
            T::gdal_ordinal(),
            numbers.len() as c_int,
            numbers.as_mut_ptr(),
            pixel_bytes,
            pixel_bytes * side,
            value_bytes,
        )
    };
    (class == CPLErr::CE_None).then_some(())
}
