//! A set of rows of one block: one bit a row, in logical row order.
//!
//! ```text
//!   word 0                        word 1
//!   row 63 ......... row 1 row 0  row 127 ....... row 64   ...
//! ```
//!
//! Filters only ever clear bits, so several of them compose by running one after the other. Bits
//! beyond the last row are always zero.

use crate::cpu::{self, Kernel};
use starfact_base::limits::{BLOCK_ROWS, VECTOR_ROWS};
use std::ops::Range;
use std::sync::Arc;

mod indices;
mod ranked;
mod runs;
mod spread;
pub(crate) use ranked::Ranked;

const WORD_BITS: usize = u64::BITS as usize;

/// A set of rows out of a block of at most 65,536 rows.
#[derive(Clone, Debug)]
pub struct Selection {
    rows: usize,
    words: Vec<u64>,
    /// The selected rows in ascending order, if they were listed since they last changed.
    list: Option<Arc<Vec<u32>>>,
}

impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.words == other.words
    }
}

impl Eq for Selection {}

impl Selection {
    /// Every one of `rows` rows.
    pub fn all(rows: usize) -> Self {
        let mut selection = Self::of(rows, vec![u64::MAX; rows.div_ceil(WORD_BITS)]);
        selection.mask_tail();
        debug_assert!(rows <= BLOCK_ROWS, "a block has at most {BLOCK_ROWS} rows");
        selection
    }

    /// None of `rows` rows.
    pub fn none(rows: usize) -> Self {
        debug_assert!(rows <= BLOCK_ROWS, "a block has at most {BLOCK_ROWS} rows");
        Self::of(rows, vec![0; rows.div_ceil(WORD_BITS)])
    }

    fn of(rows: usize, words: Vec<u64>) -> Self {
        Self { rows, words, list: None }
    }

    /// The rows whose bits are set in `words`, all of them below `rows`; `None` if they are not.
    pub(crate) fn of_words(rows: usize, words: Vec<u64>) -> Option<Self> {
        let mut given = Self::of(rows, words);
        let last = given.words.last().copied();
        given.mask_tail();
        let is_whole = given.words.len() == rows.div_ceil(WORD_BITS);
        (is_whole && last == given.words.last().copied()).then_some(given)
    }

