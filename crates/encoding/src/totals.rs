//! Count, sum and bounds of keys, collected node by node without a list of them.
//!
//! Nodes add what they know: one key for many rows, the offsets of a vector, or the totals of a
//! child. The sum is exact whatever is added and in whatever order, and tells only at the end
//! whether it fits.

use crate::cpu::{self, Kernel};
use crate::lane::OffsetTotals;

const LOW_BITS: u32 = 64;
const LOW: i128 = (1 << LOW_BITS) - 1;

/// A sum of up to 2³² keys of 128 bits, in two halves that cannot overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Of the upper halves, which have a sign.
    high: i128,
    /// Of the lower halves.
    low: i128,
}

impl Sum {
    fn add(&mut self, key: i128, times: u64) {
        self.high += (key >> LOW_BITS) * i128::from(times);
        self.low += (key & LOW) * i128::from(times);
    }

    fn merge(&mut self, other: &Self) {
        self.high += other.high;
        self.low += other.low;
    }

    /// The sum, if it fits.
    pub(crate) fn total(&self) -> Option<i128> {
        let high = i64::try_from(self.high + (self.low >> LOW_BITS)).ok()?;
        Some(i128::from(high) << LOW_BITS | self.low & LOW)
    }
}

/// What some rows come to. For floats, whose keys are no numbers, the sum means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyTotals {
    pub(crate) count: u64,
    pub(crate) sum: Sum,
    /// The least and the greatest key, if there is any.
    pub(crate) bounds: Option<(i128, i128)>,
}

impl KeyTotals {
    /// Adds `times` rows of one key.
    #[inline]
    pub(crate) fn add(&mut self, key: i128, times: usize) {
        if times == 0 {
            return;
        }
        self.count += times as u64;
        self.sum.add(key, times as u64);
        self.widen(key, key);
    }

    /// Adds each key as many times as its count says; the counts are of rows of one block.
    pub(crate) fn add_weighted(&mut self, keys: &[i64], counts: &[u32]) {
        let found = cpu::run(Weighted { keys, counts });
        if found.count > 0 {
            self.count += found.count;
            self.sum.add(i128::from(found.high) << 32, 1);
            self.sum.add(found.low.into(), 1);
            self.widen(found.min.into(), found.max.into());
        }
    }

    /// Adds keys, of which the offsets from `base` are given.
    pub(crate) fn add_offsets(&mut self, base: i128, offsets: &OffsetTotals) {
        if offsets.count == 0 {
            return;
        }
        self.count += offsets.count;
        self.sum.add(base, offsets.count);
        // Offsets of 64 bits, so their sum is far from 127.
        self.sum.add(offsets.sum as i128, 1);
        self.widen(base + i128::from(offsets.min), base + i128::from(offsets.max));
    }

    /// Adds other rows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
        if let Some((min, max)) = other.bounds {
            self.widen(min, max);
        }
    }

    /// The totals of `base + factor * key` for these keys, none of which may lie outside of the
    /// numbers of 80 bits.
    pub(crate) fn scaled(&self, base: i128, factor: u64) -> Self {
        let scale = |key: i128| base.saturating_add(key.saturating_mul(factor.into()));
        let mut sum = Sum::default();
        sum.add(base, self.count);
        sum.add(self.sum.total().unwrap_or_default().saturating_mul(factor.into()), 1);
        let bounds = self.bounds.map(|(min, max)| (scale(min), scale(max)));
        Self { count: self.count, sum, bounds }
    }

    #[inline]
    fn widen(&mut self, low: i128, high: i128) {
        self.bounds = Some(match self.bounds {
            None => (low, high),
            Some((min, max)) => (min.min(low), max.max(high)),
        });
    }
}

/// Keys and how often each of them occurs.
struct Weighted<'a> {
    keys: &'a [i64],
    counts: &'a [u32],
}

/// The sums of upper and lower halves, which are at most 48 bits for 65,536 rows.
#[derive(Debug, PartialEq)]
struct WeightedTotals {
    count: u64,
    high: i64,
    low: u64,
    min: i64,
    max: i64,
}

