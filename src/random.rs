//! Random numbers that a seed fixes for ever.
//!
//! In: a seed, or words to hash. Out: SplitMix64's numbers (Steele, Lea and Flood 2014, "Fast
//! splittable pseudorandom number generators", doi:10.1145/2660193.2660195). Never: a clock, the
//! operating system's entropy, or another number in a later version.
//!
//! A resumed run replays its scan, the synthetic world is drawn again tile by tile, and a simulated
//! detector must answer the same twice. All of them rely on the same bits in every version, which no
//! library promises, so the generator is written out here. It is not fit for secrets.

/// What the state grows by at each number: the odd integer nearest to 2^64 divided by the golden
/// ratio.
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The generator's output function, a bijection of 64 bits: `mix64` of the paper, with the constants
/// of Stafford's variant 13 as in Vigna's public-domain `splitmix64.c`.
///
/// 0 stays 0; use [`hash`] where the input may be small.
#[inline]
#[must_use]
pub fn mix64(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The hash of a word: the first number of the generator that the word seeds.
#[inline]
#[must_use]
pub fn hash(word: u64) -> u64 {
    mix64(word.wrapping_add(GOLDEN_GAMMA))
}

/// The hash of two words, whose order counts. With `b` = 0 it is [`hash`] of `a`.
///
/// This combination is our own: the first word advances the state as a draw does, and the second is
/// spread over all bits by an odd factor before [`mix64`] mixes both.
#[inline]
#[must_use]
pub fn hash_pair(a: u64, b: u64) -> u64 {
    mix64(a.wrapping_add(GOLDEN_GAMMA) ^ b.wrapping_mul(0xD6E8_FEB8_6659_FD93))
}

/// The upper 24 bits of a random word as a number from [0, 1).
#[inline]
#[must_use]
pub fn unit_f32(bits: u64) -> f32 {
    (bits >> 40) as f32 / (1u64 << 24) as f32
}

/// The upper 53 bits of a random word as a number from [0, 1).
#[inline]
#[must_use]
pub fn unit_f64(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A normally distributed number of mean 0 and deviation 1 from two independent numbers of [0, 1),
/// by the formula of Box and Muller (1958, doi:10.1214/aoms/1177706645).
#[must_use]
pub fn normal_f64(radial: f64, angular: f64) -> f64 {
    let radius = (-2.0 * (1.0 - radial).ln()).sqrt();
    radius * (std::f64::consts::TAU * angular).cos()
}

/// A sequence of random numbers. Copies give the same numbers again.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The sequence of a seed.
    ///
    /// ```
    /// use hvmap::random::SplitMix64;
    ///
    /// let mut random = SplitMix64::new(1_234_567);
    /// assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
    /// ```
    #[inline]
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The sequence of one place (`x`, `y`) and one purpose, so that what is drawn there does not
    /// depend on what was drawn elsewhere before. Each part is mixed into the state in turn.
    #[must_use]
    pub fn at_place(seed: u64, x: i64, y: i64, purpose: u64) -> Self {
        let mut state = seed;
        for part in [x as u64, y as u64, purpose] {
            state = mix64(state ^ part).wrapping_add(GOLDEN_GAMMA);
        }
        Self { state }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix64(self.state)
    }

    /// A number from [0, 1), of 24 random bits.
    #[inline]
    pub fn unit_f32(&mut self) -> f32 {
        unit_f32(self.next_u64())
    }

    /// A number from [0, 1), of 53 random bits.
    #[inline]
    pub fn unit_f64(&mut self) -> f64 {
        unit_f64(self.next_u64())
    }

    /// A number from [`from`, `to`).
    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit_f32()
    }

    /// A whole number from 0 to `count` − 1, by the upper half of a 128-bit product; 0 if `count`
    /// is 0. The bias is below `count` / 2^64.
    pub fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(count)) >> 64) as u64
    }

    /// One of as many values as a power of two.
    ///
    /// # Panics
    /// When there is no value.
    #[inline]
    pub fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        debug_assert!(values.len().is_power_of_two());
        values[(self.next_u64() >> 40) as usize & (values.len() - 1)]
    }

    /// Puts items into a random order, each order as likely as another (Fisher and Yates, in
    /// Durstenfeld's form).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// A normally distributed number of mean 0 and deviation 1, as [`normal_f64`] but in single
    /// precision.
    pub fn normal_f32(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit_f32()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit_f32()).cos()
    }

    /// A normally distributed number of mean 0 and deviation 1 (see [`normal_f64`]).
    pub fn normal_f64(&mut self) -> f64 {
        let (radial, angular) = (self.unit_f64(), self.unit_f64());
        normal_f64(radial, angular)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_numbers() {
        // Of Vigna's splitmix64.c (https://prng.di.unimi.it/splitmix64.c).
        let mut random = SplitMix64::new(1_234_567);
        for expected in [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ] {
            assert_eq!(random.next_u64(), expected);
        }
        let mut random = SplitMix64::new(0);
        assert_eq!(random.next_u64(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(random.next_u64(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn hashes_and_the_sequences_of_places_are_what_they_always_were() {
        assert_eq!(mix64(1), 0x5692_161D_100B_05E5);
        assert_eq!(hash(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(hash_pair(0, 0), hash(0));
        assert_eq!(hash_pair(1, 2), 0x3B4C_AFCF_D47F_50E5);
        assert_eq!(hash_pair(2, 1), 0x8367_9C0C_3A22_A601);
        assert_eq!(hash_pair(u64::MAX, 7), 0x1782_824E_D315_1EBF);

        let mut random = SplitMix64::at_place(1, -3, 4, 0);
        assert_eq!(random.next_u64(), 0x1D2B_6F74_6693_00FC);
        assert_eq!(random.next_u64(), 0xECB8_3E61_B6CE_CAF8);
        let mut random = SplitMix64::at_place(5, 180_000, 109_000, 1 << 40);
        assert_eq!(random.next_u64(), 0x1538_29D7_0801_BCFD);
    }

    #[test]
    fn what_is_drawn_from_a_sequence_is_what_it_always_was() {
        let mut random = SplitMix64::new(42);
        let below = [(); 5].map(|()| random.below(1_000));
        assert_eq!(below, [741, 159, 278, 344, 38]);

        let mut items = [0, 1, 2, 3, 4, 5, 6, 7];
        SplitMix64::new(42).shuffle(&mut items);
        assert_eq!(items, [4, 3, 2, 0, 7, 6, 1, 5]);

        let mut random = SplitMix64::new(42);
        let units = [(); 2].map(|()| random.unit_f64());
        assert_eq!(units, [0.741_564_878_771_823_3, 0.159_910_392_876_920_1]);

        let mut random = SplitMix64::at_place(1, -3, 4, 0);
        let units = [(); 2].map(|()| random.unit_f32());
        assert_eq!(units, [0.113_943_994, 0.924_686_3]);
    }

    #[test]
    fn numbers_are_distributed_as_said_and_repeat() {
        let mut random = SplitMix64::at_place(1, -3, 4, 0);
        let mut again = random.clone();
        let normal: Vec<f32> = (0..10_000).map(|_| random.normal_f32()).collect();
        assert!((0..10_000).all(|at| again.normal_f32() == normal[at]));
        let mean = normal.iter().sum::<f32>() / 10_000.0;
        let square = normal.iter().map(|v| v * v).sum::<f32>() / 10_000.0;
        assert!(
            mean.abs() < 0.05 && (square - 1.0).abs() < 0.08,
            "{mean} {square}"
        );
        let uniform = (0..10_000).map(|_| random.unit_f32()).sum::<f32>() / 10_000.0;
        assert!((uniform - 0.5).abs() < 0.02);
    }
}
