//! `--imagery` and what can be said about it.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum, ValueHint};

use super::{CliError, hints::imagery::explain};
#[cfg(feature = "gdal")]
use crate::imagery::raster::{RasterOptions, Stretch};
use crate::imagery::{
    BodyHash, HttpOptions, ImagerySource, Scheme, SourceOptions,
    http::{RATE_MIN, Timing},
    open,
};
use crate::run::Imagery;

/// Where the imagery comes from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Imagery")]
pub struct ImageryArgs {
    /// Where tile images come from
    ///
    /// An http(s) template:   https://host/{z}/{x}/{y}.jpg (also {zoom} {-y} {!y} {q} {s}
    ///                        {switch:a,b,c} {env:KEY} {header(Name,Value)}, and for WMS {bbox}
    ///                        {proj} {width} {height}; @2x in it means 512-pixel tiles)
    /// A folder:              {z}/{x}/{y}.jpg, x-y-z.jpg or z-x-y.jpg below it
    /// An MBTiles file:       country.mbtiles
    /// A raster:              whatever GDAL opens: GeoTIFF, COG, VRT …
    /// The synthetic world:   synthetic:SEED or synthetic:SEED/STYLE
    #[arg(long, value_name = "SRC", verbatim_doc_comment)]
    pub imagery: Option<String>,

    #[command(flatten)]
    pub settings: ImagerySettings,
}

/// What can be said about imagery beside its name.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Imagery")]
pub struct ImagerySettings {
    /// Order of the rows in a folder's file names: from the north (xyz) or the south (tms)
    #[arg(long, value_name = "SCHEME", value_enum, default_value_t)]
    pub imagery_scheme: SchemeName,

    /// Bands of a raster to show as red, green and blue, or one as grey, counted from 1
    #[cfg(feature = "gdal")]
    #[arg(long, value_name = "R,G,B", value_delimiter = ',')]
    pub imagery_bands: Option<Vec<usize>>,

    /// Values of a raster that become 0 and 255, such as 0,2047: once, or once a band
    /// [default: measured on the raster; bytes are taken as they are]
    #[cfg(feature = "gdal")]
    #[arg(long, value_name = "MIN,MAX")]
    pub imagery_stretch: Option<Vec<Stretch>>,

    /// Requests a second at most, all connections together; 0 for no limit
    /// [default: 10; no limit for a server on this machine]
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    pub rate: Option<f64>,

    /// Requests under way at once [default: 4; 16 for a server on this machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub connections: Option<u16>,

    /// Header to send with each request, as 'Name: Value'; {env:KEY} in the value is taken from the
    /// environment. May be repeated
    #[arg(long = "header", value_name = "HEADER", value_parser = parse_header)]
    pub headers: Vec<Pair>,

    /// MBTiles file that keeps what was fetched, so that it is never asked for again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cache: Option<PathBuf>,

    /// Response header that means "no imagery here", as NAME=VALUE. May be repeated
    /// (X-VE-Tile-Info=no-tile is built in)
    #[arg(long = "no-imagery-header", value_name = "NAME=VALUE", value_parser = parse_header)]
    pub no_imagery_headers: Vec<Pair>,

    /// Hash of an image that means "no imagery here", as sha256:HEX or md5:HEX. May be repeated
    #[arg(long = "no-imagery-hash", value_name = "HASH", value_parser = BodyHash::from_str)]
    pub no_imagery_hashes: Vec<BodyHash>,

    /// Status that means "no imagery here", such as 403 from stores that answer so where they hold
    /// no tile. May be repeated (204, 404 and 410 are built in)
    #[arg(long = "no-imagery-status", value_name = "CODE",
          value_parser = clap::value_parser!(u16).range(400..=599))]
    pub no_imagery_statuses: Vec<u16>,

    /// Web or mail address by which the server's people can reach you; sent in User-Agent
    #[arg(long, value_name = "ADDRESS", value_parser = parse_contact)]
    pub contact: Option<String>,

    /// Credit for the imagery, carried into every output
    #[arg(long, value_name = "TEXT")]
    pub attribution: Option<String>,

    /// Address of the imagery's terms of use, recorded with the run
    #[arg(long, value_name = "URL")]
    pub terms: Option<String>,
}

/// Order of the rows in file names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemeName {
    /// Row 0 is in the north, as on nearly every web map.
    #[default]
    Xyz,
    /// Row 0 is in the south.
    Tms,
}

