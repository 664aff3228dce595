//! Writes nodes of text as [`super::choose`] decides, or as a caller forces.

use super::choose::{COMPRESS_BYTES_MIN, DISTINCT_MAX};
use super::constant::Constant;
use super::distinct::Distinct;
use super::{choose, dictionary, plain, zstd};
use crate::EncodingName;
use crate::bytes::Writer;
use crate::compression::{compress, pays};
use crate::integer;
use crate::integer::stats::Stats;
use arrow::array::{Array, StringViewArray};
use starfact_base::limits::{BLOCK_BYTES_MAX, STRING_BYTES_MAX};
use starfact_base::{Error, Result};
use std::borrow::Cow;

/// The rows of a column of text. Rows that are NULL have the text of the row before, or, before the
/// first that is not, of that one; so they neither end a run nor add a text.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    pub(super) texts: Vec<&'a [u8]>,
    /// In the layout of the Arrow array; equal views are equal texts.
    pub(super) views: Cow<'a, [u128]>,
}

impl<'a> Column<'a> {
    /// The rows of an array.
    ///
    /// # Errors
    /// A text over the limit.
    pub(crate) fn of(array: &'a StringViewArray) -> Result<Self> {
        let mut texts = Vec::with_capacity(array.len());
        let mut views = Cow::Borrowed(array.views().as_ref());
        let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else {
            for (row, text) in array.bytes_iter().enumerate() {
                check_len(row, text)?;
                texts.push(text);
            }
            return Ok(Self { texts, views });
        };
        let first = nulls.valid_indices().next();
        let fill = |row: Option<usize>| match row {
            Some(row) => (array.value(row).as_bytes(), array.views().get(row).copied()),
            None => (b"".as_slice(), None),
        };
        let (mut text, mut view) = fill(first);
        for (row, slot) in views.to_mut().iter_mut().enumerate() {
            if nulls.is_valid(row) {
                (text, view) = fill(Some(row));
                check_len(row, text)?;
            }
            texts.push(text);
            *slot = view.unwrap_or(0);
        }
        Ok(Self { texts, views })
    }

    fn is_constant(&self) -> bool {
        let first = self.texts.first();
        self.texts.iter().all(|text| Some(text) == first)
    }

    fn bounds(&self) -> Bounds<'a> {
        let least = self.texts.iter().min().copied().unwrap_or_default();
        let greatest = self.texts.iter().max().copied().unwrap_or_default();
        (least, greatest)
    }
}

fn check_len(row: usize, text: &[u8]) -> Result<()> {
    if text.len() <= STRING_BYTES_MAX {
        return Ok(());
    }
    Err(Error::Limit {
        what: format!("the text in row {} of the block, of {} bytes,", row + 1, text.len()),
        limit: format!("{STRING_BYTES_MAX} bytes for a text"),
    })
}

/// The least and the greatest text.
type Bounds<'a> = (&'a [u8], &'a [u8]);

/// Writes a column as `encoding`, or as is best if it is `None` or cannot hold the column. Returns
/// the bounds of the texts.
///
/// # Errors
/// More text than a block may hold.
pub(crate) fn encode<'a>(
    column: &Column<'a>,
    encoding: Option<EncodingName>,
    writer: &mut Writer,
) -> Result<Bounds<'a>> {
    match encoding {
        Some(EncodingName::Plain) => {
            encode_strings(&column.texts, Compression::Never, writer)?;
            Ok(column.bounds())
        }
        Some(EncodingName::Zstd) => {
            encode_strings(&column.texts, Compression::Always, writer)?;
            Ok(column.bounds())
        }
        Some(EncodingName::Dictionary) if !column.texts.is_empty() => {
            match Distinct::of(column, column.texts.len(), false) {
                Some(distinct) => encode_dictionary(&distinct, writer),
                None => encode_best(column, writer),
            }
        }
        _ => encode_best(column, writer),
    }
}

fn encode_best<'a>(column: &Column<'a>, writer: &mut Writer) -> Result<Bounds<'a>> {
    if column.is_constant() {
        let text = column.texts.first().copied().unwrap_or_default();
        Constant::encode(text, writer);
        return Ok((text, text));
    }
    if let Some(distinct) = Distinct::of(column, DISTINCT_MAX, true)
        && is_smaller(&distinct, &column.texts, writer.position())
    {
        return encode_dictionary(&distinct, writer);
    }
    encode_strings(&column.texts, Compression::IfItPays, writer)?;
    Ok(column.bounds())
}

/// Whether a dictionary takes fewer bytes than the plain texts.
fn is_smaller(distinct: &Distinct<'_>, texts: &[&[u8]], position: usize) -> bool {
    let measure = |texts: &[&[u8]]| (Stats::of(&lengths(texts)).shape, total(texts));
    let (all_lengths, all_bytes) = measure(texts);
    let (distinct_lengths, distinct_bytes) = measure(&distinct.texts);
    let codes = Stats::of(&distinct.codes).shape;
    choose::dictionary(position, &distinct_lengths, distinct_bytes, &codes)
        < choose::strings(position, &all_lengths, all_bytes)
}

