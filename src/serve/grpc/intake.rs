//! Room for requests with images, before any of their message is read.

use std::sync::Arc;

use axum::{
    BoxError,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt as _;
use tonic::Status;

use crate::{
    http::bodies::{BodyError, BoundedBody},
    serve::{
        failure::Failure,
        service::{BODY_BYTES_MAX, Service},
    },
};

/// Calls whose messages hold images.
const WITH_IMAGES: [&str; 5] = [
    "/tensorflow.serving.PredictionService/Predict",
    "/tensorflow.serving.PredictionService/Classify",
    "/tensorflow.serving.PredictionService/Regress",
    "/tensorflow.serving.PredictionService/MultiInference",
    "/inference.GRPCInferenceService/ModelInfer",
];

/// Passes a request on if there is room for it.
pub(super) async fn admit(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let _permit = if WITH_IMAGES.contains(&request.uri().path()) {
        match service.admit() {
            Ok(permit) => Some(permit),
            Err(failure) => return Status::from(failure).into_http(),
        }
    } else {
        None
    };
    let held = service.memory.hold();
    // What a compressed message inflates to is known too late to hold it then.
    let is_compressed = request
        .headers()
        .get("grpc-encoding")
        .is_some_and(|encoding| encoding != "identity");
    if is_compressed && let Err(error) = held.grow(BODY_BYTES_MAX) {
        return Status::from(Failure::from(error)).into_http();
    }
    let body = |body| {
        let bounded = BoundedBody::new(body, held.clone(), service.timeout);
        Body::new(bounded.map_err(status_of))
    };
    next.run(request.map(body)).await
}

/// Tonic passes on the code of an error only where it finds a [`Status`].
fn status_of(error: BoxError) -> BoxError {
    match error.downcast::<BodyError>() {
        Ok(error) => Status::from(Failure::from(*error)).into(),
        Err(error) => error,
    }
}
