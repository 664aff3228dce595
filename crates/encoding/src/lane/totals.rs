//! Sum, least and greatest of the offsets of a vector, all of them or those of a mask.

use super::{Lane, Vector};
use crate::cpu::{self, Kernel};
use starfact_base::limits::VECTOR_ROWS;

/// What some offsets come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetTotals {
    pub(crate) count: u64,
    pub(crate) sum: u128,
    /// The largest number if there is none.
    pub(crate) min: u64,
    /// 0 if there is none.
    pub(crate) max: u64,
}

impl Default for OffsetTotals {
    fn default() -> Self {
        Self { count: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl OffsetTotals {
    /// Adds one offset.
    pub(crate) fn add(&mut self, offset: u64) {
        self.merge(&Self { count: 1, sum: offset.into(), min: offset, max: offset });
    }

    /// Adds others.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl<L: Lane> Vector<L> {
    /// The totals of the offsets whose bit is set in `words`, of which those missing count as 0.
    pub(crate) fn totals(&self, words: &[u64]) -> OffsetTotals {
        let count: u32 = words.iter().map(|word| word.count_ones()).sum();
        match count as usize {
            0 => OffsetTotals::default(),
            VECTOR_ROWS => cpu::run(Whole(self)),
            _ => cpu::run(Masked { offsets: self, words }),
        }
    }
}

/// The totals of all offsets.
pub(super) struct Whole<'a, L>(pub(super) &'a Vector<L>);

impl<L: Lane> Kernel for Whole<'_, L> {
    type Output = OffsetTotals;

    #[inline(always)]
    fn run(self) -> OffsetTotals {
        totals_of(&self.0.0, &self.0.0, VECTOR_ROWS as u64)
    }
}

/// The totals of the offsets whose bits are set.
pub(super) struct Masked<'a, L> {
    pub(super) offsets: &'a Vector<L>,
    pub(super) words: &'a [u64],
}

impl<L: Lane> Kernel for Masked<'_, L> {
    type Output = OffsetTotals;

    #[inline(always)]
    fn run(self) -> OffsetTotals {
        let mut flags = Vector::<u8>::zeroed();
        let mut count = 0;
        for (flags, word) in flags.0.as_chunks_mut().0.iter_mut().zip(self.words) {
            *flags = spread_flags(*word);
            count += u64::from(word.count_ones());
        }
        // What is not selected is 0 for sum and maximum, and the largest number for the minimum.
        let (mut low, mut high) = (Vector::<L>::zeroed(), Vector::<L>::zeroed());
        let slots = low.0.iter_mut().zip(&mut high.0);
        for ((low, high), (&offset, &flag)) in slots.zip(self.offsets.0.iter().zip(&flags.0)) {
            let mask = L::truncate(u64::from(flag).wrapping_neg());
            *low = offset & mask;
            *high = offset | !mask;
        }
        totals_of(&low.0, &high.0, count)
    }
}

/// The totals of `count` offsets, from numbers for sum and maximum, and others for the minimum.
#[inline(always)]
fn totals_of<L: Lane>(low: &[L; VECTOR_ROWS], high: &[L; VECTOR_ROWS], count: u64) -> OffsetTotals {
    let max = low.iter().copied().fold(L::zeroed(), L::max);
    let min = high.iter().copied().fold(L::truncate(u64::MAX), L::min);
    OffsetTotals { count, sum: sum_of(low), min: min.into(), max: max.into() }
}

/// The sum of a vector, in numbers of 32 bits where these hold it.
#[inline(always)]
fn sum_of<L: Lane>(offsets: &[L; VECTOR_ROWS]) -> u128 {
    let word = |offset: &L| -> u64 { (*offset).into() };
    if L::BYTES <= 2 {
        return offsets.iter().map(|offset| word(offset) as u32).sum::<u32>().into();
    }
    let low: u64 = offsets.iter().map(|offset| word(offset) & 0xffff_ffff).sum();
    let high: u64 = offsets.iter().map(|offset| word(offset) >> 32).sum();
    u128::from(low) + (u128::from(high) << 32)
}

/// The bits of a word as 64 bytes of 0 or 1, the lowest first: the way back from `flags::pack`.
#[inline(always)]
fn spread_flags(word: u64) -> [u8; 64] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const BIT_OF_BYTE: u64 = 0x8040_2010_0804_0201;
    let mut flags = [0; 64];
    for (eight, byte) in flags.as_chunks_mut::<8>().0.iter_mut().zip(word.to_le_bytes()) {
        // Each byte keeps the bit of its place; adding 127 carries it to the highest.
        let bits = (u64::from(byte) * ONES) & BIT_OF_BYTE;
        *eight = (((bits + 0x7f * ONES) >> 7) & ONES).to_le_bytes();
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_spread_as_they_are_packed() {
        for word in [0, u64::MAX, 1, 1 << 63, 0x0123_4567_89ab_cdef, 0x8080_8080_0101_0101] {
            let flags = spread_flags(word);
            assert!(flags.iter().enumerate().all(|(i, &flag)| u64::from(flag) == word >> i & 1));
            assert_eq!(super::super::flags::pack(&flags), word);
        }
    }
}
