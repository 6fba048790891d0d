//! Whether the server is up, as all requests together see it.
//!
//! One tile that fails is that tile's trouble. Many failures in a row, of any tiles, mean that the
//! server is down: then every request waits, one at a time tries whether it is back, at growing
//! intervals, and after [`Timing::outage_max`] the run stops so that the tiles stay unvisited
//! rather than failed. A server that refuses again and again stops the run as well.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard},
    time::{Instant, sleep_until},
};

use super::timing::Timing;

/// Failures in a row, of any tiles, from which on the server is taken for down. More than one tile
/// is tried ([`super::retry::ATTEMPTS_MAX`]), so that no single tile can bring this about.
pub(super) const OUTAGE_FAILURES: u32 = 8;
/// Refusals in a row from which on asking further is pointless.
pub(super) const REFUSALS_MAX: u32 = 20;

/// Why no more requests are to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Refused { status: u16 },
    Unreachable { waited: Duration, reason: String },
}

#[derive(Debug)]
pub(super) struct Health {
    timing: Timing,
    state: Mutex<State>,
    /// Held by the one request that may try whether the server is back.
    probe: AsyncMutex<()>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    refusals: u32,
    outage: Option<Outage>,
    /// No request before this time: the server asked for it.
    quiet_until: Option<Instant>,
    stop: Option<Stop>,
}

#[derive(Debug)]
struct Outage {
    since: Instant,
    pause: Duration,
    next_try: Instant,
}

/// Leave to make one request.
pub(super) struct Leave<'a> {
    /// Whether this request finds out if the server is back.
    pub(super) is_probe: bool,
    _probe: Option<AsyncMutexGuard<'a, ()>>,
}

impl Health {
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            state: Mutex::new(State::default()),
            probe: AsyncMutex::new(()),
        }
    }

    /// Waits until a request may be made.
    pub(super) async fn leave(&self) -> Result<Leave<'_>, Stop> {
        loop {
            let (in_outage, wait_until) = {
                let state = self.state();
                if let Some(stop) = &state.stop {
                    return Err(stop.clone());
                }
                (state.outage.is_some(), state.quiet_until)
            };
            if !in_outage {
                match wait_until.filter(|until| *until > Instant::now()) {
                    None => {
                        return Ok(Leave {
                            is_probe: false,
                            _probe: None,
                        });
                    }
                    Some(until) => sleep_until(until).await,
                }
                continue;
            }
            // Those that wait here are served in turn, so that not always the same tile tries.
            let probe = self.probe.lock().await;
            let next_try = {
                let state = self.state();
                if let Some(stop) = &state.stop {
                    return Err(stop.clone());
                }
                let quiet_until = state.quiet_until;
                state
                    .outage
                    .as_ref()
                    .map(|outage| quiet_until.map_or(outage.next_try, |q| q.max(outage.next_try)))
            };
            if let Some(next_try) = next_try {
                sleep_until(next_try).await;
                return Ok(Leave {
                    is_probe: true,
                    _probe: Some(probe),
                });
            }
        }
    }

    /// Whether a request whose leave was followed by other waiting may still be made.
    pub(super) fn still_grants(&self, leave: &Leave<'_>) -> bool {
        let state = self.state();
        let is_quiet = state
            .quiet_until
            .is_some_and(|until| until > Instant::now());
        state.stop.is_none() && !is_quiet && (leave.is_probe || state.outage.is_none())
    }

    /// The server gave a usable answer.
    pub(super) fn note_success(&self) {
        let mut state = self.state();
        if let Some(outage) = &state.outage {
            let seconds = outage.since.elapsed().as_secs();
            tracing::info!("the imagery server is back after {seconds} s");
        }
        state.failures = 0;
        state.refusals = 0;
        state.outage = None;
    }

    /// The server did not answer, or was busy.
    pub(super) fn note_failure(&self, reason: &str, retry_after: Option<Duration>, is_probe: bool) {
        let now = Instant::now();
        let mut state = self.state();
        state.failures += 1;
        state.refusals = 0;
        if let Some(wait) = retry_after {
            if wait > self.timing.outage_max {
                let waited = state
                    .outage
                    .as_ref()
                    .map_or(Duration::ZERO, |outage| now - outage.since);
                let reason = format!("{reason}, and it asks to wait {} s", wait.as_secs());
                state.stop = Some(Stop::Unreachable { waited, reason });
                return;
            }
            state.quiet_until = state.quiet_until.max(Some(now + wait));
        }
        let failures = state.failures;
        let first_pause = self.timing.outage_pause_first;
        match &mut state.outage {
            None if failures >= OUTAGE_FAILURES => {
                tracing::warn!("the imagery server seems down ({reason}); waiting for it");
                state.outage = Some(Outage {
                    since: now,
                    pause: first_pause,
                    next_try: now + retry_after.unwrap_or_default().max(first_pause),
                });
            }
            // A request from before the outage says nothing new.
            Some(outage) if is_probe => {
                let waited = now - outage.since;
                if waited >= self.timing.outage_max {
                    let reason = reason.to_owned();
                    state.stop = Some(Stop::Unreachable { waited, reason });
                    return;
                }
                outage.pause = (2 * outage.pause).min(self.timing.outage_pause_max);
                outage.next_try = now + retry_after.unwrap_or_default().max(outage.pause);
            }
            _ => {}
        }
    }

    /// The server refused. It is there, so this ends an outage.
    pub(super) fn note_refusal(&self, status: u16) {
        let mut state = self.state();
        state.failures = 0;
        state.outage = None;
        state.refusals += 1;
        if state.refusals >= REFUSALS_MAX {
            state.stop = Some(Stop::Refused { status });
        }
    }

    /// Why no more requests are to be made, if so.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.state().stop.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn leave_is_void_once_the_server_asks_for_quiet() {
        block_on(async {
            let health = Health::new(Timing::default());
            let leave = health.leave().await.unwrap();
            assert!(health.still_grants(&leave));
            health.note_failure("status 429", Some(Duration::from_secs(60)), false);
            assert!(!health.still_grants(&leave));
        });
    }

    #[test]
    fn leave_from_before_an_outage_is_void_in_it() {
        block_on(async {
            let health = Health::new(Timing::default());
            let leave = health.leave().await.unwrap();
            for _ in 0..OUTAGE_FAILURES {
                health.note_failure("status 500", None, false);
            }
            assert!(!health.still_grants(&leave));
            health.note_success();
            assert!(health.still_grants(&leave));
        });
    }
}
