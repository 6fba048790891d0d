//! What a server's answer means for a tile.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::{StatusCode, header::HeaderMap};

use crate::imagery::BodyHash;

/// A header that Bing's servers set on the placeholder they send instead of imagery.
const BUILT_IN_HEADER: (&str, &str) = ("x-ve-tile-info", "no-tile");

/// The meaning of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Payload(Bytes),
    NoImagery,
    /// Busy, broken or out of reach: asking again may help.
    Transient {
        reason: String,
        /// How long the server asked us to wait.
        retry_after: Option<Duration>,
    },
    /// The server does not want to serve this: a key or a permission is missing.
    Refused {
        status: u16,
    },
    /// The same request will get the same answer.
    Permanent {
        reason: String,
    },
}

/// What an answer's status alone says.
pub(super) enum Verdict {
    /// The body decides.
    Body,
    Decided(Answer),
}

/// What a status and the headers mean; these also give the wait that a busy server asks for.
pub(super) fn verdict_of(
    status: StatusCode,
    headers: &HeaderMap,
    rules: &NoImageryRules,
) -> Verdict {
    let code = status.as_u16();
    Verdict::Decided(match code {
        204 | 404 | 410 => Answer::NoImagery,
        _ if rules.statuses.contains(&code) => Answer::NoImagery,
        408 | 425 | 429 | 500..=599 => Answer::Transient {
            reason: format!("status {code}"),
            retry_after: retry_after(headers, SystemTime::now()),
        },
        // Some servers say so in a header of an error, too.
        200..=299 | 400..=499 if rules.match_headers(headers) => Answer::NoImagery,
        200..=299 => return Verdict::Body,
        401 | 403 | 407 => Answer::Refused { status: code },
        _ => Answer::Permanent {
            reason: format!("status {code}"),
        },
    })
}

/// The wait that `Retry-After` asks for, in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// What tells a placeholder from imagery.
#[derive(Clone, Debug, Default)]
pub(super) struct NoImageryRules {
    /// Names in lower case, and values.
    headers: Vec<(String, String)>,
    hashes: Vec<BodyHash>,
    /// Statuses besides those that always mean it.
    statuses: Vec<u16>,
}

impl NoImageryRules {
    pub(super) fn new(headers: &[(String, String)], hashes: &[BodyHash], statuses: &[u16]) -> Self {
        let (name, value) = BUILT_IN_HEADER;
        let built_in = (name.to_owned(), value.to_owned());
        let given = headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        Self {
            headers: std::iter::once(built_in).chain(given).collect(),
            hashes: hashes.to_vec(),
            statuses: statuses.to_vec(),
        }
    }

    /// Whether an answer's headers say that there is no imagery.
    fn match_headers(&self, headers: &HeaderMap) -> bool {
        self.headers.iter().any(|(name, expected)| {
            headers.get_all(name).iter().any(|value| {
                value
                    .to_str()
                    .is_ok_and(|value| bare(value).eq_ignore_ascii_case(bare(expected)))
            })
        })
    }

    /// Whether a body says that there is no imagery.
    pub(super) fn match_body(&self, body: &[u8]) -> bool {
        body.is_empty() || self.hashes.iter().any(|hash| hash.matches(body))
    }
}

/// A header's value without blanks, quotes and the mark of a weak `ETag`, none of which people copy
/// reliably.
fn bare(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix("W/").unwrap_or(value).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn an_etag_matches_with_and_without_quotes() {
        let rules = NoImageryRules::new(&[("ETag".to_owned(), "10a4".to_owned())], &[], &[]);
        assert!(rules.match_headers(&headers("etag", "\"10a4\"")));
        assert!(rules.match_headers(&headers("etag", "W/\"10a4\"")));
        assert!(!rules.match_headers(&headers("etag", "\"10a5\"")));
        assert!(rules.match_headers(&headers("x-ve-tile-info", "no-tile")));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747);
        let wait = |value| retry_after(&headers("retry-after", value), now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(wait(date), Some(Duration::from_secs(30)));
        assert_eq!(wait("soon"), None);
    }
}
