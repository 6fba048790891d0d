//! A real HTTP server of made-up tiles, which remembers what it was asked for.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use hvmap::{
    image::{RgbTile, encode_jpeg},
    tiles::TileCoord,
};

/// Answers for a tile, such as a status or an image.
pub type Answer = dyn Fn(TileCoord) -> Response + Send + Sync;

/// A server on a free port of this machine, until it is dropped.
pub struct TileServer {
    pub address: SocketAddr,
    requests: Arc<Mutex<HashMap<TileCoord, usize>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    answer: Box<Answer>,
    requests: Arc<Mutex<HashMap<TileCoord, usize>>>,
}

impl TileServer {
    pub fn start(answer: impl Fn(TileCoord) -> Response + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let requests = Arc::<Mutex<HashMap<TileCoord, usize>>>::default();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            requests: Arc::clone(&requests),
        });
        let router = Router::new()
            .route("/{z}/{x}/{y}", get(tile))
            .with_state(shared);
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            requests,
            runtime: Some(runtime),
        }
    }

    /// What to give to `--imagery`.
    pub fn template(&self) -> String {
        format!("http://{}/{{z}}/{{x}}/{{y}}", self.address)
    }

    /// How often each tile was asked for.
    pub fn requests(&self) -> HashMap<TileCoord, usize> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for TileServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn tile(
    State(shared): State<Arc<Shared>>,
    Path((z, x, y)): Path<(u8, u32, u32)>,
) -> Response {
    let tile = TileCoord::new(z, x, y).unwrap();
    *shared.requests.lock().unwrap().entry(tile).or_default() += 1;
    (shared.answer)(tile)
}

/// A JPEG that differs from place to place: two coloured halves.
pub fn picture(tile: TileCoord) -> Response {
    let mut pixels = RgbTile::new();
    let hash = (tile.x.wrapping_mul(2_654_435_761) ^ tile.y.wrapping_mul(40_503)).to_le_bytes();
    for (position, pixel) in pixels.as_bytes_mut().chunks_exact_mut(3).enumerate() {
        let upper = position < 256 * 128;
        pixel.copy_from_slice(if upper { &hash[..3] } else { &hash[1..] });
    }
    let jpeg = encode_jpeg(pixels.as_bytes(), 80);
    ([("content-type", "image/jpeg")], jpeg).into_response()
}
