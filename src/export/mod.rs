//! Detections written for other programs.
//!
//! In: a run's [`Detections`] and a threshold. Out: one file a format, streamed, written beside its
//! place and then renamed, so that no reader ever sees half of it; the same ledger gives the same
//! bytes, since nothing here reads a clock. Every file says what it is: hints to verify, by which
//! model, on whose imagery, from which run, and SYNTHETIC where the imagery was drawn. Never: a
//! `power=*` property, which would make a hint look like mapped data.

mod audit;
mod bundle;
mod credits;
mod csv;
mod curves;
mod error;
mod geojson;
mod maproulette;
mod mbtiles;
#[cfg(feature = "gdal")]
mod ogr;
mod osm;
mod qgis;
mod real_use;
mod report;
mod staged;
mod table;
mod tile_server;

use std::{
    collections::HashMap,
    fmt,
    io::{self, Write},
    path::Path,
};

pub use audit::{Audit, AuditOf};
pub use bundle::write_bundle;
pub use curves::write_curves;
pub use error::ExportError;
pub use real_use::RealUse;

use crate::{
    detections::{Detection, Detections, Label, LikelyGrid, OsmStatus},
    evaluation::{ReviewCounts, Reviewed},
    ledger::{LedgerReader, Manifest},
    osm::PowerFeatures,
    tiles::TileCoord,
};
use staged::StagedFile;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One FeatureCollection (RFC 7946): JOSM, QGIS, anything.
    Geojson,
    /// One feature a line behind a record separator (RFC 8142): for pipes.
    Geojsonseq,
    /// One row a detection: for spreadsheets.
    Csv,
    /// Vector tiles (MBTiles 1.3 with MVT 2.1): towers and scanned area, at every zoom.
    Mbtiles,
    /// GeoPackage with towers, lines and the style for QGIS inside. Takes GDAL.
    Gpkg,
    /// FlatGeobuf with a spatial index: for the web and for GIS. Takes GDAL.
    Flatgeobuf,
    /// A layer for JOSM that is never uploaded, along the lines.
    Osm,
    /// One FeatureCollection a line, one task a hint: for a MapRoulette challenge.
    Maproulette,
    /// One HTML page for people: map, lines, chips, comparison. Needs no network.
    Report,
}

impl Format {
    /// All formats.
    pub const ALL: &[Self] = &[
        Self::Geojson,
        Self::Geojsonseq,
        Self::Csv,
        Self::Mbtiles,
        Self::Gpkg,
        Self::Flatgeobuf,
        Self::Osm,
        Self::Maproulette,
        Self::Report,
    ];

    /// Its name, as people type it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Geojson => "geojson",
            Self::Geojsonseq => "geojsonseq",
            Self::Csv => "csv",
            Self::Mbtiles => "mbtiles",
            Self::Gpkg => "gpkg",
            Self::Flatgeobuf => "flatgeobuf",
            Self::Osm => "osm",
            Self::Maproulette => "maproulette",
            Self::Report => "report",
        }
    }

    /// Whether it is written from front to back, so that it can go to a pipe.
    #[must_use]
    pub fn streams(self) -> bool {
        !matches!(self, Self::Mbtiles | Self::Gpkg | Self::Flatgeobuf)
    }

    /// Whether it leads straight to OpenStreetMap, where nothing drawn may go.
    #[must_use]
    pub fn is_for_mapping(self) -> bool {
        matches!(self, Self::Osm | Self::Maproulette)
    }

    fn has_tile_squares(self) -> bool {
        matches!(self, Self::Geojson | Self::Geojsonseq)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is drawn for a detection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Geometry {
    /// The located point.
    #[default]
    Point,
    /// The square of the tile that scored.
    Tile,
    /// The probable lines instead of the towers.
    Line,
}

impl Geometry {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Point, Self::Tile, Self::Line];
}

/// The names of the properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schema {
    /// `id`, `rank`, `score`, `line` and more.
    #[default]
    Hvmap,
    /// `X`, `Y`, `Z`, `pred` and `fill`, as the tools of 2018 wrote them.
    Legacy,
}

impl Schema {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Hvmap, Self::Legacy];
}

/// What OpenStreetMap knows, to compare with.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    pub features: &'a PowerFeatures,
    /// How far apart a detection and a mapped tower may lie, in metres.
    pub radius_m: f64,
    /// Compare a run over drawn imagery all the same, to try it out.
    pub allow_synthetic: bool,
}

