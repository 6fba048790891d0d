//! Sockets: how many are open, and how long a peer may be idle or stuck.
//!
//! In: listeners, each with what answers its requests. Out: nothing. Never: a connection without an
//! end. HTTP/1.1 bounds the time to a request's last header, and so the time between requests; over
//! HTTP/2 a peer is asked for a sign of life. In both a peer that takes nothing of what is written to
//! it is given up.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::io::InspectReader;

/// Connections open at once over all listeners, unless told otherwise.
pub const CONNECTIONS_MAX: usize = 1024;
/// Requests at once on one connection of HTTP/2.
const STREAMS_MAX: u32 = 128;
/// Bytes of a request's headers over HTTP/2.
const HEADER_BYTES_MAX: u32 = 64 << 10;
/// Time after a failure to accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a peer may keep a connection waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the next request's headers; so also how long a connection may be idle.
    pub headers: Duration,
    /// Until the peer takes more of what is written to it.
    pub writes: Duration,
    /// Between two signs of life that HTTP/2 asks for, and for each answer.
    pub pings: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(60),
            writes: Duration::from_secs(30),
            pings: Duration::from_secs(20),
        }
    }
}

/// The version of HTTP that a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without an upgrade, as gRPC has it.
    Http2,
}

/// Binds an address without listening to anybody yet, so that a port that is taken is known before
/// anything is answered. Port 0 takes a free one, which the returned address names.
///
/// # Errors
/// When the address is taken, or is none of this machine's.
pub fn bind(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Listeners that share one bound on their connections and stop together. Each keeps room for one
/// connection. Dropping them stops them at once.
///
/// ```
/// use std::{
///     io::{Read as _, Write as _},
///     net::{Ipv4Addr, TcpStream},
///     time::Duration,
/// };
///
/// use axum::{Router, routing::get};
/// use hvmap::http::connections::{Listeners, Patience, Version, bind};
///
/// let runtime = tokio::runtime::Runtime::new()?;
/// let (listener, address) = bind((Ipv4Addr::LOCALHOST, 0).into())?;
/// let router = Router::new().route("/", get(async || "a page"));
/// let mut listeners = Listeners::new(16, Patience::default());
/// listeners.listen(runtime.handle(), listener, Version::Http1, router)?;
///
/// let mut browser = TcpStream::connect(address)?;
/// browser.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
/// let mut answer = String::new();
/// browser.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("a page"));
///
/// let all_answered = runtime.block_on(listeners.stop(Duration::from_secs(30)));
/// assert!(all_answered);
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Listeners {
    patience: Patience,
    room: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    /// One a listener, until it has answered what it took.
    listening: JoinSet<()>,
}

impl Listeners {
    /// None yet. Connections beyond `connections_max` wait to be accepted.
    #[must_use]
    pub fn new(connections_max: usize, patience: Patience) -> Self {
        Self {
            patience,
            room: Arc::new(Semaphore::new(connections_max)),
            stop: watch::Sender::new(false),
            listening: JoinSet::new(),
        }
    }

    /// Answers what comes to a listener of [`bind`] from now on, on the given runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub fn listen(
        &mut self,
        runtime: &Handle,
        listener: std::net::TcpListener,
        version: Version,
        router: Router,
    ) -> io::Result<()> {
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let serving = serve(
            listener,
            version,
            router,
            self.patience,
            Arc::clone(&self.room),
            self.stop.subscribe(),
        );
        self.listening.spawn_on(serving, runtime);
        Ok(())
    }

    /// Takes no more connections and answers the requests that were taken, for `patience` at most.
    /// Whether all were answered.
    pub async fn stop(&mut self, patience: Duration) -> bool {
        self.stop.send_replace(true);
        let drained = async { while self.listening.join_next().await.is_some() {} };
        tokio::time::timeout(patience, drained).await.is_ok()
    }
}

/// Answers connections until it is told to stop, and then those requests that it took.
async fn serve(
    listener: TcpListener,
    version: Version,
    router: Router,
    patience: Patience,
    room: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let service = TowerToHyperService::new(router);
    loop {
        let (stream, permit) = tokio::select! {
            // An error means that the server was dropped, which stops it as well.
            _ = stopped.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let service = service.clone();
        let spoke = Arc::<AtomicBool>::default();
        let silence = silent_at(stopped.clone(), Arc::clone(&spoke));
        let noticed = InspectReader::new(stream, move |bytes: &[u8]| {
            if !bytes.is_empty() {
                spoke.store(true, Ordering::Relaxed);
            }
        });
        let mut bounded = TimeoutStream::new(noticed);
        bounded.set_write_timeout(Some(patience.writes));
        if version == Version::Http2 {
            // A peer that lives answers pings within this; one that never spoke is given up.
            bounded.set_read_timeout(Some(patience.pings * 3));
        }
        let io = TokioIo::new(Box::pin(bounded));
        match version {
            Version::Http1 => {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(patience.headers)
                    .serve_connection(io, service);
                tokio::spawn(attend(graceful.watch(connection), silence, permit));
            }
            Version::Http2 => {
                let connection = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .keep_alive_interval(patience.pings)
                    .keep_alive_timeout(patience.pings)
                    .max_concurrent_streams(STREAMS_MAX)
                    .max_header_list_size(HEADER_BYTES_MAX)
                    .serve_connection(io, service);
                tokio::spawn(attend(graceful.watch(connection), silence, permit));
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(room)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small, and clients wait for them.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers a connection to its end, or until there is nothing to answer on it. Its place is free
/// after that.
async fn attend(
    connection: impl Future<Output = hyper::Result<()>>,
    silence: impl Future<Output = ()>,
    _permit: OwnedSemaphorePermit,
) {
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!("a connection ended: {error}");
            }
        }
        () = silence => {}
    }
}

/// Ends when the server stops and nothing has come over a connection: there is nothing to answer,
/// and nobody knows when there will be.
async fn silent_at(mut stopped: watch::Receiver<bool>, spoke: Arc<AtomicBool>) {
    // An error means that the server was dropped.
    let _ = stopped.wait_for(|stop| *stop).await;
    if spoke.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}