fn encode_dictionary<'a>(distinct: &Distinct<'a>, writer: &mut Writer) -> Result<Bounds<'a>> {
    dictionary::encode_header(distinct.texts.len(), writer);
    encode_strings(&distinct.texts, Compression::IfItPays, writer)?;
    integer::encode::encode_codes(&distinct.codes, writer);
    let least = distinct.texts.first().copied().unwrap_or_default();
    let greatest = distinct.texts.last().copied().unwrap_or_default();
    Ok((least, greatest))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    Never,
    IfItPays,
    Always,
}

/// Writes a plain or a zstd node.
fn encode_strings(texts: &[&[u8]], compression: Compression, writer: &mut Writer) -> Result<()> {
    let total = total(texts);
    if total > BLOCK_BYTES_MAX {
        return Err(Error::Limit {
            what: format!("{total} bytes of text in {} rows", texts.len()),
            limit: format!("{BLOCK_BYTES_MAX} bytes for a block; load shorter texts"),
        });
    }
    let bytes = texts.concat();
    let frame = match compression {
        Compression::Never => None,
        Compression::IfItPays if total < COMPRESS_BYTES_MIN => None,
        Compression::IfItPays => compress(&bytes).filter(|frame| pays(frame.len(), total)),
        Compression::Always => compress(&bytes),
    };
    writer.u8(if frame.is_some() { zstd::TAG } else { plain::TAG });
    let lengths = lengths(texts);
    integer::encode::encode_simple(&lengths, &Stats::of(&lengths), writer);
    match frame {
        Some(frame) => zstd::encode_frame(total, &frame, writer),
        None => plain::encode_bytes(&bytes, writer),
    }
    Ok(())
}

fn lengths(texts: &[&[u8]]) -> Vec<u32> {
    texts.iter().map(|text| text.len() as u32).collect()
}

fn total(texts: &[&[u8]]) -> usize {
    texts.iter().map(|text| text.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Reader;
    use crate::text::Text;

    /// What was written, where it ended, and its tree.
    fn written(array: &StringViewArray, encoding: Option<EncodingName>) -> (usize, String) {
        let column = Column::of(array).unwrap();
        let mut writer = Writer::default();
        writer.extend(&[0; 17]);
        encode(&column, encoding, &mut writer).unwrap();
        let end = writer.position();
        let mut reader = Reader::new(writer.into_bytes().into());
        reader.take(17, "what lies before").unwrap();
        let tree = Text::parse(&mut reader, array.len(), 1).unwrap().tree();
        (end, tree)
    }

    fn repeated(rows: usize, distinct: usize) -> StringViewArray {
        StringViewArray::from_iter_values(
            (0..rows).map(|row| format!("<{:x}>", row * 7 % distinct)),
        )
    }

    #[test]
    fn nodes_end_where_the_chooser_said() {
        for (rows, distinct) in [(9, 9), (300, 2), (3_000, 40), (3_000, 3_000), (2_000, 1_500)] {
            let array = repeated(rows, distinct);
            let column = Column::of(&array).unwrap();
            let lengths_of = |texts: &[&[u8]]| Stats::of(&lengths(texts)).shape;
            let all = lengths_of(&column.texts);
            let expected = choose::strings(17, &all, total(&column.texts));
            let (end, tree) = written(&array, Some(EncodingName::Plain));
            assert_eq!(end, expected, "{tree}");
            let found = Distinct::of(&column, rows, false).unwrap();
            let codes = Stats::of(&found.codes).shape;
            let bytes = total(&found.texts);
            let expected = choose::dictionary(17, &lengths_of(&found.texts), bytes, &codes);
            let (end, tree) = written(&array, Some(EncodingName::Dictionary));
            let is_plain = tree.starts_with("dictionary(plain(");
            assert!(if is_plain { end == expected } else { end < expected }, "{tree}: {end}");
        }
    }

    #[test]
    fn the_expected_encodings_are_chosen() {
        let tree = |array: &StringViewArray| written(array, None).1;
        assert_eq!(tree(&repeated(50, 1)), "constant");
        assert_eq!(tree(&repeated(9, 9)), "plain(constant)");
        assert_eq!(
            tree(&repeated(4_000, 40)),
            "dictionary(plain(run-length(plain 1, plain 1)), bit-packed 6)"
        );
        let prose = (0..2_000).map(|row| format!("the quick brown fox jumps {} times", row * row));
        let prose = StringViewArray::from_iter_values(prose);
        assert!(tree(&prose).starts_with("zstd("), "{}", tree(&prose));
    }

    #[test]
    fn nulls_neither_add_a_text_nor_end_a_run() {
        let rows = [None, Some("b"), None, Some("b"), Some("a"), None, None];
        let array = StringViewArray::from_iter(rows);
        let texts = Column::of(&array).unwrap().texts;
        assert_eq!(texts, ["b", "b", "b", "b", "a", "a", "a"].map(str::as_bytes));
        let nulls = StringViewArray::from_iter([None::<&str>; 3]);
        assert_eq!(Column::of(&nulls).unwrap().texts, [b""; 3]);
    }
}
