//! What a CSV file holds, guessed from its beginning: delimiter, header, names and types.
//!
//! The delimiter is the one that gives all rows of the sample the same number of fields, and the
//! most of them. The type of a column is the first of BOOLEAN, BIGINT, DECIMAL(38,0), DOUBLE, DATE,
//! TIME, TIMESTAMP, TIMESTAMPTZ that all its values in the sample have, or else VARCHAR. The first
//! line is a header if it does not fit the types of the rows below it, or if all of them are
//! VARCHAR; this is what DuckDB does.

use super::chunk::{Chunks, skip_byte_order_mark};
use super::convert::{Column, Converter, malformed_error, not_utf8_error};
use super::header::first_line;
use super::row::{Field, Mistake, RowReader};
use super::stream::Opened;
use super::{Dialect, value};
use crate::error::{Error, Result};
use starfact_base::{DataType, Error as BaseError};
use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

/// Rows that are looked at.
pub(crate) const SAMPLE_ROWS: usize = 20_480;
/// Bytes that are looked at.
const SAMPLE_BYTES: usize = 4 << 20;
/// Delimiters that are tried, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b'|', b';'];

/// What is known before the file is looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The dialect, but for the delimiter if that is to be guessed.
    pub(crate) dialect: Option<Dialect>,
    pub(crate) guess_delimiter: bool,
    pub(crate) has_header: Option<bool>,
    /// Whether all columns are VARCHAR.
    pub(crate) all_varchar: bool,
}

/// What a file was found to hold.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) dialect: Dialect,
    /// The fields of the first line, if that is a header.
    header: Option<Vec<String>>,
    pub(crate) columns: Vec<(String, DataType)>,
    /// Whether the types were guessed.
    is_guessed: bool,
}

/// The beginning of a file.
struct Sample<'a> {
    file: &'a str,
    text: &'a str,
    is_whole: bool,
}

/// Looks at the beginning of a file.
///
/// # Errors
/// Files that cannot be read, are empty or are no UTF-8 text.
pub(crate) fn sniff(file: &str, source: &mut dyn Read, known: &Known) -> Result<Layout> {
    let mut bytes = Vec::new();
    let read = source.take(SAMPLE_BYTES as u64).read_to_end(&mut bytes);
    let is_whole = read.map_err(|error| BaseError::io("read", file, error))? < SAMPLE_BYTES;
    skip_byte_order_mark(file, &mut bytes)?;
    let text = text_of(file, &bytes, is_whole)?;
    let sample = Sample { file, text, is_whole };
    let mut dialect = known.dialect.clone().unwrap_or_else(|| Dialect::new(b','));
    if known.guess_delimiter {
        dialect.delimiter = guess_delimiter(&sample, &dialect);
    }
    let rows = sample.rows(&dialect)?;
    let Some(first) = rows.first() else {
        return Err(Error::sql(format!("{file}: the file is empty"))
            .with_hint("a CSV file without rows needs at least a header line"));
    };
    let width = first.len();
    let types_below = guess_types(&sample, &rows[1..], width, &dialect);
    let is_header = known.has_header.unwrap_or_else(|| {
        let is_text = types_below.iter().all(|data_type| *data_type == DataType::Varchar);
        is_text && !(rows.len() == 1 && has_number(&sample, first, &dialect))
            || first.iter().zip(&types_below).any(|(field, data_type)| {
                !field.is_null(text, &dialect) && !fits(&field.value(text, &dialect), *data_type)
            })
    });
    let types = if is_header { types_below } else { guess_types(&sample, &rows, width, &dialect) };
    let header = is_header.then(|| {
        first.iter().map(|field| field.value(text, &dialect).into_owned()).collect::<Vec<_>>()
    });
    let names = unique_names(header.as_deref(), width);
    let columns = names.into_iter().zip(types).map(|(name, data_type)| {
        (name, if known.all_varchar { DataType::Varchar } else { data_type })
    });
    Ok(Layout { dialect, header, columns: columns.collect(), is_guessed: !known.all_varchar })
}

