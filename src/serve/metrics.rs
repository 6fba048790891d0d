//! Counts and times of a server, in Prometheus's text format.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Upper bounds of the latency histogram's buckets in seconds.
const LATENCY_BOUNDS_S: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What one model did.
#[derive(Debug, Default)]
pub(super) struct ModelMetrics {
    queued: AtomicUsize,
    batches: AtomicU64,
    images: AtomicU64,
    classify_ns: AtomicU64,
}

impl ModelMetrics {
    pub(super) fn set_queued(&self, images: usize) {
        self.queued.store(images, Ordering::Relaxed);
    }

    pub(super) fn note_batch(&self, images: usize, took: Duration) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.images.fetch_add(images as u64, Ordering::Relaxed);
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.classify_ns.fetch_add(ns, Ordering::Relaxed);
    }
}

/// Requests by model and status, and how long they took.
#[derive(Debug, Default)]
pub(super) struct RequestMetrics {
    counts: Mutex<BTreeMap<(String, &'static str), u64>>,
    latency: [AtomicU64; LATENCY_BOUNDS_S.len() + 1],
    latency_ns: AtomicU64,
}

impl RequestMetrics {
    /// Notes a prediction request's answer; `model` is one that is served, never a client's text.
    pub(super) fn note(&self, model: &str, status: &'static str, took: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((model.to_owned(), status)).or_default() += 1;
        drop(counts);
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS_S
            .iter()
            .position(|&bound| seconds <= bound)
            .unwrap_or(LATENCY_BOUNDS_S.len());
        self.latency[bucket].fetch_add(1, Ordering::Relaxed);
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.latency_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Everything as text; writing to a string cannot fail.
    pub(super) fn render<'a>(
        &self,
        models: impl Iterator<Item = (&'a str, Arc<ModelMetrics>)>,
    ) -> String {
        let mut text = String::from("# TYPE :tensorflow:serving:request_count counter\n");
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for ((model, status), count) in counts.iter() {
            let _ = writeln!(
                text,
                ":tensorflow:serving:request_count{{model_name={model:?},status={status:?}}} \
                 {count}"
            );
        }
        drop(counts);
        text.push_str("# TYPE hvmap_request_seconds histogram\n");
        let mut sum = 0;
        for (bucket, count) in self.latency.iter().enumerate() {
            sum += count.load(Ordering::Relaxed);
            let bound = LATENCY_BOUNDS_S
                .get(bucket)
                .map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(text, "hvmap_request_seconds_bucket{{le=\"{bound}\"}} {sum}");
        }
        let seconds = self.latency_ns.load(Ordering::Relaxed) as f64 / 1e9;
        let _ = writeln!(
            text,
            "hvmap_request_seconds_sum {seconds}\nhvmap_request_seconds_count {sum}"
        );
        for (name, model) in models {
            let queued = model.queued.load(Ordering::Relaxed);
            let batches = model.batches.load(Ordering::Relaxed);
            let images = model.images.load(Ordering::Relaxed);
            let seconds = model.classify_ns.load(Ordering::Relaxed) as f64 / 1e9;
            let _ = writeln!(
                text,
                "hvmap_queued_images{{model_name={name:?}}} {queued}\n\
                 hvmap_batches_total{{model_name={name:?}}} {batches}\n\
                 hvmap_images_total{{model_name={name:?}}} {images}\n\
                 hvmap_classify_seconds_total{{model_name={name:?}}} {seconds}"
            );
        }
        text
    }
}
