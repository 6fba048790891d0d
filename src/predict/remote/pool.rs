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

impl Default for Load {
    fn default() -> Self {
        Self {
            in_flight: 0,
            limit: LIMIT_AT_FIRST,
            fastest_s: f64::INFINITY,
            rests_until: None,
            failures: 0,
            reason: String::new(),
        }
    }
}

impl Load {
    /// Whether it gets another request now.
    fn has_room(&self, now: Instant) -> bool {
        // One request finds out whether a server is back.
        let limit = if self.failures > 0 { 1.0 } else { self.limit };
        self.rests_until.is_none_or(|until| until <= now) && (self.in_flight as f64) < limit
    }

    fn answered(&mut self, seconds: f64, requests_max: f64) {
        self.failures = 0;
        self.fastest_s = (self.fastest_s * 1.01).min(seconds);
        if seconds <= self.fastest_s * LATENCY_RISE_MAX {
            self.limit = (self.limit + 1.0 / self.limit).min(requests_max);
        }
    }

    fn busy(&mut self, now: Instant, reason: String, wait: Option<Duration>) {
        self.limit = (self.limit / 2.0).max(1.0);
        self.reason = reason;
        self.rests_until = Some(now + wait.unwrap_or(BUSY_REST).min(REST_MAX));
    }

    fn broken(&mut self, now: Instant, reason: String) {
        self.failures += 1;
        self.limit = LIMIT_AT_FIRST;
        self.reason = reason;
        let rest = Duration::from_millis(250 << self.failures.min(6)).min(REST_MAX);
        self.rests_until = Some(now + rest);
    }
}

impl Pool {
    pub(super) fn new(endpoints: Vec<Endpoint>, requests_max: usize, patience: Duration) -> Self {
        let loads = endpoints.iter().map(|_| Load::default()).collect();
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
                .filter(|(_, load)| load.has_room(now))
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
        state.loads[self.position].answered(seconds, self.pool.requests_max);
    }

    pub(super) fn busy(self, reason: String, wait: Option<Duration>) {
        let now = Instant::now();
        let mut state = self.pool.lock();
        state.silent_since.get_or_insert(now);
        state.loads[self.position].busy(now, reason, wait);
    }

    pub(super) fn broken(self, reason: String) {
        let url = self.endpoint().url();
        tracing::warn!("the model server {url} failed: {reason}");
        let now = Instant::now();
        let mut state = self.pool.lock();
        state.silent_since.get_or_insert(now);
        state.loads[self.position].broken(now, reason);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.lock().loads[self.position].in_flight -= 1;
        self.pool.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_gets_more_at_once_while_its_answers_come_as_fast_and_half_when_busy() {
        let mut load = Load::default();
        for _ in 0..100 {
            load.answered(0.1, 8.0);
        }
        assert_eq!(load.limit, 8.0);
        load.busy(Instant::now(), "full".into(), None);
        assert_eq!(load.limit, 4.0);
        // Slow answers are no reason for more.
        load.answered(1.0, 8.0);
        assert_eq!(load.limit, 4.0);
        for _ in 0..10 {
            load.busy(Instant::now(), "full".into(), None);
        }
        assert_eq!(load.limit, 1.0);
    }

    #[test]
    fn a_busy_server_rests_as_long_as_it_says_within_a_bound() {
        let now = Instant::now();
        let mut load = Load::default();
        load.busy(now, "full".into(), Some(Duration::from_secs(3)));
        assert!(!load.has_room(now + Duration::from_secs(2)));
        assert!(load.has_room(now + Duration::from_secs(3)));
        load.busy(now, "full".into(), Some(Duration::from_secs(3600)));
        assert!(load.has_room(now + REST_MAX));
    }

    #[test]
    fn a_broken_server_rests_longer_each_time_and_is_tried_with_one_request() {
        let now = Instant::now();
        let mut load = Load::default();
        let mut rests = Vec::new();
        for _ in 0..10 {
            load.broken(now, "gone".into());
            rests.push(load.rests_until.unwrap() - now);
        }
        assert!(rests.is_sorted() && rests[0] < rests[3]);
        assert_eq!(rests[9], REST_MAX);
        let later = now + REST_MAX;
        assert!(load.has_room(later));
        load.in_flight = 1;
        assert!(!load.has_room(later));
        load.answered(0.1, 8.0);
        assert!(load.has_room(later));
    }
}
