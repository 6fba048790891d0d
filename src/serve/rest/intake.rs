//! A request's body, read within bounds of size and time.

use std::io::Read as _;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use hyper::body::Body as _;

use super::respond::Refused;
use crate::{
    causes,
    http::bodies::{BodyError, BoundedBody, Held},
    serve::{
        failure::Failure,
        service::{BODY_BYTES_MAX, Deadline},
    },
};

/// The largest body after inflating, as in TF Serving.
const INFLATED_BYTES_MAX: usize = 100 << 20;

/// Reads the body, all of it before the deadline, and parses it where it may take its time. What it
/// takes is held until the request is answered.
pub(super) async fn read<T: Send + 'static>(
    request: Request,
    held: &Held,
    deadline: Deadline,
    parse: impl FnOnce(&HeaderMap, Bytes) -> Result<T, String> + Send + 'static,
) -> Result<T, Refused> {
    let (parts, body) = request.into_parts();
    // A length that is told is refused before any of it is read.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large("its Content-Length is larger"));
    }
    let bounded = BoundedBody::new(body, held.clone(), deadline.left());
    let body = axum::body::to_bytes(Body::new(bounded), BODY_BYTES_MAX)
        .await
        .map_err(refused)?;
    let held = held.clone();
    // Megabytes of base64 take milliseconds, in which this thread would answer nobody.
    tokio::task::spawn_blocking(move || {
        let body = if is_gzip(&parts.headers) {
            let inflated = inflate(&body).map_err(Failure::invalid)?;
            held.grow(inflated.len()).map_err(Failure::from)?;
            inflated.into()
        } else {
            body
        };
        Ok(parse(&parts.headers, body).map_err(Failure::invalid)?)
    })
    .await
    .map_err(|error| Failure::internal(error.to_string()))?
}

/// Why a body could not be read.
fn refused(error: axum::Error) -> Refused {
    match causes::find(&error) {
        Some(&late @ BodyError::Late) => Refused {
            status: StatusCode::REQUEST_TIMEOUT,
            failure: late.into(),
        },
        Some(&error) => Failure::from(error).into(),
        None => too_large(&error.to_string()),
    }
}

fn too_large(reason: &str) -> Refused {
    Refused {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        failure: Failure::invalid(format!(
            "cannot read the body, at most {} MiB: {reason}",
            BODY_BYTES_MAX >> 20
        )),
    }
}

fn is_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case("gzip"))
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut inflated = Vec::new();
    MultiGzDecoder::new(body)
        .take(INFLATED_BYTES_MAX as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|error| format!("Failed to inflate the body: {error}"))?;
    if inflated.len() > INFLATED_BYTES_MAX {
        return Err(format!(
            "the body inflates to more than {} MiB",
            INFLATED_BYTES_MAX >> 20
        ));
    }
    Ok(inflated)
}
