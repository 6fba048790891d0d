//! How long to wait, and how often to try again.

use std::time::Duration;

/// Waits and limits of an HTTP source; the defaults suit a server on the other side of the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// For a connection to be made.
    pub connect: Duration,
    /// For an answer's first byte, once the request is sent.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub stall: Duration,
    /// The first pause before a request is made again; it doubles from there.
    pub backoff_first: Duration,
    /// The longest pause between two tries of one tile.
    pub backoff_max: Duration,
    /// The first pause of the whole source when the server seems down; it doubles from there.
    pub outage_pause_first: Duration,
    /// The longest pause between two such attempts, unless the server asks for a longer one.
    pub outage_pause_max: Duration,
    /// How long a server may seem down before the run stops, to be resumed later. One that asks for
    /// a longer wait (`Retry-After`) stops it at once.
    pub outage_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            stall: Duration::from_secs(20),
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(20),
            outage_pause_first: Duration::from_secs(1),
            outage_pause_max: Duration::from_secs(60),
            outage_max: Duration::from_secs(15 * 60),
        }
    }
}
