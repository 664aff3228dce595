//! The input of a load: checks every batch before any of it is kept.

use crate::snapshot::Table;
use crate::violation;
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::datatypes::{DataType as ArrowType, Decimal128Type};
use arrow::record_batch::RecordBatch;
use starfact_base::limits::STRING_BYTES_MAX;
use starfact_base::{DataType, Error, Result};
use starfact_encoding::arrow_type;
use std::sync::Arc;

/// Bytes of text that a view holds itself.
const VIEW_INLINE_BYTES: u32 = 12;
/// Text buffers are copied when they are this many times larger than the text in them.
const VIEW_WASTE_MAX: usize = 2;
/// Text buffers smaller than this are never copied.
const VIEW_WASTE_BYTES: usize = 64 << 10;

/// Rows that passed.
#[derive(Debug)]
pub(crate) struct CheckedRows {
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) row_count: usize,
    /// Bytes that they take in memory.
    pub(crate) byte_len: usize,
}

type Progress = dyn Fn(u64) + Send + Sync;

/// Checks rows that are to be kept in memory; `None` if there are none.
pub(crate) fn check_rows(table: &Table, rows: &RecordBatch) -> Result<Option<CheckedRows>> {
    Input::new(table, None).check(rows.clone())
}

/// Checks batches one after the other and counts their rows.
pub(crate) struct Input<'a> {
    table: &'a Table,
    types: Vec<ArrowType>,
    rows: u64,
    progress: Option<&'a Progress>,
}

impl<'a> Input<'a> {
    pub(crate) fn new(table: &'a Table, progress: Option<&'a Progress>) -> Self {
        let types = table.columns().iter().map(|column| arrow_type(column.data_type)).collect();
        Self { table, types, rows: 0, progress }
    }

    /// The columns of a batch; `None` if it has no rows.
    pub(crate) fn check(&mut self, batch: RecordBatch) -> Result<Option<CheckedRows>> {
        let row_count = batch.num_rows();
        self.check_types(&batch)?;
        if row_count == 0 {
            return Ok(None);
        }
        self.check_nulls(&batch)?;
        let mut byte_len = 0;
        let mut columns = batch.columns().to_vec();
        for (column, declared) in columns.iter_mut().zip(self.table.columns()) {
            match declared.data_type {
                DataType::Varchar => self.check_text(column, &declared.name, &mut byte_len)?,
                DataType::Decimal { precision, .. } => {
                    self.check_digits(column, &declared.name, precision, &mut byte_len)?;
                }
                DataType::Boolean => byte_len += row_count.div_ceil(8),
                _ => byte_len += row_count * column.data_type().primitive_width().unwrap_or(16),
            }
        }
        self.rows += row_count as u64;
        if let Some(progress) = self.progress {
            progress(self.rows);
        }
        Ok(Some(CheckedRows { columns, row_count, byte_len }))
    }

    fn check_types(&self, batch: &RecordBatch) -> Result<()> {
        let found = batch.columns().iter().map(|column| column.data_type());
        if found.eq(&self.types) {
            return Ok(());
        }
        let found: Vec<String> =
            batch.columns().iter().map(|column| column.data_type().to_string()).collect();
        let expected: Vec<String> = self.types.iter().map(ToString::to_string).collect();
        Err(Error::internal(format!(
            "rows of ({}) for table \"{}\" of ({})",
            found.join(", "),
            self.table.name(),
            expected.join(", ")
        )))
    }

    /// Finds the first row that has a NULL where there must be none.
    fn check_nulls(&self, batch: &RecordBatch) -> Result<()> {
        let mut first: Option<(usize, &str)> = None;
        for (array, column) in batch.columns().iter().zip(self.table.columns()) {
            if column.nullable || array.null_count() == 0 {
                continue;
            }
            let row = (0..array.len()).find(|row| array.is_null(*row));
            if let Some(row) = row.filter(|row| first.is_none_or(|(first, _)| *row < first)) {
                first = Some((row, &column.name));
            }
        }
        match first {
            None => Ok(()),
            Some((row, column)) => {
                Err(violation::not_null(&self.table.schema, column, self.number(row)))
            }
        }
    }

    /// Measures text, and copies it where most of what it keeps in memory is not its own.
    fn check_text(&self, column: &mut ArrayRef, name: &str, byte_len: &mut usize) -> Result<()> {
        let array: &StringViewArray = column.as_string_view();
        let mut text_bytes = 0_usize;
        for (row, view) in array.views().iter().enumerate() {
            // The low 32 bits of a view are the length of its text.
            let len = *view as u32;
            if len <= VIEW_INLINE_BYTES || array.is_null(row) {
                continue;
            }
            text_bytes += len as usize;
            if len as usize > STRING_BYTES_MAX {
                return Err(Error::Limit {
                    what: format!(
                        "the text in column \"{name}\" of table \"{}\", row {}, of {len} bytes,",
                        self.table.name(),
                        self.number(row)
                    ),
                    limit: format!("{STRING_BYTES_MAX} bytes"),
                });
            }
        }
        let buffer_bytes: usize = array.data_buffers().iter().map(|buffer| buffer.len()).sum();
        if buffer_bytes > VIEW_WASTE_BYTES && buffer_bytes / VIEW_WASTE_MAX > text_bytes {
            let copied = array.gc();
            *column = Arc::new(copied);
        }
        *byte_len += column.len() * size_of::<u128>() + text_bytes;
        Ok(())
    }

    fn check_digits(
        &self,
        column: &ArrayRef,
        name: &str,
        precision: u8,
        byte_len: &mut usize,
    ) -> Result<()> {
        let array = column.as_primitive::<Decimal128Type>();
        let end = 10_i128.pow(u32::from(precision));
        let is_wide = |value: &i128| !(-end < *value && *value < end);
        let mut wide = array.values().iter().enumerate().filter(|(_, value)| is_wide(value));
        if let Some((row, _)) = wide.find(|(row, _)| array.is_valid(*row)) {
            return Err(Error::invalid(format!(
                "table \"{}\": the value of column \"{name}\" in row {} has more than the \
                 {precision} digits of its type",
                self.table.name(),
                self.number(row)
            )));
        }
        *byte_len += array.len() * size_of::<i128>();
        Ok(())
    }

    /// The number of a row of the batch that is being checked.
    fn number(&self, row: usize) -> u64 {
        self.rows + row as u64 + 1
    }
}
