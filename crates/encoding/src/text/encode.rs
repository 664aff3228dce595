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
    integer::encode::encode_simple(&distinct.codes, &Stats::of(&distinct.codes), writer);
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