    /// Rows of the block, selected or not.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The bits, 64 rows a word, the lowest row in the lowest bit.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The bits for a kernel of this crate, which keeps those beyond the last row at zero.
    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        self.list = None;
        &mut self.words
    }

    /// The words of the rows of vector `vector`.
    pub(crate) fn vector_mut(&mut self, vector: usize) -> &mut [u64] {
        const VECTOR_WORDS: usize = VECTOR_ROWS / WORD_BITS;
        self.words_mut().chunks_mut(VECTOR_WORDS).nth(vector).unwrap_or_default()
    }

    /// Whether no row of `range` is selected.
    pub(crate) fn is_clear(&self, range: Range<usize>) -> bool {
        self.find(range.start, true) >= range.end
    }

    /// How many rows are selected.
    pub fn count(&self) -> usize {
        self.list.as_ref().map_or_else(|| cpu::run(Ones(&self.words)), |list| list.len())
    }

    /// How many rows of `range` are selected.
    pub(crate) fn count_range(&self, range: Range<usize>) -> usize {
        let end = range.end.min(self.rows);
        if range.start >= end {
            return 0;
        }
        let (first, last) = (range.start / WORD_BITS, (end - 1) / WORD_BITS);
        let from_start = u64::MAX << (range.start % WORD_BITS);
        let to_end = u64::MAX >> (WORD_BITS - 1 - (end - 1) % WORD_BITS);
        let ones = |word: u64| word.count_ones() as usize;
        match self.words.get(first..=last).unwrap_or_default() {
            [only] => ones(only & from_start & to_end),
            [head, middle @ .., tail] => {
                let middle: usize = middle.iter().copied().map(ones).sum();
                ones(head & from_start) + middle + ones(tail & to_end)
            }
            [] => 0,
        }
    }

    /// The rows that are in `other`, a selection of the same block, too.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.intersect_words(&other.words);
        both
    }

    /// Whether no row is selected.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether every row is selected.
    pub fn is_all(&self) -> bool {
        self.count() == self.rows
    }

    /// Whether `row` is selected; false beyond the last row.
    pub fn contains(&self, row: usize) -> bool {
        self.words.get(row / WORD_BITS).is_some_and(|word| word >> (row % WORD_BITS) & 1 == 1)
    }

    /// Adds `row`; nothing happens beyond the last row.
    pub fn set(&mut self, row: usize) {
        let rows = self.rows;
        if let Some(word) = self.words_mut().get_mut(row / WORD_BITS).filter(|_| row < rows) {
            *word |= 1 << (row % WORD_BITS);
        }
    }

    /// Removes `row`; nothing happens beyond the last row.
    pub fn clear(&mut self, row: usize) {
        if let Some(word) = self.words_mut().get_mut(row / WORD_BITS) {
            *word &= !(1 << (row % WORD_BITS));
        }
    }

    /// Removes those of `rows` that the answers say no to, one bit a row of these.
    pub(crate) fn clear_refused(&mut self, rows: &[u32], answers: &[u64]) {
        for (place, row) in rows.iter().enumerate() {
            let is_wanted =
                answers.get(place / WORD_BITS).map_or(0, |word| word >> (place % WORD_BITS));
            if let Some(word) = self.words_mut().get_mut(*row as usize / WORD_BITS) {
                *word &= !((!is_wanted & 1) << (row % WORD_BITS as u32));
            }
        }
    }

    /// Removes the rows of `range`, as far as they exist.
    pub fn clear_range(&mut self, range: Range<usize>) {
        let end = range.end.min(self.rows);
        if range.start >= end {
            return;
        }
        let (first, last) = (range.start / WORD_BITS, (end - 1) / WORD_BITS);
        let from_start = u64::MAX << (range.start % WORD_BITS);
        let to_end = u64::MAX >> (WORD_BITS - 1 - (end - 1) % WORD_BITS);
        let Some(words) = self.words_mut().get_mut(first..=last) else { return };
        match words {
            [only] => *only &= !(from_start & to_end),
            [head, middle @ .., tail] => {
                *head &= !from_start;
                middle.fill(0);
                *tail &= !to_end;
            }
            [] => {}
        }
    }

    /// Adds the rows of `range`, as far as they exist.
    pub(crate) fn set_range(&mut self, range: Range<usize>) {
        let end = range.end.min(self.rows);
        if range.start >= end {
            return;
        }
        let (first, last) = (range.start / WORD_BITS, (end - 1) / WORD_BITS);
        let from_start = u64::MAX << (range.start % WORD_BITS);
        let to_end = u64::MAX >> (WORD_BITS - 1 - (end - 1) % WORD_BITS);
        match self.words_mut().get_mut(first..=last) {
            Some([only]) => *only |= from_start & to_end,
            Some([head, middle @ .., tail]) => {
                *head |= from_start;
                middle.fill(u64::MAX);
                *tail |= to_end;
            }
            Some([]) | None => {}
        }
    }

    /// How many vectors of 1,024 rows have a selected row.
    pub fn vectors(&self) -> usize {
        let vectors = self.words.chunks(VECTOR_ROWS / WORD_BITS);
        vectors.filter(|words| words.iter().any(|word| *word != 0)).count()
    }

    /// Keeps only the rows whose bit is set in `words` too. Words that are missing count as zero.
    pub fn intersect_words(&mut self, words: &[u64]) {
        let mut others = words.iter();
        for word in self.words_mut() {
            *word &= others.next().copied().unwrap_or(0);
        }
    }

    /// Adds the rows of `other`, a selection of the same block.
    pub fn union(&mut self, other: &Self) {
        for (word, more) in self.words_mut().iter_mut().zip(&other.words) {
            *word |= more;
        }
        self.mask_tail();
    }

    /// Removes the rows of `other`, a selection of the same block.
    pub fn subtract(&mut self, other: &Self) {
        for (word, less) in self.words_mut().iter_mut().zip(&other.words) {
            *word &= !less;
        }
    }

    /// The selected rows in ascending order.
    pub fn indices(&self) -> Vec<u32> {
        match &self.list {
            Some(list) => list.to_vec(),
            None => indices::of(&self.words, self.count()),
        }
    }

    /// The same, remembered for whoever asks next.
    pub(crate) fn listed(&mut self) -> Arc<Vec<u32>> {
        let list = self.list.take().unwrap_or_else(|| Arc::new(self.indices()));
        self.list = Some(Arc::clone(&list));
        list
    }

    /// Leaves these rows, which ascend and are selected.
    pub(crate) fn keep_listed(&mut self, rows: Vec<u32>) {
        self.words.fill(0);
        for row in &rows {
            if let Some(word) = self.words.get_mut(*row as usize / WORD_BITS) {
                *word |= 1 << (row % WORD_BITS as u32);
            }
        }
        self.list = Some(Arc::new(rows));
    }

    /// The selected rows as maximal ranges, in ascending order.
    pub fn ranges(&self) -> Ranges<'_> {
        Ranges { selection: self, row: 0 }
    }

    /// How many such ranges there are.
    pub fn range_count(&self) -> usize {
        cpu::run(RangeStarts(&self.words))
    }

    /// The rows of `range` as a selection of their own, which starts at row 0; what lies beyond the
    /// last row is cut off.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.rows);
        let start = range.start.min(end);
        let mut slice = Self::none(end - start);
        let (skip, shift) = (start / WORD_BITS, start % WORD_BITS);
        for (place, word) in slice.words.iter_mut().enumerate() {
            let at = |place: usize| self.words.get(place).copied().unwrap_or(0);
            let low = at(skip + place) >> shift;
            let high = at(skip + place + 1).checked_shl((WORD_BITS - shift) as u32).unwrap_or(0);
            *word = low | high;
        }
        slice.mask_tail();
        slice
    }

    /// The first row from `row` on whose bit is `wanted`, or the number of rows.
    fn find(&self, row: usize, wanted: bool) -> usize {
        let mut place = row / WORD_BITS;
        let mut mask = u64::MAX << (row % WORD_BITS);
        while let Some(&word) = self.words.get(place) {
            let candidates = (if wanted { word } else { !word }) & mask;
            if candidates != 0 {
                let found = place * WORD_BITS + candidates.trailing_zeros() as usize;
                return found.min(self.rows);
            }
            mask = u64::MAX;
            place += 1;
        }
        self.rows
    }

    fn mask_tail(&mut self) {
        let used = self.rows % WORD_BITS;
        if let (1.., Some(last)) = (used, self.words.last_mut()) {
            *last &= u64::MAX >> (WORD_BITS - used);
        }
    }
}

