//! LIKE with pieces of text between its percent signs, on many rows at once.
//!
//! ```text
//!   o_comment LIKE '%special%requests%'
//!
//!   …ely special pa|y special requests ha|fully bold reques|…     texts as they lie in a buffer
//!        ───────        ───────                                   what a search finds
//! ```
//!
//! Rows of a block have their texts one after the other in a buffer. It is searched for one of the
//! pieces from its beginning to its end, whatever the rows, with vectors; only rows in which the
//! piece is found are looked at.

use super::filter::{answers_of_texts, text_literal};
use arrow::array::{
    Array, ArrayRef, BooleanArray, BooleanBufferBuilder, ByteView, MAX_INLINE_VIEW_LEN,
    StringViewArray,
};
use arrow::buffer::BooleanBuffer;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, LikeExpr};
use memchr::memmem::Finder;
use starfact_encoding::ValuePredicate;
use std::ops::Range;
use std::sync::Arc;

/// Bytes in which each piece is counted, to find the one that few rows have.
const SAMPLE_BYTES: usize = 1 << 14;
/// Rows from which on a buffer is searched.
const ROWS_MIN: usize = 64;

/// A pattern of pieces with percent signs between them and no other wildcards.
#[derive(Debug)]
pub(super) struct Pieces {
    start: Vec<u8>,
    /// In this order, one behind the other.
    middle: Vec<Finder<'static>>,
    end: Vec<u8>,
    negated: bool,
}

impl Pieces {
    /// The pattern of a LIKE of a column that has a piece in its middle.
    pub(super) fn of(expr: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        let like = expr.downcast_ref::<LikeExpr>()?;
        if like.case_insensitive() || !like.expr().is::<Column>() {
            return None;
        }
        Self::parse(&text_literal(like.pattern())?, like.negated())
    }

    fn parse(pattern: &str, negated: bool) -> Option<Self> {
        if pattern.contains(['_', '\\']) {
            return None;
        }
        let (start, rest) = pattern.split_once('%')?;
        let (middle, end) = rest.rsplit_once('%')?;
        let middle: Vec<Finder<'static>> = middle
            .split('%')
            .filter(|piece| !piece.is_empty())
            .map(|piece| Finder::new(piece.as_bytes()).into_owned())
            .collect();
        let (start, end) = (start.as_bytes().to_vec(), end.as_bytes().to_vec());
        (!middle.is_empty()).then_some(Self { start, middle, end, negated })
    }

    /// Whether a text is like the pattern, negated or not.
    fn is_like(&self, text: &[u8]) -> bool {
        let rest = text.strip_prefix(self.start.as_slice());
        let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(self.end.as_slice())) else {
            return false;
        };
        for piece in &self.middle {
            let Some(found) = piece.find(rest) else { return false };
            rest = rest.get(found + piece.needle().len()..).unwrap_or_default();
        }
        true
    }

    /// The piece that occurs least in some of the text.
    fn rarest(&self, bytes: &[u8]) -> Option<&Finder<'static>> {
        let sample = bytes.get(..SAMPLE_BYTES).unwrap_or(bytes);
        self.middle.iter().min_by_key(|piece| piece.find_iter(sample).count())
    }

    /// For each text whether it is like the pattern, negated or not.
    fn likes(&self, texts: &StringViewArray) -> BooleanBuffer {
        let bytes = range_in_buffer(texts)
            .and_then(|range| Some((range.start, texts.data_buffers().first()?.get(range)?)));
        match bytes {
            Some((from, bytes)) => self.likes_in(bytes, from, texts),
            None => BooleanBuffer::collect_bool(texts.len(), |row| self.is_row_like(texts, row)),
        }
    }

    fn is_row_like(&self, texts: &StringViewArray, row: usize) -> bool {
        self.is_like(texts.value(row).as_bytes())
    }

    /// The same for texts in a buffer, of which `bytes` are what lies from `from` on.
    fn likes_in(&self, bytes: &[u8], from: usize, texts: &StringViewArray) -> BooleanBuffer {
        let mut likes = BooleanBufferBuilder::new(texts.len());
        likes.append_n(texts.len(), false);
        let Some(piece) = self.rarest(bytes) else { return likes.finish() };
        let mut found = piece.find(bytes);
        for (row, view) in texts.views().iter().enumerate() {
            let (len, Some(start)) = place(*view) else {
                likes.set_bit(row, self.is_row_like(texts, row));
                continue;
            };
            let (start, end) = (start - from, start - from + len);
            let Some(at) = found.filter(|at| *at < end) else { continue };
            // What is found before the row is across its beginning, or in a row within its view.
            let text = bytes.get(start..end).unwrap_or_default();
            let is_within = at >= start && at + piece.needle().len() <= end;
            likes.set_bit(row, (at < start || is_within) && self.is_like(text));
            let after = if at >= start && !is_within { at + 1 } else { end };
            let next = bytes.get(after..).and_then(|bytes| piece.find(bytes));
            found = next.map(|at| after + at);
        }
        likes.finish()
    }
}

