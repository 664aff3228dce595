//! Random numbers that are a pure function of (seed, stream, row).
//!
//! Every row owns a short SplitMix64 sequence (Steele, Lea, Flood, OOPSLA 2014) whose start is a
//! hash of seed, stream and row number. So rows are generated in any order, by any number of
//! threads, in batches of any size, and are always the same.

/// The odd constant nearest to 2⁶⁴ divided by the golden ratio: the step of SplitMix64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The random numbers of one row.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The numbers of row `row` in stream `stream`, one stream a table.
    pub fn new(seed: u64, stream: u64, row: u64) -> Self {
        let stream = finish(seed.wrapping_add(stream.wrapping_mul(GOLDEN)));
        Self { state: finish(stream.wrapping_add(row.wrapping_mul(GOLDEN))) }
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        finish(self.state)
    }

    /// A uniform number below `bound`, which is at least 1 (multiply and shift; the bias is under
    /// `bound` / 2⁶⁴).
    pub fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0, "no number is below zero");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A uniform index of a list of `len` values, at least one.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A uniform number from `low` to `high`, both included.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        debug_assert!(low <= high, "no number lies between {low} and {high}");
        low + self.below((high - low) as u64 + 1) as i32
    }
}

/// The output function of SplitMix64: every bit of `value` reaches every bit of the result.
fn finish(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_sequence_of_splitmix64() {
        let mut random = Random { state: 1_234_567 };
        let drawn: Vec<u64> = (0..3).map(|_| random.bits()).collect();
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them() {
        let drawn: Vec<i32> = (0..1_000).map(|row| Random::new(7, 1, row).between(3, 9)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&9));
    }

    #[test]
    fn streams_and_rows_and_seeds_differ() {
        let first = |seed, stream, row| Random::new(seed, stream, row).bits();
        let base = first(1, 2, 3);
        assert_eq!(base, first(1, 2, 3));
        assert_ne!(base, first(2, 2, 3));
        assert_ne!(base, first(1, 3, 3));
        assert_ne!(base, first(1, 2, 4));
    }
}
