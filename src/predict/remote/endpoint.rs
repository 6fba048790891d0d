//! Servers: one request, and which server gets the next.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Response, StatusCode, header};

use super::answer::{self, Described, Row};
use crate::predict::PredictError;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The longest that a server is left alone.
const REST_MAX: Duration = Duration::from_secs(10);

/// One server's model, at the version found at the start.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// As given.
    url: String,
    predict: String,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Reply {
    Rows(Vec<Row>),
    /// The server says that the images are at fault.
    BadBatch {
        reason: String,
    },
    /// No server would say otherwise.
    Refused {
        reason: String,
    },
    /// Worth another try, later or elsewhere.
    Busy {
        reason: String,
        wait: Option<Duration>,
    },
    /// The server does not work.
    Broken {
        reason: String,
    },
}

impl Endpoint {
    /// Finds out what is served at a URL.
    pub(super) async fn find(
        client: &Client,
        url: &str,
    ) -> Result<(Self, Described), PredictError> {
        let server = |reason: String| PredictError::Server {
            url: url.to_owned(),
            reason,
        };
        let base = url.strip_suffix(":predict").unwrap_or(url);
        let base = base.trim_end_matches('/');
        if !base.contains("/v1/models/") {
            return Err(PredictError::Unusable {
                model: url.to_owned(),
                reason: "its URL names no model".into(),
                hint: Some("expected http://HOST:8501/v1/models/NAME".into()),
            });
        }
        let response = client
            .get(format!("{base}/metadata"))
            .send()
            .await
            .map_err(|error| server(chain(error)))?;
        let status = response.status();
        let body = read(response).await.map_err(server)?;
        if status != StatusCode::OK {
            return Err(server(refusal(status, &body)));
        }
        let described = answer::describe(&body).map_err(|reason| PredictError::Unusable {
            model: url.to_owned(),
            reason,
            hint: Some(
                "only `hvmap serve` can be asked so far; package the model and serve it with that"
                    .into(),
            ),
        })?;
        let model = match base.find("/versions/") {
            Some(end) => &base[..end],
            None => base,
        };
        let endpoint = Self {
            url: url.to_owned(),
            predict: format!("{model}/versions/{}:predict", described.version),
        };
        Ok((endpoint, described))
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for so many images' predictions.
    pub(super) async fn predict(
        &self,
        client: &Client,
        body: Bytes,
        images: usize,
        classes: usize,
        cells: usize,
    ) -> Reply {
        let request = client
            .post(&self.predict)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Reply::Broken {
                    reason: chain(error),
                };
            }
        };
        let status = response.status();
        let wait = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = match read(response).await {
            Ok(body) => body,
            Err(reason) => return Reply::Broken { reason },
        };
        match status {
            StatusCode::OK => match answer::rows(&body, images, classes, cells) {
                Ok(rows) => Reply::Rows(rows),
                Err(reason) => Reply::Broken { reason },
            },
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Reply::BadBatch {
                reason: refusal(status, &body),
            },
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Reply::Busy {
                reason: refusal(status, &body),
                wait,
            },
            status if status.is_server_error() => Reply::Broken {
                reason: refusal(status, &body),
            },
            status => Reply::Refused {
                reason: refusal(status, &body),
            },
        }
    }
}

async fn read(mut response: Response) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(chain)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!(
                "its answer is larger than {} MiB",
                ANSWER_BYTES_MAX >> 20
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A status with the server's own words, if it has any.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|json| json["error"].as_str().map(str::to_owned));
    match error {
        Some(error) => format!("status {}: {error}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    }
}

fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The servers, each with what it bears.
#[derive(Debug)]
pub(super) struct Pool {
    endpoints: Vec<Endpoint>,
    loads: Mutex<Vec<Load>>,
    changed: Condvar,
    requests_max: f64,
}

#[derive(Debug)]
struct Load {
    in_flight: usize,
    /// Requests that it bears at once: one more after each round of answers, half when it is busy.
    limit: f64,
    rests_until: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    reason: String,
}

impl Pool {
    pub(super) fn new(endpoints: Vec<Endpoint>, requests_max: usize) -> Self {
        let loads = endpoints
            .iter()
            .map(|_| Load {
                in_flight: 0,
                limit: 2.0,
                rests_until: None,
                failures: 0,
                reason: String::new(),
            })
            .collect();
        Self {
            endpoints,
            loads: Mutex::new(loads),
            changed: Condvar::new(),
            requests_max: requests_max as f64,
        }
    }

    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Load>> {
        // No panic happens while it is held.
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a server with room, the one with the fewest requests open first.
    pub(super) fn lease(&self, deadline: Instant) -> Result<Lease<'_>, PredictError> {
        let mut loads = self.lock();
        loop {
            let now = Instant::now();
            let free = loads
                .iter()
                .enumerate()
                .filter(|(_, load)| {
                    load.rests_until.is_none_or(|until| until <= now)
                        // One request finds out whether a server is back.
                        && (load.in_flight as f64) < if load.failures > 0 { 1.0 } else { load.limit }
                })
                .min_by_key(|(_, load)| load.in_flight)
                .map(|(position, _)| position);
            if let Some(position) = free {
                loads[position].in_flight += 1;
                return Ok(Lease {
                    pool: self,
                    position,
                    returns: loads[position].failures > 0,
                });
            }
            if now >= deadline {
                let urls: Vec<&str> = self.endpoints.iter().map(Endpoint::url).collect();
                let reason = loads
                    .iter()
                    .map(|load| load.reason.as_str())
                    .find(|reason| !reason.is_empty())
                    .unwrap_or("no answer");
                return Err(PredictError::Server {
                    url: urls.join(", "),
                    reason: reason.to_owned(),
                });
            }
            let wake = loads
                .iter()
                .filter_map(|load| load.rests_until)
                .filter(|until| *until > now)
                .chain([deadline])
                .min()
                .unwrap_or(deadline);
            loads = self
                .changed
                .wait_timeout(loads, wake - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// Leave for one request; dropping it without a verdict counts as an answer.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    position: usize,
    returns: bool,
}

impl Lease<'_> {
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.pool.endpoints[self.position]
    }

    /// Whether the server failed the last time.
    pub(super) fn returns(&self) -> bool {
        self.returns
    }

    pub(super) fn answered(self) {
        let mut loads = self.pool.lock();
        let load = &mut loads[self.position];
        load.failures = 0;
        load.limit = (load.limit + 1.0 / load.limit).min(self.pool.requests_max);
    }

    pub(super) fn busy(self, reason: String, wait: Option<Duration>) {
        let mut loads = self.pool.lock();
        let load = &mut loads[self.position];
        load.limit = (load.limit / 2.0).max(1.0);
        load.reason = reason;
        let wait = wait.unwrap_or(Duration::from_millis(500)).min(REST_MAX);
        load.rests_until = Some(Instant::now() + wait);
    }

    pub(super) fn broken(self, reason: String) {
        let url = self.endpoint().url();
        tracing::warn!("the model server {url} failed: {reason}");
        let mut loads = self.pool.lock();
        let load = &mut loads[self.position];
        load.failures += 1;
        load.limit = 2.0;
        load.reason = reason;
        let rest = Duration::from_millis(250 << load.failures.min(6)).min(REST_MAX);
        load.rests_until = Some(Instant::now() + rest);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.lock()[self.position].in_flight -= 1;
        self.pool.changed.notify_all();
    }
}
