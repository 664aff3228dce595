//! A chunk of text to a batch of columns.
//!
//! First all rows are taken apart, then the columns are converted one after the other, each in a
//! loop of its own. A converter has no state, so threads share it. Of several mistakes in a chunk
//! the one in the first row is reported.

use super::Dialect;
use super::chunk::Chunk;
use super::row::{Field, Malformed, Mistake, RowReader};
use super::value::{self, Unfit};
use crate::error::{Error, Result};
use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringViewBuilder,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Field as ArrowField, Float32Type, Float64Type, Int16Type,
    Int32Type, Int64Type, Schema, SchemaRef, Time64MicrosecondType, TimestampMicrosecondType,
};
use starfact_base::DataType;
use starfact_base::limits::STRING_BYTES_MAX;
use starfact_encoding::arrow_type;
use std::sync::Arc;

/// A column to be read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// What it is called in the batches.
    pub(crate) name: String,
    /// Its type.
    pub(crate) data_type: DataType,
    /// Its place in the rows of the file, from 0.
    pub(crate) place: usize,
}

/// Converts the chunks of one file.
#[derive(Debug)]
pub(crate) struct Converter {
    file: Arc<str>,
    dialect: Dialect,
    /// The names of all fields of a row, for messages; as many as a row must have.
    fields: Vec<String>,
    /// What is read, in the order of the batches.
    columns: Vec<Column>,
    /// What to do about a value that does not fit its type.
    hint: Option<String>,
    /// The same for a value in line 1.
    first_line_hint: Option<String>,
    schema: SchemaRef,
}

/// The rows of a chunk: `width` fields each.
struct Rows<'a> {
    text: &'a str,
    dialect: &'a Dialect,
    width: usize,
    fields: Vec<Field>,
    /// What ended them early.
    broken: Option<Broken>,
}

/// A row that cannot be taken, and why.
enum Broken {
    Malformed(Malformed),
    Width { start: usize, end: usize, found: usize },
}

/// A field that is not a value of its column's type.
struct Misfit {
    row: usize,
    unfit: Unfit,
}

impl Converter {
    /// A converter of rows with `fields`, of which `columns` are read.
    pub(crate) fn new(
        file: Arc<str>,
        dialect: Dialect,
        fields: Vec<String>,
        columns: Vec<Column>,
    ) -> Self {
        let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
        let schema = Arc::new(schema);
        Self { file, dialect, fields, columns, hint: None, first_line_hint: None, schema }
    }

    /// Says what to do about a value that does not fit its type.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do about a value in line 1 that does not fit its type.
    #[must_use]
    pub(crate) fn with_first_line_hint(mut self, hint: impl Into<String>) -> Self {
        self.first_line_hint = Some(hint.into());
        self
    }

    /// The schema of the batches.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Converts one chunk to one batch.
    ///
    /// # Errors
    /// The first mistake in it, with its line.
    pub(crate) fn convert(&self, chunk: &Chunk) -> Result<RecordBatch> {
        let text = match std::str::from_utf8(&chunk.bytes) {
            Ok(text) => text,
            Err(error) => return Err(self.not_utf8(chunk, error.valid_up_to())),
        };
        let rows = self.take_apart(text, chunk.start);
        let row_count = rows.fields.len() / rows.width;
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut first: Option<(usize, Misfit)> = None;
        for (idx, column) in self.columns.iter().enumerate() {
            match rows.column(column) {
                Ok(array) => arrays.push(array),
                Err(misfit) => {
                    if first.as_ref().is_none_or(|(_, earlier)| misfit.row < earlier.row) {
                        first = Some((idx, misfit));
                    }
                }
            }
        }
        if let Some((idx, misfit)) = first {
            return Err(self.misfit(chunk, &rows, &self.columns[idx], &misfit));
        }
        if let Some(broken) = &rows.broken {
            return Err(self.broken(chunk, text, broken));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        Ok(RecordBatch::try_new_with_options(self.schema(), arrays, &options)?)
    }

    fn take_apart<'a>(&'a self, text: &'a str, start: usize) -> Rows<'a> {
        let width = self.fields.len();
        let mut reader = RowReader::new(text.as_bytes(), start, &self.dialect);
        let mut fields = Vec::new();
        let broken = loop {
            let (row_start, known) = (reader.offset(), fields.len());
            match reader.next_row(&mut fields) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(malformed) => {
                    fields.truncate(known);
                    break Some(Broken::Malformed(malformed));
                }
            }
            let found = fields.len() - known;
            if found == width {
                continue;
            }
            let ends_with_nothing = fields.last().is_some_and(|field| field.is_nothing());
            let is_blank = found == 1 && ends_with_nothing;
            fields.truncate(known + width);
            if is_blank {
                fields.truncate(known);
            } else if found != width + 1 || !ends_with_nothing {
                fields.truncate(known);
                break Some(Broken::Width { start: row_start, end: reader.offset(), found });
            }
        };
        Rows { text, dialect: &self.dialect, width, fields, broken }
    }

