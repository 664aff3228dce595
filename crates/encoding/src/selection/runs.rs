//! Runs of rows by a bit where each begins: what holds for a run, and for its rows.
//!
//! ```text
//!   starts    1 0 0 1 1 0 0 0 1 0
//!   runs      yes   no yes    no       list 1 0 1 0
//!   rows      1 1 1 0 1 1 1 1 0 0
//! ```
//!
//! Sixty-four rows at a time: the bits of the list are spread to where runs begin, and a sum
//! carries each through the rows up to the next beginning.

use super::spread::deposit;
use super::{Ranked, Selection, VECTOR_ROWS, WORD_BITS};
#[cfg(target_arch = "x86_64")]
use crate::cpu::InstructionSet;

impl Ranked {
    /// Takes those rows out of `selection` whose runs, which begin where this has rows, are not in
    /// `list`. The first row begins a run.
    pub(crate) fn keep_runs(&self, list: &Selection, selection: &mut Selection) {
        #[cfg(target_arch = "x86_64")]
        if InstructionSet::best() != InstructionSet::Portable {
            // SAFETY: every level but the portable one has BMI2.
            return unsafe { self.keep_runs_bmi2(list, selection) };
        }
        self.keep_runs_by(list, selection, deposit);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2,popcnt")]
    fn keep_runs_bmi2(&self, list: &Selection, selection: &mut Selection) {
        let deposit = |bits, mask| std::arch::x86_64::_pdep_u64(bits, mask);
        self.keep_runs_by(list, selection, deposit);
    }

    #[inline(always)]
    fn keep_runs_by(
        &self,
        list: &Selection,
        selection: &mut Selection,
        deposit: impl Fn(u64, u64) -> u64,
    ) {
        // Whether the run that reaches into the word is kept.
        let mut open = 0;
        let mut next = 0;
        for (word, &starts) in selection.words_mut().iter_mut().zip(self.rows().words()) {
            let kept = deposit(list.bits_from(next), starts);
            next += starts.count_ones() as usize;
            let begun = kept | (open & !starts & 1);
            let inside = !(starts | 1);
            // A sum ripples through the ones up to the next beginning, and leaves zeros there.
            let rippled = inside.wrapping_add(begun << 1);
            let all = begun | (inside & !rippled);
            open = all >> (WORD_BITS - 1);
            *word &= all;
        }
    }

    /// The runs that may have rows of `selection`: all but those in vectors that have none.
    pub(crate) fn runs_near(&self, selection: &Selection) -> Selection {
        let mut runs = Selection::all(self.count());
        let mut first = 0;
        for words in selection.words.chunks(VECTOR_ROWS / WORD_BITS) {
            let end = (first + words.len() * WORD_BITS).min(selection.rows);
            if words.iter().all(|word| *word == 0) {
                // The last run that begins here may reach further.
                runs.clear_range(self.rank(first)..self.rank(end).saturating_sub(1));
            }
            first = end;
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_follow_their_runs(
            lengths in proptest::collection::vec((1usize..150, any::<bool>()), 1..80),
            short in any::<bool>(),
            every in 1usize..9,
        ) {
            let lengths: Vec<(usize, bool)> = lengths
                .into_iter()
                .map(|(length, kept)| (if short { length % 4 + 1 } else { length }, kept))
                .collect();
            let rows = lengths.iter().map(|run| run.0).sum();
            let (mut starts, mut list) = (Selection::none(rows), Selection::none(lengths.len()));
            let mut expected = Selection::none(rows);
            let mut selection = Selection::none(rows);
            (0..rows).step_by(every).for_each(|row| selection.set(row));
            let mut row = 0;
            for (run, (length, kept)) in lengths.iter().enumerate() {
                starts.set(row);
                if *kept {
                    list.set(run);
                    (row..row + length).filter(|row| row % every == 0).for_each(|row| expected.set(row));
                }
                row += length;
            }
            let starts = Ranked::new(starts);
            starts.keep_runs(&list, &mut selection);
            prop_assert_eq!(&selection, &expected);
            let mut portable = Selection::none(rows);
            (0..rows).step_by(every).for_each(|row| portable.set(row));
            starts.keep_runs_by(&list, &mut portable, deposit);
            prop_assert_eq!(&portable, &expected);
            let near = starts.runs_near(&selection);
            for row in selection.indices() {
                prop_assert!(near.contains(starts.rank(row as usize + 1) - 1));
            }
        }
    }
}