/// Opens a file of this layout to read `wanted` of its columns, by their place in the layout.
///
/// # Errors
/// Files that cannot be read, or whose header lacks a column.
pub(crate) fn open(
    file: Arc<str>,
    source: Box<dyn Read + Send>,
    layout: &Layout,
    wanted: &[usize],
) -> Result<Opened> {
    let mut chunks = Chunks::new(Arc::clone(&file), source, layout.dialect.clone());
    let mut first = chunks.next()?;
    let skips_empty = layout.columns.len() > 1;
    let mut line = match (&layout.header, &first) {
        (Some(_), Some(chunk)) => first_line(&file, chunk, &layout.dialect, skips_empty)?,
        _ => None,
    };
    if let Some(line) = line.as_mut()
        && line.ends_with_nothing
        && line.fields.len() == layout.columns.len() + 1
    {
        line.fields.pop();
    }
    let mut columns = Vec::with_capacity(wanted.len());
    for idx in wanted {
        let Some((name, data_type)) = layout.columns.get(*idx) else { continue };
        let place = match (&layout.header, &line) {
            (Some(header), Some(line)) => place_of(&file, *idx, header, &line.fields)?,
            _ => *idx,
        };
        columns.push(Column { name: name.clone(), data_type: *data_type, place });
    }
    let fields = match &line {
        Some(line) => line.fields.clone(),
        None => layout.columns.iter().map(|(name, _)| name.clone()).collect(),
    };
    let mut converter = Converter::new(file, layout.dialect.clone(), fields, columns);
    if layout.is_guessed {
        converter = converter.with_hint(format!(
            "the type was guessed from the first {SAMPLE_ROWS} rows: read_csv('…', \
             all_varchar = true) reads everything as text, and COPY loads a table of given types"
        ));
    }
    if let (Some(chunk), Some(line)) = (&mut first, &line) {
        chunk.start = line.end;
    }
    let first = first.filter(|chunk| !chunk.is_empty());
    Ok(Opened { first, chunks, converter: Arc::new(converter) })
}

/// The place in this file of the column that the first file has at `idx`.
fn place_of(file: &str, idx: usize, header: &[String], found: &[String]) -> Result<usize> {
    if header == found {
        return Ok(idx);
    }
    let name = header.get(idx).map(String::as_str).unwrap_or_default();
    let mut places = found.iter().enumerate().filter(|(_, other)| *other == name);
    match (places.next(), places.next()) {
        (Some((place, _)), None) => Ok(place),
        (None, _) => Err(Error::sql(format!("{file}: the header lacks the column \"{name}\""))
            .with_hint("files that are read together need the same columns")),
        _ => Err(Error::sql(format!("{file}: the header has the column \"{name}\" twice"))),
    }
}

/// The sample as text, without a character that is cut off at its end.
fn text_of<'a>(file: &str, bytes: &'a [u8], is_whole: bool) -> Result<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_none() && !is_whole => {
            Ok(std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default())
        }
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + memchr::memchr_iter(b'\n', before).count() as u64;
            Err(not_utf8_error(file, line))
        }
    }
}

impl Sample<'_> {
    /// The rows of the sample, without empty lines. If all of them end with a delimiter, the field
    /// behind it is left out.
    fn rows(&self, dialect: &Dialect) -> Result<Vec<Vec<Field>>> {
        let mut reader = RowReader::new(self.text.as_bytes(), 0, dialect);
        let mut rows: Vec<Vec<Field>> = Vec::new();
        let mut empty_lines = Vec::new();
        while rows.len() < SAMPLE_ROWS {
            let mut fields = Vec::new();
            match reader.next_row(&mut fields) {
                Ok(true) if reader.offset() == self.text.len() && !self.is_whole => break,
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.what == Mistake::UnterminatedQuote && !self.is_whole => break,
                Err(error) => {
                    let before = &self.text.as_bytes()[..error.offset];
                    let line = 1 + memchr::memchr_iter(b'\n', before).count() as u64;
                    return Err(malformed_error(self.file, line, error.what));
                }
            }
            match fields.as_slice() {
                [only] if only.is_nothing() => empty_lines.push((rows.len(), *only)),
                _ => rows.push(fields),
            }
        }
        // With one column, an empty line is a row.
        if rows.first().is_none_or(|row| row.len() == 1) {
            for (idx, field) in empty_lines.into_iter().rev() {
                rows.insert(idx, vec![field]);
            }
        }
        let ends_with_nothing =
            |row: &Vec<Field>| row.last().is_some_and(|field| field.is_nothing());
        if rows.iter().all(|row| row.len() > 1 && ends_with_nothing(row)) {
            for row in &mut rows {
                row.pop();
            }
        }
        Ok(rows)
    }
}

