//! One JSON object a line; the values are those of the json mode.

use super::json::ObjectWriter;
use super::{Batches, Failure};
use arrow::datatypes::SchemaRef;
use std::io::Write;

/// Prints one line for each row.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let writer = ObjectWriter::new(schema);
    let mut row_count = 0;
    let mut text = String::new();
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            text.clear();
            writer.write(&batch, row, &mut text);
            text.push('\n');
            out.write_all(text.as_bytes())?;
        }
        row_count += batch.num_rows() as u64;
    }
    Ok(row_count)
}
