//! One array of objects, one object a line within it; `[]` without rows.
//!
//! Numbers keep all their digits, decimals included. JSON has no NaN and no infinity: they are
//! `null`. Lists are arrays, structs and maps are objects, all else is a string. A column name that
//! comes twice gets a number behind it.

use super::value::{self, json_string};
use super::{Batches, Failure, names};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use std::io::Write;

/// Prints the array.
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
            text.push_str(if row_count == 0 { "[" } else { ",\n" });
            writer.write(&batch, row, &mut text);
            out.write_all(text.as_bytes())?;
            row_count += 1;
        }
    }
    out.write_all(if row_count == 0 { b"[]\n" } else { b"]\n" })?;
    Ok(row_count)
}

/// Writes rows as objects.
pub struct ObjectWriter {
    /// `"name":` for each column.
    labels: Vec<String>,
}

impl ObjectWriter {
    pub fn new(schema: &SchemaRef) -> Self {
        let label = |name: &String| {
            let mut label = String::new();
            json_string(name, &mut label);
            label.push(':');
            label
        };
        Self { labels: names::distinct(schema).iter().map(label).collect() }
    }

    /// Appends one row to `text`.
    pub fn write(&self, batch: &RecordBatch, row: usize, text: &mut String) {
        text.push('{');
        for (place, (label, column)) in self.labels.iter().zip(batch.columns()).enumerate() {
            if place > 0 {
                text.push(',');
            }
            text.push_str(label);
            write_value(column, row, text);
        }
        text.push('}');
    }
}

pub(super) fn write_value(array: &ArrayRef, row: usize, text: &mut String) {
    if value::is_null(array, row) {
        text.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => write_float(array, row, text),
        kind if kind.is_numeric() || *kind == DataType::Boolean => value::write(array, row, text),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns).map(|(field, column)| (field.name(), column));
            write_object(members.map(|(name, column)| (name.clone(), column, row)), text);
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let members = (0..entries.len()).map(|entry| {
                let mut key = String::new();
                value::write(keys, entry, &mut key);
                (key, values, entry)
            });
            write_object(members, text);
        }
        DataType::Dictionary(..) => match value::dictionary_entry(array, row) {
            Some((values, entry)) => write_value(&values, entry, text),
            None => text.push_str("null"),
        },
        _ => match value::list_items(array, row) {
            Some(items) => {
                text.push('[');
                for item in 0..items.len() {
                    if item > 0 {
                        text.push(',');
                    }
                    write_value(&items, item, text);
                }
                text.push(']');
            }
            None => {
                let mut inner = String::new();
                value::write(array, row, &mut inner);
                json_string(&inner, text);
            }
        },
    }
}

fn write_float(array: &ArrayRef, row: usize, text: &mut String) {
    let start = text.len();
    value::write(array, row, text);
    let is_finite = text.get(start..).is_some_and(|number| !number.ends_with(['N', 'f']));
    if !is_finite {
        text.truncate(start);
        text.push_str("null");
    }
}

fn write_object<'a>(
    members: impl Iterator<Item = (String, &'a ArrayRef, usize)>,
    text: &mut String,
) {
    text.push('{');
    for (place, (name, values, row)) in members.enumerate() {
        if place > 0 {
            text.push(',');
        }
        json_string(&name, text);
        text.push(':');
        write_value(values, row, text);
    }
    text.push('}');
}
