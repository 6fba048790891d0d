//! The gRPC interface: TF Serving's services and that of the Open Inference Protocol.
//!
//! In: messages of [`crate::wire`]. Out: the same. A request with images takes part in the same
//! bounds and queues as one over REST; what differs is that the client says how long it waits.

mod intake;
mod models;
mod open_inference;
mod prediction;
mod tensors;

use std::{sync::Arc, time::Duration};

use axum::Router;
use tonic::{
    Response, Status,
    codec::CompressionEncoding,
    metadata::{MetadataMap, MetadataValue},
    service::Routes,
};

use super::{
    failure::{Failure, RETRY_AFTER_S},
    metrics::Call,
    repository::Served,
    service::{BODY_BYTES_MAX, Deadline, Service, VersionChoice},
};
use crate::wire::{
    facts::HEADER,
    names::PUSHBACK_HEADER,
    open_inference::grpc_inference_service_server::GrpcInferenceServiceServer,
    tensorflow::serving::{
        ModelSpec, model_service_server::ModelServiceServer, model_spec,
        prediction_service_server::PredictionServiceServer,
    },
};

/// The longest that a client may wait: as in TF Serving it says itself how long, and a client that
/// goes takes its request with it.
const PATIENCE_MAX: Duration = Duration::from_secs(3600);
/// Characters of an error's text; it travels as a header, and headers are bounded.
const TEXT_CHARS_MAX: usize = 1000;

/// The handler of every request.
pub(super) fn router(service: &Arc<Service>) -> Router {
    let prediction = PredictionServiceServer::new(prediction::Prediction(Arc::clone(service)))
        .max_decoding_message_size(BODY_BYTES_MAX)
        .max_encoding_message_size(usize::MAX)
        .accept_compressed(CompressionEncoding::Gzip);
    let models = ModelServiceServer::new(models::Models(Arc::clone(service)))
        .accept_compressed(CompressionEncoding::Gzip);
    let open = GrpcInferenceServiceServer::new(open_inference::OpenInference(Arc::clone(service)))
        .max_decoding_message_size(BODY_BYTES_MAX)
        .max_encoding_message_size(usize::MAX)
        .accept_compressed(CompressionEncoding::Gzip);
    Routes::new(prediction)
        .add_service(models)
        .add_service(open)
        .into_axum_router()
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(service),
            intake::admit,
        ))
}

fn call(api: &'static str) -> Call {
    Call {
        api,
        entrypoint: "GRPC",
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let text = match failure.text.char_indices().nth(TEXT_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &failure.text[..end]),
            None => failure.text,
        };
        let mut status = Self::new(failure.code, text);
        if failure.code == tonic::Code::Unavailable {
            // What gRPC has for Retry-After.
            status
                .metadata_mut()
                .insert(PUSHBACK_HEADER, MetadataValue::from(RETRY_AFTER_S * 1000));
        }
        status
    }
}

/// An answer with what is known of the model in its head.
fn with_facts<T>(message: T, served: &Served) -> Response<T> {
    let mut response = Response::new(message);
    let facts = served.facts().to_json().to_string();
    response
        .metadata_mut()
        .insert_bin(HEADER, MetadataValue::from_bytes(facts.as_bytes()));
    response
}

/// How long the client waits, from now.
fn deadline(metadata: &MetadataMap) -> Deadline {
    let asked = metadata
        .get("grpc-timeout")
        .and_then(|value| patience(value.to_str().ok()?));
    Deadline::after(asked.map_or(PATIENCE_MAX, |asked| asked.min(PATIENCE_MAX)))
}

/// gRPC's spelling of a time: at most eight digits and a unit.
fn patience(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The model that a request names.
fn spec(spec: Option<ModelSpec>) -> Result<(ModelSpec, Option<VersionChoice>), Failure> {
    let spec = spec.ok_or_else(|| Failure::invalid("Missing ModelSpec"))?;
    let version = match &spec.version_choice {
        None => None,
        Some(model_spec::VersionChoice::Version(number)) => {
            let number = u64::try_from(*number).map_err(|_| {
                Failure::new(
                    tonic::Code::NotFound,
                    format!(
                        "Servable not found for request: Specific({}, {number})",
                        spec.name
                    ),
                )
            })?;
            Some(VersionChoice::Number(number))
        }
        Some(model_spec::VersionChoice::VersionLabel(label)) => {
            Some(VersionChoice::Label(label.clone()))
        }
    };
    Ok((spec, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_grpc_spells_them() {
        assert_eq!(patience("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(
            patience("99999999n"),
            Some(Duration::from_nanos(99_999_999))
        );
        for wrong in ["", "S", "+1S", "1", "1s", "123456789m", "1é"] {
            assert_eq!(patience(wrong), None, "{wrong}");
        }
    }
}