/// What to export.
pub struct ExportRequest<'a> {
    detections: Detections<'a>,
    grid: LikelyGrid,
    threshold: f32,
    geometry: Geometry,
    schema: Schema,
    images: HashMap<TileCoord, Vec<u8>>,
    allow_synthetic: bool,
}

impl<'a> ExportRequest<'a> {
    /// The detections of a run with at least the score `threshold`, as points. One request serves
    /// several formats.
    ///
    /// # Errors
    /// When the threshold is no score or lies below what the run kept, or the ledger cannot be
    /// read.
    pub fn new(ledger: &'a LedgerReader, threshold: f32) -> Result<Self, ExportError> {
        Self::against(ledger, threshold, None)
    }

    /// The same, each detection with what OpenStreetMap has there.
    ///
    /// # Errors
    /// As for [`ExportRequest::new`], and when the run's imagery is SYNTHETIC and that is not allowed.
    pub fn against(
        ledger: &'a LedgerReader,
        threshold: f32,
        osm: Option<Against<'_>>,
    ) -> Result<Self, ExportError> {
        if !(0.0..=1.0).contains(&threshold) {
            return Err(ExportError::InvalidThreshold { got: threshold });
        }
        if let Some(against) = osm {
            let synthetic = ledger.manifest()?.imagery.synthetic;
            refuse_synthetic(RealUse::Comparison, synthetic, against.allow_synthetic)?;
        }
        let detections = Detections::of(ledger)?;
        let keep_threshold = detections.manifest().keep_threshold;
        if threshold < keep_threshold {
            return Err(ExportError::ThresholdBelowKept {
                threshold,
                keep_threshold,
            });
        }
        let osm = osm.map(|against| (against.features, against.radius_m));
        Ok(Self {
            grid: LikelyGrid::of(&detections, threshold, osm)?,
            detections,
            threshold,
            geometry: Geometry::Point,
            schema: Schema::Hvmap,
            images: HashMap::new(),
            allow_synthetic: false,
        })
    }

    #[must_use]
    pub fn with_geometry(mut self, geometry: Geometry) -> Self {
        self.geometry = geometry;
        self
    }

    #[must_use]
    pub fn with_schema(mut self, schema: Schema) -> Self {
        self.schema = schema;
        self
    }

    /// Lets a run over drawn imagery into formats for mapping, to try them out; everything written
    /// from it says SYNTHETIC. Without it they are refused.
    #[must_use]
    pub fn with_synthetic_allowed(mut self, allowed: bool) -> Self {
        self.allow_synthetic = allowed;
        self
    }

    /// Encoded images of tiles whose own the run did not keep, for the report's chips.
    #[must_use]
    pub fn with_images(mut self, images: HashMap<TileCoord, Vec<u8>>) -> Self {
        self.images = images;
        self
    }

    /// The tiles that the report shows as chips, and whose image the run did not keep.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn chips_missing(&self) -> Result<Vec<TileCoord>, ExportError> {
        report::chips_missing(self)
    }

    /// Keeps the best ranked detections alone.
    #[must_use]
    pub fn with_hints_max(mut self, hints: usize) -> Self {
        self.grid.truncate(hints);
        self
    }

    /// Puts people's labels on the detections, and answers what became of them.
    pub fn review(&mut self, reviewed: &Reviewed) -> ReviewCounts {
        reviewed.label(&mut self.grid)
    }

    /// The likely towers and lines that are exported.
    #[must_use]
    pub fn grid(&self) -> &LikelyGrid {
        &self.grid
    }

    /// The run's detections, whatever their score.
    #[must_use]
    pub fn detections(&self) -> &Detections<'a> {
        &self.detections
    }

    fn manifest(&self) -> &Manifest {
        self.detections.manifest()
    }

    fn for_each(
        &self,
        visit: impl FnMut(&Detection) -> Result<(), ExportError>,
    ) -> Result<u64, ExportError> {
        self.grid.towers().iter().try_for_each(visit)?;
        Ok(self.grid.towers().len() as u64)
    }

    /// What there is left to map, along the lines: what is mapped already is not, nor what a person
    /// rejected.
    fn to_map(&self) -> impl Iterator<Item = &Detection> {
        let is_left = |tower: &&Detection| {
            tower.osm_status != Some(OsmStatus::Mapped) && tower.review != Some(Label::Rejected)
        };
        self.grid.along_lines().into_iter().filter(is_left)
    }

    /// Refuses a use that the run's imagery has to be real for.
    fn check_use(&self, wanted: RealUse) -> Result<(), ExportError> {
        refuse_synthetic(
            wanted,
            self.manifest().imagery.synthetic,
            self.allow_synthetic,
        )
    }

    fn check(&self, format: Format) -> Result<(), ExportError> {
        if format.is_for_mapping() {
            self.check_use(RealUse::Format(format))?;
        }
        if cfg!(not(feature = "gdal")) && matches!(format, Format::Gpkg | Format::Flatgeobuf) {
            return Err(ExportError::WithoutGdal { format });
        }
        if self.geometry != Geometry::Point && !format.has_tile_squares() {
            return Err(ExportError::PointsOnly { format });
        }
        if self.schema == Schema::Legacy && !format.has_tile_squares() {
            return Err(ExportError::NoLegacy { format });
        }
        Ok(())
    }
}

