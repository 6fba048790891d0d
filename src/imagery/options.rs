//! What can be said about a source beside its name.

use std::path::PathBuf;

#[cfg(feature = "gdal")]
use super::raster::RasterOptions;
use super::{BodyHash, SourceDescription, http::Timing};

/// Settings of a source.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// Order of the rows in a folder's file names.
    pub scheme: Scheme,
    /// Credit to carry into every output, instead of what the source says itself.
    pub attribution: Option<String>,
    /// Where the provider's terms are to be read.
    pub terms: Option<String>,
    /// How to ask servers.
    pub http: HttpOptions,
    /// How a raster's bands become colours.
    #[cfg(feature = "gdal")]
    pub raster: RasterOptions,
}

/// Order of the rows in file names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Row 0 is in the north, as on nearly every web map.
    #[default]
    Xyz,
    /// Row 0 is in the south.
    Tms,
}

/// Settings of a source that is asked over HTTP.
#[derive(Clone, Debug, Default)]
pub struct HttpOptions {
    /// Requests under way at once; a safe default where absent.
    pub connections: Option<usize>,
    /// Requests a second at most; a safe default where absent, 0 for no limit.
    pub rate: Option<f64>,
    /// Header names and values sent with each request. Values are taken for secrets.
    pub headers: Vec<(String, String)>,
    /// MBTiles file that keeps what was fetched.
    pub cache: Option<PathBuf>,
    /// Response headers that mean "no imagery here".
    pub no_imagery_headers: Vec<(String, String)>,
    /// Bodies that mean "no imagery here".
    pub no_imagery_hashes: Vec<BodyHash>,
    /// Statuses that mean "no imagery here", besides 204, 404 and 410.
    pub no_imagery_statuses: Vec<u16>,
    /// A web or mail address for the server's people, sent in `User-Agent`.
    pub contact: Option<String>,
    /// Waits and limits.
    pub timing: Timing,
}

impl SourceOptions {
    /// The description with what the user said put over what the source said.
    pub(super) fn overlay(&self, mut description: SourceDescription) -> SourceDescription {
        if let Some(attribution) = &self.attribution {
            description.attribution.clone_from(attribution);
        }
        if let Some(terms) = &self.terms {
            description.terms = Some(terms.clone());
        }
        description
    }
}
