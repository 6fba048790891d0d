//! Counts and times of a server, in Prometheus's text format.
//!
//! What TF Serving has carries TF Serving's names, units and buckets; the rest begins with `hvmap_`.
//! Each server has a recorder of its own, so that several in one process do not count together.

use std::time::Duration;

use metrics::{Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// Microseconds up to some twenty minutes, as TF Serving has them.
const LATENCY_BOUNDS: i32 = 33;
/// Images in a request or a batch up to 16,384, as TF Serving has the examples in a request.
const IMAGE_BOUNDS: i32 = 15;

const REQUEST_COUNT: &str = ":tensorflow:serving:request_count";
const REQUEST_LATENCY: &str = ":tensorflow:serving:request_latency";
const REQUEST_IMAGES: &str = ":tensorflow:serving:request_example_counts";
const REQUEST_IMAGES_TOTAL: &str = ":tensorflow:serving:request_example_count_total";
const RUNTIME_LATENCY: &str = ":tensorflow:serving:runtime_latency";
const QUEUING_LATENCY: &str = ":tensorflow:serving:batching_session:queuing_latency";
const QUEUED_IMAGES: &str = "hvmap_queued_images";
const BATCH_IMAGES: &str = "hvmap_batch_images";

/// Every metric is as important as the others.
const METADATA: Metadata<'_> = Metadata::new(module_path!(), Level::INFO, None);

/// Through which door a request came, in TF Serving's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// `Predict`, `Classify`, `Regress`; `ModelInfer` of the Open Inference Protocol.
    pub api: &'static str,
    /// `REST` or `GRPC`.
    pub entrypoint: &'static str,
}

/// What one server did.
#[derive(Debug)]
pub(super) struct Metrics {
    recorder: PrometheusRecorder,
}

impl Default for Metrics {
    fn default() -> Self {
        let latency_us: Vec<f64> = (0..LATENCY_BOUNDS)
            .map(|step| 10.0 * 1.8_f64.powi(step))
            .collect();
        let images: Vec<f64> = (0..IMAGE_BOUNDS).map(|step| 2.0_f64.powi(step)).collect();
        let builder = [
            (REQUEST_LATENCY, &latency_us),
            (RUNTIME_LATENCY, &latency_us),
            (QUEUING_LATENCY, &latency_us),
            (REQUEST_IMAGES, &images),
            (BATCH_IMAGES, &images),
        ]
        .into_iter()
        .fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
            builder
                .set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
                .expect("there are bounds")
        });
        Self {
            recorder: builder.build_recorder(),
        }
    }
}

impl Metrics {
    /// Those of one model.
    pub(super) fn of_model(&self, name: &str) -> ModelMetrics {
        let labels = vec![Label::new("model_name", name.to_owned())];
        let mut runtime = labels.clone();
        runtime.push(Label::from_static_parts("API", "Predict"));
        runtime.push(Label::from_static_parts("runtime", "ONNX Runtime"));
        let queued = Key::from_parts(QUEUED_IMAGES, labels.clone());
        ModelMetrics {
            queued: self.recorder.register_gauge(&queued, &METADATA),
            images: self.histogram(BATCH_IMAGES, labels.clone()),
            queuing: self.histogram(QUEUING_LATENCY, labels),
            runtime: self.histogram(RUNTIME_LATENCY, runtime),
        }
    }

    /// Notes a request's answer; `model` is one that is served, never a client's text.
    pub(super) fn note(&self, model: &str, call: Call, status: &'static str, took: Duration) {
        let model = Label::new("model_name", model.to_owned());
        let counted = vec![model.clone(), Label::from_static_parts("status", status)];
        self.add(REQUEST_COUNT, counted, 1);
        let timed = vec![
            model,
            Label::from_static_parts("API", call.api),
            Label::from_static_parts("entrypoint", call.entrypoint),
        ];
        self.histogram(REQUEST_LATENCY, timed)
            .record(microseconds(took));
    }

    /// Notes the number of a request's images.
    pub(super) fn note_images(&self, model: &str, images: usize) {
        let labels = vec![Label::new("model", model.to_owned())];
        self.add(REQUEST_IMAGES_TOTAL, labels.clone(), images as u64);
        self.histogram(REQUEST_IMAGES, labels).record(images as f64);
    }

    /// Writes everything as text. Histograms keep each value until they are written, or until the
    /// handle's upkeep sorts it into its bucket.
    pub(super) fn handle(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    fn add(&self, name: &'static str, labels: Vec<Label>, more: u64) {
        let key = Key::from_parts(name, labels);
        self.recorder
            .register_counter(&key, &METADATA)
            .increment(more);
    }

    fn histogram(&self, name: &'static str, labels: Vec<Label>) -> Histogram {
        let key = Key::from_parts(name, labels);
        self.recorder.register_histogram(&key, &METADATA)
    }
}

/// What one model did.
#[derive(Clone, Debug)]
pub(super) struct ModelMetrics {
    queued: Gauge,
    images: Histogram,
    queuing: Histogram,
    runtime: Histogram,
}

impl ModelMetrics {
    /// So many images wait from now on.
    pub(super) fn note_queued(&self, images: usize) {
        self.queued.increment(images as f64);
    }

    /// So many wait no longer.
    pub(super) fn note_taken(&self, images: usize) {
        self.queued.decrement(images as f64);
    }

    /// A batch was classified, whose images had waited so long each.
    pub(super) fn note_batch(&self, waited: impl Iterator<Item = Duration>, took: Duration) {
        let mut images = 0;
        for waited in waited {
            self.queuing.record(microseconds(waited));
            images += 1;
        }
        self.images.record(f64::from(images));
        self.runtime.record(microseconds(took));
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_its_bucket_and_all_larger_ones() {
        let metrics = Metrics::default();
        let model = metrics.of_model("a \"b\"");
        for images in [1, 2, 3, 20_000] {
            let waited = std::iter::repeat_n(Duration::from_micros(15), images);
            model.note_batch(waited, Duration::from_secs(1));
        }
        let text = metrics.handle().render();
        let labels = "model_name=\"a \\\"b\\\"\"";
        for line in [
            format!("hvmap_batch_images_bucket{{{labels},le=\"1\"}} 1"),
            format!("hvmap_batch_images_bucket{{{labels},le=\"2\"}} 2"),
            format!("hvmap_batch_images_bucket{{{labels},le=\"4\"}} 3"),
            format!("hvmap_batch_images_bucket{{{labels},le=\"16384\"}} 3"),
            format!("hvmap_batch_images_bucket{{{labels},le=\"+Inf\"}} 4"),
            format!("hvmap_batch_images_sum{{{labels}}} 20006"),
            format!("hvmap_batch_images_count{{{labels}}} 4"),
            format!("{QUEUING_LATENCY}_bucket{{{labels},le=\"10\"}} 0"),
            format!("{QUEUING_LATENCY}_bucket{{{labels},le=\"18\"}} 20006"),
            format!(
                "{RUNTIME_LATENCY}_count{{{labels},API=\"Predict\",runtime=\"ONNX Runtime\"}} 4"
            ),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_nothing_was_told_of_counts_nothing() {
        let metrics = Metrics::default();
        let model = metrics.of_model("m");
        model.note_queued(8);
        model.note_taken(8);
        let text = metrics.handle().render();
        for line in [
            "hvmap_queued_images{model_name=\"m\"} 0",
            "hvmap_batch_images_count{model_name=\"m\"} 0",
            "# TYPE hvmap_batch_images histogram",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
