//! The rows of one table that a transaction has changed and not yet committed.

use super::moved;
use crate::constraints::{Settled, keys_of};
use crate::delta::{Built, NewRows, Place, build};
use crate::edges;
use crate::keys::layout::ours;
use crate::load::{CheckedRows, sort_layout};
use crate::schema::Key;
use crate::segment::Segment;
use crate::snapshot::Table;
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use roaring::{RoaringBitmap, RoaringTreemap};
use starfact_base::limits::{BLOCK_ROWS, SEGMENT_BLOCKS_MAX};
use starfact_base::{Error, Result, SegmentId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// Rows of the largest segment.
const SEGMENT_ROWS_MAX: usize = SEGMENT_BLOCKS_MAX * BLOCK_ROWS;
/// Numbers of segments that only the transaction sees: no file has them.
const OWN_SEGMENTS: u64 = u64::MAX / 2;

/// What has been inserted, updated and deleted.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    batches: Vec<Batch>,
    /// Ids of rows of the table.
    deleted: RoaringTreemap,
}

/// Rows of one statement.
#[derive(Debug)]
struct Batch {
    columns: Vec<ArrayRef>,
    row_count: usize,
    /// For rows that take the place of others, their ordinals.
    kept: Option<Vec<Option<u64>>>,
    deleted: RoaringBitmap,
    /// Made when the transaction looks at its own rows.
    segment: OnceLock<Arc<Segment>>,
}

impl Changes {
    /// Adds rows; `kept` are the ordinals of those whose place they take.
    pub(super) fn insert(&mut self, rows: CheckedRows, kept: Option<Vec<Option<u64>>>) {
        let CheckedRows { columns, row_count, .. } = rows;
        let (deleted, segment) = (RoaringBitmap::new(), OnceLock::new());
        self.batches.push(Batch { columns, row_count, kept, deleted, segment });
    }

    /// Deletes rows of the table and own ones; returns how many there were.
    pub(super) fn delete(&mut self, table: &Table, rows: &[u64]) -> Result<u64> {
        let mut count = 0;
        for row in rows {
            let missing = || Error::internal(format!("there is no row {row}"));
            if *row >= table.next_row {
                let (batch, place) = self.own_mut(*row - table.next_row).ok_or_else(missing)?;
                count += u64::from(batch.deleted.insert(place));
                continue;
            }
            table.locate(*row).ok_or_else(missing)?;
            if table.is_live(*row) {
                count += u64::from(self.deleted.insert(*row));
            }
        }
        Ok(count)
    }

    /// The ordinals of rows; `None` for own ones that have none yet.
    pub(super) fn ordinals(&mut self, table: &Table, rows: &[u64]) -> Result<Vec<Option<u64>>> {
        let known: Vec<u64> = rows.iter().copied().filter(|row| *row < table.next_row).collect();
        let mut known = table.ordinals_of(&known)?.into_iter();
        let mut ordinals = Vec::with_capacity(rows.len());
        for row in rows {
            ordinals.push(match row.checked_sub(table.next_row) {
                None => known.next(),
                Some(own) => self.own_mut(own).and_then(|(batch, place)| {
                    batch.kept.as_ref().and_then(|kept| kept.get(place as usize).copied().flatten())
                }),
            });
        }
        Ok(ordinals)
    }

    fn own_mut(&mut self, mut place: u64) -> Option<(&mut Batch, u32)> {
        for batch in &mut self.batches {
            if place < batch.row_count as u64 {
                return Some((batch, place as u32));
            }
            place -= batch.row_count as u64;
        }
        None
    }

    /// The table with the changes, as the transaction sees it.
    pub(super) fn view(&self, table: &Table) -> Result<Table> {
        let mut view = table.clone();
        view.delete_rows(&self.deleted);
        let mut deletions = view.deletions.as_ref().clone();
        let mut next = (table.next_row, table.next_ordinal);
        for (number, batch) in (OWN_SEGMENTS..).zip(&self.batches) {
            let id = SegmentId(number);
            let segment = match batch.segment.get() {
                Some(known) if known.first_row() == next.0 => Arc::clone(known),
                _ => {
                    let mut place = Place { id, first_row: next.0, next_ordinal: next.1, run: 0 };
                    let unsorted = Table { schema: unsorted(table), ..table.clone() };
                    let built = build(&unsorted, batch.new_rows(), &mut place)?;
                    Arc::clone(batch.segment.get_or_init(|| built.segment))
                }
            };
            deletions.add(id, &batch.deleted);
            view.segments.push(segment);
            next = (next.0 + batch.row_count as u64, next.1 + batch.row_count as u64);
        }
        (view.next_row, view.next_ordinal) = next;
        view.is_sorted &= self.batches.is_empty();
        view.deletions = Arc::new(deletions);
        view.deletions_file = None;
        Ok(view)
    }

