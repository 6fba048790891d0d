//! Models over HTTP, as TF Serving's REST interface has them.
//!
//! In: a [`Config`] that names model folders, then requests with encoded tiles. Out: the model's
//! scores, its state and metrics. Never: a model that was not packaged (nothing would say what its
//! outputs mean), a request without a bound on its size and time, or an answer from a model whose
//! canary tiles are wrong.
//!
//! The repository polls each folder for integer version folders; each loaded version
//! owns a batcher whose threads decode and classify what the REST handlers put in its queue.

mod batcher;
mod body;
mod error;
mod metrics;
mod repository;
mod rest;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

pub use error::ServeError;
pub use repository::ModelFolder;
use repository::Repository;
use tokio::sync::watch;

use crate::predict::onnx::Settings;

/// How long a stopping server waits for what it took.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// What to serve and where.
#[derive(Clone, Debug)]
pub struct Config {
    pub bind: SocketAddr,
    /// At least one; names are unique.
    pub models: Vec<ModelFolder>,
    pub engine: Settings,
    /// Time between two looks at the model folders.
    pub poll: Duration,
    /// Time from a request's first byte to its answer, then 504.
    pub request_timeout: Duration,
    /// Images that may wait for each model; further ones are answered 503.
    pub queue_images_max: usize,
}

/// A running server; dropping it stops it at once.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    finished: tokio::task::JoinHandle<std::io::Result<()>>,
    runtime: Option<tokio::runtime::Runtime>,
    repository: Arc<Repository>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
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
        let listen = |source| ServeError::Listen {
            address: config.bind,
            source,
        };
        let listener = TcpListener::bind(config.bind).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ServeError::Thread)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(listen)?
        };
        repository.poll_every(config.poll)?;
        let (stop, stopped) = watch::channel(false);
        let router = rest::router(Arc::clone(&repository), config.request_timeout);
        let finished = runtime.spawn(async move {
            let mut stopped = stopped;
            axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    // An error means that the server was dropped, which stops it as well.
                    let _ = stopped.wait_for(|stop| *stop).await;
                })
                .await
        });
        Ok(Self {
            address,
            stop,
            finished,
            runtime: Some(runtime),
            repository,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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
        let _ = self.stop.send(true);
        let Some(runtime) = self.runtime.take() else {
            return false;
        };
        let finished = &mut self.finished;
        let drained =
            runtime.block_on(async { tokio::time::timeout(DRAIN_PATIENCE, finished).await });
        runtime.shutdown_background();
        drained.is_ok()
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
