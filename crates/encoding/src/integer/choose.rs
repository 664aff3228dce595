//! Which encoding integers get: the smallest, by exact sizes, and of equal sizes the simplest.
//!
//! Pure functions from statistics to a decision. Every size is given as the position in the block
//! where the node ends if it begins at a certain one, since bit-packed data is padded to 64 bytes.
//! What costs a pass over the values to measure is first asked here whether it [may pay](may_pay);
//! [`super::plan`] then measures it, and asks whether it [pays].
//!
//! ```text
//!   column      leaf │ run-length │ sparse │ patched │ delta │ scaled │ dictionary │ floats: alp
//!   run-length  ends: leaf │ delta,  keys: leaf │ patched │ delta │ scaled
//!   sparse      keys: leaf
//!   patched     positions, keys: leaf,  others: leaf │ alp
//!   delta       firsts: leaf,  deltas: leaf │ sparse │ patched
//!   scaled      multiples: leaf │ patched │ delta
//!   dictionary  keys: leaf,  codes: leaf │ run-length │ sparse
//!   alp         integers: leaf │ run-length │ patched │ delta │ scaled
//!   leaf        constant │ plain │ bit-packed
//! ```
//!
//! No node lies deeper than `ENCODING_DEPTH_MAX`: there, only leaves are left to choose from.

use super::stats::Shape;
use super::{bit_packed, constant::Constant, dictionary, plain, run_length, sparse};

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

/// Values of the sample from which a candidate is judged before it is measured.
const PROBE_VALUES: usize = 256;

/// Some of the values, evenly from all over, each with the one behind it if there is one.
pub(crate) fn probe<T: Copy>(values: &[T]) -> Vec<(T, T)> {
    let pairs = values.iter().zip(values.get(1..).unwrap_or_default());
    pairs.step_by((values.len() / PROBE_VALUES).max(1)).map(|(a, b)| (*a, *b)).collect()
}

/// A codec with children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    Alp,
    RunLength,
    Sparse,
    Patched,
    Delta,
    Scaled,
    Dictionary,
}

/// Whether a node that ends at `end` is kept instead of a simpler one that ends at `best_end`; both
/// begin at `position`. What takes longer to read has to save more than a byte.
pub(crate) fn pays(candidate: Candidate, position: usize, end: usize, best_end: usize) -> bool {
    let size = best_end - position;
    let saving_min = match candidate {
        Candidate::RunLength | Candidate::Sparse | Candidate::Dictionary => 0,
        Candidate::Patched | Candidate::Scaled | Candidate::Alp => size / 32,
        // A single key takes up to 1,023 additions.
        Candidate::Delta => size / 3,
    };
    end + saving_min < best_end
}

/// Whether deltas of `rows` keys, which take `bytes`, can be worth it: where keys are short anyway,
/// a filter reads all of them sooner than it adds up deltas. They have to save six bits a key.
pub(crate) fn deltas_may_pay(rows: usize, bytes: usize, best_bytes: usize) -> bool {
    bytes + rows * 6 / 8 <= best_bytes
}

/// Whether runs are marked at their first rows: marks are read without any work, which is worth
/// half as many bytes again as ends take.
pub(crate) fn are_marks_better(marks_bytes: usize, ends_bytes: usize) -> bool {
    marks_bytes <= ends_bytes + ends_bytes / 2
}

/// Whether this many runs can be worth looking at: each takes four bits of an end and of a key.
pub(crate) fn run_length_may_pay(shape: &Shape, leaf_bytes: usize) -> bool {
    shape.runs <= shape.rows / 2 && shape.runs < leaf_bytes
}

/// Whether a bitmap of `count` rows, whose keys take `leaf_bytes` for all rows, can be worth it.
pub(crate) fn sparse_may_pay(shape: &Shape, count: usize, leaf_bytes: usize) -> bool {
    let runs = shape.runs / 2 + 1;
    count > 0 && 4 * count <= shape.rows && sparse::bitmap_bytes(count, runs) < leaf_bytes
}

/// A window of values, and about how many bytes the offsets in it and the exceptions take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) low: i128,
    pub(crate) high: i128,
    pub(crate) bytes: usize,
}

/// The best window for most of the values from `min` to `max`, from an ascending probe of them: as
/// wide as the bits for its offsets allow.
pub(crate) fn window(probe: &[i128], min: i128, max: i128, rows: usize) -> Option<Window> {
    const CUTS: [usize; 10] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24];
    let exception_bytes = usize::from(plain::offset_bytes(max.abs_diff(min))) + 2;
    let cuts = CUTS.into_iter().flat_map(|low| CUTS.map(|high| (low, high)));
    let windows = cuts.filter_map(|(below, above)| {
        let low = *probe.get(below)?;
        let high = *probe.get(probe.len().checked_sub(1 + above)?)?;
        let range = u64::try_from(high.checked_sub(low)?).ok()?;
        let width = bit_packed::width(range);
        let exceptions = rows * (below + above) / probe.len();
        let bytes = rows * usize::from(width) / 8 + exceptions * exception_bytes;
        let room = i128::from(u64::MAX >> (64 - width)) - i128::from(range);
        Some((bytes, widened(low, high, room, min, max)))
    });
    let best = windows.min_by_key(|(bytes, _)| *bytes)?;
    let (bytes, (low, high)) = best;
    Some(Window { low, high, bytes })
}

