//! Rows to CSV text, in the form that [`super::Converter`] reads back exactly.
//!
//! NULL is nothing (or the text that the user chose) without quotes, the empty text is `""`, and a
//! text that reads like NULL is in quotes. A row of one NULL is therefore an empty line.

use super::Dialect;
use super::text;
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::Schema;

/// Writes rows in a dialect.
#[derive(Debug)]
pub(crate) struct Writer {
    dialect: Dialect,
}

impl Writer {
    /// A writer of a dialect that has been checked.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect }
    }

    /// Appends a line with the names of the columns.
    ///
    /// # Errors
    /// A name that would need quotes where there are none.
    pub(crate) fn header(&self, schema: &Schema, out: &mut String) -> Result<()> {
        for (place, field) in schema.fields().iter().enumerate() {
            self.separate(place, out);
            self.field(field.name(), field.name(), out)?;
        }
        out.push('\n');
        Ok(())
    }

    /// Appends one line for each row.
    ///
    /// # Errors
    /// Types that a CSV file cannot hold; values that would need quotes where there are none.
    pub(crate) fn rows(&self, batch: &RecordBatch, out: &mut String) -> Result<()> {
        let schema = batch.schema();
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            columns.push((field.name(), nulls(array), text::writer(field.name(), array)?));
        }
        let mut value = String::new();
        for row in 0..batch.num_rows() {
            for (place, (name, nulls, write)) in columns.iter().enumerate() {
                self.separate(place, out);
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    out.push_str(&self.dialect.null);
                } else {
                    value.clear();
                    write(row, &mut value);
                    self.field(name, &value, out)?;
                }
            }
            out.push('\n');
        }
        Ok(())
    }

    fn separate(&self, place: usize, out: &mut String) {
        if place > 0 {
            out.push(char::from(self.dialect.delimiter));
        }
    }

    fn field(&self, name: &str, value: &str, out: &mut String) -> Result<()> {
        if !self.needs_quotes(value) {
            out.push_str(value);
            return Ok(());
        }
        let Some(quote) = self.dialect.quote.map(char::from) else {
            return Err(Error::sql(format!(
                "column \"{name}\" has a value that must be in quotes, and QUOTE '' allows none"
            ))
            .with_hint("leave QUOTE out, or choose a DELIMITER that no value has"));
        };
        let escape = char::from(self.dialect.escape);
        out.push(quote);
        for ch in value.chars() {
            if ch == quote || ch == escape {
                out.push(escape);
            }
            out.push(ch);
        }
        out.push(quote);
        Ok(())
    }

    fn needs_quotes(&self, value: &str) -> bool {
        let is_special = |byte: u8| {
            byte == self.dialect.delimiter
                || matches!(byte, b'\n' | b'\r')
                || self.dialect.quote == Some(byte)
        };
        value.is_empty()
            || value == self.dialect.null
            || value.bytes().any(is_special)
            // At the start of a file it would be taken for a byte order mark.
            || value.starts_with('\u{feff}')
    }
}

fn nulls(array: &ArrayRef) -> Option<arrow::buffer::NullBuffer> {
    array.logical_nulls()
}
