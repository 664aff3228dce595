//! Rows in the order of those that they reference: the ordinals that they are sorted by.
//!
//! What a row references is looked up before it is sorted, a chunk at a time. It is written with
//! the row, so that references need not be resolved again.

use super::chunk::Chunk;
use super::{Job, RowColumn};
use crate::keys::references::{Parent, Referenced};
use crate::schema::ForeignKey;
use crate::snapshot::Table;
use crate::violation;
use arrow::array::ArrayRef;
use starfact_base::{ColumnId, Error, Result};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The part of a load's memory that may go to the keys of parents.
const MEMORY_SHARE: usize = 4;

/// The foreign keys in the sort order of a table.
pub(crate) struct Clustered<'a> {
    table: &'a Table,
    keys: Vec<Clustering<'a>>,
}

struct Clustering<'a> {
    foreign_key: &'a ForeignKey,
    /// Opened with the first rows.
    parent: OnceLock<Parent>,
}

impl fmt::Debug for Clustered<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Clustered").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl<'a> Clustered<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        let sorted_by = table.sorted_by().iter();
        let keys = sorted_by.filter_map(|id| table.schema.reference_in(*id));
        let keys = keys.map(|foreign_key| Clustering { foreign_key, parent: OnceLock::new() });
        Self { table, keys: keys.collect() }
    }

    /// The columns that are added to those of the input.
    pub(crate) fn columns(&self) -> impl Iterator<Item = RowColumn> {
        self.keys.iter().map(|key| RowColumn::hidden(key.foreign_key.ordinal_column))
    }

    /// Adds to a chunk, which may be the only one, the ordinals that its rows are sorted by.
    pub(crate) fn resolve(&self, job: &Job<'_>, chunk: &mut Chunk, is_only: bool) -> Result<()> {
        for key in &self.keys {
            let rows = if is_only { chunk.row_count() as u64 } else { u64::MAX };
            let parent = key.parent(self, job, rows)?;
            let values = self.values(&key.foreign_key.columns, chunk)?;
            let Referenced { ordinals, misses } = parent.look_up(&values)?;
            if let Some(row) = misses.first() {
                let columns = &key.foreign_key.columns;
                let row = *row as usize;
                let schema = &self.table.schema;
                let text = violation::columns_and_values(schema, columns, &values, row);
                let number = chunk.first_row() + row as u64 + 1;
                return Err(violation::unresolved(schema, &text, number, parent.names()));
            }
            let ordinals = ordinals.into_iter().map(|ordinal| ordinal.map(|it| it as i64));
            chunk.add(Arc::new(ordinals.collect::<arrow::array::Int64Array>()));
        }
        Ok(())
    }

    fn values(&self, ids: &[ColumnId], chunk: &Chunk) -> Result<Vec<ArrayRef>> {
        let place = |id: &ColumnId| self.table.columns().iter().position(|it| it.id == *id);
        let value = |id: &ColumnId| {
            let missing = || Error::internal(format!("no column {id} to sort by"));
            chunk.column(place(id).ok_or_else(missing)?)
        };
        ids.iter().map(value).collect()
    }
}

impl Clustering<'_> {
    fn parent(&self, of: &Clustered<'_>, job: &Job<'_>, rows: u64) -> Result<&Parent> {
        if let Some(parent) = self.parent.get() {
            return Ok(parent);
        }
        let memory_bytes = job.memory_bytes / MEMORY_SHARE;
        let parent = Parent::open(job.tables, of.table, self.foreign_key, rows, memory_bytes)?;
        Ok(self.parent.get_or_init(|| parent))
    }
}