/// Refuses a use of a run over drawn imagery, unless that is allowed. [`write()`], [`write_to`],
/// [`write_bundle`] and [`ExportRequest::against`] ask it by themselves; a caller asks first where
/// something costly comes before them.
///
/// # Errors
/// [`ExportError::Synthetic`].
pub fn refuse_synthetic(
    wanted: RealUse,
    synthetic: bool,
    allow_synthetic: bool,
) -> Result<(), ExportError> {
    match synthetic && !allow_synthetic {
        true => Err(ExportError::Synthetic { wanted }),
        false => Ok(()),
    }
}

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    Refuse,
    Replace,
}

/// Writes a file, and answers how many detections it holds. Until the last byte is on the disk
/// nothing stands at `path` but what stood there before.
///
/// # Errors
/// When the request does not suit the format, the format is for mapping and the run's imagery
/// SYNTHETIC, the file exists and must not be replaced, the run cannot be read, or the file cannot be
/// written.
pub fn write(
    format: Format,
    request: &ExportRequest<'_>,
    path: &Path,
    if_exists: IfExists,
) -> Result<u64, ExportError> {
    request.check(format)?;
    if if_exists == IfExists::Refuse && path.exists() {
        return Err(ExportError::Exists {
            path: path.to_owned(),
        });
    }
    let staged = StagedFile::create(path)?;
    let detections = match format {
        Format::Mbtiles => mbtiles::write(request, &staged)?,
        #[cfg(feature = "gdal")]
        Format::Gpkg | Format::Flatgeobuf => ogr::write(format, request, &staged)?,
        Format::Maproulette => {
            drop(staged);
            return maproulette::write(request, path, if_exists);
        }
        streamed => {
            let mut out = io::BufWriter::with_capacity(1 << 16, staged.file());
            let detections =
                stream(streamed, request, &mut out).map_err(|error| staged.name_in(error))?;
            out.flush().map_err(|source| staged.error(source))?;
            detections
        }
    };
    staged.publish()?;
    Ok(detections)
}

/// How QGIS shows hints: it applies a style that lies beside a file under the file's own name.
const QGIS_STYLE: &[u8] = include_bytes!("../../styles/towers.qml");
/// The same for probable lines.
const QGIS_LINE_STYLE: &[u8] = include_bytes!("../../styles/lines.qml");

/// Writes the style for QGIS, over whatever stands there.
///
/// # Errors
/// When the file cannot be written.
pub fn write_qgis_style(path: &Path) -> Result<(), ExportError> {
    let staged = StagedFile::create(path)?;
    staged
        .file()
        .write_all(QGIS_STYLE)
        .map_err(|source| staged.error(source))?;
    staged.publish()
}

/// Writes a streaming format to a pipe, and answers how many detections it wrote.
///
/// # Errors
/// When the request does not suit the format, the format does not stream, the run cannot be read,
/// or the writer fails ([`ExportError::Stream`]).
pub fn write_to(
    format: Format,
    request: &ExportRequest<'_>,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    request.check(format)?;
    let detections = stream(format, request, out)?;
    out.flush().map_err(ExportError::Stream)?;
    Ok(detections)
}

fn stream(
    format: Format,
    request: &ExportRequest<'_>,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    match format {
        Format::Geojson => geojson::write_collection(request, out),
        Format::Geojsonseq => geojson::write_sequence(request, out),
        Format::Csv => csv::write(request, out),
        Format::Osm => osm::write(request, out),
        Format::Maproulette => maproulette::stream(request, out),
        Format::Report => report::write(request, out),
        _ => Err(ExportError::NotStreamable { format }),
    }
}
