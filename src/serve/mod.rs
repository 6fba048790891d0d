//! Models over HTTP and gRPC, as TF Serving has them.
//!
//! In: [`ServeSettings`] that name model folders, then requests with encoded tiles. Out: the model's
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
mod settings;
mod signatures;
mod text_files;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use error::{Interface, ServeError};
pub use folder::{ModelFolder, VersionPolicy};
use repository::Repository;
use service::Service;
pub use settings::{Batching, GRPC_PORT, METRICS_PATH, REST_PORT, ServeSettings};
pub use text_files::{BatchingFile, read_metrics_path, read_models};

use crate::http::connections::{Listeners, Version, bind};

/// How long a stopping server waits for what it took.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// Time between two rounds of sorting values into the buckets of histograms, which bounds their memory.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// A running server; dropping it stops it at once.
///
/// ```no_run
/// use std::net::Ipv4Addr;
///
/// use hvmap::serve::{ModelFolder, ServeSettings, Server};
///
/// // models/hv_grid/1/model.onnx is a packaged model; port 0 takes any free one.
/// let models = vec![ModelFolder::new("hv_grid", "models/hv_grid")];
/// let server = Server::start(&ServeSettings {
///     rest: (Ipv4Addr::LOCALHOST, 0).into(),
///     grpc: (Ipv4Addr::LOCALHOST, 0).into(),
///     ..ServeSettings::of(models)
/// })?;
/// println!("http://{}/v1/models/hv_grid", server.address());
/// let all_answered = server.stop();
/// # Ok::<_, hvmap::serve::ServeError>(())
/// ```
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
    /// When a setting is out of its range, a model cannot be used, or an address cannot be listened at;
    /// nothing listens then.
    pub fn start(settings: &ServeSettings) -> Result<Self, ServeError> {
        settings.check()?;
        let repository = Arc::new(Repository::open(settings)?);
        let bound = |address, interface| {
            bind(address).map_err(|source| ServeError::Listen {
                address,
                interface,
                source,
            })
        };
        let (rest_listener, rest) = bound(settings.rest, Interface::Rest)?;
        let (grpc_listener, grpc) = bound(settings.grpc, Interface::Grpc)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ServeError::Thread)?;
        repository.poll_every(settings.poll)?;
        let metrics = repository.metrics.handle();
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(METRICS_UPKEEP).await;
                metrics.run_upkeep();
            }
        });
        let service = Arc::new(Service::new(
            Arc::clone(&repository),
            settings.request_timeout,
            settings.metrics_path.clone(),
        ));
        let mut listeners = Listeners::new(settings.connections_max, settings.patience);
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
