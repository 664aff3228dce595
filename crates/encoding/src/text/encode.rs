//! Writes nodes of text as [`super::choose`] decides, or as a caller forces.

use super::choose::{COMPRESS_BYTES_MIN, DISTINCT_MAX};
use super::constant::Constant;
use super::distinct::Distinct;
use super::fsst::{Compressed, Trained};
use super::zstd::Frames;
use super::{choose, dictionary, plain};
use crate::bytes::Writer;
use crate::compression::pays;
use crate::integer;
use crate::integer::choose::sample;
use crate::integer::stats::Stats;
use crate::{Effort, EncodeOptions, EncodingName, PRESENT_MAX};
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

    fn bounds(&self) -> Known<'a> {
        let least = self.texts.iter().min().copied().unwrap_or_default();
        let greatest = self.texts.iter().max().copied().unwrap_or_default();
        Known { least, greatest, few: Vec::new() }
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

/// What is known of the texts after they were encoded.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// The first in their order.
    pub(crate) least: &'a [u8],
    /// The last in their order.
    pub(crate) greatest: &'a [u8],
    /// The distinct texts if a dictionary was made of a few.
    pub(crate) few: Vec<&'a [u8]>,
}

/// Writes a column as `options` ask, or as is best if they do not, or that cannot hold the column.
///
/// # Errors
/// More text than a block may hold.
pub(crate) fn encode<'a>(
    column: &Column<'a>,
    options: EncodeOptions,
    writer: &mut Writer,
) -> Result<Known<'a>> {
    let form = match options.effort {
        Effort::Best | Effort::Ordinals => Form::Best,
        Effort::Quick => Form::Plain,
    };
    match options.encoding {
        Some(EncodingName::Plain) => {
            encode_strings(&column.texts, Form::Plain, false, writer)?;
            Ok(column.bounds())
        }
        Some(EncodingName::Fsst) if !column.texts.is_empty() => {
            encode_strings(&column.texts, Form::Fsst, false, writer)?;
            Ok(column.bounds())
        }
        Some(EncodingName::Zstd) => {
            encode_strings(&column.texts, Form::Zstd, false, writer)?;
            Ok(column.bounds())
        }
        Some(EncodingName::Dictionary) if !column.texts.is_empty() => {
            match Distinct::of(column, column.texts.len(), false) {
                Some(distinct) => encode_dictionary(&distinct, form, writer),
                None => encode_best(column, form, writer),
            }
        }
        _ => encode_best(column, form, writer),
    }
}

fn encode_best<'a>(column: &Column<'a>, form: Form, writer: &mut Writer) -> Result<Known<'a>> {
    if column.is_constant() {
        let text = column.texts.first().copied().unwrap_or_default();
        Constant::encode(text, writer);
        return Ok(Known { least: text, greatest: text, few: Vec::new() });
    }
    if let Some(distinct) = Distinct::of(column, DISTINCT_MAX, true)
        && is_smaller(&distinct, &column.texts, writer.position())
    {
        return encode_dictionary(&distinct, form, writer);
    }
    encode_strings(&column.texts, form, false, writer)?;
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

fn encode_dictionary<'a>(
    distinct: &Distinct<'a>,
    form: Form,
    writer: &mut Writer,
) -> Result<Known<'a>> {
    dictionary::encode_header(distinct.texts.len(), writer);
    encode_strings(&distinct.texts, form, true, writer)?;
    integer::encode::encode_codes(&distinct.codes, writer);
    let least = distinct.texts.first().copied().unwrap_or_default();
    let greatest = distinct.texts.last().copied().unwrap_or_default();
    let few = match distinct.texts.len() {
        2..=PRESENT_MAX => distinct.texts.clone(),
        _ => Vec::new(),
    };
    Ok(Known { least, greatest, few })
}

/// How the bytes of texts are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Fsst,
    Zstd,
    /// Whichever of them is best.
    Best,
}

