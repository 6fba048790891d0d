//! The REST interface: which request means what, and the answer's JSON.
//!
//! Where TF Serving's documents and code disagree, this follows the code. The request's
//! Content-Type is never looked at.

use std::{
    fmt::Write as _,
    io::Read as _,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value, json};
use tokio::{sync::Semaphore, time::timeout_at};

use super::{
    batcher::{Answer, Full, Refusal},
    body::{self, Form, INPUT, PredictBody},
    repository::{Entry, Repository, Served, State as VersionState},
};

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 << 20;
/// The largest body after inflating, as in TF Serving.
const INFLATED_BYTES_MAX: usize = 100 << 20;
/// Requests in work at once; their bodies are what the server holds in memory.
const REQUESTS_MAX: usize = 64;
/// Seconds after which a client that was turned away may come back.
const RETRY_AFTER_S: u32 = 1;

const DEFAULT_SIGNATURE: &str = "serving_default";
const LOCALIZE_SIGNATURE: &str = "localize";

struct Service {
    repository: Arc<Repository>,
    timeout: Duration,
    requests: Semaphore,
}

/// The handler of every request.
pub(super) fn router(repository: Arc<Repository>, timeout: Duration) -> Router {
    let service = Service {
        repository,
        timeout,
        requests: Semaphore::new(REQUESTS_MAX),
    };
    Router::new().fallback(handle).with_state(Arc::new(service))
}

/// An answer that is an error, with its text.
struct Failure {
    status: StatusCode,
    text: String,
}

