//! Models over HTTP and gRPC, as TF Serving has them.
//!
//! In: a [`Config`] that names model folders, then requests with encoded tiles. Out: the model's
//! scores, its state and metrics. Never: a model that was not packaged (nothing would say what its
//! outputs mean), a request without a bound on its size and time, or an answer from a model whose
//! canary tiles are wrong.
//!
//! The repository polls each folder for integer version folders; each loaded version
//! owns a batcher whose threads decode and classify what the handlers of every protocol put in its
//! queue.

mod batcher;
mod error;
mod failure;
mod folder;
mod grpc;
mod metrics;
mod open_inference;
mod repository;
mod rest;
mod service;
mod signatures;
mod text_files;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use error::ServeError;
pub use folder::{ModelFolder, VersionPolicy};
use repository::Repository;
use service::Service;
pub use text_files::{BatchingFile, read_metrics_path, read_models};

use crate::{
    http::connections::{Listeners, Patience, Version, bind},
    predict::onnx::Settings,
};

/// Where TF Serving has its metrics.
pub const METRICS_PATH: &str = "/monitoring/prometheus/metrics";
/// How long a stopping server waits for what it took.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// What to serve and where.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where REST is answered.
    pub rest: SocketAddr,
    /// Where gRPC is answered.
    pub grpc: SocketAddr,
    /// At least one; names are unique.
    pub models: Vec<ModelFolder>,
    pub engine: Settings,
    /// Time between two looks at the model folders.
    pub poll: Duration,
    /// Time from a request's first byte to its answer, then 504.
    pub request_timeout: Duration,
    pub batching: Batching,
    pub patience: Patience,
    /// Connections at once, over all protocols; further ones wait to be taken. Each protocol keeps
    /// room for one.
    pub connections_max: usize,
    /// Where the metrics are; `None` for nowhere.
    pub metrics_path: Option<String>,
}

/// How requests wait and go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Images that may wait for each model; further ones are answered 503.
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

/// A running server; dropping it stops it at once.
pub struct Server {
    rest: SocketAddr,
    grpc: SocketAddr,
    listeners: Listeners,
    runtime: Option<tokio::runtime::Runtime>,
    repository: Arc<Repository>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("rest", &self.rest)
            .field("grpc", &self.grpc)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Loads every model's latest version, then listens.
    ///
    /// # Errors
    /// When a model cannot be used, or the address cannot be listened at; nothing listens then.
    pub fn start(config: &Config) -> Result<Self, ServeError> {
        let repository = Arc::new(Repository::open(config)?);
        let bound = |address, flag| {
            bind(address).map_err(|source| ServeError::Listen {
                address,
                flag,
                source,
            })
        };
        let (rest_listener, rest) = bound(config.rest, "--rest_api_port")?;
        let (grpc_listener, grpc) = bound(config.grpc, "--port")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ServeError::Thread)?;
        repository.poll_every(config.poll)?;
        let service = Arc::new(Service::new(
            Arc::clone(&repository),
            config.request_timeout,
            config.metrics_path.clone(),
        ));
        let mut listeners = Listeners::new(config.connections_max, config.patience);
        for (listener, version, router) in [
            (
                rest_listener,
                Version::Http1,
                rest::router(Arc::clone(&service)),
            ),
            (grpc_listener, Version::Http2, grpc::router(&service)),
        ] {
            listeners
                .listen(runtime.handle(), listener, version, router)
                .map_err(ServeError::Thread)?;
        }
        Ok(Self {
            rest,
            grpc,
            listeners,
            runtime: Some(runtime),
            repository,
        })
    }

    /// Where it answers REST.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.rest
    }

    /// Where it answers gRPC.
    #[must_use]
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc
    }

    /// One line on each model that is served.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        self.repository.summary()
    }

    /// Takes no more requests and answers those that it took, for 30 s at most. Whether all were
    /// answered.
    pub fn stop(mut self) -> bool {
        self.repository.close();
        let Some(runtime) = self.runtime.take() else {
            return false;
        };
        let drained = runtime.block_on(self.listeners.stop(DRAIN_PATIENCE));
        runtime.shutdown_background();
        drained
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.repository.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
