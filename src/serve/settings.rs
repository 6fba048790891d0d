//! What to serve and where, and within which bounds.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{ModelFolder, ServeError};
use crate::{
    http::connections::{CONNECTIONS_MAX, Patience},
    predict::onnx::Settings,
};

/// Where TF Serving has its metrics.
pub const METRICS_PATH: &str = "/monitoring/prometheus/metrics";
/// TF Serving's port of REST.
pub const REST_PORT: u16 = 8501;
/// TF Serving's port of gRPC.
pub const GRPC_PORT: u16 = 8500;
/// The longest that a request may be worked on.
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// The longest time between two looks at the model folders.
const POLL_MAX: Duration = Duration::from_secs(86_400);
/// The most images that may wait for a model.
const QUEUE_IMAGES_MAX: usize = 1_000_000;
/// Each protocol keeps room for one connection.
const CONNECTIONS_MIN: usize = 2;

/// What to serve and where.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Where REST is answered; port 0 takes any free one.
    pub rest: SocketAddr,
    /// Where gRPC is answered; port 0 takes any free one.
    pub grpc: SocketAddr,
    /// At least one; names are unique.
    pub models: Vec<ModelFolder>,
    pub engine: Settings,
    /// Time between two looks at the model folders, up to a day.
    pub poll: Duration,
    /// Time from a request's first byte to its answer, then 504; up to an hour.
    pub request_timeout: Duration,
    pub batching: Batching,
    pub patience: Patience,
    /// Connections at once, over all protocols; further ones wait to be taken. At least 2, since each
    /// protocol keeps room for one.
    pub connections_max: usize,
    /// Where the metrics are; `None` for nowhere.
    pub metrics_path: Option<String>,
}

/// How requests wait and go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Images that may wait for each model, 1 to a million; further ones are answered 503.
    pub queue_images_max: usize,
    /// Images in one request; `None` for any number, since larger ones are split.
    pub request_images_max: Option<usize>,
    /// How long a batch that is not full waits for another image.
    pub linger: Duration,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            queue_images_max: 4096,
            request_images_max: None,
            linger: Duration::from_millis(1),
        }
    }
}

impl ServeSettings {
    /// These models at TF Serving's ports, for this machine alone, on the best device there is.
    #[must_use]
    pub fn of(models: Vec<ModelFolder>) -> Self {
        Self {
            rest: (Ipv4Addr::LOCALHOST, REST_PORT).into(),
            grpc: (Ipv4Addr::LOCALHOST, GRPC_PORT).into(),
            models,
            engine: Settings::default(),
            poll: Duration::from_secs(1),
            request_timeout: Duration::from_secs(30),
            batching: Batching::default(),
            patience: Patience::default(),
            connections_max: CONNECTIONS_MAX,
            metrics_path: Some(METRICS_PATH.to_owned()),
        }
    }

    /// Refuses what would serve nothing, or would never rest.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        let Batching {
            queue_images_max,
            request_images_max,
            ..
        } = self.batching;
        let zero = Duration::ZERO;
        for (setting, got, fits, expected) in [
            (
                "models",
                self.models.len().to_string(),
                !self.models.is_empty(),
                "one or more",
            ),
            (
                "poll",
                format!("{:?}", self.poll),
                self.poll > zero && self.poll <= POLL_MAX,
                "more than none, up to a day",
            ),
            (
                "request_timeout",
                format!("{:?}", self.request_timeout),
                self.request_timeout > zero && self.request_timeout <= REQUEST_TIMEOUT_MAX,
                "more than none, up to an hour",
            ),
            (
                "queue_images_max",
                queue_images_max.to_string(),
                (1..=QUEUE_IMAGES_MAX).contains(&queue_images_max),
                "1 to 1000000",
            ),
            (
                "request_images_max",
                request_images_max.unwrap_or_default().to_string(),
                request_images_max != Some(0),
                "1 or more",
            ),
            (
                "connections_max",
                self.connections_max.to_string(),
                self.connections_max >= CONNECTIONS_MIN,
                "2 or more",
            ),
        ] {
            if !fits {
                return Err(ServeError::Setting {
                    setting,
                    got,
                    expected,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_would_serve_nothing_or_never_rest_are_refused() {
        let models = vec![ModelFolder::new("m", "models/m")];
        ServeSettings::of(models.clone()).check().unwrap();
        let refused = |change: fn(&mut ServeSettings)| {
            let mut settings = ServeSettings::of(models.clone());
            change(&mut settings);
            match settings.check() {
                Err(ServeError::Setting { setting, .. }) => setting,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(|settings| settings.models.clear()), "models");
        assert_eq!(refused(|settings| settings.poll = Duration::ZERO), "poll");
        assert_eq!(
            refused(|settings| settings.request_timeout = Duration::from_secs(3601)),
            "request_timeout"
        );
        assert_eq!(
            refused(|settings| settings.batching.queue_images_max = 0),
            "queue_images_max"
        );
        assert_eq!(
            refused(|settings| settings.batching.request_images_max = Some(0)),
            "request_images_max"
        );
        assert_eq!(
            refused(|settings| settings.connections_max = 1),
            "connections_max"
        );
    }
}