impl Failure {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({"error": self.text}).to_string();
        let mut response = json_response(self.status, body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        response
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

/// What a path under `/v1/models/` asks for.
#[derive(Debug, PartialEq)]
struct Target {
    model: String,
    version: Option<VersionChoice>,
    action: Action,
}

#[derive(Debug, PartialEq)]
enum VersionChoice {
    Number(u64),
    Label(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Status,
    Metadata,
    Predict,
    /// `:classify` and `:regress`.
    Unimplemented,
}

impl Target {
    /// Reads what follows `/v1/models/`; `None` when it is malformed or the method does not fit.
    fn parse(method: &Method, rest: &str) -> Option<Self> {
        let (path, verb) = match rest.rsplit_once(':') {
            Some((path, verb)) if !verb.contains('/') => (path, Some(verb.to_ascii_lowercase())),
            _ => (rest, None),
        };
        let mut parts = path.trim_end_matches('/').split('/');
        let model = percent_decoded(parts.next().filter(|name| !name.is_empty())?)?;
        let mut version = None;
        let mut metadata = false;
        while let Some(part) = parts.next() {
            match part {
                "versions" if version.is_none() => {
                    version = Some(VersionChoice::Number(parts.next()?.parse().ok()?));
                }
                "labels" if version.is_none() => {
                    version = Some(VersionChoice::Label(percent_decoded(parts.next()?)?));
                }
                "metadata" if !metadata => metadata = true,
                _ => return None,
            }
        }
        let action = match (method, verb.as_deref(), metadata) {
            (&Method::GET, None, false) => Action::Status,
            (&Method::GET, None, true) => Action::Metadata,
            (&Method::POST, Some("predict"), false) => Action::Predict,
            (&Method::POST, Some("classify" | "regress"), false) => Action::Unimplemented,
            _ => return None,
        };
        Some(Self {
            model,
            version,
            action,
        })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
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
        (&Method::GET, "/v2/health/live" | "/v2/health/ready") => {
            return StatusCode::OK.into_response();
        }
        (&Method::GET, "/monitoring/prometheus/metrics") => {
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
    let Some(rest) = path.strip_prefix("/v1/") else {
        return text_response(StatusCode::NOT_FOUND, "Not found\n");
    };
    let malformed =
        || Failure::bad_request(format!("Malformed request: {method} {path}")).into_response();
    let Some(rest) = rest.strip_prefix("models") else {
        return malformed();
    };
    if rest.trim_end_matches('/').is_empty() && method == Method::GET {
        return Failure::bad_request("Missing model name in request.").into_response();
    }
    let Some(target) = rest
        .strip_prefix('/')
        .and_then(|rest| Target::parse(&method, rest))
    else {
        return malformed();
    };
    let answered = match target.action {
        Action::Status => status(&service, &target),
        Action::Metadata => metadata(&service, &target),
        Action::Predict => predict(&service, &target, request).await,
        Action::Unimplemented => Err(Failure::new(
            StatusCode::NOT_IMPLEMENTED,
            "classify and regress are not served, expected :predict",
        )),
    };
    match answered {
        Ok(body) => json_response(StatusCode::OK, body),
        Err(failure) => failure.into_response(),
    }
}

fn unknown_label(label: &str) -> Failure {
    Failure::bad_request(format!("Unrecognized servable version label: {label}"))
}

fn status(service: &Service, target: &Target) -> Result<String, Failure> {
    let none = || {
        Failure::new(
            StatusCode::NOT_FOUND,
            format!("Could not find any versions of model {}", target.model),
        )
    };
    let entry = service.repository.entry(&target.model).ok_or_else(none)?;
    let mut versions = entry.versions();
    match &target.version {
        None => {}
        Some(VersionChoice::Label(label)) => return Err(unknown_label(label)),
        Some(VersionChoice::Number(number)) => {
            let status = versions.remove(number).ok_or_else(|| {
                Failure::new(
                    StatusCode::NOT_FOUND,
                    format!("Could not find version {number} of model {}", target.model),
                )
            })?;
            versions = [(*number, status)].into();
        }
    }
    let ready = versions
        .values()
        .any(|status| status.state == VersionState::Available);
    let list: Vec<Value> = versions
        .iter()
        .rev()
        .map(|(version, status)| {
            json!({
                "version": version.to_string(),
                "state": status.state.name(),
                "status": {
                    "error_code": if status.error.is_some() { "UNKNOWN" } else { "OK" },
                    "error_message": status.error.as_deref().unwrap_or_default(),
                },
            })
        })
        .collect();
    Ok(json!({
        "model_version_status": list,
        "name": target.model,
        "ready": ready,
    })
    .to_string())
}

/// The version that a request means.
fn served<'a>(
    service: &'a Service,
    target: &Target,
) -> Result<(&'a Arc<Entry>, Arc<Served>), Failure> {
    let missing = |version: String| {
        Failure::new(
            StatusCode::NOT_FOUND,
            format!(
                "Servable not found for request: {version}; served here: {}",
                service
                    .repository
                    .entries()
                    .iter()
                    .map(|entry| format!("{}/{}", entry.folder.name, entry.current().version))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        )
    };
    let name = &target.model;
    let entry = service.repository.entry(name);
    match (&target.version, entry) {
        (Some(VersionChoice::Label(label)), _) => Err(unknown_label(label)),
        (None, None) => Err(missing(format!("Latest({name})"))),
        (None, Some(entry)) => Ok((entry, entry.current())),
        (Some(VersionChoice::Number(number)), entry) => {
            let current = entry.map(|entry| (entry, entry.current()));
            current
                .filter(|(_, served)| served.version == *number)
                .ok_or_else(|| missing(format!("Specific({name}, {number})")))
        }
    }
}

fn metadata(service: &Service, target: &Target) -> Result<String, Failure> {
    let (_, served) = served(service, target)?;
    let tensor = |name: &str, dtype: &str, sizes: &[i64]| {
        let dims: Vec<Value> = sizes
            .iter()
            .map(|size| json!({"size": size.to_string(), "name": ""}))
            .collect();
        json!({
            "dtype": dtype,
            "tensor_shape": {"dim": dims, "unknown_rank": false},
            "name": format!("{name}:0"),
        })
    };
    let signature = |outputs: Value| {
        json!({
            "inputs": {INPUT: tensor(INPUT, "DT_STRING", &[-1])},
            "outputs": outputs,
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        })
    };
    let info = &served.info;
    let scores = tensor("scores", "DT_FLOAT", &[-1, info.classes.len() as i64]);
    let mut signatures = Map::new();
    signatures.insert(
        DEFAULT_SIGNATURE.into(),
        signature(json!({"scores": scores.clone()})),
    );
    if let Some(map) = &info.attribution {
        let sizes = [-1, map.rows_px.len() as i64, map.columns_px.len() as i64];
        let attribution = tensor("attribution", "DT_FLOAT", &sizes);
        signatures.insert(
            LOCALIZE_SIGNATURE.into(),
            signature(json!({"scores": scores, "attribution": attribution})),
        );
    }
    Ok(json!({
        "model_spec": {
            "name": target.model,
            "signature_name": "",
            "version": served.version.to_string(),
        },
        "metadata": {
            "signature_def": {"signature_def": signatures},
            // What a client of this program needs beyond TF Serving's; others pass it over.
            "hvmap": {
                "checksum": info.checksum,
                "engine": info.engine,
                "classes": info.classes,
                "positives": info.positives,
                "combine": served.contract.combine().to_string(),
                "threshold": info.default_threshold,
                "precision": info.precision,
                "trained_on_synthetic": info.trained_on_synthetic,
                "attribution_columns_px": info.attribution.as_ref().map(|map| &map.columns_px),
                "attribution_rows_px": info.attribution.as_ref().map(|map| &map.rows_px),
            },
        },
    })
    .to_string())
}

async fn predict(service: &Service, target: &Target, request: Request) -> Result<String, Failure> {
    let started = Instant::now();
    let deadline = started + service.timeout;
    let answered = answer(service, target, request, deadline).await;
    if service.repository.entry(&target.model).is_some() {
        let status = match &answered {
            Ok(_) => "OK",
            Err(failure) => code_name(failure.status),
        };
        service
            .repository
            .requests
            .note(&target.model, status, started.elapsed());
    }
    answered
}

/// The name that TF Serving's metrics give to a status.
fn code_name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => "INVALID_ARGUMENT",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

async fn answer(
    service: &Service,
    target: &Target,
    request: Request,
    deadline: Instant,
) -> Result<String, Failure> {
    let Ok(_permit) = service.requests.try_acquire() else {
        return Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{REQUESTS_MAX} requests are in work already; try again later"),
        ));
    };
    let PredictBody {
        form,
        signature,
        images,
    } = read(request, deadline).await?;
    let (entry, served) = served(service, target)?;
    let localize = match signature.as_str() {
        "" | DEFAULT_SIGNATURE => false,
        LOCALIZE_SIGNATURE if served.info.attribution.is_some() => true,
        _ => {
            return Err(Failure::bad_request(format!(
                "Serving signature name: \"{signature}\" not found in signature def"
            )));
        }
    };
    let count = images.len();
    let mut receiver = served.batcher.submit(images, deadline).map_err(|Full| {
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "the queue of model {} is full; try again later",
                entry.folder.name
            ),
        )
    })?;
    let mut answers: Vec<Option<Answer>> = vec![None; count];
    let mut open = count;
    let late = || {
        Failure::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!(
                "not answered within {} s; send fewer images at once, or raise \
                 --rest_api_timeout_in_ms",
                service.timeout.as_secs_f32()
            ),
        )
    };
    while open > 0 {
        // A closed channel is a request that waited too long and was dropped.
        let (position, result) = timeout_at(deadline.into(), receiver.recv())
            .await
            .ok()
            .flatten()
            .ok_or_else(late)?;
        match result {
            Ok(answer) => answers[position] = Some(answer),
            Err(Refusal::Undecodable(reason)) => {
                return Err(Failure::bad_request(format!(
                    "element {position} of {count} is not a usable image: {reason}"
                )));
            }
            Err(Refusal::Failed(reason)) => {
                return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, reason));
            }
        }
        open -= 1;
    }
    let answers: Vec<Answer> = answers.into_iter().flatten().collect();
    let columns = served
        .info
        .attribution
        .as_ref()
        .map_or(1, |map| map.columns_px.len());
    Ok(write(&answers, form, localize.then_some(columns)))
}

