//! Dynamic batching: images of many requests, classified together.
//!
//! In: requests of any number of images, encoded or as pixels. Out: for each image the model's outputs or why
//! there are none. Requests take turns image by image, so a bulk client does not keep a single one
//! waiting, and a request larger than a batch is split by itself.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Batching, ServeError, metrics::ModelMetrics};
use crate::{
    causes,
    image::{self, RGB_BYTES},
    predict::{Batch, Classifier, Model, Predictions},
};

/// An image as a client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// A file's bytes.
    Encoded(Bytes),
    /// [`RGB_BYTES`] bytes: 256×256 pixels, RGB8, rows top-down.
    Rgb8(Bytes),
}

/// An image's answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// The probability of the positive classes.
    pub score: f32,
    /// One number a class.
    pub outputs: Vec<f32>,
    /// The attribution grid's cells, rows top-down; empty where the model has none.
    pub attribution: Vec<f32>,
}

/// Why an image has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The image is at fault.
    Undecodable(String),
    /// The model is.
    Failed(String),
}

/// The position of an image in its request, and its answer.
pub(super) type Answered = (usize, Result<Answer, Refusal>);

/// Why a request was not put in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Full,
    /// It holds more images than a request may.
    TooMany {
        images_max: usize,
    },
}

/// The threads of one loaded version. Dropping it lets them finish what waits.
pub(super) struct Batcher {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    batching: Batching,
    metrics: ModelMetrics,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Waiting>,
    images: usize,
    closed: bool,
}

struct Waiting {
    since: Instant,
    images: std::iter::Enumerate<std::vec::IntoIter<Image>>,
    deadline: Instant,
    answers: UnboundedSender<Answered>,
}

struct Job {
    /// When its request was put in the queue.
    since: Instant,
    position: usize,
    image: Image,
    answers: UnboundedSender<Answered>,
}

impl Batcher {
    /// Opens the model's classifiers and starts a thread for each.
    pub(super) fn start(
        model: &dyn Model,
        batching: Batching,
        metrics: ModelMetrics,
    ) -> Result<Self, ServeError> {
        let batcher = Self {
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                changed: Condvar::new(),
                batching,
                metrics,
            }),
        };
        for _ in 0..model.workers().max(1) {
            let classifier = model.classifier()?;
            let shared = Arc::clone(&batcher.shared);
            thread::Builder::new()
                .name("classify".into())
                .spawn(move || work(&shared, classifier))
                .map_err(ServeError::Thread)?;
        }
        Ok(batcher)
    }

    /// Puts a request's images in the queue. A request larger than the whole queue is taken when
    /// nothing else waits.
    pub(super) fn submit(
        &self,
        images: Vec<Image>,
        deadline: Instant,
    ) -> Result<UnboundedReceiver<Answered>, NotTaken> {
        let batching = &self.shared.batching;
        if let Some(images_max) = batching.request_images_max
            && images.len() > images_max
        {
            return Err(NotTaken::TooMany { images_max });
        }
        let (answers, receiver) = unbounded_channel();
        let mut queue = self.shared.lock();
        if queue.images > 0 && queue.images + images.len() > batching.queue_images_max {
            return Err(NotTaken::Full);
        }
        self.shared.metrics.note_queued(images.len());
        queue.images += images.len();
        queue.requests.push_back(Waiting {
            since: Instant::now(),
            images: images.into_iter().enumerate(),
            deadline,
            answers,
        });
        drop(queue);
        self.shared.changed.notify_all();
        Ok(receiver)
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No panic happens while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for images and takes at most `size`; `None` when the batcher is closed and empty.
    fn take(&self, size: usize) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        let mut jobs = Vec::with_capacity(size);
        loop {
            self.take_from(&mut queue, &mut jobs, size);
            if !jobs.is_empty() {
                break;
            }
            if queue.closed {
                return None;
            }
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let full_by = Instant::now() + self.batching.linger;
        while jobs.len() < size && !queue.closed {
            let left = full_by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = self
                .changed
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            self.take_from(&mut queue, &mut jobs, size);
        }
        Some(jobs)
    }

    fn take_from(&self, queue: &mut Queue, jobs: &mut Vec<Job>, size: usize) {
        let before = queue.images;
        queue.take_into(jobs, size);
        self.metrics.note_taken(before - queue.images);
    }
}

