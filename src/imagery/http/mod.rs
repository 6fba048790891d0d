//! Tiles from a server.
//!
//! In: a URL template and the tiles of a unit. Out: their payloads. Never: more requests at once or
//! a second than allowed, or a key in a message.
//!
//! A server that goes down while several tiles are asked for is waited for, and none of them fails.
//! A tile asked for alone, such as the last of a run, brings about too few failures to tell a server
//! that is down from one that cannot make this tile: after its own tries it fails, transiently, so
//! that it can be asked for again later.
//!
//! Asynchronous inside, synchronous outside: each fetching thread runs its unit's requests on the
//! source's own runtime and hands over what comes back.

mod answer;
mod capture;
mod client;
mod health;
mod retry;
mod template;
mod timing;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use answer::NoImageryRules;
use capture::LastCapture;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use health::{Health, Stop};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use template::Template;
pub use timing::Timing;
use tokio::{
    runtime::Runtime,
    sync::Semaphore,
    task::{JoinError, JoinSet},
};

use super::{
    Emit, Fetched, HttpOptions, ImageryError, ImagerySource, RequestCost, SourceDescription,
    SourceOptions, addressing::ImageSize, cache::Cache,
};
use crate::tiles::{BlockCoord, TileCoord, WorkUnit};

/// Requests under way at once, unless said otherwise.
const CONNECTIONS_DEFAULT: usize = 4;
/// The same for a server on this machine.
const CONNECTIONS_LOOPBACK: usize = 16;
/// Requests a second, unless said otherwise; a server on this machine has no limit.
const RATE_DEFAULT: f64 = 10.0;
/// The lowest limit on requests a second, one in nearly three hours; 0 is no limit.
pub const RATE_MIN: f64 = 1e-4;
/// The most requests under way at once.
pub const CONNECTIONS_MAX: usize = 256;
/// Units fetched at once, so that the connections stay busy while a unit ends, and a tile that is
/// tried again holds up nothing but its own unit.
const CONCURRENT_UNITS: usize = 4;
/// Threads that drive the requests.
const RUNTIME_THREADS: usize = 2;

