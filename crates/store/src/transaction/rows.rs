//! Changes of rows.

use super::Transaction;
use crate::keys::index::layout_of;
use crate::keys::layout::{NormalKey, by_width, nulls_of, ours};
use crate::keys::references::find_sorted;
use crate::load::check_rows;
use crate::schema::KeyId;
use crate::snapshot::Table;
use arrow::array::{ArrayRef, UInt32Array, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Error, Result, TableId};
use starfact_encoding::arrow_type;
use std::collections::BTreeMap;
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
    // Rows of one block are taken together.
    let mut blocks: BTreeMap<(u64, usize), Vec<(u32, u32)>> = BTreeMap::new();
    for (place, row) in (0_u32..).zip(rows) {
        let missing = || Error::internal(format!("there is no row {row}"));
        let (segment, at) = table.locate(*row).ok_or_else(missing)?;
        let (block, at) = (at as usize / BLOCK_ROWS, at % BLOCK_ROWS as u32);
        blocks.entry((segment.first_row(), block)).or_default().push((at, place));
    }
    let mut order = vec![0_u32; rows.len()];
    let taken = blocks.values().flatten().map(|(_, place)| *place);
    for (at, place) in (0_u32..).zip(taken) {
        if let Some(slot) = order.get_mut(place as usize) {
            *slot = at;
        }
    }
    let order = UInt32Array::from(order);
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for column in table.columns() {
        let ty = arrow_type(column.data_type);
        let mut parts: Vec<ArrayRef> = Vec::with_capacity(blocks.len());
        for ((first_row, block), places) in &blocks {
            let located = table.locate(*first_row);
            let (segment, _) = located.ok_or_else(|| Error::internal("a segment without rows"))?;
            let places: Vec<u32> = places.iter().map(|(at, _)| *at).collect();
            parts.push(table.values_of(segment, column.id, *block, Some(&places))?);
        }
        let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
        let all = match parts.as_slice() {
            [] => new_empty_array(&ty),
            parts => concat(parts).map_err(ours)?,
        };
        fields.push(Field::new(&column.name, ty, true));
        arrays.push(take(all.as_ref(), &order, None).map_err(ours)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(ours)
}