    fn not_utf8(&self, chunk: &Chunk, offset: usize) -> Error {
        not_utf8_error(&self.file, chunk.line_of(offset))
    }

    fn misfit(&self, chunk: &Chunk, rows: &Rows<'_>, column: &Column, misfit: &Misfit) -> Error {
        let field = rows.field(misfit.row, column.place);
        let line = chunk.line_of(field.start());
        let value = excerpt(&field.value(rows.text, rows.dialect));
        let data_type = column.data_type;
        let what = match misfit.unfit {
            Unfit::Syntax => format!("'{value}' is not of type {data_type}"),
            Unfit::Range => format!("'{value}' is out of range for {data_type}"),
            Unfit::Fraction => format!("'{value}' has a fraction, which {data_type} cannot hold"),
            Unfit::Precision => format!("'{value}' is finer than microseconds"),
            Unfit::Zone => format!("'{value}' has a time zone, which {data_type} cannot hold"),
            Unfit::Length => {
                format!("'{value}' is longer than {} MiB", STRING_BYTES_MAX >> 20)
            }
        };
        let message = format!("{}, line {line}, column \"{}\": {what}", self.file, column.name);
        let error = Error::sql(message);
        match self.first_line_hint.as_ref().filter(|_| line == 1).or(self.hint.as_ref()) {
            _ if value.is_empty() && self.dialect.null.is_empty() => {
                error.with_hint("an empty field within quotes is text and not NULL")
            }
            _ if value.is_empty() => {
                error.with_hint(format!("NULL is '{}' without quotes here", self.dialect.null))
            }
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn broken(&self, chunk: &Chunk, text: &str, broken: &Broken) -> Error {
        match *broken {
            Broken::Malformed(malformed) => {
                let line = chunk.line_of(malformed.offset);
                malformed_error(&self.file, line, malformed.what)
            }
            Broken::Width { start, end, found } => {
                let line = chunk.line_of(start);
                let row = text.get(start..end).unwrap_or_default();
                self.width_error(line, found, row.trim_end_matches(['\r', '\n']))
            }
        }
    }

    fn width_error(&self, line: u64, found: usize, row: &str) -> Error {
        let width = self.fields.len();
        let delimiter = shown(self.dialect.delimiter);
        let error = Error::sql(format!(
            "{}, line {line}: expected {}, found {found}: {}",
            self.file,
            if width == 1 { "1 field".into() } else { format!("{width} fields") },
            excerpt(row)
        ));
        if let Some(hint) = self.first_line_hint.as_ref().filter(|_| line == 1 && found > 1) {
            error.with_hint(hint)
        } else if found == 1 {
            error.with_hint(format!("the delimiter is {delimiter}: give another with DELIMITER"))
        } else if found < width {
            error.with_hint(format!("the row ends before column \"{}\"", self.fields[found]))
        } else {
            error.with_hint(format!("a value that holds {delimiter} must be in quotes"))
        }
    }
}

impl Column {
    fn field(&self) -> ArrowField {
        ArrowField::new(&self.name, arrow_type(self.data_type), true)
    }
}

impl<'a> Rows<'a> {
    fn field(&self, row: usize, place: usize) -> Field {
        self.fields[row * self.width + place]
    }

    /// The fields of one column.
    fn fields(&self, place: usize) -> impl ExactSizeIterator<Item = Field> + '_ {
        self.fields.get(place..).unwrap_or_default().iter().step_by(self.width).copied()
    }

    fn column(&self, column: &Column) -> Result<ArrayRef, Misfit> {
        let place = column.place;
        Ok(match column.data_type {
            DataType::Boolean => Arc::new(self.booleans(place)?),
            DataType::SmallInt => self.primitive::<Int16Type>(place, value::integer)?,
            DataType::Integer => self.primitive::<Int32Type>(place, value::integer)?,
            DataType::BigInt => self.primitive::<Int64Type>(place, value::integer)?,
            DataType::Real => self.primitive::<Float32Type>(place, value::real)?,
            DataType::Double => self.primitive::<Float64Type>(place, value::double)?,
            DataType::Decimal { precision, scale } => {
                let parse = |text: &str| value::decimal(text, precision, scale);
                let (values, nulls) = self.values(place, parse)?;
                let array = Decimal128Array::new(values.into(), nulls);
                Arc::new(array.with_data_type(arrow_type(column.data_type)))
            }
            DataType::Varchar => self.strings(place)?,
            DataType::Date => self.primitive::<Date32Type>(place, value::date)?,
            DataType::Time => self.primitive::<Time64MicrosecondType>(place, value::time)?,
            DataType::Timestamp => {
                self.primitive::<TimestampMicrosecondType>(place, value::timestamp)?
            }
            DataType::TimestampTz => {
                let (values, nulls) = self.values(place, value::timestamp_tz)?;
                let array = PrimitiveArray::<TimestampMicrosecondType>::new(values.into(), nulls);
                Arc::new(array.with_data_type(arrow_type(column.data_type)))
            }
        })
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        place: usize,
        parse: impl Fn(&str) -> Result<T::Native, Unfit>,
    ) -> Result<ArrayRef, Misfit>
    where
        T::Native: Default,
    {
        let (values, nulls) = self.values(place, parse)?;
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
    }

    fn booleans(&self, place: usize) -> Result<BooleanArray, Misfit> {
        let (values, nulls) = self.values(place, value::boolean)?;
        Ok(BooleanArray::new(BooleanBuffer::from(values), nulls))
    }

    /// The values of a column and where they are NULL.
    fn values<N: Copy + Default>(
        &self,
        place: usize,
        parse: impl Fn(&str) -> Result<N, Unfit>,
    ) -> Result<(Vec<N>, Option<NullBuffer>), Misfit> {
        let fields = self.fields(place);
        let mut values = Vec::with_capacity(fields.len());
        let mut nulls: Vec<usize> = Vec::new();
        for (row, field) in fields.enumerate() {
            if field.is_null(self.text, self.dialect) {
                nulls.push(row);
                values.push(N::default());
                continue;
            }
            let parsed = parse(&field.value(self.text, self.dialect));
            values.push(parsed.map_err(|unfit| Misfit { row, unfit })?);
        }
        let nulls = null_buffer(values.len(), &nulls);
        Ok((values, nulls))
    }

    fn strings(&self, place: usize) -> Result<ArrayRef, Misfit> {
        let fields = self.fields(place);
        let mut builder = StringViewBuilder::with_capacity(fields.len());
        for (row, field) in fields.enumerate() {
            if field.is_null(self.text, self.dialect) {
                builder.append_null();
                continue;
            }
            let value = field.value(self.text, self.dialect);
            if value.len() > STRING_BYTES_MAX {
                return Err(Misfit { row, unfit: Unfit::Length });
            }
            builder.append_value(value);
        }
        Ok(Arc::new(builder.finish()))
    }
}

fn null_buffer(row_count: usize, nulls: &[usize]) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut valid = vec![true; row_count];
    for row in nulls {
        valid[*row] = false;
    }
    Some(NullBuffer::from(valid))
}

