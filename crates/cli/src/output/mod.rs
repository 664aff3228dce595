//! How rows are printed: one file for each mode.
//!
//! csv, tsv, json, jsonlines and line print batch by batch and hold no rows; box holds the rows
//! that it shows; table and markdown hold all of them, because a column is as wide as its widest
//! value. Nothing is printed before the first batch has come, so a query that fails at once prints
//! nothing.

mod box_drawing;
mod cells;
mod csv;
mod fit;
mod grid;
mod interval;
mod json;
mod jsonlines;
mod line;
mod markdown;
mod names;
mod table;
mod temporal;
mod tsv;
mod types;
mod value;
mod window;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use clap::ValueEnum;
use starfact::Error;
use std::io::{self, Write};

pub use cells::{printable, row_of};
pub use fit::display_width;

/// The batches of a result, as they come.
pub type Batches<'a> = dyn Iterator<Item = Result<RecordBatch, Error>> + 'a;

/// A way to print rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Boxes around columns; of many rows only the first and the last
    Box,
    /// Boxes of plain characters, every row
    Table,
    /// Comma-separated values
    Csv,
    /// Tab-separated values
    Tsv,
    /// One array of objects
    Json,
    /// One object a line
    #[value(name = "jsonlines", alias = "ndjson", alias = "jsonl")]
    JsonLines,
    /// A table in Markdown
    Markdown,
    /// One value a line
    Line,
}

impl Mode {
    /// The word for it on the command line and in `.mode`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::JsonLines => "jsonlines",
            Self::Markdown => "markdown",
            Self::Line => "line",
        }
    }

    /// Whether a result in this mode is read by people.
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Box | Self::Table | Self::Line)
    }

    /// What NULL is printed as unless the user says otherwise.
    fn default_null(self) -> &'static str {
        match self {
            Self::Csv | Self::Tsv => "",
            _ => "NULL",
        }
    }
}

/// How to print, and what on.
#[derive(Clone, Debug)]
pub struct Format {
    pub mode: Mode,
    /// Whether the names of columns are printed, in the modes that have a line for them.
    pub header: bool,
    /// What NULL is printed as; None is the default of the mode. JSON always has `null`.
    pub null: Option<String>,
    /// Rows that box shows at most; 0 is all.
    pub rows_max: usize,
    /// Columns of the terminal, or those that the user wants; None is no limit.
    pub width: Option<usize>,
    /// What stands between values in csv and tsv; None is what the mode has.
    pub separator: Option<u8>,
    /// Whether names are bold and NULL is dim.
    pub colour: bool,
}

impl Format {
    /// What NULL is printed as.
    pub fn null(&self) -> &str {
        self.null.as_deref().unwrap_or_else(|| self.mode.default_null())
    }
}

/// Why printing stopped.
#[derive(Debug)]
pub enum Failure {
    /// The query failed or was cancelled.
    Query(Error),
    /// The output takes no more.
    Write(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Query(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Prints a result and returns its number of rows.
///
/// # Errors
/// When the query or the output fails; what was printed until then stays.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let first = batches.next().transpose()?;
    let batches = &mut first.into_iter().map(Ok).chain(batches);
    match format.mode {
        Mode::Box => box_drawing::print(schema, batches, format, out),
        Mode::Table => table::print(schema, batches, format, out),
        Mode::Csv => csv::print(schema, batches, format, out),
        Mode::Tsv => tsv::print(schema, batches, format, out),
        Mode::Json => json::print(schema, batches, out),
        Mode::JsonLines => jsonlines::print(schema, batches, out),
        Mode::Markdown => markdown::print(schema, batches, format, out),
        Mode::Line => line::print(schema, batches, format, out),
    }
}

/// Prints the first column of a result as lines of text and returns their number.
///
/// # Errors
/// When the query or the output fails; what was printed until then stays.
pub fn print_lines(batches: &mut Batches, out: &mut dyn Write) -> Result<u64, Failure> {
    let mut line_count = 0;
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let line = row_of(&batch, row).into_iter().next().flatten().unwrap_or_default();
            writeln!(out, "{}", printable(&line))?;
        }
        line_count += batch.num_rows() as u64;
    }
    Ok(line_count)
}

#[cfg(test)]
mod tests;
