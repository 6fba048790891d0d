//! Models that servers run, over TF Serving's protocol and the Open Inference Protocol, each by REST
//! and by gRPC.
//!
//! `tf_serving` and `open_inference` know what a protocol says, `http` and `grpc` how bytes
//! travel, and the four files that are named by both put them together.
//!
//! In: URLs of one model at one or more servers, then batches of encoded images, sent as they are.
//! Out: the scores that the embedded session would give. Never: a guess about what a model takes or
//! what its outputs mean (servers that do not say it need flags), servers that do not hold the same
//! model, or another version than the one found at the start.

mod answer;
mod described;
mod endpoint;
mod exchange;
mod facts;
mod grpc;
mod http;
mod identity;
mod model_url;
mod open_inference;
mod open_inference_grpc;
mod open_inference_rest;
mod pool;
mod reference;
mod settings;
mod tf_serving;
mod tf_serving_grpc;
mod tf_serving_rest;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use endpoint::{Endpoint, Known};
use exchange::{Images, Reply};
pub use identity::same_answers;
pub use model_url::is_server;
use pool::Pool;
pub use reference::Reference;
pub use settings::RemoteSettings;

use super::{
    Batch, Classifier, ImageForm, Model, ModelInfo, PredictError, Predictions,
    onnx::{ScoreRule, built_in_tiles},
};
use crate::image::{RGB_BYTES, encode_png};

/// Images in a request: some 500 KiB of base64.
const BATCH_SIZE: usize = 32;
/// Requests waiting for each server at most.
const REQUESTS_PER_ENDPOINT: usize = 8;
/// How often a server that works may fail on the same images before they are given up.
const FAILURES_PER_BATCH_MAX: usize = 3;

/// One model at one or more servers.
#[derive(Debug)]
pub struct RemoteModel {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: RemoteSettings,
    info: ModelInfo,
    rule: ScoreRule,
    /// Height times width of the attribution grid; 0 without one.
    cells: usize,
    form: ImageForm,
    trial: Vec<Bytes>,
    /// The most images that a server takes at once, as far as its refusals have told.
    images_max: AtomicUsize,
    pool: Pool,
    runtime: tokio::runtime::Runtime,
}

impl RemoteModel {
    /// Asks every server what it serves, tries each out on the built-in tiles, and compares.
    ///
    /// # Errors
    /// When a URL is malformed, a server does not answer, neither servers nor flags say what the
    /// outputs mean, or servers disagree.
    pub fn connect(urls: &[String], settings: &RemoteSettings) -> Result<Self, PredictError> {
        // Installed by the program already, but not where the library is used alone.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = |reason: String| PredictError::Server {
            url: urls.join(", "),
            reason: reason.into(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("model-http")
            .enable_all()
            .build()
            .map_err(|error| server(error.to_string()))?;
        let trial: Vec<Bytes> = built_in_tiles()
            .chunks(RGB_BYTES)
            .map(|tile| encode_png(tile).into())
            .collect();
        let mut endpoints = Vec::new();
        for url in urls {
            let endpoint = runtime.block_on(Endpoint::find(url, settings))?;
            let described = endpoint.known().described.clone();
            let classes = described.facts.as_ref().map(|facts| facts.classes.len());
            let answers = runtime
                .block_on(identity::answers(&endpoint, &described, &trial, classes))
                .map_err(|reason| endpoint.at().server(reason))?;
            endpoint.adopt(Known { described, answers });
            endpoints.push(endpoint);
        }
        let (info, rule) = identity::agree(&endpoints, settings)?;
        if let Some(reference) = &settings.reference {
            for endpoint in &endpoints {
                let described = &endpoint.known().described;
                runtime.block_on(identity::check(reference, endpoint, described, &rule))?;
            }
        }
        let all_take_pixels = endpoints
            .iter()
            .all(|endpoint| endpoint.known().described.input.form.is_pixels());
        Ok(Self {
            shared: Arc::new(Shared {
                settings: settings.clone(),
                cells: identity::cells(info.attribution.as_ref()),
                info,
                rule,
                form: if all_take_pixels {
                    ImageForm::Rgb8
                } else {
                    ImageForm::Encoded
                },
                trial,
                images_max: AtomicUsize::new(BATCH_SIZE),
                pool: Pool::new(endpoints, REQUESTS_PER_ENDPOINT, settings.patience),
                runtime,
            }),
        })
    }
}

/// What one server was found to serve, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub url: String,
    pub version: Option<String>,
    /// The input that takes images.
    pub input: String,
    /// What goes into it.
    pub takes: &'static str,
    /// The outputs that are read; none where the server does not name them.
    pub outputs: Vec<String>,
}

impl RemoteModel {
    /// The servers as they were found, in the order of their URLs.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        let endpoints = self.shared.pool.endpoints().iter();
        endpoints
            .map(|endpoint| {
                let described = endpoint.known().described.clone();
                let outputs = described.outputs;
                Served {
                    url: endpoint.url().to_owned(),
                    version: described.version,
                    takes: if described.input.form.is_pixels() {
                        "pixels"
                    } else {
                        "encoded images"
                    },
                    input: described.input.key,
                    outputs: [outputs.scores, outputs.attribution]
                        .into_iter()
                        .flatten()
                        .collect(),
                }
            })
            .collect()
    }
}

