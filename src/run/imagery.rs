//! The imagery of a run.

use std::sync::Arc;

use crate::{
    imagery::{self, HttpOptions, ImageryError, ImagerySource, SourceOptions},
    ledger::ImageryRecord,
};

/// A source of imagery, with what a run's record has to say of how it is asked.
#[derive(Clone)]
pub struct Imagery {
    pub(super) source: Arc<dyn ImagerySource>,
    /// What decides beside the name which answers count as imagery, sorted.
    rules: Vec<String>,
    /// Requests a second that the caller asked for.
    pub(super) rate: Option<f64>,
}

impl Imagery {
    /// Opens a source by its name: a URL template, a folder, a file, `synthetic:SEED`.
    ///
    /// # Errors
    /// As [`imagery::open`].
    pub fn open(spec: &str, options: &SourceOptions) -> Result<Self, ImageryError> {
        Ok(Self {
            source: Arc::from(imagery::open(spec, options)?),
            rules: rules(&options.http),
            rate: options.http.rate,
        })
    }

    /// Takes a source of the caller's own. Two runs are taken for runs over the same imagery where
    /// the names in [`ImagerySource::description`] are equal.
    #[must_use]
    pub fn of(source: Arc<dyn ImagerySource>) -> Self {
        Self {
            source,
            rules: Vec::new(),
            rate: None,
        }
    }

    #[must_use]
    pub fn source(&self) -> &dyn ImagerySource {
        self.source.as_ref()
    }

    pub(super) fn record(&self) -> ImageryRecord {
        let description = self.source.description();
        ImageryRecord {
            name: description.name.clone(),
            attribution: description.attribution.clone(),
            terms: description.terms.clone(),
            synthetic: description.synthetic,
            rules: self.rules.clone(),
        }
    }
}

impl std::fmt::Debug for Imagery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Imagery")
            .field("source", self.source.description())
            .field("rules", &self.rules)
            .field("rate", &self.rate)
            .finish()
    }
}

/// The settings that decide what a server answers and which answers count as imagery. Of headers that
/// are sent only the names are told, since their values may be keys.
fn rules(http: &HttpOptions) -> Vec<String> {
    let headers = http
        .headers
        .iter()
        .map(|(name, _)| format!("header {name}"));
    let no_imagery = http
        .no_imagery_headers
        .iter()
        .map(|(name, value)| format!("no imagery where {name}: {value}"));
    let hashes = http
        .no_imagery_hashes
        .iter()
        .map(|hash| format!("no imagery is {hash:?}"));
    let statuses = http
        .no_imagery_statuses
        .iter()
        .map(|status| format!("no imagery at status {status}"));
    let mut rules: Vec<String> = headers
        .chain(no_imagery)
        .chain(hashes)
        .chain(statuses)
        .collect();
    rules.sort_unstable();
    rules
}
