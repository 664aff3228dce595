//! One value a line, `name = value`, with an empty line between rows; for rows that are wide.

use super::cells::printable;
use super::fit::display_width;
use super::value;
use super::{Batches, Failure, Format};
use arrow::datatypes::SchemaRef;
use std::io::Write;

/// Prints one paragraph for each row.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let names: Vec<_> = schema.fields().iter().map(|field| printable(field.name())).collect();
    let widest = names.iter().map(|name| display_width(name)).max().unwrap_or(0);
    let labels: Vec<String> = names
        .iter()
        .map(|name| format!("{}{name} = ", " ".repeat(widest - display_width(name))))
        .collect();
    let mut row_count = 0;
    let mut text = String::new();
    let mut cell = String::new();
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            text.clear();
            if row_count > 0 {
                text.push('\n');
            }
            for (label, column) in labels.iter().zip(batch.columns()) {
                text.push_str(label);
                if value::is_null(column, row) {
                    text.push_str(format.null());
                } else {
                    cell.clear();
                    value::write(column, row, &mut cell);
                    text.push_str(&printable(&cell));
                }
                text.push('\n');
            }
            out.write_all(text.as_bytes())?;
            row_count += 1;
        }
    }
    Ok(row_count)
}
