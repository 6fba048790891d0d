//! TF Serving's REST interface: a request's path, its body, the answer.

mod answers;
mod examples_body;
mod metadata;
mod predict_body;

use axum::{
    extract::Request,
    http::{Method, StatusCode},
    response::Response,
};
use bytes::Bytes;

use super::{
    intake,
    paths::{Action, Target, after},
    respond::{self, Refused},
};
use crate::serve::{
    batcher::{Answer, Image},
    failure::Failure,
    metrics::Call,
    service::{Deadline, Found, Service},
    signatures::Signature,
};

/// Answers a request whose path begins with `/v1/`; `rest` is what follows that.
pub(super) async fn answer(
    service: &Service,
    rest: &str,
    request: Request,
) -> Result<Response, Refused> {
    let target = target(request.method(), request.uri().path(), rest)?;
    let version = target.version.as_ref();
    let body = match target.action {
        Action::Status => {
            let versions = service.statuses(&target.model, version)?;
            metadata::status(&target.model, &versions)
        }
        Action::Metadata => {
            let found = service.find(&target.model, version)?;
            metadata::metadata(&target.model, &found.served)
        }
        Action::Predict => scored(service, &target, request, "Predict").await?,
        Action::Classify => scored(service, &target, request, "Classify").await?,
        Action::Regress => scored(service, &target, request, "Regress").await?,
    };
    Ok(respond::json(StatusCode::OK, body))
}

fn target(method: &Method, path: &str, rest: &str) -> Result<Target, Failure> {
    let malformed = || Failure::invalid(format!("Malformed request: {method} {path}"));
    let rest = after(rest, "models").ok_or_else(malformed)?;
    if rest.trim_end_matches('/').is_empty() && method == Method::GET {
        return Err(Failure::invalid("Missing model name in request."));
    }
    rest.strip_prefix('/')
        .and_then(|rest| Target::parse(method, rest))
        .ok_or_else(malformed)
}

/// The answer to a request with images, which is counted under the name `api`.
async fn scored(
    service: &Service,
    target: &Target,
    request: Request,
    api: &'static str,
) -> Result<String, Refused> {
    let deadline = Deadline::after(service.timeout);
    let answered = match target.action {
        Action::Predict => predict(service, target, request, deadline).await,
        _ => results(service, target, request, deadline).await,
    };
    let outcome = answered.as_ref().map_err(|refused| refused.failure.clone());
    let call = Call {
        api,
        entrypoint: "REST",
    };
    service.note(&target.model, call, deadline, &outcome);
    answered
}

async fn predict(
    service: &Service,
    target: &Target,
    request: Request,
    deadline: Deadline,
) -> Result<String, Refused> {
    let _permit = service.admit()?;
    let held = service.memory.hold();
    let body = intake::read(request, &held, deadline, |_, body| {
        predict_body::read(&body)
    })
    .await?;
    let found = service.find(&target.model, target.version.as_ref())?;
    let info = &found.served.info;
    let signature = Signature::named(&body.signature, info, |name| {
        Failure::invalid(format!(
            "Serving signature name: \"{name}\" not found in signature def"
        ))
    })?;
    let answers = classified(service, &found, body.images, deadline).await?;
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
    let body = intake::read(request, &held, deadline, |_, body| {
        examples_body::read(&body)
    })
    .await?;
    let found = service.find(&target.model, target.version.as_ref())?;
    Signature::named(&body.signature, &found.served.info, |name| {
        Failure::invalid(format!("No signature was found with the name: {name}"))
    })?;
    let answers = classified(service, &found, body.images, deadline).await?;
    Ok(match target.action {
        Action::Classify => answers::write_classes(&answers, &found.served.info.classes),
        _ => answers::write_regressions(&answers),
    })
}

async fn classified(
    service: &Service,
    found: &Found,
    images: Vec<Bytes>,
    deadline: Deadline,
) -> Result<Vec<Answer>, Failure> {
    let images = images.into_iter().map(Image::Encoded).collect();
    service.classify(found, images, deadline).await
}