/// Writes a plain, an FSST or a zstd node, all texts of which are read together if they are
/// `whole`.
fn encode_strings(texts: &[&[u8]], form: Form, whole: bool, writer: &mut Writer) -> Result<()> {
    let total = total(texts);
    if total > BLOCK_BYTES_MAX {
        return Err(Error::Limit {
            what: format!("{total} bytes of text in {} rows", texts.len()),
            limit: format!("{BLOCK_BYTES_MAX} bytes for a block; load shorter texts"),
        });
    }
    let frames = match form {
        Form::Best if total < COMPRESS_BYTES_MIN => None,
        Form::Best => Frames::of(texts, total, whole).filter(|frames| pays(frames.bytes(), total)),
        Form::Zstd => Frames::of(texts, total, whole),
        Form::Plain | Form::Fsst => None,
    };
    let lengths = lengths(texts);
    let stats = Stats::of(&lengths);
    let coded = match form {
        Form::Best if total < COMPRESS_BYTES_MIN => None,
        Form::Best => {
            let position = writer.position();
            let plain = choose::strings(position, &stats.shape, total) - position;
            let zstd = frames.as_ref().map(|frames| plain - total + frames.bytes());
            choose::fsst_bytes_max(plain, zstd, total)
                .and_then(|max| fsst_within(texts, total, max, position))
        }
        Form::Fsst => Trained::on(texts).compress(texts),
        Form::Plain | Form::Zstd => None,
    };
    if let Some(coded) = coded {
        coded.encode(writer);
        return Ok(());
    }
    writer.u8(frames.as_ref().map_or(plain::TAG, Frames::tag));
    integer::encode::encode_simple(&lengths, &stats, writer);
    match frames {
        Some(frames) => frames.encode(total, writer),
        None => plain::encode_bytes(&texts.concat(), writer),
    }
    Ok(())
}

/// The texts as FSST if the node at `position` takes at most `bytes_max`. Many texts are compressed
/// only if a sample of them says that it will.
fn fsst_within(
    texts: &[&[u8]],
    total_bytes: usize,
    bytes_max: usize,
    position: usize,
) -> Option<Compressed> {
    let trained = Trained::on(texts);
    if let Some(sample) = sample(texts) {
        let (codes, table) = trained.measure(&sample)?;
        let scaled = codes.saturating_mul(total_bytes) / total(&sample).max(1);
        if scaled + table > bytes_max {
            return None;
        }
    }
    trained.compress(texts).filter(|coded| coded.estimate(position) - position <= bytes_max)
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
        let options = EncodeOptions { encoding, ..EncodeOptions::default() };
        encode(&column, options, &mut writer).unwrap();
        let end = writer.position();
        let mut reader = Reader::new(writer.into_bytes().into());
        reader.take(17, "what lies before").unwrap();
        let tree = Text::parse(&mut reader, array.len(), 1, None).unwrap().tree();
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
    fn codes_end_where_the_estimate_said() {
        for (rows, distinct) in [(1, 1), (9, 9), (300, 2), (3_000, 3_000), (20_000, 9_000)] {
            let array = repeated(rows, distinct);
            let column = Column::of(&array).unwrap();
            let coded = Trained::on(&column.texts).compress(&column.texts).unwrap();
            let (end, tree) = written(&array, Some(EncodingName::Fsst));
            assert_eq!(end, coded.estimate(17), "{tree}");
            assert!(tree.starts_with("fsst("), "{tree}");
        }
    }

    #[test]
    fn numbers_of_telephones_are_fsst_and_text_that_repeats_from_afar_is_zstd() {
        let mut state = 1u64;
        let mut below = |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % limit
        };
        let texts = (0..60_000).map(|_| {
            let [country, area, local] = [10 + below(25), 100 + below(900), 100 + below(900)];
            format!("{country}-{area}-{local}-{}", 1_000 + below(9_000))
        });
        let (end, tree) = written(&StringViewArray::from_iter_values(texts), None);
        assert!(tree.starts_with("fsst("), "{tree}");
        assert!(end < 60_000 * 8, "{end}");
        let long = "a long text of which every row has some part, so that zstd finds it again";
        let texts = (0..5_000).map(|row| format!("{}{row}", &long[row % 9..][..60]));
        let (_, tree) = written(&StringViewArray::from_iter_values(texts), None);
        assert!(tree.starts_with("zstd("), "{tree}");
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
