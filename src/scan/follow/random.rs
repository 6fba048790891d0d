//! Random numbers that depend on a seed and a place alone.
//!
//! A resume replays the scan, so the sequence must never change with a library's version: it is
//! written out here.

/// A sequence of random numbers: SplitMix64 (Steele, Lea and Flood 2014,
/// doi:10.1145/2660193.2660195).
pub(super) struct Random(u64);

impl Random {
    /// The sequence of a place (`x`, `y`) and a purpose.
    pub(super) fn at(seed: u64, x: i64, y: i64, purpose: u64) -> Self {
        let mut state = seed;
        for part in [x as u64, y as u64, purpose] {
            state = mix(state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        }
        Self(state)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from [0, 1).
    pub(super) fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A number from [`from`, `to`).
    pub(super) fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.uniform()
    }

    /// One of as many values as a power of two.
    pub(super) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        debug_assert!(values.len().is_power_of_two());
        values[(self.next() >> 40) as usize & (values.len() - 1)]
    }

    /// A normally distributed number of mean 0 and deviation 1, by Box and Muller's formula.
    pub(super) fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.uniform()).cos()
    }
}

fn mix(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_as_said_and_the_same_again() {
        let mut random = Random::at(1, -3, 4, 0);
        let mut again = Random::at(1, -3, 4, 0);
        let normal: Vec<f32> = (0..10_000).map(|_| random.normal()).collect();
        assert!((0..10_000).all(|at| again.normal() == normal[at]));
        let mean = normal.iter().sum::<f32>() / 10_000.0;
        let square = normal.iter().map(|v| v * v).sum::<f32>() / 10_000.0;
        assert!(
            mean.abs() < 0.05 && (square - 1.0).abs() < 0.08,
            "{mean} {square}"
        );
        let uniform = (0..10_000).map(|_| random.uniform()).sum::<f32>() / 10_000.0;
        assert!((uniform - 0.5).abs() < 0.02);
    }
}
