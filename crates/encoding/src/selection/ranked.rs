//! A selection that knows how many of its rows lie before any other.

use super::{Selection, WORD_BITS};
use crate::cpu::{self, Kernel};

/// A selection, and the number of its rows before each word.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    rows: Selection,
    /// The rows of the words before each, and of all.
    ranks: Vec<u32>,
}

/// Counts the rows of the words before each, and of all.
struct Ranks<'a>(&'a [u64]);

impl Kernel for Ranks<'_> {
    type Output = Vec<u32>;

    #[inline(always)]
    fn run(self) -> Vec<u32> {
        let mut ranks = Vec::with_capacity(self.0.len() + 1);
        let mut rank = 0;
        ranks.push(rank);
        let each = self.0.iter().map(|word| {
            rank += word.count_ones();
            rank
        });
        cpu::append(&mut ranks, each);
        ranks
    }
}

/// Looks up rows: which of the rows of a selection is the last at or before each.
struct LastAtOrBefore<'a> {
    of: &'a Ranked,
    rows: &'a [u32],
}

impl Kernel for LastAtOrBefore<'_> {
    type Output = Vec<u32>;

    #[inline(always)]
    fn run(self) -> Vec<u32> {
        let last = |&row: &u32| (self.of.rank(row as usize + 1) as u32).saturating_sub(1);
        let mut found = Vec::new();
        cpu::append(&mut found, self.rows.iter().map(last));
        found
    }
}

impl Ranked {
    pub(crate) fn new(rows: Selection) -> Self {
        let ranks = cpu::run(Ranks(&rows.words));
        Self { rows, ranks }
    }

    pub(crate) fn rows(&self) -> &Selection {
        &self.rows
    }

    /// How many rows of the selection there are.
    pub(crate) fn count(&self) -> usize {
        self.ranks.last().map_or(0, |rank| *rank as usize)
    }

    /// How many of them lie before `row`, which is at most the number of rows of the block.
    #[inline(always)]
    pub(crate) fn rank(&self, row: usize) -> usize {
        self.look_up(row).0
    }

    /// The number among them of the last one at or before each of `rows`; 0 if there is none.
    pub(crate) fn last_at_or_before(&self, rows: &[u32]) -> Vec<u32> {
        cpu::run(LastAtOrBefore { of: self, rows })
    }

    /// How many of them lie before `row`, and 1 if it is one of them, else 0.
    #[inline(always)]
    pub(crate) fn look_up(&self, row: usize) -> (usize, usize) {
        let rank = self.ranks.get(row / WORD_BITS).copied().unwrap_or_default();
        let bits = self.rows.words.get(row / WORD_BITS).copied().unwrap_or_default();
        let before = bits & ((1 << (row % WORD_BITS)) - 1);
        let is_in = bits >> (row % WORD_BITS) & 1;
        (rank as usize + before.count_ones() as usize, is_in as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_counts_of_what_lies_before() {
        for rows in [1, 64, 200, 1_024] {
            let mut selection = Selection::none(rows);
            (0..rows).filter(|row| row % 7 < 3 || row / 64 == 1).for_each(|row| selection.set(row));
            let ranked = Ranked::new(selection.clone());
            for row in 0..=rows {
                assert_eq!(ranked.rank(row), selection.count_range(0..row), "{row} of {rows}");
                let is_in = usize::from(selection.contains(row));
                assert_eq!(ranked.look_up(row), (ranked.rank(row), is_in));
            }
            let every: Vec<u32> = (0..rows as u32).collect();
            let before = |row: &u32| selection.count_range(0..*row as usize + 1) as u32;
            let last: Vec<u32> = every.iter().map(|row| before(row).saturating_sub(1)).collect();
            assert_eq!(ranked.last_at_or_before(&every), last);
            assert_eq!((ranked.count(), ranked.rows()), (selection.count(), &selection));
        }
    }
}