pub(super) fn not_utf8_error(file: &str, line: u64) -> Error {
    Error::sql(format!("{file}, line {line}: there are bytes that are not UTF-8"))
        .with_hint("convert the file first, for example with iconv -f latin1 -t utf-8")
}

/// The error for a row that breaks the rules of quoting.
pub(super) fn malformed_error(file: &str, line: u64, what: Mistake) -> Error {
    let (what, hint) = match what {
        Mistake::UnterminatedQuote => (
            "a quoted field begins here and never ends",
            "close the quote, or say QUOTE '' if quotes are text in this file",
        ),
        Mistake::TextBehindQuote => (
            "there is text between a closing quote and the next delimiter",
            "double the quotes within a value, or say how they are written with ESCAPE",
        ),
        Mistake::LoneCarriageReturn => (
            "a carriage return stands without a line feed",
            "end lines with \\n or \\r\\n, and put values that hold a line end in quotes",
        ),
        Mistake::TooManyFields => {
            ("a row begins here that has too many fields", "is this a CSV file?")
        }
    };
    Error::sql(format!("{file}, line {line}: {what}")).with_hint(hint)
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    let mut shown = String::new();
    for ch in text.chars().take(CHARS) {
        if ch.is_control() {
            shown.extend(ch.escape_default());
        } else {
            shown.push(ch);
        }
    }
    if text.chars().nth(CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// A delimiter as it is given in an option.
fn shown(byte: u8) -> String {
    match byte {
        b'\t' => "'\\t'".into(),
        b'\'' => "''''".into(),
        _ => format!("'{}'", char::from(byte)),
    }
}
