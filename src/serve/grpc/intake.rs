//! Room for requests with images, before any of their message is read.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tonic::Status;

use crate::serve::{incoming::Incoming, rest::BODY_BYTES_MAX, service::Service};

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
    if is_compressed && let Err(failure) = held.grow(BODY_BYTES_MAX) {
        return Status::from(failure).into_http();
    }
    let body = |body| Body::new(Incoming::new(body, held.clone(), service.timeout));
    next.run(request.map(body)).await
}
