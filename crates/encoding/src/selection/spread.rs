//! Bits of a short list to the places of a mask, and back: the rows of a bitmap and what is
//! selected of them.
//!
//! ```text
//!   mask   0 1 1 0 0 1 0 1        spread   list 1 0 1 1 ──► 0 1 0 0 0 1 0 1
//!                                 gather   0 1 0 0 0 1 0 1 ──► list 1 0 1 1
//! ```
//!
//! Processors since 2013 have an instruction for either (PDEP and PEXT); the portable twin goes
//! from bit to bit.

use super::{Selection, WORD_BITS};
#[cfg(target_arch = "x86_64")]
use crate::cpu::InstructionSet;

impl Selection {
    /// The rows of `self` whose place among those is selected in `list`, which has as many rows.
    pub(crate) fn spread(&self, list: &Self) -> Self {
        #[cfg(target_arch = "x86_64")]
        if InstructionSet::best() != InstructionSet::Portable {
            // SAFETY: every level but the portable one has BMI2.
            return unsafe { self.spread_bmi2(list) };
        }
        self.spread_by(list, deposit)
    }

    /// A list of `count` rows, as many as `self` has: those that `other` has, too.
    pub(crate) fn gather(&self, other: &Self, count: usize) -> Self {
        #[cfg(target_arch = "x86_64")]
        if InstructionSet::best() != InstructionSet::Portable {
            // SAFETY: every level but the portable one has BMI2.
            return unsafe { self.gather_bmi2(other, count) };
        }
        self.gather_by(other, count, extract)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2,popcnt")]
    fn spread_bmi2(&self, list: &Self) -> Self {
        self.spread_by(list, |bits, mask| std::arch::x86_64::_pdep_u64(bits, mask))
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2,popcnt")]
    fn gather_bmi2(&self, other: &Self, count: usize) -> Self {
        self.gather_by(other, count, |bits, mask| std::arch::x86_64::_pext_u64(bits, mask))
    }

    #[inline(always)]
    fn spread_by(&self, list: &Self, deposit: impl Fn(u64, u64) -> u64) -> Self {
        let mut spread = Self::none(self.rows);
        let mut next = 0;
        for (word, &mask) in spread.words.iter_mut().zip(&self.words) {
            *word = deposit(list.bits_from(next), mask);
            next += mask.count_ones() as usize;
        }
        spread
    }

    #[inline(always)]
    fn gather_by(&self, other: &Self, count: usize, extract: impl Fn(u64, u64) -> u64) -> Self {
        let mut list = Self::none(count);
        let mut next = 0;
        for (&bits, &mask) in other.words.iter().zip(&self.words) {
            let found = extract(bits, mask);
            let (place, shift) = (next / WORD_BITS, next % WORD_BITS);
            if let Some(word) = list.words.get_mut(place) {
                *word |= found << shift;
            }
            if let (1.., Some(word)) = (shift, list.words.get_mut(place + 1)) {
                *word |= found >> (WORD_BITS - shift);
            }
            next += mask.count_ones() as usize;
        }
        list.mask_tail();
        list
    }

    /// The 64 bits from `row` on.
    #[inline(always)]
    pub(super) fn bits_from(&self, row: usize) -> u64 {
        let (place, shift) = (row / WORD_BITS, row % WORD_BITS);
        let word = |place: usize| self.words.get(place).copied().unwrap_or_default();
        let high = if shift == 0 { 0 } else { word(place + 1) << (WORD_BITS - shift) };
        word(place) >> shift | high
    }
}

/// The lowest bits, one after the other, to the places of the bits of `mask`.
pub(super) fn deposit(mut bits: u64, mut mask: u64) -> u64 {
    let mut spread = 0;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        spread |= lowest * (bits & 1);
        bits >>= 1;
        mask ^= lowest;
    }
    spread
}

/// The bits at the places of the bits of `mask`, one after the other.
fn extract(bits: u64, mut mask: u64) -> u64 {
    let (mut list, mut place) = (0, 0);
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        list |= u64::from(bits & lowest != 0) << place;
        place += 1;
        mask ^= lowest;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(bits: &[bool]) -> Selection {
        let mut selection = Selection::none(bits.len());
        (0..bits.len()).filter(|&row| bits[row]).for_each(|row| selection.set(row));
        selection
    }

    proptest! {
        #[test]
        fn lists_and_rows_lead_to_each_other(
            rows in proptest::collection::vec(any::<(bool, bool)>(), 1..400), every in 1usize..9,
        ) {
            let mask: Vec<bool> = (0..).zip(&rows).map(|(i, row)| row.0 || i % every == 0).collect();
            let others: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let pairs = || mask.iter().zip(&others);
            let list: Vec<bool> = pairs().filter(|pair| *pair.0).map(|pair| *pair.1).collect();
            let both: Vec<bool> = pairs().map(|pair| *pair.0 && *pair.1).collect();
            let (mask, others, list, both) = (of(&mask), of(&others), of(&list), of(&both));
            prop_assert_eq!(&mask.gather(&others, list.rows()), &list);
            prop_assert_eq!(&mask.spread(&list), &both);
            prop_assert_eq!(&mask.gather_by(&others, list.rows(), extract), &list);
            prop_assert_eq!(&mask.spread_by(&list, deposit), &both);
        }
    }
}
