//! Counters and clocks: each stage's busy, waiting and blocked share.
