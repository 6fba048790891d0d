//! Requests and answers over HTTP, whatever their JSON says.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{self, HeaderMap},
};
use serde_json::Value;

use super::{
    exchange::{ANSWER_BYTES_MAX, CONNECT_TIMEOUT, Reply, clipped},
    settings::RemoteSettings,
};
use crate::{causes, wire::names::JSON_LENGTH_HEADER};

pub(super) fn client(settings: &RemoteSettings) -> Result<Client, String> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(settings.request_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())
}

/// What a server answered.
pub(super) struct Answer {
    pub status: StatusCode,
    /// From Retry-After.
    pub wait: Option<Duration>,
    /// Bytes of JSON before binary tensors, in the Open Inference Protocol.
    pub json_length: Option<usize>,
    pub body: Bytes,
}

/// Sends a request and reads its answer, up to a bound; the error says why nothing came.
pub(super) async fn ask(request: RequestBuilder) -> Result<Answer, String> {
    let response = request
        .send()
        .await
        .map_err(|error| causes::on_one_line(&error.without_url()))?;
    let headers = response.headers();
    let json_length = headers
        .get(JSON_LENGTH_HEADER)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    Ok(Answer {
        status: response.status(),
        wait: wait(headers, SystemTime::now()),
        json_length,
        body: read(response).await?,
    })
}

/// How long a server wants to be left alone: Retry-After in seconds or as a date (RFC 9110, 10.2.3).
fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let until = httpdate::parse_http_date(text).ok()?;
            Some(until.duration_since(now).unwrap_or_default())
        }
    }
}

pub(super) async fn get(client: &Client, url: &str) -> Result<(StatusCode, Bytes), String> {
    let answer = ask(client.get(url)).await?;
    Ok((answer.status, answer.body))
}

async fn read(mut response: Response) -> Result<Bytes, String> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| causes::on_one_line(&error.without_url()))?
    {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!(
                "its answer is larger than {} MiB",
                ANSWER_BYTES_MAX >> 20
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A status with the server's own words, if it has any.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> String {
    let error = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|json| json["error"].as_str().map(str::to_owned));
    match error {
        Some(error) => format!("status {}: {}", status.as_u16(), clipped(&error)),
        None => format!("status {}", status.as_u16()),
    }
}

/// What a status other than 200 means for the images that were sent.
pub(super) fn verdict(status: StatusCode, wait: Option<Duration>, reason: String) -> Reply {
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Reply::BadBatch { reason },
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Reply::Busy { reason, wait },
        status if status.is_client_error() => Reply::Refused { reason },
        _ => Reply::Failed {
            reason: reason.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_says_for_how_long_in_seconds_or_until_when() {
        let wait = |text: &str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            let now = httpdate::parse_http_date("Thu, 26 Nov 2026 08:00:00 GMT").unwrap();
            super::wait(&headers, now)
        };
        assert_eq!(wait("2"), Some(Duration::from_secs(2)));
        let until = "Thu, 26 Nov 2026 08:00:30 GMT";
        assert_eq!(wait(until), Some(Duration::from_secs(30)));
        let past = "Thu, 26 Nov 2026 07:00:00 GMT";
        assert_eq!(wait(past), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_status_says_who_is_at_fault() {
        let verdict = |status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            super::verdict(status, None, String::new())
        };
        for status in [400, 413, 422] {
            assert!(
                matches!(verdict(status), Reply::BadBatch { .. }),
                "{status}"
            );
        }
        for status in [408, 429, 503, 504] {
            assert!(matches!(verdict(status), Reply::Busy { .. }), "{status}");
        }
        for status in [401, 403, 404, 405] {
            assert!(matches!(verdict(status), Reply::Refused { .. }), "{status}");
        }
        for status in [302, 500, 502] {
            assert!(matches!(verdict(status), Reply::Failed { .. }), "{status}");
        }
    }
}
