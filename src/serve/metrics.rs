//! Counts and times of a server, in Prometheus's text format.
//!
//! What TF Serving has carries TF Serving's names, units and buckets; the rest begins with `hvmap_`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Microseconds up to some twenty minutes, as TF Serving has them.
static LATENCY_BOUNDS_US: LazyLock<Vec<f64>> =
    LazyLock::new(|| (0..33).map(|step| 10.0 * 1.8_f64.powi(step)).collect());
/// Images in a request or a batch, as TF Serving has the examples in a request.
static IMAGE_BOUNDS: LazyLock<Vec<f64>> =
    LazyLock::new(|| (0..15).map(|step| 2.0_f64.powi(step)).collect());

/// How many values were at most so large.
#[derive(Debug)]
struct Histogram {
    /// Rising.
    bounds: &'static [f64],
    /// One more than there are bounds; each value counts once.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    fn note(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    fn note_time(&mut self, took: Duration) {
        self.note(took.as_secs_f64() * 1e6);
    }

    /// Writes to a string, which cannot fail. `labels` is such as `model_name="half"`.
    fn render(&self, text: &mut String, name: &str, labels: &str) {
        let mut count = 0;
        for (bucket, more) in self.counts.iter().enumerate() {
            count += more;
            let bound = self
                .bounds
                .get(bucket)
                .map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", self.sum);
        let _ = writeln!(text, "{name}_count{{{labels}}} {count}");
    }
}

/// What one model did.
#[derive(Debug)]
pub(super) struct ModelMetrics {
    queued: AtomicUsize,
    batches: Mutex<Batches>,
}

#[derive(Debug)]
struct Batches {
    images: Histogram,
    queuing: Histogram,
    runtime: Histogram,
}

impl Default for ModelMetrics {
    fn default() -> Self {
        Self {
            queued: AtomicUsize::new(0),
            batches: Mutex::new(Batches {
                images: Histogram::new(&IMAGE_BOUNDS),
                queuing: Histogram::new(&LATENCY_BOUNDS_US),
                runtime: Histogram::new(&LATENCY_BOUNDS_US),
            }),
        }
    }
}

impl ModelMetrics {
    /// So many images wait from now on.
    pub(super) fn note_queued(&self, images: usize) {
        self.queued.fetch_add(images, Ordering::Relaxed);
    }

    /// So many wait no longer.
    pub(super) fn note_taken(&self, images: usize) {
        self.queued.fetch_sub(images, Ordering::Relaxed);
    }

    /// A batch was classified, whose images had waited so long each.
    pub(super) fn note_batch(&self, waited: impl Iterator<Item = Duration>, took: Duration) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut images = 0;
        for waited in waited {
            batches.queuing.note_time(waited);
            images += 1;
        }
        batches.images.note(f64::from(images));
        batches.runtime.note_time(took);
    }

    fn render(&self, text: &mut String, name: &str) {
        let queued = self.queued.load(Ordering::Relaxed);
        let labels = format!("model_name={name:?}");
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(text, "hvmap_queued_images{{{labels}}} {queued}");
        batches.images.render(text, "hvmap_batch_images", &labels);
        batches.queuing.render(
            text,
            ":tensorflow:serving:batching_session:queuing_latency",
            &labels,
        );
        let runtime = format!("{labels},API=\"Predict\",runtime=\"ONNX Runtime\"");
        batches
            .runtime
            .render(text, ":tensorflow:serving:runtime_latency", &runtime);
    }
}

/// Through which door a request came, in TF Serving's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    /// `Predict`, `Classify`, `Regress`; `ModelInfer` of the Open Inference Protocol.
    pub api: &'static str,
    /// `REST` or `GRPC`.
    pub entrypoint: &'static str,
}

/// Requests with images: how many, of what outcome and size, and how long they took.
#[derive(Debug, Default)]
pub(super) struct RequestMetrics {
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    /// By model and status.
    counts: BTreeMap<(String, &'static str), u64>,
    latency: BTreeMap<(String, Call), Histogram>,
    images: BTreeMap<String, Histogram>,
}

impl RequestMetrics {
    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request's answer; `model` is one that is served, never a client's text.
    pub(super) fn note(&self, model: &str, call: Call, status: &'static str, took: Duration) {
        let mut requests = self.lock();
        *requests
            .counts
            .entry((model.to_owned(), status))
            .or_default() += 1;
        requests
            .latency
            .entry((model.to_owned(), call))
            .or_insert_with(|| Histogram::new(&LATENCY_BOUNDS_US))
            .note_time(took);
    }

    /// Notes the number of a request's images.
    pub(super) fn note_images(&self, model: &str, images: usize) {
        self.lock()
            .images
            .entry(model.to_owned())
            .or_insert_with(|| Histogram::new(&IMAGE_BOUNDS))
            .note(images as f64);
    }

    /// Everything as text.
    pub(super) fn render<'a>(
        &self,
        models: impl Iterator<Item = (&'a str, Arc<ModelMetrics>)>,
    ) -> String {
        let mut text = String::new();
        for (name, kind) in [
            (":tensorflow:serving:request_count", "counter"),
            (":tensorflow:serving:request_latency", "histogram"),
            (":tensorflow:serving:request_example_counts", "histogram"),
            (":tensorflow:serving:request_example_count_total", "counter"),
            (":tensorflow:serving:runtime_latency", "histogram"),
            (
                ":tensorflow:serving:batching_session:queuing_latency",
                "histogram",
            ),
            ("hvmap_queued_images", "gauge"),
            ("hvmap_batch_images", "histogram"),
        ] {
            let _ = writeln!(text, "# TYPE {name} {kind}");
        }
        let requests = self.lock();
        for ((model, status), count) in &requests.counts {
            let _ = writeln!(
                text,
                ":tensorflow:serving:request_count{{model_name={model:?},status={status:?}}} \
                 {count}"
            );
        }
        for ((model, Call { api, entrypoint }), histogram) in &requests.latency {
            let labels = format!("model_name={model:?},API={api:?},entrypoint={entrypoint:?}");
            histogram.render(&mut text, ":tensorflow:serving:request_latency", &labels);
        }
        for (model, histogram) in &requests.images {
            let labels = format!("model={model:?}");
            histogram.render(
                &mut text,
                ":tensorflow:serving:request_example_counts",
                &labels,
            );
            let _ = writeln!(
                text,
                ":tensorflow:serving:request_example_count_total{{{labels}}} {}",
                histogram.sum
            );
        }
        drop(requests);
        for (name, model) in models {
            model.render(&mut text, name);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_its_bucket_and_all_larger_ones() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 9.0] {
            histogram.note(value);
        }
        let mut text = String::new();
        histogram.render(&mut text, "x", "a=\"b\"");
        assert_eq!(
            text,
            "x_bucket{a=\"b\",le=\"1\"} 2\nx_bucket{a=\"b\",le=\"2\"} 3\n\
             x_bucket{a=\"b\",le=\"+Inf\"} 4\nx_sum{a=\"b\"} 12\nx_count{a=\"b\"} 4\n"
        );
    }
}