    /// Makes them changes of `newest` instead of `before`. Fails if another transaction has changed
    /// that so that these make no sense on top of it; `removed` gives the ordinals of rows that
    /// others have removed since.
    pub(super) fn follow(
        &mut self,
        before: &Table,
        newest: Option<&Arc<Table>>,
        removed: &dyn Fn() -> RoaringTreemap,
    ) -> Result<()> {
        let conflict = |what: &str| {
            Err(Error::Conflict(format!(
                "write conflict: {what} table \"{}\" since this transaction began; ROLLBACK, and \
                 run it again",
                before.name()
            )))
        };
        let Some(newest) = newest else { return conflict("another transaction dropped") };
        if newest.schema != before.schema {
            return conflict("another transaction altered");
        }
        let mut moved = Vec::new();
        for row in &self.deleted {
            let is_in_place = match (before.locate(row), newest.locate(row)) {
                // Segments in memory become one with the same ids of rows; files, with others.
                (Some((then, _)), Some((now, _))) => {
                    then.id() == now.id() || then.is_in_memory() && now.is_in_memory()
                }
                _ => false,
            };
            if !is_in_place {
                moved.push(row);
            } else if !newest.is_live(row) {
                return conflict("another transaction changed the same rows of");
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        let ordinals: RoaringTreemap = before.ordinals_of(&moved)?.into_iter().collect();
        let found = match ordinals.is_disjoint(&removed()) {
            true => moved::find(&ordinals, before, newest)?,
            false => None,
        };
        let Some(found) = found else {
            return conflict("another transaction changed the same rows of");
        };
        moved.iter().for_each(|row| {
            self.deleted.remove(*row);
        });
        self.deleted |= found;
        Ok(())
    }

    /// The table with the changes, as they will be committed, and what is to be checked. A new row
    /// with the value of `referenced` of a row that goes takes over its ordinal.
    pub(super) fn settle(
        &self,
        before: &Table,
        referenced: Option<&Key>,
        number: &dyn Fn() -> SegmentId,
    ) -> Result<(Table, Settled)> {
        let mut after = before.clone();
        after.delete_rows(&self.deleted);
        let removed: Vec<u64> = self.deleted.iter().collect();
        let mut rows = self.live_rows()?;
        if let (Some(rows), Some(key)) = (&mut rows, referenced) {
            keep_ordinals(before, key, &removed, rows)?;
        }
        let mut built = Vec::new();
        if let Some(rows) = rows {
            let is_in_order = !before.sorted_by().is_empty() && !before.schema.is_clustered();
            let run = if is_in_order { before.next_run } else { 0 };
            let (first_row, next_ordinal) = (before.next_row, before.next_ordinal);
            let mut place = Place { id: number(), first_row, next_ordinal, run };
            for rows in parts(rows) {
                let count = rows.row_count as u64;
                let part = build(before, rows, &mut place)?;
                after.segments.push(Arc::clone(&part.segment));
                built.push(part);
                place.id = number();
                place.first_row += count;
                place.run += u64::from(run != 0);
            }
            (after.next_row, after.next_ordinal) = (place.first_row, place.next_ordinal);
            after.next_run = after.next_run.max(place.run);
            after.is_sorted &= is_in_order;
            if after.is_sorted
                && let Some(layout) = sort_layout(before)?
            {
                let is_one = built.len() == 1;
                after.is_sorted = is_one && edges::follow(&layout, before, &after)?;
            }
        }
        let built: Vec<Built> = built;
        Ok((after, Settled { before: before.clone(), removed, built }))
    }

    /// The rows of all batches that are still there.
    fn live_rows(&self) -> Result<Option<NewRows>> {
        let mut parts = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            parts.extend(batch.live_rows()?);
        }
        let row_count = parts.iter().map(|part| part.row_count).sum();
        if row_count == 0 {
            return Ok(None);
        }
        if parts.len() == 1 {
            return Ok(parts.pop());
        }
        let width = parts.first().map_or(0, |part| part.columns.len());
        let mut columns = Vec::with_capacity(width);
        for idx in 0..width {
            let arrays: Vec<&dyn Array> =
                parts.iter().filter_map(|part| part.columns.get(idx)).map(AsRef::as_ref).collect();
            columns.push(concat(&arrays).map_err(ours)?);
        }
        let keeps = parts.iter().any(|part| part.kept.is_some());
        let kept = keeps.then(|| {
            let kept = parts
                .iter()
                .map(|part| part.kept.clone().unwrap_or_else(|| vec![None; part.row_count]));
            kept.flatten().collect()
        });
        Ok(Some(NewRows { columns, row_count, kept }))
    }
}

impl Batch {
    fn new_rows(&self) -> NewRows {
        let (columns, row_count) = (self.columns.clone(), self.row_count);
        NewRows { columns, row_count, kept: None }
    }

