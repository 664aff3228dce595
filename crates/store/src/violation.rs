//! What is said of rows that violate a constraint.

use crate::schema::Schema;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use starfact_base::{ColumnId, Error};
use std::sync::Arc;

/// Characters of a text value that a message shows.
const TEXT_CHARS_MAX: usize = 80;

/// `(a, b) = (1, 'x')`: columns by name, and their values in one row of `values`.
pub(crate) fn columns_and_values(
    schema: &Schema,
    columns: &[ColumnId],
    values: &[ArrayRef],
    row: usize,
) -> String {
    let values: Vec<String> = values.iter().map(|array| value(array, row)).collect();
    format!("({}) = ({})", schema.column_names(columns), values.join(", "))
}

fn value(array: &ArrayRef, row: usize) -> String {
    // Arrow knows time zones by their offset only.
    let without_zone = array.as_primitive_opt::<TimestampMicrosecondType>();
    let without_zone = without_zone
        .map(|array| Arc::new(array.clone().with_timezone_opt(None::<&str>)) as ArrayRef);
    let array = without_zone.as_ref().map_or(array, |array| array);
    let options = FormatOptions::new().with_null("NULL");
    let text = match ArrayFormatter::try_new(array.as_ref(), &options) {
        Ok(formatter) if row < array.len() => formatter.value(row).to_string(),
        _ => return "?".into(),
    };
    if array.is_null(row) || array.data_type().is_numeric() {
        return text;
    }
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(TEXT_CHARS_MAX).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("'{start}{more}'")
}

/// A column that must not be NULL is.
pub(crate) fn not_null(schema: &Schema, column: &str, row: u64) -> Error {
    Error::Constraint(format!(
        "table \"{}\": column \"{column}\" is NULL in row {row}, and it is declared NOT NULL",
        schema.name
    ))
}

/// A row has the key of another.
pub(crate) fn duplicate(schema: &Schema, key: &str, row: u64, other: Option<u64>) -> Error {
    let table = &schema.name;
    Error::Constraint(match other {
        Some(first) => format!(
            "table \"{table}\": key {key} occurs twice, first in row {first} and again in row {row}"
        ),
        None => format!("table \"{table}\": key {key} of row {row} is in the table already"),
    })
}

/// A row references one that does not exist.
pub(crate) fn unresolved(
    schema: &Schema,
    reference: &str,
    row: u64,
    (parent, columns): (&str, &str),
) -> Error {
    Error::Constraint(format!(
        "table \"{}\": {reference} of row {row} references no row of table \"{parent}\" \
         ({columns}): load that row first, or correct the value",
        schema.name
    ))
}
