//! What every protocol asks of the server: which version is meant, what it scores, how it fares.
//!
//! In: names, versions and images, already out of their messages. Out: answers image by image, or a
//! [`Failure`]. Never: any protocol's messages.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout_at,
};
use tonic::Code;

use super::{
    batcher::{Answer, Image, NotTaken, Refusal},
    failure::{Failure, code_name},
    metrics::Call,
    repository::{Entry, Repository, Served, VersionStatus},
};
use crate::http::bodies::Memory;

/// The largest request body or message that is read.
pub(super) const BODY_BYTES_MAX: usize = 64 << 20;
/// Bytes of all requests that are in work, over all protocols.
const HELD_BYTES_MAX: usize = 512 << 20;
/// Requests with images in work at once.
const REQUESTS_MAX: usize = 64;

/// The models and the bounds that all protocols share.
pub(super) struct Service {
    pub repository: Arc<Repository>,
    /// From a request's first byte to its answer.
    pub timeout: Duration,
    /// Where the metrics are; `None` for nowhere.
    pub metrics_path: Option<String>,
    pub memory: Memory,
    requests: Semaphore,
}

/// Which of a model's versions; none for the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VersionChoice {
    Number(u64),
    Label(String),
}

/// A loaded version and the model it belongs to.
pub(super) struct Found {
    pub entry: Arc<Entry>,
    pub served: Arc<Served>,
}

/// Until when a request is worth answering.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    started: Instant,
    patience: Duration,
}

impl Deadline {
    pub(super) fn after(patience: Duration) -> Self {
        Self {
            started: Instant::now(),
            patience,
        }
    }

    pub(super) fn at(self) -> Instant {
        self.started + self.patience
    }

    pub(super) fn left(self) -> Duration {
        self.at().saturating_duration_since(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }
}

impl Service {
    pub(super) fn new(
        repository: Arc<Repository>,
        timeout: Duration,
        metrics_path: Option<String>,
    ) -> Self {
        Self {
            repository,
            timeout,
            metrics_path,
            memory: Memory::new(HELD_BYTES_MAX),
            requests: Semaphore::new(REQUESTS_MAX),
        }
    }

    /// Room for one more request with images.
    pub(super) fn admit(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.requests.try_acquire().map_err(|_| {
            Failure::unavailable(format!(
                "{REQUESTS_MAX} requests are in work already; try again later"
            ))
        })
    }

    /// The version that a request means.
    pub(super) fn find(
        &self,
        model: &str,
        version: Option<&VersionChoice>,
    ) -> Result<Found, Failure> {
        let missing = |version: String| {
            let here: Vec<_> = self
                .repository
                .entries()
                .iter()
                .flat_map(served_as)
                .collect();
            Failure::new(
                Code::NotFound,
                format!(
                    "Servable not found for request: {version}; served here: {}",
                    here.join(", ")
                ),
            )
        };
        let specific = |number: u64| missing(format!("Specific({model}, {number})"));
        let number = match version {
            None => None,
            Some(VersionChoice::Number(number)) => Some(*number),
            Some(VersionChoice::Label(label)) => Some(self.labelled(model, label)?),
        };
        let entry = self.repository.entry(model).ok_or_else(|| match number {
            Some(number) => specific(number),
            None => missing(format!("Latest({model})")),
        })?;
        let served = match number {
            None => entry.current(),
            Some(number) => entry.version(number).ok_or_else(|| specific(number))?,
        };
        Ok(Found {
            entry: Arc::clone(entry),
            served,
        })
    }

    /// The version that a label names.
    fn labelled(&self, model: &str, label: &str) -> Result<u64, Failure> {
        let entry = self.repository.entry(model);
        entry
            .and_then(|entry| entry.folder.labels.get(label).copied())
            .ok_or_else(|| {
                let known: Vec<_> = entry
                    .iter()
                    .flat_map(|entry| entry.folder.labels.keys())
                    .map(String::as_str)
                    .collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                Failure::invalid(format!(
                    "Unrecognized servable version label: {label}; labels of {model}: {known}"
                ))
            })
    }

    /// How the versions of a model fare, or the one that was asked for.
    pub(super) fn statuses(
        &self,
        model: &str,
        version: Option<&VersionChoice>,
    ) -> Result<BTreeMap<u64, VersionStatus>, Failure> {
        let not_found = |text| Failure::new(Code::NotFound, text);
        let entry = self
            .repository
            .entry(model)
            .ok_or_else(|| not_found(format!("Could not find any versions of model {model}")))?;
        let mut versions = entry.versions();
        let number = match version {
            None => return Ok(versions),
            Some(VersionChoice::Label(label)) => self.labelled(model, label)?,
            Some(VersionChoice::Number(number)) => *number,
        };
        let status = versions.remove(&number).ok_or_else(|| {
            not_found(format!("Could not find version {number} of model {model}"))
        })?;
        Ok([(number, status)].into())
    }

    /// Scores images; the answers are in their order.
    pub(super) async fn classify(
        &self,
        found: &Found,
        images: Vec<Image>,
        deadline: Deadline,
    ) -> Result<Vec<Answer>, Failure> {
        let count = images.len();
        let model = &found.entry.folder.name;
        self.repository.metrics.note_images(model, count);
        let mut receiver = found.served.batcher.submit(images, deadline.at()).map_err(
            |refused| match refused {
                NotTaken::Full => Failure::unavailable(format!(
                    "the queue of model {model} is full; try again later"
                )),
                NotTaken::TooMany { images_max } => Failure::invalid(format!(
                    "Task size {count} is larger than maximum input batch size {images_max}; \
                     send fewer images at once, or set enable_large_batch_splitting"
                )),
            },
        )?;
        let mut answers: Vec<Option<Answer>> = vec![None; count];
        for _ in 0..count {
            // A closed channel is a request that waited too long and was dropped.
            let (position, result) = timeout_at(deadline.at().into(), receiver.recv())
                .await
                .ok()
                .flatten()
                .ok_or_else(|| late(deadline))?;
            match result {
                Ok(answer) => answers[position] = Some(answer),
                Err(Refusal::Undecodable(reason)) => {
                    return Err(Failure::invalid(format!(
                        "element {position} of {count} is not a usable image: {reason}"
                    )));
                }
                Err(Refusal::Failed(reason)) => return Err(Failure::internal(reason)),
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Counts a request with images and its outcome.
    pub(super) fn note<T>(
        &self,
        model: &str,
        call: Call,
        deadline: Deadline,
        outcome: &Result<T, Failure>,
    ) {
        // A client's text never becomes a label.
        if self.repository.entry(model).is_none() {
            return;
        }
        let (code, text) = match outcome {
            Ok(_) => (Code::Ok, ""),
            Err(failure) => (failure.code, failure.text.as_str()),
        };
        let status = code_name(code);
        let took = deadline.elapsed();
        let Call { api, entrypoint } = call;
        tracing::debug!(
            model,
            api,
            entrypoint,
            status,
            took_ms = took.as_millis() as u64,
            text,
            "answered"
        );
        self.repository.metrics.note(model, call, status, took);
    }
}

fn served_as(entry: &Arc<Entry>) -> Vec<String> {
    let name = &entry.folder.name;
    let versions = entry.available();
    versions
        .iter()
        .map(|version| format!("{name}/{version}"))
        .collect()
}

fn late(deadline: Deadline) -> Failure {
    Failure::new(
        Code::DeadlineExceeded,
        format!(
            "not answered within {} s; send fewer images at once, or allow more time: \
             the server's rest_api_timeout_in_ms, or a gRPC client's own deadline",
            deadline.patience.as_secs_f32()
        ),
    )
}
