//! The REST interface: which request means what, and the answer's JSON.
//!
//! Where TF Serving's documents and code disagree, this follows the code. The request's
//! Content-Type is never looked at.

mod answers;
mod body;
mod examples;
mod infer;
mod intake;
mod json;
mod metadata;
mod paths;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use paths::{Action, InferAction, InferTarget, Target};
use serde_json::{Value, json};
use tonic::Code;

use super::{
    batcher::{Answer, Image},
    failure::{Failure, RETRY_AFTER_S},
    metrics::Call,
    service::{Deadline, Found, Service, VersionChoice},
    signatures::Signature,
};

/// The handler of every request.
pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new().fallback(handle).with_state(service)
}

/// An answer that is an error. Its status is mostly the one that TF Serving gives to the code.
struct Refused {
    status: StatusCode,
    failure: Failure,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            status: status_of(failure.code),
            failure,
        }
    }
}

/// The status that TF Serving gives to a code.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        // Nobody reads the answer to a cancelled request, whose status 499 has no name.
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({"error": self.failure.text}).to_string();
        let mut response = json_response(self.status, body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        response
    }
}

fn call(api: &'static str) -> Call {
    Call {
        api,
        entrypoint: "REST",
    }
}

fn json_response(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn text_response(status: StatusCode, body: impl Into<Body>) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        body.into(),
    )
        .into_response()
}

async fn handle(State(service): State<Arc<Service>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    match (&method, path.as_str()) {
        (&Method::OPTIONS, _) => {
            let origin = request
                .headers()
                .get(header::ORIGIN)
                .and_then(|origin| origin.to_str().ok())
                .unwrap_or_default();
            if origin.starts_with("http://") || origin.starts_with("https://") {
                return StatusCode::OK.into_response();
            }
            return StatusCode::BAD_REQUEST.into_response();
        }
        (&Method::GET, path) if service.metrics_path.as_deref() == Some(path) => {
            let models = service
                .repository
                .entries()
                .iter()
                .map(|entry| (entry.folder.name.as_str(), Arc::clone(&entry.metrics)));
            let text = service.repository.requests.render(models);
            return text_response(StatusCode::OK, text);
        }
        _ => {}
    }
    if let Some(rest) = path.strip_prefix("/v2") {
        return v2(&service, rest, request)
            .await
            .unwrap_or_else(IntoResponse::into_response);
    }
    let Some(rest) = after(&path, "/v1/") else {
        return text_response(StatusCode::NOT_FOUND, "Not found\n");
    };
    let answered = match v1_target(&method, &path, rest) {
        Ok(target) => v1(&service, &target, request).await,
        Err(failure) => Err(failure.into()),
    };
    match answered {
        Ok(body) => json_response(StatusCode::OK, body),
        Err(refused) => refused.into_response(),
    }
}

/// What follows a prefix, whatever its case.
fn after<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.get(..prefix.len())
        .filter(|start| start.eq_ignore_ascii_case(prefix))
        .map(|_| &path[prefix.len()..])
}

fn v1_target(method: &Method, path: &str, rest: &str) -> Result<Target, Failure> {
    let malformed = || Failure::invalid(format!("Malformed request: {method} {path}"));
    let rest = after(rest, "models").ok_or_else(malformed)?;
    if rest.trim_end_matches('/').is_empty() && method == Method::GET {
        return Err(Failure::invalid("Missing model name in request."));
    }
    rest.strip_prefix('/')
        .and_then(|rest| Target::parse(method, rest))
        .ok_or_else(malformed)
}

async fn v1(service: &Service, target: &Target, request: Request) -> Result<String, Refused> {
    let version = target.version.as_ref();
    match target.action {
        Action::Status => {
            let versions = service.statuses(&target.model, version)?;
            Ok(metadata::status(&target.model, &versions))
        }
        Action::Metadata => {
            let found = service.find(&target.model, version)?;
            Ok(metadata::metadata(&target.model, &found.served))
        }
        Action::Predict | Action::Classify | Action::Regress => {
            let deadline = Deadline::after(service.timeout);
            let answered = match target.action {
                Action::Predict => predict(service, target, request, deadline).await,
                _ => results(service, target, request, deadline).await,
            };
            let api = match target.action {
                Action::Classify => "Classify",
                Action::Regress => "Regress",
                _ => "Predict",
            };
            let outcome = answered.as_ref().map_err(|refused| refused.failure.clone());
            service.note(&target.model, call(api), deadline, &outcome);
            answered
        }
    }
}

