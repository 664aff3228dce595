//! The groups that several threads have found, as one: their cells mean the same in all threads.
//!
//! ```text
//!   thread 1   cell 7, 12, 3          groups 0, 1, 2
//!   thread 2   cell 12, 8, 7          groups 1, 3, 0 of the whole
//! ```

use super::aggregate::Key;
use super::cells::Cells;
use super::groups::{GroupedRows, pair, parts_of};
use super::plan::{batch_of, misplaced};
use crate::scan::Partition;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use starfact_exec::TextNumbers;
use std::sync::Arc;

/// All groups of an aggregation.
pub(super) struct Whole {
    rows: GroupedRows,
    /// The numbers of each column of texts that is a key.
    texts: Vec<TextNumbers>,
    /// The keys that were evaluated row by row, of each combination of these.
    row_values: Vec<ArrayRef>,
    /// How many groups there are.
    pub(super) total: usize,
}

impl Whole {
    /// The groups of some threads, of which the first has the most; `None`, and nothing is changed,
    /// if there is no room for all of their texts or no memory.
    pub(super) fn of(threads: &mut Vec<(Partition, GroupedRows)>) -> Result<Option<Self>> {
        let most = (0..threads.len()).max_by_key(|thread| threads[*thread].1.total());
        threads.swap(0, most.unwrap_or_default());
        let Some(((rows, first), others)) = threads.split_first_mut() else { return Ok(None) };
        let mut texts = first.texts_of(rows);
        let numbers: Vec<Vec<Vec<u32>>> = others
            .iter()
            .map(|(rows, other)| {
                let theirs = other.texts_of(rows);
                texts.iter_mut().zip(&theirs).map(|(all, more)| all.take_in(more)).collect()
            })
            .collect();
        let is_room = texts.iter().zip(&first.rooms).all(|(all, room)| all.len() as u64 <= *room);
        // Hash tables grow by doubling.
        let size: usize = others.iter().map(|(_, other)| 2 * other.size()).sum();
        if !is_room || first.memory.try_grow(size).is_err() {
            return Ok(None);
        }
        let mut threads = std::mem::take(threads).into_iter().map(|(_, rows)| rows);
        let Some(mut whole) = threads.next() else { return Ok(None) };
        for (other, numbers) in threads.zip(numbers) {
            whole.take_in(other, &numbers)?;
        }
        whole.cells.settle();
        // What it takes until it leaves.
        let size = whole.size().min(whole.memory.size());
        whole.memory.try_resize(size)?;
        let total = whole.total();
        let row_values = whole.row_keys()?;
        Ok(Some(Self { rows: whole, texts, row_values, total }))
    }

    /// How many keys a group has.
    pub(super) fn key_count(&self) -> usize {
        self.rows.aggregation.keys.len()
    }

    /// The parts that the groups are made of.
    pub(super) fn parts(&self) -> Vec<(usize, usize)> {
        self.rows.parts(&self.row_values)
    }

    /// Some of the keys of groups that are made of these parts.
    pub(super) fn keys(&self, keys: &[usize], parts: &[(usize, usize)]) -> Result<Vec<ArrayRef>> {
        let texts: Vec<ArrayRef> =
            self.texts.iter().map(|numbers| Arc::new(numbers.texts()) as _).collect();
        let column = |key: &usize| self.rows.key_column(*key, parts, &self.row_values, &texts);
        keys.iter().map(column).collect()
    }

    /// What the functions have come to, for all groups.
    pub(super) fn values(&mut self) -> Result<Vec<ArrayRef>> {
        let of = Arc::clone(&self.rows.aggregation);
        self.rows.accumulators.values(&of.functions)
    }

    /// The groups by some of the keys, with the values of some of the functions.
    pub(super) fn coarser(
        &mut self,
        keys: &[usize],
        functions: &[usize],
        schema: &SchemaRef,
        parts: &[(usize, usize)],
    ) -> Result<RecordBatch> {
        let (groups, first) = self.regrouped(keys, parts)?;
        let first: Vec<(usize, usize)> =
            first.iter().filter_map(|place| parts.get(*place).copied()).collect();
        let mut columns = self.keys(keys, &first)?;
        let of = Arc::clone(&self.rows.aggregation);
        let accumulators = &mut self.rows.accumulators;
        columns.extend(accumulators.coarser(&of.functions, functions, &groups, first.len())?);
        batch_of(schema, columns, first.len())
    }