/// How many bits are set.
struct Ones<'a>(&'a [u64]);

impl Kernel for Ones<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let ones: u64 = self.0.iter().map(|word| u64::from(word.count_ones())).sum();
        ones as usize
    }
}

/// How many bits are set whose lower neighbour is not.
struct RangeStarts<'a>(&'a [u64]);

impl Kernel for RangeStarts<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let mut before = 0;
        let starts = self.0.iter().map(|&word| {
            let starts = word & !(word << 1 | before);
            before = word >> (WORD_BITS - 1);
            u64::from(starts.count_ones())
        });
        starts.sum::<u64>() as usize
    }
}

/// Iterates over the maximal ranges of selected rows.
#[derive(Clone, Debug)]
pub struct Ranges<'a> {
    selection: &'a Selection,
    row: usize,
}

impl Iterator for Ranges<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.selection.find(self.row, true);
        if start >= self.selection.rows {
            return None;
        }
        let end = self.selection.find(start, false);
        self.row = end;
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(rows: usize, selected: &[usize]) -> Selection {
        let mut selection = Selection::all(rows);
        (0..rows).filter(|row| !selected.contains(row)).for_each(|row| selection.clear(row));
        selection
    }

    #[test]
    fn all_and_none_know_their_rows() {
        for rows in [1, 63, 64, 65, 1_000, BLOCK_ROWS] {
            let (all, none) = (Selection::all(rows), Selection::none(rows));
            assert_eq!((all.count(), none.count()), (rows, 0));
            assert!(all.is_all() && !all.is_empty() && none.is_empty() && !none.is_all());
            assert!(all.contains(rows - 1) && !all.contains(rows));
            assert!(all.ranges().eq(std::iter::once(0..rows)));
            assert_eq!(none.ranges().next(), None);
        }
    }

    #[test]
    fn ranges_beyond_the_last_row_are_cut_off() {
        let mut selection = Selection::all(70);
        selection.clear_range(60..1_000);
        selection.clear_range(200..300);
        selection.clear(5_000);
        assert_eq!(selection.indices(), (0..60).collect::<Vec<_>>());
        assert_eq!(selection.slice(50..1_000), of(20, &(0..10).collect::<Vec<_>>()));
        assert_eq!(selection.slice(90..95).rows(), 0);
    }

    #[test]
    fn rows_are_added_one_by_one_up_to_the_last() {
        let mut selection = Selection::none(70);
        for row in [0, 69, 70, 127, 5_000] {
            selection.set(row);
        }
        assert_eq!(selection.indices(), [0, 69]);
    }

    #[test]
    fn missing_words_count_as_zero() {
        let mut selection = Selection::all(130);
        selection.intersect_words(&[u64::MAX, 1]);
        assert_eq!(selection.count(), 65);
    }

    proptest! {
        #[test]
        fn agrees_with_a_vector_of_booleans(
            bits in proptest::collection::vec(any::<bool>(), 1..300),
            from in 0usize..310, len in 0usize..310,
        ) {
            let selected: Vec<usize> = (0..bits.len()).filter(|&row| bits[row]).collect();
            let selection = of(bits.len(), &selected);
            prop_assert_eq!(selection.count(), selected.len());
            let indices: Vec<usize> = selection.indices().iter().map(|&row| row as usize).collect();
            prop_assert_eq!(&indices, &selected);
            let from_ranges: Vec<usize> = selection.ranges().flatten().collect();
            prop_assert_eq!(&from_ranges, &selected);
            prop_assert_eq!(selection.range_count(), selection.ranges().count());

            let range = from..from + len;
            let mut cleared = selection.clone();
            // A list is forgotten when the rows change.
            prop_assert_eq!(cleared.listed().to_vec(), selection.indices());
            prop_assert_eq!(cleared.listed().to_vec(), cleared.indices());
            cleared.clear_range(range.clone());
            prop_assert_eq!(cleared.indices(), cleared.ranges().flatten().map(|row| row as u32).collect::<Vec<_>>());
            let every_other: Vec<u32> = cleared.indices().into_iter().step_by(2).collect();
            let mut kept = cleared.clone();
            kept.keep_listed(every_other.clone());
            prop_assert_eq!((kept.count(), kept.indices()), (every_other.len(), every_other.clone()));
            let expected: Vec<usize> = every_other.iter().map(|row| *row as usize).collect();
            prop_assert_eq!(&kept, &of(bits.len(), &expected));
            kept.set(0);
            prop_assert_eq!(kept.count(), kept.words().iter().map(|word| word.count_ones() as usize).sum::<usize>());
            let outside: Vec<usize> =
                selected.iter().copied().filter(|row| !range.contains(row)).collect();
            prop_assert_eq!(&cleared, &of(bits.len(), &outside));
            let mut filled = cleared.clone();
            filled.set_range(range.clone());
            let all_within = (0..bits.len()).filter(|row| range.contains(row));
            let expected: Vec<usize> = outside.iter().copied().chain(all_within).collect();
            prop_assert_eq!(&filled, &of(bits.len(), &expected));
            let vectors: std::collections::BTreeSet<usize> =
                selected.iter().map(|row| row / VECTOR_ROWS).collect();
            prop_assert_eq!(selection.vectors(), vectors.len());

            let inside = selected.iter().filter(|row| range.contains(row)).count();
            prop_assert_eq!(selection.count_range(range.clone()), inside);

            let slice = selection.slice(range.clone());
            let inside: Vec<usize> =
                selected.iter().filter(|row| range.contains(row)).map(|row| row - from).collect();
            let rows = bits.len().min(range.end).saturating_sub(from.min(bits.len()));
            prop_assert_eq!(&slice, &of(rows, &inside));

            let mut rest = selection.clone();
            rest.subtract(&cleared);
            let mut both = rest.clone();
            both.union(&cleared);
            prop_assert_eq!(&both, &selection);
            rest.intersect_words(cleared.words());
            prop_assert!(rest.is_empty());
        }
    }
}
