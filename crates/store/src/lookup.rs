//! Rows that are looked up one by one: by their ids, and by the ordinals that others have of them.

use crate::keys::layout::ours;
use crate::snapshot::Table;
use arrow::array::{ArrayRef, Int64Array, UInt32Array, new_empty_array};
use arrow::compute::{concat, take};
use roaring::RoaringBitmap;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Error, Result};
use starfact_encoding::arrow_type;
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl Table {
    /// The ids of all rows that are not deleted.
    pub fn row_ids(&self) -> Vec<u64> {
        let mut rows = Vec::new();
        for segment in self.segments() {
            let mut live = RoaringBitmap::new();
            live.insert_range(0..segment.row_count() as u32);
            if let Some(deleted) = self.deleted_rows(segment.id()) {
                live -= deleted;
            }
            rows.extend(live.iter().map(|place| segment.first_row() + u64::from(place)));
        }
        rows
    }

    /// The values that some rows, deleted ones too, have in some columns: those that users see, and
    /// those of the ordinals of other tables.
    ///
    /// # Errors
    /// Damage, and a row or a column that never was.
    pub fn take(&self, rows: &[u64], columns: &[ColumnId]) -> Result<Vec<ArrayRef>> {
        // Rows of one block are taken together.
        let mut blocks: BTreeMap<(u64, usize), Vec<(u32, u32)>> = BTreeMap::new();
        for (place, row) in (0_u32..).zip(rows) {
            let missing = || Error::internal(format!("there is no row {row}"));
            let (segment, at) = self.locate(*row).ok_or_else(missing)?;
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
        let mut arrays = Vec::with_capacity(columns.len());
        for column in columns {
            let missing = || Error::internal(format!("no column {column} in {}", self.name()));
            let data_type = self.schema.type_of(*column).ok_or_else(missing)?;
            let mut parts: Vec<ArrayRef> = Vec::with_capacity(blocks.len());
            for ((first_row, block), places) in &blocks {
                let located = self.locate(*first_row);
                let (segment, _) = located.ok_or_else(|| Error::internal("no such segment"))?;
                let places: Vec<u32> = places.iter().map(|(at, _)| *at).collect();
                parts.push(self.values_of(segment, *column, *block, Some(&places))?);
            }
            let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
            let all = match parts.as_slice() {
                [] => new_empty_array(&arrow_type(data_type)),
                parts => concat(parts).map_err(ours)?,
            };
            arrays.push(take(all.as_ref(), &order, None).map_err(ours)?);
        }
        Ok(arrays)
    }

    /// The ids of the rows with some ordinals that are not deleted; none where the ordinal is NULL.
    ///
    /// # Errors
    /// Damage, and an ordinal that no row has.
    pub fn rows_with_ordinals(&self, ordinals: &Int64Array) -> Result<Vec<Option<u64>>> {
        let wanted: BTreeSet<u64> =
            ordinals.iter().flatten().map(|ordinal| ordinal as u64).collect();
        let mut found: HashMap<u64, u64> = HashMap::with_capacity(wanted.len());
        for segment in self.segments() {
            let first_row = segment.first_row();
            if let Some(first) = segment.consecutive() {
                let here = wanted.range(first..first.saturating_add(segment.row_count()));
                let rows = here.map(|ordinal| (*ordinal, first_row + (ordinal - first)));
                found.extend(rows.filter(|(_, row)| self.is_live(*row)));
                continue;
            }
            let mut rows = first_row..;
            for block in 0..segment.block_count() {
                let rows = segment.ordinals(block)?.into_iter().zip(&mut rows);
                found.extend(
                    rows.filter(|(ordinal, row)| wanted.contains(ordinal) && self.is_live(*row)),
                );
            }
        }
        let row_of = |ordinal: Option<i64>| {
            let Some(ordinal) = ordinal else { return Ok(None) };
            let row = found.get(&(ordinal as u64)).copied();
            let missing = || Error::internal(format!("no row of {} is {ordinal}", self.name()));
            row.ok_or_else(missing).map(Some)
        };
        ordinals.iter().map(row_of).collect()
    }
}