impl Model for RemoteModel {
    fn info(&self) -> &ModelInfo {
        &self.shared.info
    }

    fn workers(&self) -> usize {
        self.shared.pool.endpoints().len() * REQUESTS_PER_ENDPOINT
    }

    fn classifier(&self) -> Result<Box<dyn Classifier>, PredictError> {
        Ok(Box::new(RemoteClassifier {
            shared: Arc::clone(&self.shared),
        }))
    }
}

struct RemoteClassifier {
    shared: Arc<Shared>,
}

impl Classifier for RemoteClassifier {
    fn form(&self) -> ImageForm {
        self.shared.form
    }

    fn batch_size_max(&self) -> usize {
        BATCH_SIZE
    }

    fn classify(&mut self, batch: Batch<'_>, out: &mut Predictions) -> Result<(), PredictError> {
        out.clear();
        let images = match batch {
            Batch::Encoded(images) => Images::Encoded(images),
            Batch::Rgb8(pixels) => Images::Rgb8(pixels),
        };
        self.shared.classify(images, out)
    }
}

impl Shared {
    /// Classifies images at whichever server answers. A batch that a server calls bad is halved
    /// until the image at fault stands alone, without a score.
    fn classify(&self, images: Images<'_>, out: &mut Predictions) -> Result<(), PredictError> {
        if images.len() > self.images_max.load(Ordering::Relaxed) {
            let (left, right) = images.halves();
            self.classify(left, out)?;
            return self.classify(right, out);
        }
        let mut failures = 0;
        loop {
            let mut lease = self.pool.lease()?;
            let endpoint = lease.endpoint();
            let url = endpoint.url().to_owned();
            if lease.returns() {
                match self.identify_again(endpoint) {
                    Ok(()) => lease.proved(),
                    Err(PredictError::Server { reason, .. }) => {
                        lease.broken(reason.to_string());
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            match self.send(lease.endpoint(), images) {
                Reply::Rows(rows) => {
                    lease.answered();
                    for row in rows {
                        out.scores.push(self.rule.score(&row.outputs));
                        out.outputs.extend(row.outputs);
                        out.located.grids_mut().extend(row.attribution);
                    }
                    return Ok(());
                }
                Reply::BadBatch { reason } => {
                    lease.answered();
                    if images.len() == 1 {
                        tracing::debug!("{url} refused an image: {reason}");
                        self.score_nothing(out);
                        return Ok(());
                    }
                    let scored = out.scores.len();
                    let (left, right) = images.halves();
                    self.classify(left, out)?;
                    self.classify(right, out)?;
                    // No image was at fault, so there were too many of them.
                    if !out.scores[scored..].iter().any(|score| score.is_nan()) {
                        self.images_max
                            .fetch_min(images.len().div_ceil(2), Ordering::Relaxed);
                    }
                    return Ok(());
                }
                Reply::Gone { reason } => match self.identify_again(lease.endpoint()) {
                    // The same model under another version's number.
                    Ok(()) if failures < FAILURES_PER_BATCH_MAX => failures += 1,
                    Ok(()) => return Err(lease.endpoint().at().server(reason)),
                    Err(PredictError::Server { reason, .. }) => lease.broken(reason.to_string()),
                    Err(error) => return Err(error),
                },
                Reply::Refused { reason } => return Err(lease.endpoint().at().server(reason)),
                Reply::Busy { reason, wait } => lease.busy(reason, wait),
                Reply::Silent { reason } => lease.broken(reason),
                Reply::Failed { reason } => {
                    let reason = reason.to_string();
                    lease.broken(reason.clone());
                    failures += 1;
                    // By now the server has shown with other images that it works.
                    if failures == FAILURES_PER_BATCH_MAX {
                        return Err(PredictError::ImagesFailed { url, reason });
                    }
                }
            }
        }
    }

    fn score_nothing(&self, out: &mut Predictions) {
        out.scores.push(f32::NAN);
        out.outputs
            .extend(std::iter::repeat_n(f32::NAN, self.info.classes.len()));
        out.located
            .grids_mut()
            .extend(std::iter::repeat_n(f32::NAN, self.cells));
    }

    fn send(&self, endpoint: &Endpoint, images: Images<'_>) -> Reply {
        let known = endpoint.known();
        let classes = Some(self.info.classes.len());
        let asked = endpoint.predict(&known.described, images, classes, self.cells);
        self.runtime.block_on(asked)
    }

    /// Holds a server that failed, or lost its version, against what it served at the start.
    fn identify_again(&self, endpoint: &Endpoint) -> Result<(), PredictError> {
        let classes = self.info.classes.len();
        let found = self.runtime.block_on(identity::again(
            endpoint,
            &self.settings,
            &self.trial,
            classes,
        ))?;
        if let Some(reference) = &self.settings.reference {
            let checked = identity::check(reference, endpoint, &found.described, &self.rule);
            self.runtime.block_on(checked)?;
        }
        endpoint.adopt(found);
        Ok(())
    }
}
