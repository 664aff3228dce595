//! Tab-separated values: the same rules as csv, with a tab between the values.

use super::{Batches, Failure, Format, csv};
use arrow::datatypes::SchemaRef;
use std::io::Write;

/// Prints a header line and one line for each row.
pub fn print(
    schema: &SchemaRef,
    batches: &mut Batches,
    format: &Format,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    csv::print_separated(schema, batches, format, format.separator.unwrap_or(b'\t'), out)
}
