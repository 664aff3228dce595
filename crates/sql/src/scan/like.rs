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

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray};
use arrow::buffer::BooleanBuffer;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, LikeExpr, Literal};
use memchr::memmem::Finder;
use starfact_encoding::ValuePredicate;
use std::sync::Arc;

/// Bytes in which each piece is counted, to find the one that few rows have.
const SAMPLE_BYTES: usize = 1 << 14;
/// Rows from which on a buffer is searched.
const ROWS_MIN: usize = 64;
/// The greatest text within a view.
const INLINE_MAX: u32 = 12;

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
        let pattern = like.pattern().downcast_ref::<Literal>()?.value();
        let (ScalarValue::Utf8(Some(pattern))
        | ScalarValue::Utf8View(Some(pattern))
        | ScalarValue::LargeUtf8(Some(pattern))) = pattern
        else {
            return None;
        };
        if like.case_insensitive() || !like.expr().is::<Column>() {
            return None;
        }
        Self::parse(pattern, like.negated())
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
        match InBuffer::of(texts) {
            Some(rows) => self.likes_in(&rows, texts),
            None => BooleanBuffer::collect_bool(texts.len(), |row| self.is_row_like(texts, row)),
        }
    }

    fn is_row_like(&self, texts: &StringViewArray, row: usize) -> bool {
        self.is_like(texts.value(row).as_bytes())
    }

    fn likes_in(&self, rows: &InBuffer<'_>, texts: &StringViewArray) -> BooleanBuffer {
        let mut likes = vec![false; texts.len()];
        for row in &rows.inline {
            if let Some(slot) = likes.get_mut(*row) {
                *slot = self.is_row_like(texts, *row);
            }
        }
        let Some(piece) = self.rarest(rows.bytes) else { return BooleanBuffer::from(likes) };
        let (mut at, mut next) = (0, 0);
        while let Some(found) = rows.bytes.get(at..).and_then(|bytes| piece.find(bytes)) {
            let (start, end) = (at + found, at + found + piece.needle().len());
            // The row that begins last before the piece does.
            let after = rows.long.get(next..).unwrap_or_default();
            next += after.partition_point(|row| row.start <= start);
            at = start + 1;
            let Some(row) = next.checked_sub(1).and_then(|row| rows.long.get(row)) else {
                continue;
            };
            if end > row.end {
                continue;
            }
            if let (Some(slot), Some(text)) =
                (likes.get_mut(row.row), rows.bytes.get(row.start..row.end))
            {
                *slot = self.is_like(text);
            }
            at = row.end;
        }
        BooleanBuffer::from(likes)
    }
}

impl ValuePredicate for Pieces {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let texts = values.as_string_view_opt().ok_or("LIKE of what is no text")?;
        let likes = self.likes(texts);
        let likes = if self.negated { !&likes } else { likes };
        Ok(BooleanArray::new(likes, texts.nulls().cloned()))
    }
}

/// Where the text of a row lies.
struct Place {
    row: usize,
    start: usize,
    end: usize,
}

/// Rows whose texts lie in one buffer, in the order of the rows and without much else.
struct InBuffer<'a> {
    bytes: &'a [u8],
    long: Vec<Place>,
    /// The rows whose texts are within their views.
    inline: Vec<usize>,
}

impl<'a> InBuffer<'a> {
    fn of(texts: &'a StringViewArray) -> Option<Self> {
        let [buffer] = texts.data_buffers() else { return None };
        if texts.len() < ROWS_MIN {
            return None;
        }
        let (mut long, mut inline) = (Vec::with_capacity(texts.len()), Vec::new());
        let (mut end, mut used) = (0, 0);
        for (row, view) in texts.views().iter().enumerate() {
            let len = *view as u32;
            if len <= INLINE_MAX {
                inline.push(row);
                continue;
            }
            let start = (view >> 96) as u32 as usize;
            if start < end {
                return None;
            }
            end = start + len as usize;
            used += len as usize;
            long.push(Place { row, start, end });
        }
        let (first, last) = (long.first()?, long.last()?);
        let span = last.end - first.start;
        if used < span / 2 {
            return None;
        }
        let (from, to) = (first.start, last.end);
        for place in &mut long {
            place.start -= from;
            place.end -= from;
        }
        Some(Self { bytes: buffer.as_slice().get(from..to)?, long, inline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(InBuffer::of(&texts).is_some());
    }
}