/// A server that is asked for tiles.
pub struct HttpSource {
    description: SourceDescription,
    shared: Arc<Shared>,
    connections: usize,
    /// Requests a second at most, 0 for no limit.
    rate: f64,
    /// What is known of the images' size: 0 nothing yet, 1 single, 2 double.
    size: AtomicU8,
    cache: Option<Cache>,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

/// What all requests share.
struct Shared {
    template: Template,
    client: reqwest::Client,
    rules: NoImageryRules,
    health: Health,
    connections: Semaphore,
    limiter: Option<DefaultDirectRateLimiter>,
    timing: Timing,
    captured: LastCapture,
}

impl HttpSource {
    /// Reads a template and sets up the client; no request is made yet.
    ///
    /// # Errors
    /// When the template, a header or the cache cannot be used, or a limit is out of its range.
    pub fn open(spec: &str, options: &SourceOptions) -> Result<Self, ImageryError> {
        let http = &options.http;
        check_limits(http)?;
        let environment = |name: &str| std::env::var(name).ok();
        let mut template = Template::parse(spec, &environment)?;
        let headers = headers(&mut template, &http.headers, &environment)?;
        let loopback = template.loopback;
        let connections = http.connections.unwrap_or(if loopback {
            CONNECTIONS_LOOPBACK
        } else {
            CONNECTIONS_DEFAULT
        });
        let rate = http
            .rate
            .unwrap_or(if loopback { 0.0 } else { RATE_DEFAULT });
        let invalid = |reason: String| ImageryError::InvalidSource {
            origin: template.shown.clone(),
            reason,
        };
        let client = client::build(client::Setup {
            headers,
            contact: http.contact.as_deref(),
            connections,
            loopback,
            timing: http.timing,
        })
        .map_err(|error| invalid(format!("no HTTP client can be set up: {error}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("imagery-http")
            .enable_all()
            .build()
            .map_err(|error| invalid(format!("no threads for requests: {error}")))?;
        let cache = match &http.cache {
            Some(path) => Some(Cache::open(path, &template.shown)?),
            None => None,
        };
        let description = options.overlay(SourceDescription {
            name: template.shown.clone(),
            attribution: String::new(),
            terms: None,
            synthetic: false,
            zoom_max: None,
        });
        Ok(Self {
            description,
            size: AtomicU8::new(if template.double { 2 } else { 0 }),
            connections,
            rate,
            cache,
            shared: Arc::new(Shared {
                client,
                rules: NoImageryRules::new(
                    &http.no_imagery_headers,
                    &http.no_imagery_hashes,
                    &http.no_imagery_statuses,
                ),
                health: Health::new(http.timing),
                connections: Semaphore::new(connections),
                limiter: limiter(rate),
                timing: http.timing,
                captured: LastCapture::default(),
                template,
            }),
            runtime: Some(runtime),
        })
    }

    fn size(&self) -> Option<ImageSize> {
        match self.size.load(Ordering::Relaxed) {
            1 => Some(ImageSize::Single),
            2 => Some(ImageSize::Double),
            _ => None,
        }
    }

    /// Fetches images of a size, or of a size that is still to be seen.
    ///
    /// Answers the tiles that are still missing when the images turn out to be double.
    async fn fetch_as(
        &self,
        known: Option<ImageSize>,
        unit: &WorkUnit,
        emit: &mut Emit<'_>,
    ) -> Result<Option<WorkUnit>, ImageryError> {
        let size = known.unwrap_or(ImageSize::Single);
        let mut missing = unit.clone();
        let mut emit = |tile, found| {
            missing.wanted.remove(BlockCoord::index_of(tile));
            emit(tile, found)
        };
        let mut addresses = size.addresses(unit).into_iter();
        let mut requests = JoinSet::new();
        loop {
            while requests.len() < self.connections
                && let Some(address) = addresses.next()
            {
                if let Some(found) = self.cached(address)? {
                    let flow = match self.learn(known, &found) {
                        Some(ImageSize::Double) => return Ok(Some(missing)),
                        _ => size.deliver(unit, address, found, &mut emit),
                    };
                    if flow.is_break() {
                        return Ok(None);
                    }
                } else {
                    let shared = Arc::clone(&self.shared);
                    requests.spawn(async move { (address, retry::fetch(&shared, address).await) });
                }
            }
            let Some(joined) = requests.join_next().await else {
                return Ok(None);
            };
            let (address, found) = joined.unwrap_or_else(resume);
            let found = found.map_err(|stop| self.stopped(stop))?;
            if let Some(cache) = &self.cache {
                cache.keep(address, &found)?;
            }
            if self.learn(known, &found) == Some(ImageSize::Double) {
                return Ok(Some(missing));
            }
            if size.deliver(unit, address, found, &mut emit).is_break() {
                return Ok(None);
            }
        }
    }

    fn cached(&self, address: TileCoord) -> Result<Option<Fetched>, ImageryError> {
        let Some(cache) = &self.cache else {
            return Ok(None);
        };
        Ok(cache.find(address)?.map(|found| match found {
            // The rule may be younger than the cache.
            Fetched::Payload(payload) if self.shared.rules.match_body(&payload) => {
                Fetched::NoImagery
            }
            found => found,
        }))
    }

    /// Learns the images' size from the first one; `None` when there is nothing to learn.
    fn learn(&self, known: Option<ImageSize>, found: &Fetched) -> Option<ImageSize> {
        let Fetched::Payload(payload) = found else {
            return None;
        };
        if known.is_some() || self.size() == Some(ImageSize::Single) {
            return None;
        }
        let size = ImageSize::of(payload)?;
        let number = match size {
            ImageSize::Single => 1,
            ImageSize::Double => 2,
        };
        self.size.store(number, Ordering::Relaxed);
        Some(size)
    }

    fn stopped(&self, stop: Stop) -> ImageryError {
        let origin = self.description.name.clone();
        match stop {
            Stop::Refused { status } => ImageryError::Refused {
                origin,
                status,
                count: health::REFUSALS_MAX,
            },
            Stop::Unreachable { waited, reason } => ImageryError::Unreachable {
                origin,
                waited_s: waited.as_secs(),
                reason,
            },
        }
    }
}

impl ImagerySource for HttpSource {
    fn description(&self) -> &SourceDescription {
        &self.description
    }

    fn concurrent_units(&self) -> usize {
        CONCURRENT_UNITS
    }

    fn cost(&self) -> Option<RequestCost> {
        Some(RequestCost {
            tiles_per_request: match self.size() {
                Some(ImageSize::Double) => 4,
                _ => 1,
            },
            requests_per_s: (self.rate > 0.0).then_some(self.rate),
        })
    }

    fn captured(&self) -> Option<String> {
        self.shared.captured.get()
    }

    fn fetch(&self, unit: &WorkUnit, emit: &mut Emit<'_>) -> Result<(), ImageryError> {
        let Some(runtime) = &self.runtime else {
            return Ok(());
        };
        runtime.block_on(async {
            let rest = self.fetch_as(self.size(), unit, emit).await?;
            if let Some(rest) = rest {
                self.fetch_as(Some(ImageSize::Double), &rest, emit).await?;
            }
            Ok(())
        })
    }
}

impl Drop for HttpSource {
    fn drop(&mut self) {
        // Requests under way are dropped, not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The headers of each request: the template's and those given by option, all taken for secrets.
fn headers(
    template: &mut Template,
    given: &[(String, String)],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<HeaderMap, ImageryError> {
    let mut headers = HeaderMap::new();
    for (name, value) in std::mem::take(&mut template.headers).iter().chain(given) {
        let invalid = |reason: String| ImageryError::InvalidSource {
            origin: template.shown.clone(),
            reason,
        };
        let value = template::with_environment(value, environment).map_err(invalid)?;
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("{name:?} is no header name")))?;
        let mut secret = HeaderValue::from_str(&value)
            .map_err(|_| invalid(format!("the value of header {name} cannot be sent")))?;
        secret.set_sensitive(true);
        headers.append(key, secret);
        template.secrets.add(value);
    }
    Ok(headers)
}

/// Refuses limits that would leave the source unasked, or unlimited by oversight.
fn check_limits(http: &HttpOptions) -> Result<(), ImageryError> {
    let is_rate = |rate: f64| rate == 0.0 || (rate.is_finite() && rate >= RATE_MIN);
    if let Some(got) = http.rate.filter(|&rate| !is_rate(rate)) {
        return Err(ImageryError::OutOfRange {
            setting: "the limit on requests a second",
            got,
            expected: format!("at least {RATE_MIN}, or 0 for none"),
        });
    }
    let connections = http
        .connections
        .filter(|connections| !(1..=CONNECTIONS_MAX).contains(connections));
    if let Some(got) = connections {
        return Err(ImageryError::OutOfRange {
            setting: "the number of connections",
            got: got as f64,
            expected: format!("1 to {CONNECTIONS_MAX}"),
        });
    }
    Ok(())
}

/// A limiter that lets requests pass evenly, never two at once; `None` for no limit.
fn limiter(rate: f64) -> Option<DefaultDirectRateLimiter> {
    if rate <= 0.0 {
        return None;
    }
    // Lower ones would not fit a `Duration`.
    let quota = Quota::with_period(Duration::from_secs_f64(1.0 / rate.max(RATE_MIN)))?;
    Some(RateLimiter::direct(quota.allow_burst(NonZeroU32::MIN)))
}

/// Carries on a request's panic; requests are cancelled only together with their set.
fn resume(error: JoinError) -> (TileCoord, Result<Fetched, Stop>) {
    std::panic::resume_unwind(error.into_panic())
}
