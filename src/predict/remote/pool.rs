//! Which server gets the next request, and for how long a failing one is left alone.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::endpoint::Endpoint;
use crate::predict::PredictError;

/// The longest that a server is left alone.
const REST_MAX: Duration = Duration::from_secs(10);
/// How long a busy server is left alone that does not say how long.
const BUSY_REST: Duration = Duration::from_millis(500);
/// Requests that a server gets at once at first.
const LIMIT_AT_FIRST: f64 = 2.0;
/// How many times the shortest an answer may take before more requests at once are no gain.
const LATENCY_RISE_MAX: f64 = 2.0;

/// The servers, each with what it bears.
#[derive(Debug)]
pub(super) struct Pool {
    endpoints: Vec<Endpoint>,
    state: Mutex<State>,
    changed: Condvar,
    requests_max: f64,
    /// How long no server may answer before the batches that wait are given up.
    patience: Duration,
}

#[derive(Debug)]
struct State {
    loads: Vec<Load>,
    /// Since when nothing but failures came from any server.
    silent_since: Option<Instant>,
}

#[derive(Debug)]
struct Load {
    in_flight: usize,
    /// Requests that it bears at once: one more after each round of answers as long as they come as
    /// fast as before, half when it is busy.
    limit: f64,
    /// Seconds of the fastest answer, which slowly fades.
    fastest_s: f64,
    rests_until: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    reason: String,
}

impl Pool {
    pub(super) fn new(endpoints: Vec<Endpoint>, requests_max: usize, patience: Duration) -> Self {
        let loads = endpoints
            .iter()
            .map(|_| Load {
                in_flight: 0,
                limit: LIMIT_AT_FIRST,
                fastest_s: f64::INFINITY,
                rests_until: None,
                failures: 0,
                reason: String::new(),
            })
            .collect();
        Self {
            endpoints,
            state: Mutex::new(State {
                loads,
                silent_since: None,
            }),
            changed: Condvar::new(),
            requests_max: requests_max as f64,
            patience,
        }
    }

    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic happens while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a server with room, the one with the fewest requests open first.
    ///
    /// # Errors
    /// When all of them fail, and have for as long as patience lasts. Later calls then fail at
    /// once, unless a server is due for another try.
    pub(super) fn lease(&self) -> Result<Lease<'_>, PredictError> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let free = state
                .loads
                .iter()
                .enumerate()
                .filter(|(_, load)| {
                    load.rests_until.is_none_or(|until| until <= now)
                        // One request finds out whether a server is back.
                        && (load.in_flight as f64) < if load.failures > 0 { 1.0 } else { load.limit }
                })
                .min_by_key(|(_, load)| load.in_flight)
                .map(|(position, _)| position);
            if let Some(position) = free {
                let load = &mut state.loads[position];
                load.in_flight += 1;
                return Ok(Lease {
                    pool: self,
                    position,
                    returns: load.failures > 0,
                    started: now,
                });
            }
            let deadline = state.silent_since.map(|since| since + self.patience);
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(self.silence(&state));
            }
            // Whoever holds a lease wakes this up at its end.
            let wake = state
                .loads
                .iter()
                .filter_map(|load| load.rests_until)
                .filter(|until| *until > now)
                .chain(deadline)
                .min();
            state = match wake {
                Some(wake) => {
                    self.changed
                        .wait_timeout(state, wake - now)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn silence(&self, state: &State) -> PredictError {
        let reasons: Vec<String> = self
            .endpoints
            .iter()
            .zip(&state.loads)
            .map(|(endpoint, load)| match load.reason.as_str() {
                "" => format!("{}: no answer", endpoint.url()),
                reason => format!("{}: {reason}", endpoint.url()),
            })
            .collect();
        PredictError::Silence {
            seconds: self.patience.as_secs(),
            reasons: reasons.join("; "),
        }
    }
}

/// Leave for one request; dropping it without a verdict says nothing of the server.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    position: usize,
    returns: bool,
    started: Instant,
}

impl Lease<'_> {
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.pool.endpoints[self.position]
    }

    /// Whether the server failed the last time, and has to show that it is the same again.
    pub(super) fn returns(&self) -> bool {
        self.returns
    }

    /// The server has shown that it works.
    pub(super) fn proved(&mut self) {
        let mut state = self.pool.lock();
        state.silent_since = None;
        state.loads[self.position].failures = 0;
        self.started = Instant::now();
    }

    pub(super) fn answered(self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut state = self.pool.lock();
        state.silent_since = None;
        let load = &mut state.loads[self.position];
        load.failures = 0;
        load.fastest_s = (load.fastest_s * 1.01).min(seconds);
        if seconds <= load.fastest_s * LATENCY_RISE_MAX {
            load.limit = (load.limit + 1.0 / load.limit).min(self.pool.requests_max);
        }
    }

    pub(super) fn busy(self, reason: String, wait: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.pool.lock();
        state.silent_since.get_or_insert(now);
        let load = &mut state.loads[self.position];
        load.limit = (load.limit / 2.0).max(1.0);
        load.reason = reason;
        load.rests_until = Some(now + wait.unwrap_or(BUSY_REST).min(REST_MAX));
    }

    pub(super) fn broken(self, reason: String) {
        let url = self.endpoint().url();
        tracing::warn!("the model server {url} failed: {reason}");
        let now = Instant::now();
        let mut state = self.pool.lock();
        state.silent_since.get_or_insert(now);
        let load = &mut state.loads[self.position];
        load.failures += 1;
        load.limit = LIMIT_AT_FIRST;
        load.reason = reason;
        let rest = Duration::from_millis(250 << load.failures.min(6)).min(REST_MAX);
        load.rests_until = Some(now + rest);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.lock().loads[self.position].in_flight -= 1;
        self.pool.changed.notify_all();
    }
}