impl Kernel for Weighted<'_> {
    type Output = WeightedTotals;

    #[inline(always)]
    fn run(self) -> WeightedTotals {
        let mut all = WeightedTotals { count: 0, high: 0, low: 0, min: i64::MAX, max: i64::MIN };
        for (&key, &count) in self.keys.iter().zip(self.counts) {
            all.count += u64::from(count);
            all.high += (key >> 32) * i64::from(count);
            all.low += (key as u64 & 0xffff_ffff) * u64::from(count);
            all.min = all.min.min(if count > 0 { key } else { i64::MAX });
            all.max = all.max.max(if count > 0 { key } else { i64::MIN });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::run_at_all_levels;

    fn sum_of(keys: &[(i128, u64)]) -> Option<i128> {
        let mut sum = Sum::default();
        keys.iter().for_each(|&(key, times)| sum.add(key, times));
        sum.total()
    }

    #[test]
    fn sums_are_exact_and_know_when_they_do_not_fit() {
        const WIDE: i128 = 10i128.pow(38) - 1;
        assert_eq!(sum_of(&[]), Some(0));
        assert_eq!(sum_of(&[(-1, 1)]), Some(-1));
        assert_eq!(sum_of(&[(i64::MIN.into(), 65_536)]), Some(-(1 << 79)));
        assert_eq!(sum_of(&[(i64::MAX.into(), 3), (-5, 7)]), Some(3 * (i64::MAX as i128) - 35));
        assert_eq!(sum_of(&[(WIDE, 1)]), Some(WIDE));
        assert_eq!(sum_of(&[(WIDE, 2)]), None);
        assert_eq!(sum_of(&[(-WIDE, 65_536)]), None);
        // What does not fit on the way may fit in the end.
        assert_eq!(sum_of(&[(WIDE, 65_536), (-WIDE, 65_535)]), Some(WIDE));
        assert_eq!(sum_of(&[(i128::MAX, 1), (i128::MIN, 1)]), Some(-1));
        assert_eq!(sum_of(&[(i128::MAX, 1), (1, 1)]), None);
        assert_eq!(sum_of(&[(i128::MIN, 1), (-1, 1)]), None);
    }

    #[test]
    fn weighted_keys_are_keys_one_by_one() {
        let keys: Vec<i64> =
            (0..1_024).map(|i: i64| i.wrapping_mul(0x75bc_d150_1123_4567)).collect();
        let counts: Vec<u32> = (0..1_024).map(|i| i % 5 * 13).collect();
        for (keys, counts) in [
            (&keys[..], &counts[..]),
            (&keys[..3], &[0, 9, 0]),
            (&keys[..2], &[0, 0]),
            (&[i64::MIN, i64::MAX], &[40_000, 25_536]),
            (&[i64::MIN], &[65_536]),
        ] {
            let (mut found, mut expected) = (KeyTotals::default(), KeyTotals::default());
            found.add_weighted(keys, counts);
            for (&key, &count) in keys.iter().zip(counts) {
                expected.add(key.into(), count as usize);
            }
            assert_eq!((found.count, found.bounds), (expected.count, expected.bounds));
            assert_eq!(found.sum.total(), expected.sum.total());
            run_at_all_levels(|| Weighted { keys, counts });
        }
    }

    #[test]
    fn totals_of_multiples_are_those_of_their_keys() {
        let (mut multiples, mut keys) = (KeyTotals::default(), KeyTotals::default());
        for (multiple, times) in [(0, 2), (7, 1), (1 << 40, 60_000), (3, 0)] {
            multiples.add(multiple, times);
            keys.add(multiple * 1_000 - 12, times);
        }
        assert_eq!(multiples.scaled(-12, 1_000).bounds, keys.bounds);
        assert_eq!(multiples.scaled(-12, 1_000).sum.total(), keys.sum.total());
        assert_eq!(KeyTotals::default().scaled(5, 2), KeyTotals::default());
    }
}
