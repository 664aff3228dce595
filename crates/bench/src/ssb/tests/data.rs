//! A whole generated table with columns by name.

use super::collect;
use crate::ssb::{Generator, Table};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;

/// A table in memory.
pub struct TableData {
    batch: RecordBatch,
}

/// Generates all of `table`.
pub fn table(generator: &Generator, table: Table) -> TableData {
    TableData::new(collect(table, generator.parallel_batches(table, 65_536, 2)))
}

impl TableData {
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch }
    }

    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn column(&self, name: &str) -> &dyn Array {
        let column = self.batch.column_by_name(name);
        column.unwrap_or_else(|| panic!("there is no column {name}"))
    }

    pub fn integers(&self, name: &str) -> Vec<i32> {
        self.column(name).as_primitive::<Int32Type>().values().to_vec()
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.column(name).as_string_view();
        texts.iter().map(|text| text.expect("no column is nullable").to_string()).collect()
    }

    /// The values of one row as text.
    pub fn row(&self, row: usize) -> Vec<String> {
        let value = |column: &dyn Array| match column.as_primitive_opt::<Int32Type>() {
            Some(integers) => integers.value(row).to_string(),
            None => column.as_string_view().value(row).to_string(),
        };
        self.batch.columns().iter().map(|column| value(column)).collect()
    }
}