/// The window from `low` to `high` with `room` keys more, to reach one end of all values or on both
/// sides.
fn widened(low: i128, high: i128, room: i128, min: i128, max: i128) -> (i128, i128) {
    let (below, above) = (low.saturating_sub(min), max.saturating_sub(high));
    let down = match (below <= room, above <= room) {
        (true, true) => below.min(room - above).max(0),
        (true, false) => below,
        (false, true) => room - above,
        (false, false) => room / 2,
    };
    (low - down, high.saturating_add(room - down).min(max))
}

/// Byte-aligned codes may take this part more than packed ones: an eighth for seven bits.
const BYTE_CODES_PART: usize = 7;

/// The leaf for the codes of a dictionary: whole bytes, which predicates read as they are, where
/// packing would hardly save any.
pub(crate) fn code_leaf(position: usize, rows: usize, range: u128) -> (Leaf, usize) {
    let (leaf, end) = leaf(position, rows, range);
    let bytes_end = plain::estimate(position, rows, 1);
    let is_byte = plain::offset_bytes(range) == 1 && matches!(leaf, Leaf::BitPacked(_));
    if is_byte && bytes_end.saturating_sub(end) <= (end - position) / BYTE_CODES_PART {
        return (Leaf::Plain(1), bytes_end);
    }
    (leaf, end)
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

impl Leaf {
    /// Where the leaf of this many rows ends.
    pub(crate) fn estimate(self, position: usize, rows: usize) -> usize {
        match self {
            Self::Constant => Constant::estimate(position),
            Self::Plain(bytes) => plain::estimate(position, rows, bytes),
            Self::BitPacked(width) => bit_packed::estimate(position, rows, width),
        }
    }
}

/// Whether a node takes so little, a byte for 256 values, that no other is worth a look at them.
pub(crate) fn is_small(bytes: usize, values: usize) -> bool {
    bytes <= values / 256
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

/// The most distinct values with which a dictionary, its codes leaves or runs of leaves, ends
/// before `best`; below two if it never does. Counting distinct values can stop there.
pub(crate) fn dictionary_keys_max(position: usize, shape: &Shape, best: usize) -> usize {
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
        let max = |shape: &Shape| dictionary_keys_max(17, shape, simple(17, shape).1);
        assert_eq!(max(&Shape { range: 1 << 40, ..FULL }), DISTINCT_MAX);
        let narrow = Shape { range: 1_000, ..FULL };
        let max_narrow = max(&narrow);
        assert!((256..=512).contains(&max_narrow), "{max_narrow}");
        let (_, best) = simple(17, &narrow);
        assert!(dictionary(17, &narrow, max_narrow) < best);
        assert!(dictionary(17, &narrow, max_narrow + 1) >= best);
        assert_eq!(max(&Shape { range: 1, ..FULL }), 1);
    }

    #[test]
    fn a_window_leaves_out_few_values_at_either_end() {
        let mut probe: Vec<i128> = (1_000..1_250).collect();
        assert_eq!(probe.len(), 250);
        let all = window(&probe, 1_000, 1_255, 65_536).unwrap();
        assert_eq!((all.low, all.high, all.bytes), (1_000, 1_255, 65_536));
        probe.splice(0..0, [-1 << 40, -7]);
        probe.extend([1 << 40; 2]);
        let most = window(&probe, -1 << 40, 1 << 50, 65_536).unwrap();
        assert!(most.low <= 1_000 && most.high >= 1_249, "{most:?}");
        assert_eq!(most.high - most.low, 255);
        // Unseen outliers do not pull the window away from the others.
        let unseen = window(&[5, 6, 7, 8], 5, 1 << 40, 1 << 16).unwrap();
        assert_eq!((unseen.low, unseen.high), (5, 8));
        let extreme = window(&[i128::MIN, 0, i128::MAX], i128::MIN, i128::MAX, 65_536).unwrap();
        assert_eq!((extreme.low, extreme.high), (i128::MIN, i128::MIN + 1));
    }

    #[test]
    fn seven_bits_are_whole_bytes_and_fewer_are_not() {
        assert_eq!(code_leaf(17, 65_536, 100).0, Leaf::Plain(1));
        assert_eq!(code_leaf(17, 65_536, 63).0, Leaf::BitPacked(6));
        assert_eq!(code_leaf(17, 65_536, 255).0, Leaf::Plain(1));
        assert_eq!(code_leaf(17, 65_536, 256).0, Leaf::BitPacked(9));
        assert_eq!(code_leaf(17, 65_536, 0).0, Leaf::Constant);
    }

    #[test]
    fn what_reads_more_slowly_has_to_save_more() {
        let pays = |candidate, end| pays(candidate, 0, end, 8_000);
        assert!(pays(Candidate::RunLength, 7_999) && !pays(Candidate::RunLength, 8_000));
        assert!(pays(Candidate::Patched, 7_749) && !pays(Candidate::Patched, 7_750));
        assert!(pays(Candidate::Delta, 5_333) && !pays(Candidate::Delta, 5_334));
        assert!(deltas_may_pay(4_000, 5_000, 8_000) && !deltas_may_pay(4_000, 5_001, 8_000));
    }

    #[test]
    fn a_node_of_next_to_nothing_is_as_good_as_any() {
        assert!(is_small(256, 65_536) && !is_small(257, 65_536) && !is_small(1, 255));
    }

    #[test]
    fn bitmaps_are_for_rare_rows_or_rows_in_runs() {
        let bits = Shape { range: 1, ..FULL };
        assert!(sparse_may_pay(&bits, 3_000, 8_240) && !sparse_may_pay(&bits, 0, 8_240));
        assert!(!sparse_may_pay(&bits, 5_000, 8_200));
        assert!(sparse_may_pay(&Shape { runs: 40, ..bits }, 9_000, 8_200));
    }
}
