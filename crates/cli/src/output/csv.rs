//! Comma-separated values, quoted as RFC 4180 says, with line feeds.
//!
//! NULL is nothing (or the text that the user chose) without quotes, the empty string is `""`, and
//! a string that reads like NULL is quoted, so that what was written can be told apart when it is
//! read. A row of one NULL is therefore an empty line.

use super::value;
use super::{Batches, Failure, Format};
use arrow::datatypes::SchemaRef;
use std::io::Write;

/// Prints a header line and one line for each row.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    print_separated(schema, batches, format, format.separator.unwrap_or(b','), out)
}

/// `print` with another byte between the values.
pub fn print_separated(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    separator: u8,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let writer = Writer { separator: char::from(separator), null: format.null() };
    let mut line = String::new();
    if format.header {
        for (place, field) in schema.fields().iter().enumerate() {
            writer.separate(place, &mut line);
            writer.field(field.name(), &mut line);
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    let mut row_count = 0;
    let mut text = String::new();
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            line.clear();
            for (place, column) in batch.columns().iter().enumerate() {
                writer.separate(place, &mut line);
                if value::is_null(column, row) {
                    writer.null(&mut line);
                } else {
                    text.clear();
                    value::write(column, row, &mut text);
                    writer.field(&text, &mut line);
                }
            }
            line.push('\n');
            out.write_all(line.as_bytes())?;
        }
        row_count += batch.num_rows() as u64;
    }
    Ok(row_count)
}

struct Writer<'a> {
    separator: char,
    null: &'a str,
}

impl Writer<'_> {
    fn separate(&self, place: usize, line: &mut String) {
        if place > 0 {
            line.push(self.separator);
        }
    }

    fn null(&self, line: &mut String) {
        if self.is_plain(self.null) {
            line.push_str(self.null);
        } else {
            quote(self.null, line);
        }
    }

    fn field(&self, text: &str, line: &mut String) {
        if !text.is_empty() && text != self.null && self.is_plain(text) {
            line.push_str(text);
        } else {
            quote(text, line);
        }
    }

    fn is_plain(&self, text: &str) -> bool {
        !text.contains([self.separator, '"', '\n', '\r'])
    }
}

fn quote(text: &str, line: &mut String) {
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}
