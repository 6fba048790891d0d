//! One image, asked for until there is a last word.

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::sleep;

use super::{Shared, answer::Answer, client::ask, health::Stop};
use crate::{
    image::looks_whole,
    imagery::{FetchFailure, Fetched, RetryClass},
    tiles::TileCoord,
};

/// Tries of one image while the server is up. With the default pauses they take about half a
/// minute, and the waits for a silent server on top.
pub(super) const ATTEMPTS_MAX: usize = 6;
/// Tries of one image when it is also used to find out whether the server is back.
const ATTEMPTS_IN_OUTAGE_MAX: usize = 12;

/// Asks for an image until it is there, is known not to be, or is given up.
///
/// # Errors
/// When no more requests are to be made at all.
pub(super) async fn fetch(shared: &Shared, address: TileCoord) -> Result<Fetched, Stop> {
    let url = shared.template.url(address);
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(shared.timing.backoff_first)
        .with_max_delay(shared.timing.backoff_max)
        .with_max_times(ATTEMPTS_IN_OUTAGE_MAX)
        .with_jitter()
        .build();
    let mut attempts = 0;
    loop {
        let (answer, was_probe) = ask_once(shared, &url).await?;
        attempts += 1;
        let attempts_max = if was_probe {
            ATTEMPTS_IN_OUTAGE_MAX
        } else {
            ATTEMPTS_MAX
        };
        let reason = match answer {
            // One that stays cut short however often it is asked for is left to the decoder, which
            // says so.
            Answer::Payload(payload) if attempts >= attempts_max || looks_whole(&payload) => {
                return Ok(Fetched::Payload(payload));
            }
            Answer::Payload(_) => "the image came cut short".to_owned(),
            Answer::NoImagery => return Ok(Fetched::NoImagery),
            Answer::Permanent { reason } => return Ok(failed(RetryClass::Permanent, reason)),
            Answer::Refused { status } => {
                return Ok(failed(RetryClass::Permanent, format!("status {status}")));
            }
            Answer::Transient { reason, .. } => reason,
        };
        let pause = pauses.next().filter(|_| attempts < attempts_max);
        let Some(pause) = pause else {
            return Ok(failed(
                RetryClass::Transient,
                format!("{reason} ({attempts} tries)"),
            ));
        };
        sleep(pause).await;
    }
}

/// Makes one request when its turn has come, and tells the source's health how it went.
async fn ask_once(shared: &Shared, url: &str) -> Result<(Answer, bool), Stop> {
    // Only closed when the source is dropped, and then nobody waits here.
    let _connection = shared.connections.acquire().await;
    let leave = loop {
        let leave = shared.health.leave().await?;
        // After the leave, so that those who waited for it together set out at the allowed rate.
        if let Some(limiter) = &shared.limiter {
            limiter.until_ready().await;
        }
        // Meanwhile the server may have asked for quiet.
        if shared.health.still_grants(&leave) {
            break leave;
        }
    };
    let answer = ask(
        &shared.client,
        url,
        &shared.rules,
        &shared.template.secrets,
        &shared.timing,
        &shared.captured,
    )
    .await;
    match &answer {
        Answer::Payload(_) | Answer::NoImagery | Answer::Permanent { .. } => {
            shared.health.note_success();
        }
        Answer::Refused { status } => shared.health.note_refusal(*status),
        Answer::Transient {
            reason,
            retry_after,
        } => shared
            .health
            .note_failure(reason, *retry_after, leave.is_probe),
    }
    match shared.health.stop() {
        Some(stop) => Err(stop),
        None => Ok((answer, leave.is_probe)),
    }
}

fn failed(retry: RetryClass, reason: String) -> Fetched {
    Fetched::Failed(FetchFailure { retry, reason })
}
