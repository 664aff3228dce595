//! A selection that knows how many of its rows lie before any other.

use super::{Selection, WORD_BITS};

/// A selection, and the number of its rows before each word.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    rows: Selection,
    /// One more than there are words: the last, an empty word, has the number of rows.
    words: Vec<Word>,
}

/// A word of the selection, and how many rows those before it have.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    bits: u64,
    rank: u64,
}

impl Ranked {
    pub(crate) fn new(rows: Selection) -> Self {
        let mut rank = 0;
        let end = [0];
        let words = rows.words.iter().chain(&end).map(|&bits| {
            let word = Word { bits, rank };
            rank += u64::from(bits.count_ones());
            word
        });
        let words = words.collect();
        Self { rows, words }
    }

    pub(crate) fn rows(&self) -> &Selection {
        &self.rows
    }

    /// How many rows of the selection there are.
    pub(crate) fn count(&self) -> usize {
        self.words.last().map_or(0, |word| word.rank as usize)
    }

    /// How many of them lie before `row`, which is at most the number of rows of the block.
    #[inline(always)]
    pub(crate) fn rank(&self, row: usize) -> usize {
        self.look_up(row).0
    }

    /// How many of them lie before `row`, and 1 if it is one of them, else 0.
    #[inline(always)]
    pub(crate) fn look_up(&self, row: usize) -> (usize, usize) {
        let Word { bits, rank } = self.words.get(row / WORD_BITS).copied().unwrap_or_default();
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
            assert_eq!((ranked.count(), ranked.rows()), (selection.count(), &selection));
        }
    }
}