async fn predict(
    service: &Service,
    target: &Target,
    request: Request,
    deadline: Deadline,
) -> Result<String, Refused> {
    let _permit = service.admit()?;
    let held = service.memory.hold();
    let body = intake::read(request, &held, deadline, |_, body| body::read(&body)).await?;
    let found = service.find(&target.model, target.version.as_ref())?;
    let info = &found.served.info;
    let signature = Signature::named(&body.signature, info, |name| {
        Failure::invalid(format!(
            "Serving signature name: \"{name}\" not found in signature def"
        ))
    })?;
    let answers = scored(service, &found, body.images, deadline).await?;
    let columns = match &info.attribution {
        Some(map) if signature == Signature::Localize => Some(map.columns_px.len()),
        _ => None,
    };
    Ok(answers::write(&answers, body.form, columns))
}

/// `:classify` and `:regress`.
async fn results(
    service: &Service,
    target: &Target,
    request: Request,
    deadline: Deadline,
) -> Result<String, Refused> {
    let _permit = service.admit()?;
    let held = service.memory.hold();
    let body = intake::read(request, &held, deadline, |_, body| examples::read(&body)).await?;
    let found = service.find(&target.model, target.version.as_ref())?;
    Signature::named(&body.signature, &found.served.info, |name| {
        Failure::invalid(format!("No signature was found with the name: {name}"))
    })?;
    let answers = scored(service, &found, body.images, deadline).await?;
    Ok(match target.action {
        Action::Classify => answers::write_classes(&answers, &found.served.info.classes),
        _ => answers::write_regressions(&answers),
    })
}

/// The open inference protocol; `rest` is what follows `/v2`.
async fn v2(service: &Service, rest: &str, request: Request) -> Result<Response, Refused> {
    let method = request.method().clone();
    let plain = |value: Value| Ok(json_response(StatusCode::OK, value.to_string()));
    match (&method, rest) {
        (&Method::GET, "" | "/") => return plain(infer::server()),
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
            plain(infer::metadata(&model, &found.served, &versions))
        }
        InferAction::Ready => {
            service.find(&model, version.as_ref())?;
            plain(json!({"name": model, "ready": true}))
        }
        InferAction::Infer => {
            let deadline = Deadline::after(service.timeout);
            let answered = inferred(service, &model, version.as_ref(), request, deadline).await;
            let outcome = answered.as_ref().map_err(|refused| refused.failure.clone());
            service.note(&model, call("ModelInfer"), deadline, &outcome);
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
        infer::read(headers, &body)
    })
    .await?;
    let found = service.find(model, version)?;
    let outputs = body.wanted(&found.served.info)?;
    let images = std::mem::take(&mut body.images);
    let answers = service.classify(&found, images, deadline).await?;
    let answer = infer::write(model, found.served.version, body.id, &outputs, &answers);
    let content_type = match answer.json_length {
        Some(_) => "application/octet-stream",
        None => "application/json",
    };
    let mut response = ([(header::CONTENT_TYPE, content_type)], answer.body).into_response();
    if let Some(length) = answer.json_length {
        response
            .headers_mut()
            .insert(infer::JSON_LENGTH, length.into());
    }
    Ok(response)
}

async fn scored(
    service: &Service,
    found: &Found,
    images: Vec<Bytes>,
    deadline: Deadline,
) -> Result<Vec<Answer>, Failure> {
    let images = images.into_iter().map(Image::Encoded).collect();
    service.classify(found, images, deadline).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_statuses_that_tf_serving_gives_them() {
        for (status, codes) in [
            (
                400,
                &[
                    Code::InvalidArgument,
                    Code::FailedPrecondition,
                    Code::OutOfRange,
                ][..],
            ),
            (401, &[Code::Unauthenticated]),
            (403, &[Code::PermissionDenied]),
            (404, &[Code::NotFound]),
            (409, &[Code::AlreadyExists, Code::Aborted]),
            (429, &[Code::ResourceExhausted]),
            (500, &[Code::Unknown, Code::Internal, Code::DataLoss]),
            (501, &[Code::Unimplemented]),
            (503, &[Code::Unavailable]),
            (504, &[Code::DeadlineExceeded]),
        ] {
            for code in codes {
                assert_eq!(status_of(*code), status, "{code:?}");
            }
        }
    }
}
