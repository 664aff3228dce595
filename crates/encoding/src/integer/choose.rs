//! Which encoding integers get: the smallest, by exact sizes, and of equal sizes the simplest.
//!
//! Pure functions from statistics to a decision. Every size is given as the position in the block
//! where the node ends if it begins at a certain one, since bit-packed data is padded to 64 bytes.
//!
//! ```text
//!   column      leaf │ run-length │ dictionary
//!   run-length  ends: leaf,  keys: leaf
//!   dictionary  keys: leaf,  codes: leaf │ run-length
//!   leaf        constant │ plain │ bit-packed
//! ```

use super::stats::Shape;
use super::{bit_packed, constant::Constant, dictionary, plain, run_length};

/// The largest dictionary of integers: its keys stay in the second-level cache.
pub(crate) const DISTINCT_MAX: usize = 4_096;

/// Values of each part of a sample, and how many parts there are.
const SAMPLE_PART: usize = 1_024;
const SAMPLE_PARTS: usize = 4;

/// Some of the values, from all over; `None` if there are too few to bother.
pub(crate) fn sample<T: Copy>(values: &[T]) -> Option<Vec<T>> {
    if values.len() < 4 * SAMPLE_PARTS * SAMPLE_PART {
        return None;
    }
    let stratum = values.len() / SAMPLE_PARTS;
    let parts = values.chunks_exact(stratum).filter_map(|stratum| stratum.get(..SAMPLE_PART));
    Some(parts.flatten().copied().collect())
}

/// A codec without children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    Constant,
    /// Bytes of an offset.
    Plain(u8),
    /// Bits of an offset.
    BitPacked(u8),
}

/// The codec of a node that is no dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Leaf(Leaf),
    RunLength,
}

/// The leaf for this many values of this range, and where it ends.
pub(crate) fn leaf(position: usize, rows: usize, range: u128) -> (Leaf, usize) {
    if range == 0 {
        return (Leaf::Constant, Constant::estimate(position));
    }
    let bytes = plain::offset_bytes(range);
    let plain_end = plain::estimate(position, rows, bytes);
    if let Ok(range) = u64::try_from(range) {
        let width = bit_packed::width(range);
        let packed_end = bit_packed::estimate(position, rows, width);
        if packed_end < plain_end {
            return (Leaf::BitPacked(width), packed_end);
        }
    }
    (Leaf::Plain(bytes), plain_end)
}

/// Where a run-length node ends.
pub(crate) fn run_length(position: usize, shape: &Shape) -> usize {
    let range = (shape.rows - shape.first_run) as u128;
    let (_, ends) = leaf(position + run_length::HEADER_BYTES, shape.runs, range);
    leaf(ends, shape.runs, shape.range).1
}

/// The better of leaf and run-length, and where it ends.
pub(crate) fn simple(position: usize, shape: &Shape) -> (Choice, usize) {
    let (leaf, leaf_end) = leaf(position, shape.rows, shape.range);
    let runs_end = run_length(position, shape);
    if runs_end < leaf_end { (Choice::RunLength, runs_end) } else { (Choice::Leaf(leaf), leaf_end) }
}

/// Where a dictionary of `distinct` keys ends.
pub(crate) fn dictionary(position: usize, shape: &Shape, distinct: usize) -> usize {
    let (_, keys) = leaf(position + dictionary::HEADER_BYTES, distinct, shape.range);
    let codes = Shape { range: distinct as u128 - 1, ..*shape };
    simple(keys, &codes).1
}

/// The most distinct values with which a dictionary is smaller than everything else; below two if
/// it never is. Counting distinct values can stop there.
pub(crate) fn dictionary_keys_max(position: usize, shape: &Shape) -> usize {
    let (_, best) = simple(position, shape);
    let (mut fits, mut too_many) = (1, DISTINCT_MAX.min(shape.runs) + 1);
    while fits + 1 < too_many {
        let middle = fits.midpoint(too_many);
        match dictionary(position, shape, middle) < best {
            true => fits = middle,
            false => too_many = middle,
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Shape = Shape { rows: 65_536, range: 0, runs: 65_536, first_run: 1 };

    #[test]
    fn many_values_are_bit_packed_and_few_are_plain() {
        let (many, _) = simple(17, &Shape { range: 4_095, ..FULL });
        assert_eq!(many, Choice::Leaf(Leaf::BitPacked(12)));
        let few = Shape { rows: 10, range: 4_095, runs: 10, first_run: 1 };
        assert_eq!(simple(17, &few).0, Choice::Leaf(Leaf::Plain(2)));
    }

    #[test]
    fn whole_bytes_are_plain_only_when_no_smaller_form_exists() {
        assert_eq!(leaf(46, 1_024, 255), (Leaf::Plain(1), 46 + 18 + 1_024));
        assert_eq!(leaf(0, 65_536, u128::from(u64::MAX) + 1).0, Leaf::Plain(16));
        assert_eq!(leaf(0, 1, 0).0, Leaf::Constant);
    }

    #[test]
    fn a_sample_is_taken_of_many_values_and_from_all_over() {
        let values: Vec<usize> = (0..65_536).collect();
        assert_eq!(sample(&values[..16_383]), None);
        let sample = sample(&values).unwrap();
        assert_eq!(sample.len(), 4_096);
        let quarters = [0, 1, 2, 3]
            .map(|quarter| sample.iter().filter(|&value| value / 16_384 == quarter).count());
        assert_eq!(quarters, [1_024; 4]);
    }

    #[test]
    fn long_runs_are_run_length() {
        let sorted = Shape { range: 1 << 20, runs: 2_406, first_run: 20, ..FULL };
        assert_eq!(simple(17, &sorted).0, Choice::RunLength);
        let short = Shape { range: 15, runs: 30_000, ..FULL };
        assert_eq!(simple(17, &short).0, Choice::Leaf(Leaf::BitPacked(4)));
    }

    #[test]
    fn a_dictionary_pays_while_its_codes_are_short_enough() {
        let wide = Shape { range: 1 << 40, ..FULL };
        assert_eq!(dictionary_keys_max(17, &wide), DISTINCT_MAX);
        let narrow = Shape { range: 1_000, ..FULL };
        let max = dictionary_keys_max(17, &narrow);
        assert!((256..=512).contains(&max), "{max}");
        let (_, best) = simple(17, &narrow);
        assert!(dictionary(17, &narrow, max) < best);
        assert!(dictionary(17, &narrow, max + 1) >= best);
        assert_eq!(dictionary_keys_max(17, &Shape { range: 1, ..FULL }), 1);
    }
}
