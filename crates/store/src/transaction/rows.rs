//! Changes of rows.

use super::Transaction;
use crate::keys::index::layout_of;
use crate::keys::layout::{NormalKey, by_width, nulls_of, ours};
use crate::keys::references::find_sorted;
use crate::load::check_rows;
use crate::schema::KeyId;
use crate::snapshot::Table;
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use starfact_base::{Error, Result, TableId};
use std::sync::Arc;

impl Transaction {
    /// Appends rows, which are kept in memory until the commit.
    ///
    /// The batch has the table's visible columns, each of exactly the Arrow type of its type.
    ///
    /// # Errors
    /// [`Error::Constraint`] names the first row that is NULL where it must not be.
    pub fn insert(&mut self, table: TableId, rows: &RecordBatch) -> Result<()> {
        let known = Arc::clone(self.table(table)?);
        if let Some(rows) = check_rows(&known, rows)? {
            self.changes.entry(table).or_default().insert(rows, None);
            self.has_changes = true;
        }
        Ok(())
    }

    /// Deletes rows by their ids; returns how many of them there were. Ids may repeat.
    ///
    /// # Errors
    /// A row that never was.
    pub fn delete(&mut self, table: TableId, rows: &[u64]) -> Result<u64> {
        let known = Arc::clone(self.table(table)?);
        let deleted = self.changes.entry(table).or_default().delete(&known, rows)?;
        self.has_changes |= deleted > 0;
        Ok(deleted)
    }

    /// Gives rows, which are distinct, new values: row `rows[i]` those of row `i` of `new`, which
    /// has all visible columns. They keep their ordinals and get new ids.
    ///
    /// # Errors
    /// As those of [`Transaction::insert`] and [`Transaction::delete`].
    pub fn update(&mut self, table: TableId, rows: &[u64], new: &RecordBatch) -> Result<()> {
        if rows.len() != new.num_rows() {
            return Err(Error::internal("as many new rows as old ones"));
        }
        let known = Arc::clone(self.table(table)?);
        let Some(new) = check_rows(&known, new)? else { return Ok(()) };
        let changes = self.changes.entry(table).or_default();
        let kept = changes.ordinals(&known, rows)?;
        let deleted = changes.delete(&known, rows)?;
        if deleted != rows.len() as u64 {
            return Err(Error::internal("an update of a row that is not there"));
        }
        changes.insert(new, Some(kept));
        self.has_changes = true;
        Ok(())
    }

    /// Removes all rows; returns how many there were.
    ///
    /// # Errors
    /// Rows that are referenced are an error of the commit.
    pub fn truncate(&mut self, table: TableId) -> Result<u64> {
        let view = self.view(table)?;
        let mut rows = Vec::with_capacity(view.row_count() as usize);
        for segment in &view.segments {
            let ids = segment.first_row()..segment.row_end();
            match view.deletions.of(segment.id()) {
                None => rows.extend(ids),
                Some(_) => rows.extend(ids.filter(|row| view.is_live(*row))),
            }
        }
        self.delete(table, &rows)
    }

    /// The row that has each of some keys. `columns` are those of the key, in its order, of exactly
    /// their types; a key with a NULL finds nothing.
    ///
    /// # Errors
    /// Damage, and a key that the table does not have.
    pub fn find_rows(
        &self,
        table: TableId,
        key: KeyId,
        columns: &[ArrayRef],
    ) -> Result<Vec<Option<u64>>> {
        let view = self.view(table)?;
        let key = view.schema.key(key).ok_or_else(|| Error::internal("no such key"))?;
        let layout = layout_of(&view, key)?;
        let nulls = nulls_of(columns);
        let is_null = |row: usize| {
            nulls.as_ref().is_some_and(|nulls: &arrow::buffer::NullBuffer| nulls.is_null(row))
        };
        let runs = view.runs(key, &layout)?;
        by_width!(layout, K => {
            let keys = K::encode(&layout, columns)?.into_iter().enumerate();
            let keys = keys.map(|(row, key)| (!is_null(row)).then_some(key)).collect();
            find_sorted(&view, &layout, &runs, keys)
        })
    }

    /// The visible columns of some rows, in the order that is asked for.
    ///
    /// # Errors
    /// Damage, and a row that never was.
    pub fn take_rows(&self, table: TableId, rows: &[u64]) -> Result<RecordBatch> {
        take_rows(self.view(table)?.as_ref(), rows)
    }

    /// A table with the changes of its rows.
    fn view(&self, id: TableId) -> Result<Arc<Table>> {
        let table = self.table(id)?;
        match self.changes.get(&id) {
            None => Ok(Arc::clone(table)),
            Some(changes) => Ok(Arc::new(changes.view(table)?)),
        }
    }
}

/// The visible columns of some rows, deleted ones included.
pub(crate) fn take_rows(table: &Table, rows: &[u64]) -> Result<RecordBatch> {
    let columns: Vec<_> = table.columns().iter().map(|column| column.id).collect();
    let arrays = table.take(rows, &columns)?;
    let field =
        |(name, array): (&str, &ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let names = table.columns().iter().map(|column| column.name.as_str());
    let fields: Vec<Field> = names.zip(&arrays).map(field).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(ours)
}
