//! Any raster that GDAL opens, warped to exact Web Mercator tiles.
//!
//! In: a GeoTIFF, COG, VRT or other georeferenced raster of any CRS, rotation, bit depth and band
//! count. Out: 256×256 pixels of each wanted tile, or "no imagery" where the raster holds none.
//! Never: a file written beside the raster, or a word of GDAL's on stderr.
//!
//! What the pixels are:
//! - **Colours**: the bands marked red, green and blue, else the first three, else the first as
//!   grey; a palette is expanded before it is resampled; [`RasterOptions::bands`] overrides.
//! - **Resolution**: the coarsest overview that is still at least as fine as the tile, then
//!   bilinear, or the average of all source pixels where more than two of them fall on one pixel
//!   of the tile (which happens where the file has no overviews).
//! - **Nodata**: a pixel is missing where the alpha band is below half, the mask says so, every
//!   colour band holds its nodata value, or a value is no finite number. Missing pixels are black.
//!   A tile without any other pixel is [`Fetched::NoImagery`].
//! - **Depth**: bytes are taken as they are. Anything else is scaled linearly to 0–255, each band
//!   between its 2nd and 98th percentile, measured once on the overviews when the file is opened,
//!   or between the limits of [`RasterOptions::stretch`]. The limits stand in the description.
//!
//! Every tile is warped on its own, so its pixels never depend on which others were asked for.
//! Neighbouring tiles share the decoded blocks of the file through GDAL's block cache.

mod colours;
mod frame;
mod options;
mod palette;
mod sample;
mod stretch;
mod transform;
mod warper;

use std::{
    path::Path,
    sync::{Mutex, Once, PoisonError},
    thread,
};

use gdal::{Dataset, DatasetOptions, GdalOpenFlags, Metadata};

use colours::Colours;
use frame::Frame;
pub use options::RasterOptions;
use stretch::NoStretch;
pub use stretch::Stretch;
use warper::Warper;

use super::{
    Emit, FetchFailure, Fetched, ImageryError, ImagerySource, RetryClass, SourceDescription,
    SourceOptions, secrets::Secrets,
};
use crate::{gdal_reports::Quiet, tiles::WorkUnit};

/// Bytes of decoded blocks that GDAL keeps for all threads together, unless `GDAL_CACHEMAX` is set
/// in the environment. A row of 64 tiles of a file of 512-pixel blocks needs about 25 MB.
const BLOCK_CACHE_BYTES: i64 = 256 << 20;
/// Fetching threads for a file on this machine, where warping is bound by the processor.
const LOCAL_UNITS_MAX: usize = 8;
/// Fetching threads for a file behind a network, where each mostly waits.
const REMOTE_UNITS: usize = 8;

/// A raster file as a source of tiles.
///
/// GDAL's handles are not for two threads at once: each fetching thread takes one from a pool and
/// gives it back.
#[derive(Debug)]
pub struct RasterSource {
    description: SourceDescription,
    raster: Raster,
    remote: bool,
    /// When the file says that it was taken.
    date: Option<String>,
    idle: Mutex<Vec<Warper>>,
    /// Keys in the raster's address, which GDAL's messages may repeat.
    secrets: Secrets,
}

/// What every handle of one file has in common.
#[derive(Debug)]
struct Raster {
    /// What GDAL opens: a path, `/vsicurl/…`, or a driver's own syntax.
    path: String,
    colours: Colours,
    /// One for each colour band, or none where bytes are taken as they are.
    stretch: Vec<Stretch>,
    frame: Frame,
}

impl RasterSource {
    /// Opens a raster and measures what its tiles need to know.
    ///
    /// # Errors
    /// When GDAL cannot open it, it lies nowhere on Earth (no CRS or no georeference), its bands
    /// are no picture (CMYK, complex numbers), or the options do not fit it.
    pub fn open(path: &Path, source: &SourceOptions) -> Result<Self, ImageryError> {
        let options = &source.raster;
        let mut secrets = Secrets::default();
        let origin = secrets.redact_dataset(&path.display().to_string());
        let invalid = |reason: String| ImageryError::InvalidSource {
            origin: origin.clone(),
            reason: secrets.scrub(&reason),
        };
        configure();
        let quiet = Quiet::new();
        let path_text = path
            .to_str()
            .ok_or_else(|| invalid("its path is not UTF-8".to_owned()))?;
        let dataset = open_dataset(path_text, None, &quiet).map_err(invalid)?;
        let colours = Colours::of(&dataset, options.bands.as_deref()).map_err(invalid)?;
        let frame = Frame::of(&dataset, &colours, &quiet).map_err(invalid)?;
        let stretch = stretch::choose(&dataset, &colours, options.stretch.as_deref(), &quiet)
            .map_err(|none| match none {
                NoStretch::NoValues => ImageryError::NoRange {
                    origin: origin.clone(),
                },
                NoStretch::Unfit(reason) => invalid(reason),
            })?;
        let item = |key: &str, domain: &str| {
            dataset
                .metadata_item(key, domain)
                .filter(|text| !text.trim().is_empty())
        };
        let description = SourceDescription {
            name: describe(&origin, &stretch, options),
            attribution: item("TIFFTAG_COPYRIGHT", "")
                .or_else(|| item("COPYRIGHT", ""))
                .unwrap_or_default(),
            terms: None,
            synthetic: false,
            zoom_max: Some(frame.zoom()),
        };
        let date = item("ACQUISITIONDATETIME", "IMAGERY").or_else(|| item("TIFFTAG_DATETIME", ""));
        Ok(Self {
            description: source.overlay(description),
            remote: path_text.contains("/vsi") && !path_text.contains("/vsimem/"),
            raster: Raster {
                path: path_text.to_owned(),
                colours,
                stretch,
                frame,
            },
            date,
            idle: Mutex::default(),
            secrets,
        })
    }

