//! Which encoding text gets: a dictionary where one is smaller than the text itself, by exact sizes
//! before compression, and FSST or zstd on whatever text is then stored, if that pays.
//!
//! ```text
//!   column      constant │ strings │ dictionary
//!   dictionary  texts: strings,  codes: leaf │ run-length
//!   strings     plain │ fsst │ zstd;  lengths: leaf │ run-length
//! ```
//!
//! Compression comes second, since a dictionary is filtered and decoded without a look at its text.
//! FSST is taken where it is about as small as zstd, since its rows are read one by one; whether it
//! can be is found by a sample.

use super::{dictionary, plain};
use crate::integer::choose::simple;
use crate::integer::stats::Shape;

/// The largest dictionary of text that is chosen.
pub(super) const DISTINCT_MAX: usize = 16_384;
/// After so many rows it is looked at whether there is any hope of a dictionary.
pub(super) const SAMPLE_ROWS: usize = 4_096;
/// Fewer bytes of text are not worth a pass of decompression at each look.
pub(super) const COMPRESS_BYTES_MIN: usize = 1_024;

/// Rows that are read one by one are worth a node of FSST that is a sixth larger than that of zstd.
const FSST_EXCESS: usize = 6;
/// Texts are rarely shortened by FSST to less than one byte of this many.
const FSST_RATIO_MAX: usize = 3;

/// The most bytes with which a node of FSST is better than the plain node of `plain` bytes and than
/// that of zstd, which is there if it pays; `None` if it cannot be, for texts of `total` bytes.
pub(super) fn fsst_bytes_max(plain: usize, zstd: Option<usize>, total: usize) -> Option<usize> {
    let max = (plain - plain / 4).min(zstd.map_or(usize::MAX, |zstd| zstd + zstd / FSST_EXCESS));
    (max > total / FSST_RATIO_MAX).then_some(max)
}

/// Whether to go on counting after the first `rows` rows had `distinct` distinct texts. Of a column
/// with [`DISTINCT_MAX`] texts in random order, 89 % of [`SAMPLE_ROWS`] rows are the first of
/// theirs.
pub(super) fn is_hopeful(distinct: usize, rows: usize) -> bool {
    rows != SAMPLE_ROWS || distinct * 10 <= rows * 9
}

/// Where the plain node ends that begins at `position`: lengths of this shape, `total` bytes.
pub(super) fn strings(position: usize, lengths: &Shape, total: usize) -> usize {
    let (_, lengths) = simple(position + 1, lengths);
    lengths + plain::estimate_bytes(total)
}

/// Where the dictionary ends that begins at `position`: distinct texts with lengths of this shape
/// and of `total` bytes, and codes of that shape.
pub(super) fn dictionary(position: usize, lengths: &Shape, total: usize, codes: &Shape) -> usize {
    let texts = strings(position + dictionary::HEADER_BYTES, lengths, total);
    simple(texts, codes).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(rows: usize, range: u128) -> Shape {
        Shape { rows, range, runs: rows, first_run: 1 }
    }

    #[test]
    fn few_texts_of_many_rows_are_a_dictionary() {
        let plain = strings(17, &shape(65_536, 20), 65_536 * 12);
        let cities = dictionary(17, &shape(250, 8), 250 * 10, &shape(65_536, 249));
        assert!(cities * 11 < plain, "{cities} {plain}");
        let letters = dictionary(17, &shape(26, 0), 26, &shape(65_536, 25));
        assert!(letters < strings(17, &shape(65_536, 0), 65_536));
    }

    #[test]
    fn a_text_a_row_is_no_dictionary() {
        let plain = strings(17, &shape(1_000, 20), 12_000);
        assert!(dictionary(17, &shape(1_000, 20), 12_000, &shape(1_000, 999)) > plain);
    }

    #[test]
    fn fsst_has_to_save_a_quarter_and_to_be_about_as_small_as_zstd() {
        assert_eq!(fsst_bytes_max(4_000, None, 3_900), Some(3_000));
        assert_eq!(fsst_bytes_max(4_000, Some(1_500), 3_900), Some(1_750));
        assert_eq!(fsst_bytes_max(4_000, Some(500), 3_900), None);
    }

    #[test]
    fn counting_stops_at_the_sample_only() {
        assert!(!is_hopeful(SAMPLE_ROWS, SAMPLE_ROWS));
        assert!(is_hopeful(3_624, SAMPLE_ROWS));
        assert!(is_hopeful(100, 100) && is_hopeful(5_000, 5_000));
    }
}