    /// For each group, the number of the combination of some of its keys, and the place of the
    /// first group that has each. Of the keys of a dimension, and of those that are evaluated row
    /// by row, all are among them or none.
    pub(super) fn regrouped(
        &self,
        kept: &[usize],
        parts: &[(usize, usize)],
    ) -> Result<(Vec<usize>, Vec<usize>)> {
        let of = &self.rows.aggregation;
        let mut codes = Vec::new();
        let mut has_rows = false;
        for key in kept {
            match of.keys.get(*key).ok_or_else(misplaced)? {
                Key::Row(_) => has_rows = true,
                key => codes.extend(self.rows.code_place(*key)),
            }
        }
        codes.sort_unstable();
        codes.dedup();
        let cells = self.rows.cells.cells();
        let mut kept_cells = vec![0_u64; parts.len()];
        let mut combinations = 1_u64;
        for place in codes {
            let (stride, count) = self.rows.stride(place)?;
            for (kept, (group, _)) in kept_cells.iter_mut().zip(parts) {
                let cell = cells.get(*group).copied().unwrap_or_default();
                *kept += cell / stride % count * combinations;
            }
            // All codes together have a place in 64 bits.
            combinations *= count;
        }
        let mut groups = Vec::new();
        let mut known = Cells::new(Some(combinations));
        known.groups(&kept_cells, &mut groups);
        let mut total = known.len();
        if has_rows {
            let pairs = groups.iter().zip(parts).map(|(group, (_, row))| pair(*group, *row));
            let mut known = Cells::new(None);
            let pairs: Vec<u64> = pairs.collect();
            known.groups(&pairs, &mut groups);
            total = known.len();
        }
        let mut first = Vec::with_capacity(total);
        for (place, group) in groups.iter().enumerate() {
            if *group == first.len() {
                first.push(place);
            }
        }
        Ok((groups, first))
    }
}

impl GroupedRows {
    /// Adds the groups of another thread; the numbers of its texts are `numbers` here.
    fn take_in(&mut self, mut other: Self, numbers: &[Vec<u32>]) -> Result<()> {
        if other.total() == 0 {
            return Ok(());
        }
        self.has_rows |= other.has_rows;
        let mut groups = Vec::new();
        if self.aggregation.keys.is_empty() {
            groups.push(0);
        } else {
            let has_codes = self.has_codes();
            if has_codes {
                let cells = self.moved_cells(&other, numbers)?;
                self.cells.groups(&cells, &mut groups);
            }
            if let (Some(values), Some(theirs)) = (&mut self.row_values, &mut other.row_values) {
                let mut rows = Vec::new();
                values.intern(&theirs.emit(EmitTo::All)?, &mut rows)?;
                if has_codes {
                    let place = |numbers: &[usize], number: usize| {
                        numbers.get(number).copied().ok_or_else(misplaced)
                    };
                    let moved = other.pairs.cells().iter().map(|known| {
                        let (group, row) = parts_of(*known);
                        Ok(pair(place(&groups, group)?, place(&rows, row)?))
                    });
                    let moved = moved.collect::<Result<Vec<u64>>>()?;
                    self.pairs.groups(&moved, &mut groups);
                } else {
                    groups = rows;
                }
            }
        }
        let total = self.total();
        self.accumulators.merge(other.accumulators, &groups, total)
    }

    /// The cells here of the groups of another thread, which may have more room for texts or less.
    fn moved_cells(&self, other: &Self, numbers: &[Vec<u32>]) -> Result<Vec<u64>> {
        let cells = other.cells.cells();
        if self.aggregation.texts.is_empty() {
            return Ok(cells.to_vec());
        }
        let dimensions = self.prepared.coded.len();
        let mut moved = vec![0; cells.len()];
        for place in 0..self.strides.len() {
            let (stride, _) = self.stride(place)?;
            let (their_stride, count) = other.stride(place)?;
            let numbers = place.checked_sub(dimensions).and_then(|text| numbers.get(text));
            for (moved, cell) in moved.iter_mut().zip(cells) {
                let code = cell / their_stride % count;
                let here = match numbers {
                    Some(numbers) => u64::from(*numbers.get(code as usize).ok_or_else(misplaced)?),
                    None => code,
                };
                *moved += here * stride;
            }
        }
        Ok(moved)
    }
}