    fn live_rows(&self) -> Result<Option<NewRows>> {
        if self.deleted.is_empty() {
            return Ok(Some(NewRows { kept: self.kept.clone(), ..self.new_rows() }));
        }
        let live: Vec<u32> =
            (0..self.row_count as u32).filter(|row| !self.deleted.contains(*row)).collect();
        let row_count = live.len();
        let kept = self.kept.as_ref().map(|kept| {
            live.iter().map(|row| kept.get(*row as usize).copied().flatten()).collect()
        });
        let live = UInt32Array::from(live);
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            columns.push(take(column.as_ref(), &live, None).map_err(ours)?);
        }
        Ok((row_count > 0).then_some(NewRows { columns, row_count, kept }))
    }
}

/// The schema without its sort order: rows stay in the order that they came in.
fn unsorted(table: &Table) -> Arc<crate::schema::Schema> {
    let mut schema = table.schema.as_ref().clone();
    schema.sorted_by.clear();
    Arc::new(schema)
}

/// Rows in as many parts as segments that they need.
fn parts(rows: NewRows) -> Vec<NewRows> {
    if rows.row_count <= SEGMENT_ROWS_MAX {
        return vec![rows];
    }
    let mut parts = Vec::new();
    for start in (0..rows.row_count).step_by(SEGMENT_ROWS_MAX) {
        let row_count = SEGMENT_ROWS_MAX.min(rows.row_count - start);
        let columns = rows.columns.iter().map(|column| column.slice(start, row_count)).collect();
        let kept = rows.kept.as_ref().and_then(|kept| kept.get(start..start + row_count));
        parts.push(NewRows { columns, row_count, kept: kept.map(<[_]>::to_vec) });
    }
    parts
}

/// Gives new rows the ordinals of the removed rows that had their keys, whatever rows they were
/// made from: what references a key goes on to mean the row that has it. A row with a new key
/// keeps the ordinal of the one whose place it takes, unless another row needs that.
fn keep_ordinals(table: &Table, key: &Key, removed: &[u64], rows: &mut NewRows) -> Result<()> {
    if removed.is_empty() {
        return Ok(());
    }
    let ordinals = table.ordinals_of(removed)?;
    let old = super::rows::take_rows(table, removed)?;
    let of_old = keys_of(table, key, old.columns())?;
    let of_new = keys_of(table, key, &rows.columns)?;
    let known = of_old.iter().zip(ordinals);
    let mut free: BTreeMap<&[u8], u64> =
        known.filter_map(|(key, ordinal)| Some((key.as_deref()?, ordinal))).collect();
    let by_key = of_new.iter().map(|key| free.remove(key.as_deref()?));
    let mut kept: Vec<Option<u64>> = by_key.collect();
    let taken: BTreeSet<u64> = kept.iter().flatten().copied().collect();
    for (slot, own) in kept.iter_mut().zip(rows.kept.take().into_iter().flatten()) {
        if slot.is_none() {
            *slot = own.filter(|own| !taken.contains(own));
        }
    }
    rows.kept = kept.iter().any(Option::is_some).then_some(kept);
    Ok(())
}