    /// Takes an idle handle of this zoom, or opens one.
    fn warper(&self, zoom: u8) -> Result<Warper, ImageryError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Handles of another zoom are dropped: a run has one zoom only.
        idle.retain(|warper| warper.zoom() == zoom);
        if let Some(warper) = idle.pop() {
            return Ok(warper);
        }
        drop(idle);
        Warper::open(&self.raster, zoom).map_err(|reason| ImageryError::InvalidSource {
            origin: self.description.name.clone(),
            reason: self.secrets.scrub(&reason),
        })
    }
}

impl ImagerySource for RasterSource {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        if self.remote {
            return REMOTE_UNITS;
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        cores.div_ceil(2).clamp(1, LOCAL_UNITS_MAX)
    }

    fn captured(&self) -> Option<String> {
        self.date.clone()
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        let mut warper = self.warper(unit.block.z)?;
        for tile in unit.tiles() {
            let fetched = if self.raster.frame.may_touch(tile) {
                match warper.warp(&self.raster, tile) {
                    Ok(Some(pixels)) => Fetched::Pixels(pixels),
                    Ok(None) => Fetched::NoImagery,
                    // GDAL has retried network trouble by now; a local file will not heal.
                    Err(reason) if self.remote => Fetched::Failed(FetchFailure {
                        retry: RetryClass::Transient,
                        reason: self.secrets.scrub(&reason),
                    }),
                    Err(reason) => Fetched::Undecodable(self.secrets.scrub(&reason)),
                }
            } else {
                Fetched::NoImagery
            };
            if emit(tile, fetched).is_break() {
                break;
            }
        }
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(warper);
        Ok(())
    }
}

/// The source's name, with whatever changes its pixels.
fn describe(origin: &str, stretch: &[Stretch], options: &RasterOptions) -> String {
    let mut name = origin.to_owned();
    if let Some(bands) = &options.bands {
        let bands: Vec<_> = bands.iter().map(usize::to_string).collect();
        name += &format!(", bands {}", bands.join(","));
    }
    if !stretch.is_empty() {
        let limits: Vec<_> = stretch.iter().map(Stretch::to_string).collect();
        name += &format!(", stretched from {}", limits.join(" "));
    }
    name
}

/// Opens a file for reading, at full resolution or at one of its overviews.
fn open_dataset(path: &str, overview: Option<usize>, quiet: &Quiet) -> Result<Dataset, String> {
    let level = overview.map(|index| format!("OVERVIEW_LEVEL={index}"));
    let open_options: Vec<&str> = level.as_deref().into_iter().collect();
    quiet.run("it cannot be opened", || {
        Dataset::open_ex(
            path,
            DatasetOptions {
                open_flags: GdalOpenFlags::GDAL_OF_RASTER
                    | GdalOpenFlags::GDAL_OF_READONLY
                    | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
                open_options: Some(&open_options),
                ..Default::default()
            },
        )
        .ok()
    })
}

/// Sets process-wide options that the environment leaves open.
fn configure() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("GDAL_CACHEMAX").is_none() {
            // SAFETY: sets a number inside GDAL, which takes its own lock.
            unsafe { gdal_sys::GDALSetCacheMax64(BLOCK_CACHE_BYTES) };
        }
        for (key, value) in [
            // Only files behind a network use these.
            ("GDAL_HTTP_MAX_RETRY", "5"),
            ("GDAL_HTTP_RETRY_DELAY", "1"),
            ("GDAL_HTTP_TIMEOUT", "30"),
        ] {
            let unset = std::env::var_os(key).is_none();
            if unset && let Err(error) = gdal::config::set_config_option(key, value) {
                tracing::debug!(key, %error, "GDAL refused an option");
            }
        }
    });
}
