//! Sockets: how many, and how long one may be idle or stuck.
//!
//! In: a listener and what answers its requests. Out: nothing. Never: a connection without an end.
//! REST speaks HTTP/1.1, where the time to a request's last header is bounded, and so is the time
//! between requests; gRPC speaks HTTP/2, where a peer is asked for a sign of life. In both a peer
//! that takes nothing of what is written to it is given up.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
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
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, Sleep, sleep, sleep_until},
};

/// Connections at once, over all protocols, unless told otherwise.
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
    /// Until it takes more of what is written to it.
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

#[derive(Clone, Copy, Debug)]
pub(super) enum Http {
    One,
    Two,
}

/// Answers connections until it is told to stop, and then those requests that it took.
pub(super) async fn serve(
    listener: TcpListener,
    http: Http,
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
        let reads = match http {
            Http::One => None,
            // A peer that lives answers within this; one that never spoke is given up.
            Http::Two => Some(patience.pings * 3),
        };
        let bounded = Bounded::new(stream, reads, patience.writes, permit);
        let silence = silent_at(stopped.clone(), Arc::clone(&bounded.spoke));
        let io = TokioIo::new(bounded);
        match http {
            Http::One => {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(patience.headers)
                    .serve_connection(io, service);
                tokio::spawn(attend(graceful.watch(connection), silence));
            }
            Http::Two => {
                let connection = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .keep_alive_interval(patience.pings)
                    .keep_alive_timeout(patience.pings)
                    .max_concurrent_streams(STREAMS_MAX)
                    .max_header_list_size(HEADER_BYTES_MAX)
                    .serve_connection(io, service);
                tokio::spawn(attend(graceful.watch(connection), silence));
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

/// Answers a connection to its end, or until there is nothing to answer on it.
async fn attend(
    connection: impl Future<Output = hyper::Result<()>>,
    silence: impl Future<Output = ()>,
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

/// A socket that fails when its peer keeps it waiting.
struct Bounded {
    stream: TcpStream,
    reading: Option<Wait>,
    writing: Wait,
    /// Whether anything has come.
    spoke: Arc<AtomicBool>,
    _permit: OwnedSemaphorePermit,
}

/// How long the present wait may last.
struct Wait {
    patience: Duration,
    until: Pin<Box<Sleep>>,
    waiting: bool,
}

impl Wait {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            until: Box::pin(sleep_until(Instant::now())),
            waiting: false,
        }
    }

    /// Passes a result on; one that is pending for too long becomes an error.
    fn bound<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.waiting = false;
            return result;
        }
        if !self.waiting {
            self.waiting = true;
            self.until.as_mut().reset(Instant::now() + self.patience);
        }
        ready!(self.until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Bounded {
    fn new(
        stream: TcpStream,
        reads: Option<Duration>,
        writes: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            stream,
            reading: reads.map(Wait::new),
            writing: Wait::new(writes),
            spoke: Arc::default(),
            _permit: permit,
        }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_read(context, buffer);
        if !buffer.filled().is_empty() {
            this.spoke.store(true, Ordering::Relaxed);
        }
        match &mut this.reading {
            Some(wait) => wait.bound(context, result),
            None => result,
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.writing.bound(context, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.writing.bound(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