/// Reads and parses the body, all of it before the deadline.
async fn read(request: Request, deadline: Instant) -> Result<PredictBody, Failure> {
    let zipped = is_gzip(request.headers());
    let body = timeout_at(
        deadline.into(),
        axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX),
    )
    .await
    .map_err(|_| {
        Failure::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body did not arrive in time",
        )
    })?
    .map_err(|error| {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "cannot read the body, at most {} MiB: {error}",
                BODY_BYTES_MAX >> 20
            ),
        )
    })?;
    // Megabytes of base64 take milliseconds, in which this thread would answer nobody.
    tokio::task::spawn_blocking(move || {
        if zipped {
            body::read(&inflate(&body)?)
        } else {
            body::read(&body)
        }
    })
    .await
    .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
    .map_err(Failure::bad_request)
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

/// The answer's JSON. `columns` is the width of the attribution grid where it was asked for: then
/// there are two outputs, and their names stand with them.
fn write(answers: &[Answer], form: Form, columns: Option<usize>) -> String {
    let mut text = String::with_capacity(answers.len() * 64);
    let grid = |text: &mut String, cells: &[f32], columns: usize| {
        let rows: Vec<&[f32]> = cells.chunks(columns).collect();
        join(text, &rows, |text, row| write_row(text, row));
    };
    match (form, columns) {
        (Form::Rows, None) => {
            text.push_str("{\"predictions\":");
            join(&mut text, answers, |text, answer| {
                write_row(text, &answer.outputs);
            });
        }
        (Form::Rows, Some(columns)) => {
            text.push_str("{\"predictions\":");
            join(&mut text, answers, |text, answer| {
                text.push_str("{\"scores\":");
                write_row(text, &answer.outputs);
                text.push_str(",\"attribution\":");
                grid(text, &answer.attribution, columns);
                text.push('}');
            });
        }
        (Form::Columns, None) => {
            text.push_str("{\"outputs\":");
            join(&mut text, answers, |text, answer| {
                write_row(text, &answer.outputs);
            });
        }
        (Form::Columns, Some(columns)) => {
            text.push_str("{\"outputs\":{\"scores\":");
            join(&mut text, answers, |text, answer| {
                write_row(text, &answer.outputs);
            });
            text.push_str(",\"attribution\":");
            join(&mut text, answers, |text, answer| {
                grid(text, &answer.attribution, columns);
            });
            text.push('}');
        }
    }
    text.push('}');
    text
}

