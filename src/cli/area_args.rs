//! The options that say which part of the world is meant, shared by every command that takes one.

use std::{
    io::{self, BufReader},
    path::PathBuf,
};

use clap::{ArgGroup, Args, ValueEnum};

use super::{
    CliError, OrHint,
    hints::area::{explain, remedy},
    terminal,
};
use crate::{
    area::{self, Area, AreaError, AreaWarning, Distance, RowOrder},
    run::{AreaChoice, CoveredArea},
    tiles::{Bounds, Cover, TilesError, ZOOM_MAX},
};

/// Bytes read at a time from standard input.
const READ_BUFFER_BYTES: usize = 1 << 20;

/// Which part of the world. One of `--country`, `--area`, `--bbox` and `--tiles` is needed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Area")]
#[group(skip)]
#[command(group = ArgGroup::new("area_source").required(true).args(["country", "area", "bbox", "tiles"]))]
pub struct AreaArgs {
    /// A country or territory: its name, ISO 3166 code (pk, PAK, 586) or a common alias; repeat it
    /// for several. Boundaries are Natural Earth's at 1:10m
    #[arg(long, value_name = "NAME")]
    pub country: Vec<String>,

    /// Polygons in a file: GeoJSON, or anything GDAL opens (GeoPackage, Shapefile, KML …) in any
    /// coordinates. All features are united
    #[arg(long, value_name = "FILE")]
    pub area: Option<PathBuf>,

    /// A box in degrees; west may be greater than east, across the antimeridian
    #[arg(long, value_name = "W,S,E,N", allow_hyphen_values = true)]
    pub bbox: Option<Bounds>,

    /// A list of tiles of one zoom, - for standard input. Lines of [x, y, z], x,y,z, x y z or
    /// x-y-z.jpg
    #[arg(long, value_name = "FILE")]
    pub tiles: Option<PathBuf>,

    /// How the rows in --tiles are counted: from the north (xyz) or from the south (tms)
    #[arg(long, value_name = "SCHEME", default_value = "xyz", requires = "tiles")]
    pub tiles_scheme: Scheme,

    /// Widen the area by a distance on the ground, such as 2km or 500m; gives lines and points of
    /// --area an area too
    #[arg(long, value_name = "DISTANCE", conflicts_with = "tiles")]
    pub buffer: Option<Distance>,
}

/// How rows of tiles are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scheme {
    /// From the north, as web maps do.
    #[default]
    Xyz,
    /// From the south, as MBTiles does.
    Tms,
}

impl From<Scheme> for RowOrder {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Xyz => Self::Xyz,
            Scheme::Tms => Self::Tms,
        }
    }
}

impl AreaArgs {
    /// The area that was asked for. Prints nothing: see [`announce`].
    ///
    /// # Errors
    /// Whatever is wrong with it, with a hint what to do.
    pub fn resolve(&self) -> Result<Area, CliError> {
        self.unhinted().map_err(explain)
    }

    fn unhinted(&self) -> Result<Area, AreaError> {
        let rows = self.tiles_scheme.into();
        let choice = match (&self.area, &self.tiles, self.bbox) {
            (Some(path), ..) => AreaChoice::File(path.clone()),
            (_, Some(path), _) if path.as_os_str() == "-" => {
                let stdin = BufReader::with_capacity(READ_BUFFER_BYTES, io::stdin().lock());
                return area::read_tiles(stdin, "standard input", rows);
            }
            (_, Some(path), _) => AreaChoice::Tiles {
                path: path.clone(),
                rows,
            },
            (_, _, Some(bounds)) => AreaChoice::Bounds(bounds),
            _ => AreaChoice::Countries(self.country.clone()),
        };
        choice.resolve(self.buffer)
    }
}

/// The tiles of an area, with a hint where there are none.
///
/// # Errors
/// As [`Area::cover`].
pub fn cover(area: &Area, zoom: u8) -> Result<Cover, CliError> {
    area.cover(zoom).or_hint(|| no_cover_hint(area))
}

/// An area with its tiles, with a hint where there are none.
///
/// # Errors
/// As [`Area::cover`].
pub fn covered(area: Area, zoom: u8) -> Result<CoveredArea, CliError> {
    let hint = no_cover_hint(&area);
    CoveredArea::new(area, zoom).or_hint(|| hint)
}

fn no_cover_hint(area: &Area) -> String {
    match &area.shape {
        area::Shape::Tiles(cover) => format!("--zoom {} takes them as they are", cover.zoom()),
        area::Shape::Polygons(_) => format!("--zoom takes 0 to {ZOOM_MAX}"),
    }
}

/// Tells people what the area is, where its outline comes from, and what to know about it.
pub fn announce(area: &Area) {
    let margin = area
        .buffer
        .map(|margin| format!("; widened by {margin}"))
        .unwrap_or_default();
    terminal::note(format_args!(
        "area: {}; {}{margin}",
        area.label, area.provenance
    ));
    for warning in &area.warnings {
        match (warning, remedy(warning)) {
            // What a border is like is no fault of anyone.
            (AreaWarning::Boundary { .. }, _) => terminal::note(format_args!("note: {warning}")),
            (_, Some(remedy)) => terminal::warn(format_args!("{warning}; {remedy}")),
            (_, None) => terminal::warn(warning),
        }
    }
}

/// Reads `--zoom`.
///
/// # Errors
/// When it is no number from 0 to [`ZOOM_MAX`].
pub fn parse_zoom(text: &str) -> Result<u8, TilesError> {
    let got: u32 = text.parse().unwrap_or(u32::MAX);
    match u8::try_from(got) {
        Ok(zoom) if zoom <= ZOOM_MAX => Ok(zoom),
        _ => Err(TilesError::InvalidZoom {
            got: text.to_owned(),
        }),
    }
}
