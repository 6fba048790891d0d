//! Connections and answers over gRPC, whatever their messages say.

use std::time::Duration;

use serde_json::Value;
use tonic::{
    Code, Status,
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig},
};

use super::{
    exchange::{CONNECT_TIMEOUT, Reply, clipped},
    facts::Facts,
    model_url::ModelUrl,
    settings::RemoteSettings,
};
use crate::{
    causes,
    wire::{facts::HEADER, names::PUSHBACK_HEADER},
};

/// Connects at the first request, and again after a failure.
pub(super) fn channel(at: &ModelUrl, settings: &RemoteSettings) -> Result<Channel, String> {
    let endpoint = tonic::transport::Endpoint::from_shared(at.base.clone())
        .map_err(|error| causes::on_one_line(&error))?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(settings.request_timeout);
    let endpoint = if at.base.starts_with("https://") {
        // The system's certificates, as for HTTPS; $SSL_CERT_FILE names others.
        let tls = ClientTlsConfig::new().with_native_roots();
        endpoint
            .tls_config(tls)
            .map_err(|error| causes::on_one_line(&error))?
    } else {
        endpoint
    };
    Ok(endpoint.connect_lazy())
}

/// What `hvmap serve` says in a header; nothing from other servers.
pub(super) fn facts(headers: &MetadataMap) -> Result<Option<Facts>, String> {
    let Some(value) = headers.get_bin(HEADER) else {
        return Ok(None);
    };
    let json: Value = value
        .to_bytes()
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| format!("its header {HEADER} is no JSON"))?;
    Facts::read(&json).map(Some)
}

/// What a status means for the images that were sent.
pub(super) fn verdict(status: &Status) -> Reply {
    let reason = words(status);
    // A status that no server sent has the transport's error behind it.
    if std::error::Error::source(status).is_some() {
        return Reply::Silent { reason };
    }
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => {
            Reply::BadBatch { reason }
        }
        Code::NotFound => Reply::Gone { reason },
        Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded | Code::Aborted => {
            Reply::Busy {
                reason,
                wait: pushback(status),
            }
        }
        // The client's own time limit.
        Code::Cancelled => Reply::Silent { reason },
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => {
            Reply::Refused { reason }
        }
        _ => Reply::Failed {
            reason: reason.into(),
        },
    }
}

/// How long a server wants to be left alone, in gRPC's header for it.
fn pushback(status: &Status) -> Option<Duration> {
    let wait = status.metadata().get(PUSHBACK_HEADER)?;
    Some(Duration::from_millis(wait.to_str().ok()?.parse().ok()?))
}

/// A status in a server's words.
pub(super) fn words(status: &Status) -> String {
    let code = status.code();
    match (std::error::Error::source(status), status.message()) {
        (Some(source), _) => causes::on_one_line(source),
        (None, "") => code.description().to_owned(),
        (None, message) => format!("{code:?}: {}", clipped(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_says_for_how_long() {
        let mut status = Status::unavailable("full");
        let wait = |status: &Status| match verdict(status) {
            Reply::Busy { wait, .. } => wait,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(&status), None);
        let header = tonic::metadata::MetadataValue::from(1500);
        status.metadata_mut().insert(PUSHBACK_HEADER, header);
        assert_eq!(wait(&status), Some(Duration::from_millis(1500)));
    }
}