fn guess_delimiter(sample: &Sample<'_>, dialect: &Dialect) -> u8 {
    let mut best = (dialect.delimiter, 1);
    for delimiter in DELIMITERS {
        let candidate = Dialect { delimiter, ..dialect.clone() };
        if candidate.check().is_err() {
            continue;
        }
        let Ok(rows) = sample.rows(&candidate) else { continue };
        let width = rows.first().map_or(0, Vec::len);
        if width > best.1 && rows.iter().all(|row| row.len() == width) {
            best = (delimiter, width);
        }
    }
    best.0
}

fn guess_types(
    sample: &Sample<'_>,
    rows: &[Vec<Field>],
    width: usize,
    dialect: &Dialect,
) -> Vec<DataType> {
    (0..width).map(|place| guess_type(sample, rows, place, dialect)).collect()
}

fn guess_type(
    sample: &Sample<'_>,
    rows: &[Vec<Field>],
    place: usize,
    dialect: &Dialect,
) -> DataType {
    let mut possible: Vec<DataType> = CANDIDATES.to_vec();
    let mut has_value = false;
    for field in rows.iter().filter_map(|row| row.get(place)) {
        if field.is_null(sample.text, dialect) {
            continue;
        }
        has_value = true;
        let value = field.value(sample.text, dialect);
        possible.retain(|data_type| fits(&value, *data_type));
        if possible.is_empty() {
            break;
        }
    }
    possible.first().copied().filter(|_| has_value).unwrap_or(DataType::Varchar)
}

/// The types that are guessed, the narrowest first.
const CANDIDATES: [DataType; 8] = [
    DataType::Boolean,
    DataType::BigInt,
    DataType::Decimal { precision: 38, scale: 0 },
    DataType::Double,
    DataType::Date,
    DataType::Time,
    DataType::Timestamp,
    DataType::TimestampTz,
];

/// Whether a value looks like one of a type; stricter than what is read, lest text be taken for
/// something else.
fn fits(text: &str, data_type: DataType) -> bool {
    let text = text.trim_ascii();
    match data_type {
        DataType::Boolean => {
            text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
        }
        DataType::BigInt => is_whole_number(text) && value::integer::<i64>(text).is_ok(),
        DataType::Decimal { precision, scale } => {
            is_whole_number(text) && value::decimal(text, precision, scale).is_ok()
        }
        DataType::Double => !is_code(text) && value::double(text).is_ok(),
        DataType::Date => value::date(text).is_ok(),
        DataType::Time => value::time(text).is_ok(),
        DataType::Timestamp => {
            value::timestamp(text).is_ok() && text.ends_with(|ch: char| ch.is_ascii_digit())
        }
        DataType::TimestampTz => value::timestamp_tz(text).is_ok(),
        _ => true,
    }
}

fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_digit()) && !is_code(text)
}

/// Whether a number is written as numbers are not: with zeros in front, as postal codes may be, or
/// with a plus sign, as telephone numbers may be.
fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    matches!(digits, [b'+', ..] | [b'0', b'0'..=b'9', ..])
}

fn has_number(sample: &Sample<'_>, row: &[Field], dialect: &Dialect) -> bool {
    let values = row.iter().filter(|field| !field.is_null(sample.text, dialect));
    values
        .map(|field| field.value(sample.text, dialect))
        .any(|value| fits(&value, DataType::Double))
}

/// Names for the columns: those of the header, made unique; `column0` and so on without.
fn unique_names(header: Option<&[String]>, width: usize) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(width);
    for place in 0..width {
        let given = header.and_then(|header| header.get(place)).map(|name| name.trim());
        let wanted = match given {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("column{place}"),
        };
        let mut name = wanted.clone();
        let mut number = 1;
        while !taken.insert(name.to_lowercase()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}
