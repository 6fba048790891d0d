//! The HTTP client: one request, one answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Response, header::HeaderMap, redirect};
use tokio::time::timeout;

use super::{
    answer::{Answer, NoImageryRules, Verdict, verdict_of},
    capture::LastCapture,
    timing::Timing,
};
use crate::{causes, imagery::secrets::Secrets};

/// The largest body that is read: far more than any tile.
const BODY_BYTES_MAX: usize = 16 << 20;
/// The most redirects that are followed for one tile.
const REDIRECTS_MAX: usize = 5;

/// How the client is set up.
pub(super) struct Setup<'a> {
    pub(super) headers: HeaderMap,
    /// Who to write to about the requests.
    pub(super) contact: Option<&'a str>,
    pub(super) connections: usize,
    /// Whether the server is this machine, which no proxy stands before.
    pub(super) loopback: bool,
    pub(super) timing: Timing,
}

/// Builds a client; HTTP/2 is spoken wherever the server offers it.
pub(super) fn build(setup: Setup<'_>) -> Result<Client, reqwest::Error> {
    // Installed by the program already, but not where the library is used alone.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut agent = format!("hvmap/{}", env!("CARGO_PKG_VERSION"));
    if let Some(contact) = setup.contact {
        agent.push_str(&format!(" (+{contact})"));
    }
    let has_headers = !setup.headers.is_empty();
    let builder = Client::builder()
        .user_agent(agent)
        .default_headers(setup.headers)
        .connect_timeout(setup.timing.connect)
        .pool_max_idle_per_host(setup.connections)
        .referer(false)
        .redirect(redirect::Policy::custom(move |attempt| {
            let first = attempt.previous().first();
            let elsewhere = first.is_some_and(|first| first.host_str() != attempt.url().host_str());
            if attempt.previous().len() > REDIRECTS_MAX {
                attempt.error("too many redirects")
            } else if has_headers && elsewhere {
                attempt.error("redirected to another host, to which your headers are not sent")
            } else {
                attempt.follow()
            }
        }));
    if setup.loopback {
        builder.no_proxy().build()
    } else {
        builder.build()
    }
}

/// Makes one request and says what the answer means.
pub(super) async fn ask(
    client: &Client,
    url: &str,
    rules: &NoImageryRules,
    secrets: &Secrets,
    timing: &Timing,
    captured: &LastCapture,
) -> Answer {
    let response = match timeout(timing.first_byte + timing.connect, client.get(url).send()).await {
        Err(_) => return late("no answer within", timing.first_byte),
        Ok(Err(error)) => return failed(error, secrets),
        Ok(Ok(response)) => response,
    };
    match verdict_of(response.status(), response.headers(), rules) {
        Verdict::Decided(answer) => answer,
        Verdict::Body => {
            captured.note(response.headers());
            match read_body(response, secrets, timing).await {
                Ok(body) if rules.match_body(&body) => Answer::NoImagery,
                Ok(body) => Answer::Payload(body),
                Err(answer) => answer,
            }
        }
    }
}

async fn read_body(
    mut response: Response,
    secrets: &Secrets,
    timing: &Timing,
) -> Result<Bytes, Answer> {
    let mut body = BytesMut::new();
    loop {
        match timeout(timing.stall, response.chunk()).await {
            Err(_) => return Err(late("the answer stalled for", timing.stall)),
            Ok(Err(error)) => return Err(failed(error, secrets)),
            Ok(Ok(None)) => return Ok(body.freeze()),
            Ok(Ok(Some(chunk))) if body.len() + chunk.len() > BODY_BYTES_MAX => {
                return Err(Answer::Permanent {
                    reason: format!("the body is larger than {} MiB", BODY_BYTES_MAX >> 20),
                });
            }
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
        }
    }
}

fn late(what: &str, waited: Duration) -> Answer {
    Answer::Transient {
        reason: format!("{what} {} s", waited.as_secs_f32()),
        retry_after: None,
    }
}

/// What a failed request means: everything but a bad redirect may work the next time.
fn failed(error: reqwest::Error, secrets: &Secrets) -> Answer {
    let is_redirect = error.is_redirect();
    let error = error.without_url();
    let reason = secrets.scrub(&causes::on_one_line(&error));
    if is_redirect {
        Answer::Permanent { reason }
    } else {
        Answer::Transient {
            reason,
            retry_after: None,
        }
    }
}