impl From<SchemeName> for Scheme {
    fn from(name: SchemeName) -> Self {
        match name {
            SchemeName::Xyz => Self::Xyz,
            SchemeName::Tms => Self::Tms,
        }
    }
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

impl ImagerySettings {
    /// The settings in the form that sources take.
    #[must_use]
    pub fn options(&self) -> SourceOptions {
        let pairs = |pairs: &[Pair]| {
            pairs
                .iter()
                .map(|pair| (pair.name.clone(), pair.value.clone()))
                .collect()
        };
        SourceOptions {
            scheme: self.imagery_scheme.into(),
            attribution: self.attribution.clone(),
            terms: self.terms.clone(),
            http: HttpOptions {
                connections: self.connections.map(usize::from),
                rate: self.rate,
                headers: pairs(&self.headers),
                cache: self.cache.clone(),
                no_imagery_headers: pairs(&self.no_imagery_headers),
                no_imagery_hashes: self.no_imagery_hashes.clone(),
                no_imagery_statuses: self.no_imagery_statuses.clone(),
                contact: self.contact.clone(),
                timing: Timing::default(),
            },
            #[cfg(feature = "gdal")]
            raster: RasterOptions {
                stretch: self.imagery_stretch.clone(),
                bands: self.imagery_bands.clone(),
            },
        }
    }

    /// Opens a source with these settings.
    ///
    /// # Errors
    /// As [`crate::imagery::open`], with what to do about it.
    pub fn open(&self, spec: &str) -> Result<Box<dyn ImagerySource>, CliError> {
        open(spec, &self.options()).map_err(explain)
    }

    /// Opens the imagery of a run.
    ///
    /// # Errors
    /// As [`ImagerySettings::open`].
    pub fn for_run(&self, spec: &str) -> Result<Imagery, CliError> {
        Imagery::open(spec, &self.options()).map_err(explain)
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| *rate == 0.0 || (rate.is_finite() && *rate >= RATE_MIN))
        .ok_or_else(|| {
            format!("expected requests a second, at least {RATE_MIN}, or 0 for no limit")
        })
}

/// Reads `Name: Value` or `NAME=VALUE`, whichever separator comes first.
fn parse_header(text: &str) -> Result<Pair, String> {
    let (name, value) = text
        .split_once([':', '='])
        .ok_or("expected 'Name: Value' or NAME=VALUE")?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(format!("{name:?} is no header name"));
    }
    Ok(Pair {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

fn parse_contact(text: &str) -> Result<String, String> {
    if text.is_ascii() && !text.contains(|c: char| c.is_ascii_control()) {
        Ok(text.to_owned())
    } else {
        Err("expected plain ASCII, such as https://example.org or me@example.org".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        imagery: ImageryArgs,
    }

    fn parse(arguments: &[&str]) -> Result<ImageryArgs, clap::Error> {
        Command::try_parse_from(std::iter::once("test").chain(arguments.iter().copied()))
            .map(|command| command.imagery)
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        let options = parse(&[]).unwrap().settings.options();
        assert_eq!(options.http.rate, None);
        assert_eq!(options.scheme, Scheme::Xyz);
    }

    #[test]
    fn everything_said_reaches_the_source() {
        let options = parse(&[
            "--imagery-scheme",
            "tms",
            "--rate",
            "2.5",
            "--connections",
            "3",
            "--header",
            "Referer: https://example.org/",
            "--no-imagery-header",
            "ETag=10a",
            "--no-imagery-hash",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "--no-imagery-status",
            "403",
        ])
        .unwrap()
        .settings
        .options();
        assert_eq!(options.scheme, Scheme::Tms);
        assert_eq!(options.http.rate, Some(2.5));
        assert_eq!(options.http.connections, Some(3));
        let referer = ("Referer".to_owned(), "https://example.org/".to_owned());
        assert_eq!(options.http.headers, [referer]);
        let etag = ("ETag".to_owned(), "10a".to_owned());
        assert_eq!(options.http.no_imagery_headers, [etag]);
        assert!(matches!(
            options.http.no_imagery_hashes[..],
            [BodyHash::Md5(_)]
        ));
        assert_eq!(options.http.no_imagery_statuses, [403]);
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in [
            ["--rate", "-1"],
            ["--rate", "NaN"],
            ["--rate", "1e-20"],
            ["--no-imagery-status", "200"],
            ["--connections", "0"],
            ["--header", "nothing"],
            ["--header", "bad name: x"],
            ["--no-imagery-hash", "md5:12"],
        ] {
            assert!(parse(&arguments).is_err(), "{arguments:?}");
        }
    }
}
