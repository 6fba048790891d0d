//! The Open Inference Protocol over HTTP: a request's path, its body, the answer.
//!
//! With the binary-tensor extension a body is JSON of the length that the header
//! `Inference-Header-Content-Length` tells, and after it the raw tensors, each as long as its
//! `binary_data_size`.

mod answers;
mod request;

use axum::{
    extract::Request,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use request::JSON_LENGTH;
use serde_json::{Value, json};
use tonic::Code;

use super::{
    intake,
    paths::{InferAction, InferTarget},
    respond::{self, Refused},
};
use crate::serve::{
    failure::Failure,
    metrics::Call,
    service::{Deadline, Service, VersionChoice},
};

/// Answers a request whose path begins with `/v2`; `rest` is what follows that.
pub(super) async fn answer(
    service: &Service,
    rest: &str,
    request: Request,
) -> Result<Response, Refused> {
    let method = request.method().clone();
    let plain = |value: Value| Ok(respond::json(StatusCode::OK, value.to_string()));
    match (&method, rest) {
        (&Method::GET, "" | "/") => return plain(answers::server()),
        (&Method::GET, "/health/live") => return plain(json!({"live": true})),
        // Nothing listens before every model is loaded.
        (&Method::GET, "/health/ready") => return plain(json!({"ready": true})),
        _ => {}
    }
    let target = rest
        .strip_prefix("/models/")
        .and_then(|rest| InferTarget::parse(&method, rest))
        .ok_or_else(|| {
            let text = format!("nothing is at {method} /v2{rest}");
            Failure::new(Code::NotFound, text)
        })?;
    let InferTarget {
        model,
        version,
        action,
    } = target;
    match action {
        InferAction::Metadata => {
            let found = service.find(&model, version.as_ref())?;
            let versions = found.entry.available();
            plain(answers::metadata(&model, &found.served, &versions))
        }
        InferAction::Ready => {
            service.find(&model, version.as_ref())?;
            plain(json!({"name": model, "ready": true}))
        }
        InferAction::Infer => {
            let deadline = Deadline::after(service.timeout);
            let answered = inferred(service, &model, version.as_ref(), request, deadline).await;
            let outcome = answered.as_ref().map_err(|refused| refused.failure.clone());
            let call = Call {
                api: "ModelInfer",
                entrypoint: "REST",
            };
            service.note(&model, call, deadline, &outcome);
            answered
        }
    }
}

async fn inferred(
    service: &Service,
    model: &str,
    version: Option<&VersionChoice>,
    request: Request,
    deadline: Deadline,
) -> Result<Response, Refused> {
    let _permit = service.admit()?;
    let held = service.memory.hold();
    let mut body = intake::read(request, &held, deadline, |headers, body| {
        request::read(headers, &body)
    })
    .await?;
    let found = service.find(model, version)?;
    let outputs = body.wanted(&found.served.info)?;
    let images = std::mem::take(&mut body.images);
    let answers = service.classify(&found, images, deadline).await?;
    let answer = answers::write(model, found.served.version, body.id, &outputs, &answers);
    let content_type = match answer.json_length {
        Some(_) => "application/octet-stream",
        None => "application/json",
    };
    let mut response = ([(header::CONTENT_TYPE, content_type)], answer.body).into_response();
    if let Some(length) = answer.json_length {
        response.headers_mut().insert(JSON_LENGTH, length.into());
    }
    Ok(response)
}