impl Queue {
    /// Takes one image of each request in turn. Requests that are late or whose client has gone
    /// are dropped.
    fn take_into(&mut self, jobs: &mut Vec<Job>, size: usize) {
        let now = Instant::now();
        while jobs.len() < size {
            let Some(mut request) = self.requests.pop_front() else {
                return;
            };
            if request.answers.is_closed() || request.deadline <= now {
                self.images -= request.images.len();
                continue;
            }
            let Some((position, image)) = request.images.next() else {
                continue;
            };
            self.images -= 1;
            jobs.push(Job {
                since: request.since,
                position,
                image,
                answers: request.answers.clone(),
            });
            if request.images.len() > 0 {
                self.requests.push_back(request);
            }
        }
    }
}

fn work(shared: &Shared, mut classifier: Box<dyn Classifier>) {
    let size = classifier.batch_size_max();
    let mut pixels = vec![0; size * RGB_BYTES];
    let mut predictions = Predictions::default();
    while let Some(jobs) = shared.take(size) {
        let mut decoded = Vec::with_capacity(jobs.len());
        for job in jobs {
            let slot = &mut pixels[decoded.len() * RGB_BYTES..][..RGB_BYTES];
            match read(&job.image, slot) {
                Ok(()) => decoded.push(job),
                Err(reason) => answer(&job, Err(Refusal::Undecodable(reason))),
            }
        }
        if decoded.is_empty() {
            continue;
        }
        let started = Instant::now();
        let batch = Batch::Rgb8(&pixels[..decoded.len() * RGB_BYTES]);
        // A panic in the engine costs these images their answers, not the server its thread.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            classifier.classify(batch, &mut predictions)
        }));
        let waited = decoded.iter().map(|job| started - job.since);
        shared.metrics.note_batch(waited, started.elapsed());
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(causes::on_one_line(&error)),
            Err(_) => Some("the engine panicked".to_owned()),
        };
        let count = decoded.len();
        let (classes, cells) = (
            predictions.outputs.len() / count,
            predictions.located.grids().len() / count,
        );
        for (row, job) in decoded.iter().enumerate() {
            let result = match &failure {
                Some(reason) => Err(Refusal::Failed(reason.clone())),
                None => Ok(Answer {
                    score: predictions.scores[row],
                    outputs: predictions.outputs[row * classes..][..classes].to_vec(),
                    attribution: predictions.located.grids()[row * cells..][..cells].to_vec(),
                }),
            };
            answer(job, result);
        }
    }
}

fn read(image: &Image, pixels: &mut [u8]) -> Result<(), String> {
    match image {
        Image::Encoded(payload) => image::decode(payload, pixels).map_err(|error| error.reason()),
        Image::Rgb8(given) if given.len() == pixels.len() => {
            pixels.copy_from_slice(given);
            Ok(())
        }
        Image::Rgb8(given) => Err(format!(
            "{} bytes of pixels (expected {})",
            given.len(),
            pixels.len()
        )),
    }
}

fn answer(job: &Job, result: Result<Answer, Refusal>) {
    // The client may have gone.
    let _ = job.answers.send((job.position, result));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn waiting(images: usize, queue: &mut Queue) -> UnboundedReceiver<Answered> {
        let (answers, receiver) = unbounded_channel();
        let image = |number: usize| Image::Encoded(Bytes::from(vec![number as u8]));
        queue.images += images;
        queue.requests.push_back(Waiting {
            images: (0..images)
                .map(image)
                .collect::<Vec<_>>()
                .into_iter()
                .enumerate(),
            since: Instant::now(),
            deadline: Instant::now() + Duration::from_secs(60),
            answers,
        });
        receiver
    }

    #[test]
    fn a_single_image_does_not_wait_behind_a_bulk_request() {
        let mut queue = Queue::default();
        let _bulk = waiting(100, &mut queue);
        let single = waiting(1, &mut queue);
        let mut jobs = Vec::new();
        queue.take_into(&mut jobs, 4);
        assert_eq!(jobs.len(), 4);
        assert_eq!(queue.images, 97);
        answer(&jobs[1], Err(Refusal::Failed("seen".into())));
        assert_eq!(single.len(), 1);
    }

    #[test]
    fn images_of_a_client_that_has_gone_are_dropped() {
        let mut queue = Queue::default();
        drop(waiting(100, &mut queue));
        let mut jobs = Vec::new();
        queue.take_into(&mut jobs, 4);
        assert!(jobs.is_empty());
        assert_eq!(queue.images, 0);
    }
}