impl ValuePredicate for Pieces {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        answers_of_texts(values, self.negated, |texts| self.likes(texts))
    }
}

/// The length of the text of a view and, unless it is within, where it begins in its buffer.
#[inline]
fn place(view: u128) -> (usize, Option<usize>) {
    let view = ByteView::from(view);
    let is_within = view.length <= MAX_INLINE_VIEW_LEN;
    (view.length as usize, (!is_within).then_some(view.offset as usize))
}

/// Where the texts of rows lie, if they lie in one buffer, in the order of the rows and without
/// much else; those within their views do not count.
fn range_in_buffer(texts: &StringViewArray) -> Option<Range<usize>> {
    if texts.len() < ROWS_MIN || texts.data_buffers().len() != 1 {
        return None;
    }
    let (mut first, mut end, mut used) = (None, 0, 0);
    for view in texts.views() {
        if let (len, Some(start)) = place(*view) {
            if start < end {
                return None;
            }
            first.get_or_insert(start);
            (end, used) = (start + len, used + len);
        }
    }
    let range = first?..end;
    (used >= range.len() / 2).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::compute::{like, nlike};
    use proptest::prelude::*;

    fn compare(texts: &StringViewArray, pattern: &str) {
        let scalar = StringViewArray::new_scalar(pattern);
        for negated in [false, true] {
            let Some(pieces) = Pieces::parse(pattern, negated) else {
                assert!(
                    pattern.matches('%').count() < 2
                        || pattern.contains(['_', '\\'])
                        || pattern.split('%').filter(|it| !it.is_empty()).count() < 3
                );
                return;
            };
            let values: ArrayRef = Arc::new(texts.clone());
            let found = pieces.evaluate(&values).unwrap();
            let expected = if negated { nlike(texts, &scalar) } else { like(texts, &scalar) };
            assert_eq!(found, expected.unwrap(), "{pattern} {negated}");
        }
    }

    /// Texts in a buffer, one after the other, as a block has them.
    fn in_buffer(texts: &[Option<String>]) -> StringViewArray {
        let bytes: Vec<u8> = texts.iter().flatten().flat_map(|text| text.bytes()).collect();
        let mut builder = arrow::array::StringViewBuilder::new();
        let block = builder.append_block(bytes.into());
        let mut start = 0;
        for text in texts {
            match text {
                None => builder.append_null(),
                Some(text) => {
                    builder.try_append_view(block, start, text.len() as u32).unwrap();
                    start += text.len() as u32;
                }
            }
        }
        builder.finish()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn rows_are_like_what_they_are_like_one_by_one(
            texts in prop::collection::vec(
                prop::option::weighted(0.95, "[ab ö]{0,9}|[abc]{11,30}|(ab|ö|c ){5,12}"),
                0..200,
            ),
            pattern in "([ab]{0,2}%){0,4}[abcö]{0,3}|%[abc ]{1,3}%|%ab%c %|[a_%\\\\]{0,4}",
            from in 0..40_usize,
        ) {
            let whole = in_buffer(&texts);
            compare(&whole, &pattern);
            let from = from.min(whole.len());
            compare(&whole.slice(from, whole.len() - from), &pattern);
            let few: StringViewArray = whole.iter().step_by(3).collect();
            compare(&few, &pattern);
            let rows: arrow::array::UInt32Array =
                (0..whole.len() as u32).filter(|row| row % 5 != 1).collect();
            let taken = arrow::compute::take(&whole, &rows, None).unwrap();
            compare(taken.as_string_view(), &pattern);
            let turned: arrow::array::UInt32Array = (0..whole.len() as u32).rev().collect();
            let turned = arrow::compute::take(&whole, &turned, None).unwrap();
            compare(turned.as_string_view(), &pattern);
        }
    }

    #[test]
    fn a_piece_across_two_rows_is_in_neither() {
        let texts: Vec<Option<String>> = (0..100)
            .map(|n| Some(if n % 2 == 0 { "xxxxxxxxxxxxxab" } else { "cdxxxxxxxxxxxxx" }.into()))
            .collect();
        let texts = in_buffer(&texts);
        let like = Pieces::parse("%abcd%", false).unwrap().likes(&texts);
        assert_eq!(like.count_set_bits(), 0);
        let like = Pieces::parse("%bxx%", true).unwrap().likes(&texts);
        assert_eq!(like.count_set_bits(), 0);
        assert!(range_in_buffer(&texts).is_some());
    }
}
