//! Integer hashing: the only source of chance in the synthetic world.

pub use crate::random::hash_pair as mix;
use crate::random::{unit_f32, unit_f64};

/// The hash of a lattice point; negative coordinates are as good as others.
#[must_use]
pub fn mix2(seed: u64, x: i64, y: i64) -> u64 {
    mix(mix(seed, x as u64), y as u64)
}

/// A number in [0, 1) from a hash; `salt` draws independent numbers from the same hash.
#[must_use]
pub fn unit(hash: u64, salt: u64) -> f32 {
    unit_f32(mix(hash, salt))
}

/// As [`unit`], with 53 bits.
#[must_use]
pub fn unit64(hash: u64, salt: u64) -> f64 {
    unit_f64(mix(hash, salt))
}

/// A number in [-1, 1), the sum of four uniforms scaled to a standard deviation of 1, cut at ±3.46.
#[must_use]
pub fn bell(hash: u64, salt: u64) -> f64 {
    let bits = mix(hash, salt);
    let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xFFFF).sum();
    (sum as f64 / 65_536.0 - 2.0) * 1.732_050_807_568_877_2
}

/// A unit vector of random direction, without trigonometry.
#[must_use]
pub fn direction(hash: u64, salt: u64) -> [f64; 2] {
    for attempt in 0..16 {
        let h = mix(hash, salt.wrapping_add(attempt << 32));
        let x = (h & 0xFFFF_FFFF) as f64 / 2_147_483_648.0 - 1.0;
        let y = (h >> 32) as f64 / 2_147_483_648.0 - 1.0;
        let square = x * x + y * y;
        if square > 0.01 && square <= 1.0 {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
    [1.0, 0.0]
}
