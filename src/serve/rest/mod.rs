//! The REST interface: which request means what, and the answer's JSON.
//!
//! A request goes one way. This file takes it to the protocol that its path begins with. There, the
//! path says what is asked ([`paths`]), the body is read within its bounds ([`intake`]) and parsed,
//! the [`Service`] answers, and what it said is written ([`respond`]). No step calls one before it.
//!
//! Where TF Serving's documents and code disagree, this follows the code. The request's
//! Content-Type is never looked at.

mod intake;
mod json;
mod numbers;
mod open_inference;
mod paths;
mod respond;
mod tf_serving;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::service::Service;

/// The handler of every request.
pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new().fallback(handle).with_state(service)
}

async fn handle(State(service): State<Arc<Service>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if request.method() == Method::OPTIONS {
        return preflight(request.headers());
    }
    if request.method() == Method::GET && service.metrics_path.as_deref() == Some(path.as_str()) {
        return respond::text(StatusCode::OK, service.repository.metrics.handle().render());
    }
    let answered = if let Some(rest) = path.strip_prefix("/v2") {
        open_inference::answer(&service, rest, request).await
    } else if let Some(rest) = paths::after(&path, "/v1/") {
        tf_serving::answer(&service, rest, request).await
    } else {
        return respond::text(StatusCode::NOT_FOUND, "Not found\n");
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

/// Whether pages of an origin may ask, before they do.
fn preflight(headers: &HeaderMap) -> Response {
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok())
        .unwrap_or_default();
    if origin.starts_with("http://") || origin.starts_with("https://") {
        StatusCode::OK.into_response()
    } else {
        StatusCode::BAD_REQUEST.into_response()
    }
}
