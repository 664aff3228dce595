//! CSV files: read and written as RFC 4180 says, and as PostgreSQL and DuckDB take it further.
//!
//! ```text
//! file ── chunk ──► whole rows ── row ──► fields ── convert, value ──► batches
//!                                        stream: in parallel
//!           header: which field is which column of a table      sniff: the same, without a table
//! batches ── write, text ──► file
//! ```
//!
//! - The delimiter, the quote, the escape and the text for NULL are choices of a [`Dialect`].
//! - A field without quotes that is empty (or the NULL text) is NULL; `""` is the empty text.
//! - Lines end with `\n` or `\r\n`, the last one with either or nothing. A byte order mark is
//!   skipped. Only UTF-8 is read.
//! - An empty line is a row of one NULL if rows have one field, and is skipped otherwise.
//! - One empty field more than a row should have is a trailing delimiter, and is skipped.
//! - A mistake is an error with file and line, and with the column if there is one. Nothing is
//!   guessed at, skipped or cut off to get around it.

mod chunk;
mod convert;
mod dialect;
mod header;
mod row;
mod sniff;
mod stream;
mod text;
mod value;
mod write;

pub(crate) use dialect::Dialect;
pub(crate) use header::{Target, open};
pub(crate) use sniff::{Known, Layout, open as open_layout, sniff};
pub(crate) use stream::run;
pub(crate) use text::texts;
pub(crate) use write::Writer;

#[cfg(test)]
mod tests;