fn join<T>(text: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    text.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(']');
}

/// Numbers in the fewest digits that give back the same `f32`, with `.0` on whole ones.
fn write_row(text: &mut String, row: &[f32]) {
    join(text, row, |text, number| {
        // Writing to a string cannot fail. NaN is written as such, as TF Serving does.
        let _ = if number.is_infinite() {
            write!(text, "{}Infinity", if *number < 0.0 { "-" } else { "" })
        } else {
            write!(text, "{number:?}")
        };
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_whole_ones_keep_their_point() {
        let mut text = String::new();
        write_row(&mut text, &[1.0, 0.1, 1e-30, f32::NAN, f32::NEG_INFINITY]);
        assert_eq!(text, "[1.0,0.1,1e-30,NaN,-Infinity]");
    }

    #[test]
    fn paths_say_model_version_and_action() {
        let target = Target::parse(&Method::POST, "hv%20grid/versions/2:PREDICT").unwrap();
        assert_eq!(target.model, "hv grid");
        assert_eq!(target.version, Some(VersionChoice::Number(2)));
        assert_eq!(target.action, Action::Predict);
        for (method, path) in [
            (Method::GET, "m:predict"),
            (Method::POST, "m"),
            (Method::GET, "m/versions/x"),
            (Method::GET, "m/what"),
            (Method::GET, "%zz"),
        ] {
            assert_eq!(Target::parse(&method, path), None, "{method} {path}");
        }
    }
}
