//! Models that servers run: `hvmap serve`, over TF Serving's REST interface.
//!
//! In: URLs of one model at one or more servers, then batches of encoded images, sent as they are.
//! Out: the scores that the embedded session would give. Never: a guess about what outputs mean,
//! servers that do not hold the same model, or another version than the one found at the start.

mod answer;
mod endpoint;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use endpoint::{Endpoint, Pool, Reply};
use reqwest::Client;

use super::{
    Batch, Classifier, ImageForm, Model, ModelInfo, PredictError, Predictions,
    onnx::{Activation, ScoreRule, built_in_tiles},
};
use crate::image::{RGB_BYTES, encode_png};

/// Images in a request: some 500 KiB of base64.
const BATCH_SIZE: usize = 32;
/// Requests waiting for each server at most.
const REQUESTS_PER_ENDPOINT: usize = 8;
/// How long a batch looks for a server that answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// A server gives up after 30 s; this leaves it time to say so.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One model at one or more servers.
#[derive(Debug)]
pub struct RemoteModel {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    info: ModelInfo,
    rule: ScoreRule,
    /// Height times width of the attribution grid; 0 without one.
    cells: usize,
    pool: Pool,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl RemoteModel {
    /// Asks every server what it serves, compares, and tries each out.
    ///
    /// # Errors
    /// When a URL is malformed, a server does not answer or does not say what its outputs mean, or
    /// servers disagree.
    pub fn connect(urls: &[String]) -> Result<Self, PredictError> {
        // Installed by the program already, but not where the library is used alone.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = |reason: String| PredictError::Server {
            url: urls.join(", "),
            reason,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("model-http")
            .enable_all()
            .build()
            .map_err(|error| server(error.to_string()))?;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| server(error.to_string()))?;
        let mut first: Option<(answer::Described, &String)> = None;
        let mut endpoints = Vec::new();
        for url in urls {
            let (endpoint, described) = runtime.block_on(Endpoint::find(&client, url))?;
            match &first {
                Some((known, known_url)) if known.info.checksum != described.info.checksum => {
                    return Err(PredictError::Unusable {
                        model: url.clone(),
                        reason: format!(
                            "it serves another model than {known_url}: {} there, {} here",
                            known.info.checksum, described.info.checksum
                        ),
                        hint: Some("servers of one run must serve the same file".into()),
                    });
                }
                Some(_) => {}
                None => first = Some((described, url)),
            }
            endpoints.push(endpoint);
        }
        let Some((described, _)) = first else {
            return Err(server("no URL was given".into()));
        };
        let cells = described
            .info
            .attribution
            .as_ref()
            .map_or(0, |map| map.columns_px.len() * map.rows_px.len());
        let shared = Shared {
            info: described.info,
            rule: ScoreRule {
                activation: Activation::None,
                positives: described.positives,
                combine: described.combine,
            },
            cells,
            pool: Pool::new(endpoints, REQUESTS_PER_ENDPOINT),
            client,
            runtime,
        };
        let tiles: Vec<Bytes> = built_in_tiles()
            .chunks(RGB_BYTES)
            .map(|tile| encode_png(tile).into())
            .collect();
        let body = request_body(&tiles, cells > 0);
        for endpoint in shared.pool.endpoints() {
            match shared.send(endpoint, body.clone(), tiles.len()) {
                Reply::Rows(_) => {}
                Reply::Busy { reason, .. }
                | Reply::Broken { reason }
                | Reply::Refused { reason }
                | Reply::BadBatch { reason } => {
                    return Err(PredictError::Server {
                        url: endpoint.url().to_owned(),
                        reason,
                    });
                }
            }
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
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
        ImageForm::Encoded
    }

    fn batch_size_max(&self) -> usize {
        BATCH_SIZE
    }

    fn classify(&mut self, batch: Batch<'_>, out: &mut Predictions) -> Result<(), PredictError> {
        let Batch::Encoded(images) = batch else {
            return Err(PredictError::WrongBatch {
                got: "pixels".into(),
                expected: "encoded images".into(),
            });
        };
        out.scores.clear();
        out.attribution.clear();
        out.outputs.clear();
        self.shared.classify(images, out)
    }
}

impl Shared {
    /// Classifies images at whichever server answers. A batch that a server calls bad is halved
    /// until the image at fault stands alone, without a score.
    fn classify(&self, images: &[Bytes], out: &mut Predictions) -> Result<(), PredictError> {
        let body = request_body(images, self.cells > 0);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lease = self.pool.lease(deadline)?;
            if lease.returns() {
                let found = self
                    .runtime
                    .block_on(Endpoint::find(&self.client, lease.endpoint().url()));
                match found {
                    Ok((_, described)) if described.info.checksum != self.info.checksum => {
                        return Err(PredictError::Unusable {
                            model: lease.endpoint().url().to_owned(),
                            reason: format!(
                                "it came back with another model: {} instead of {}",
                                described.info.checksum, self.info.checksum
                            ),
                            hint: None,
                        });
                    }
                    Ok(_) => {}
                    Err(error) => {
                        lease.broken(error.to_string());
                        continue;
                    }
                }
            }
            match self.send(lease.endpoint(), body.clone(), images.len()) {
                Reply::Rows(rows) => {
                    lease.answered();
                    for row in rows {
                        out.scores.push(self.rule.score(&row.outputs));
                        out.outputs.extend(row.outputs);
                        out.attribution.extend(row.attribution);
                    }
                    return Ok(());
                }
                Reply::BadBatch { reason } => {
                    lease.answered();
                    if images.len() == 1 {
                        tracing::debug!("a server refused an image: {reason}");
                        out.scores.push(f32::NAN);
                        out.outputs
                            .extend(std::iter::repeat_n(f32::NAN, self.info.classes.len()));
                        out.attribution
                            .extend(std::iter::repeat_n(f32::NAN, self.cells));
                        return Ok(());
                    }
                    let (left, right) = images.split_at(images.len() / 2);
                    self.classify(left, out)?;
                    return self.classify(right, out);
                }
                Reply::Refused { reason } => {
                    let url = lease.endpoint().url().to_owned();
                    lease.answered();
                    return Err(PredictError::Server { url, reason });
                }
                Reply::Busy { reason, wait } => lease.busy(reason, wait),
                Reply::Broken { reason } => lease.broken(reason),
            }
        }
    }

    fn send(&self, endpoint: &Endpoint, body: Bytes, images: usize) -> Reply {
        self.runtime.block_on(endpoint.predict(
            &self.client,
            body,
            images,
            self.info.classes.len(),
            self.cells,
        ))
    }
}

/// The row form. Base64 needs no escaping.
fn request_body(images: &[Bytes], localize: bool) -> Bytes {
    let size = images.iter().map(|image| image.len() * 4 / 3 + 40).sum();
    let mut body = String::with_capacity(size);
    body.push_str("{\"signature_name\":\"");
    body.push_str(if localize {
        "localize"
    } else {
        "serving_default"
    });
    body.push_str("\",\"instances\":[");
    for (position, image) in images.iter().enumerate() {
        if position > 0 {
            body.push(',');
        }
        body.push_str("{\"image_bytes\":{\"b64\":\"");
        BASE64_STANDARD.encode_string(image, &mut body);
        body.push_str("\"}}");
    }
    body.push_str("]}");
    body.into()
}
