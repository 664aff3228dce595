//! What is read from text, and what text is written.

mod mistakes;
mod quoting;
mod round_trip;
mod sniffing;
mod streaming;
mod values;

use super::chunk::Chunks;
use super::stream::Opened;
use super::{Dialect, Target, open};
use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use starfact_base::DataType;
use std::io::Cursor;

/// A table of these columns.
fn table(columns: &[(&str, DataType)]) -> Target {
    let columns = columns.iter().map(|(name, data_type)| ((*name).to_owned(), *data_type));
    Target { table: "t".into(), columns: columns.collect(), is_listed: false }
}

/// A table of text columns.
fn texts(names: &[&str]) -> Target {
    table(&names.iter().map(|name| (*name, DataType::Varchar)).collect::<Vec<_>>())
}

fn opened(text: &[u8], dialect: &Dialect, header: Option<bool>, target: &Target) -> Result<Opened> {
    open("f.csv".into(), Box::new(Cursor::new(text.to_vec())), dialect, header, target)
}

/// Reads all rows, in chunks of about `chunk_bytes`.
fn read_all(opened: Opened, chunk_bytes: usize) -> Result<RecordBatch> {
    let Opened { first, mut chunks, converter } = opened;
    let mut batches = Vec::new();
    if let Some(chunk) = first {
        // Cut the chunk that was read to find the header into the wanted size.
        let line = chunk.line_of(chunk.start);
        let rest = chunk.bytes[chunk.start..].to_vec();
        let mut small = Chunks::new("f.csv".into(), Box::new(Cursor::new(rest)), chunks.dialect())
            .with_chunk_bytes(chunk_bytes)
            .with_line(line);
        while let Some(chunk) = small.next()? {
            batches.push(converter.convert(&chunk)?);
        }
    }
    while let Some(chunk) = chunks.next()? {
        batches.push(converter.convert(&chunk)?);
    }
    Ok(concat_batches(&converter.schema(), &batches)?)
}

fn read(text: &str, header: Option<bool>, target: &Target) -> Result<RecordBatch> {
    read_all(opened(text.as_bytes(), &Dialect::new(b','), header, target)?, 1 << 20)
}

/// The values as text, a row in brackets; NULL is ∅.
fn show(batch: &RecordBatch) -> String {
    let options = FormatOptions::default().with_null("∅");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    let row = |row| {
        let values: Vec<String> =
            columns.iter().map(|column| column.value(row).to_string()).collect();
        format!("[{}]", values.join("|"))
    };
    (0..batch.num_rows()).map(row).collect()
}
