//! Rows that are sorted and written together, and how they are put in order.

use super::combined::starts;
use super::input::CheckedRows;
use crate::keys::layout::{Layout, NormalKey, ours};
use crate::workers::Workers;
use arrow::array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow::compute::concat;
use rayon::slice::ParallelSliceMut;
use starfact_base::{Error, Result};
use std::sync::Arc;

/// Below this many rows, a sort is not worth a second thread.
const PARALLEL_ROWS_MIN: usize = 1 << 14;

/// Rows in the order in which they are to be written.
pub(crate) trait Rows: Sync {
    fn row_count(&self) -> usize;

    /// The values of one column, not in that order.
    fn column(&self, idx: usize) -> Result<ArrayRef>;

    /// For each row in that order, its place in `column`; `None` if both are the same.
    fn order(&self) -> Option<&UInt32Array>;
}

/// A part of the input, batch after batch.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Rows of the input before it.
    first_row: u64,
    row_count: usize,
    byte_len: usize,
    batches: Vec<Vec<ArrayRef>>,
    /// Columns that were looked up: they come after those of the batches.
    added: Vec<ArrayRef>,
}

impl Chunk {
    pub(crate) fn is_empty(&self) -> bool {
        self.row_count == 0
    }

    pub(crate) fn row_count(&self) -> usize {
        self.row_count
    }

    pub(crate) fn byte_len(&self) -> usize {
        self.byte_len
    }

    pub(crate) fn push(&mut self, rows: CheckedRows) {
        self.row_count += rows.row_count;
        self.byte_len += rows.byte_len;
        self.batches.push(rows.columns);
    }

    /// Rows of the input before it.
    pub(crate) fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Adds a column that comes after all others.
    pub(crate) fn add(&mut self, column: ArrayRef) {
        self.added.push(column);
    }

    /// This chunk, leaving the empty one that follows it.
    pub(crate) fn take(&mut self) -> Self {
        let next = Self { first_row: self.first_row + self.row_count as u64, ..Self::default() };
        std::mem::replace(self, next)
    }

    /// The values of one column; the one after the last are the numbers of the rows in the input,
    /// from 1.
    pub(crate) fn column(&self, idx: usize) -> Result<ArrayRef> {
        let from_input = self.batches.first().map_or(0, Vec::len);
        let added = idx.checked_sub(from_input).and_then(|idx| self.added.get(idx));
        if let Some(added) = added {
            return Ok(Arc::clone(added));
        }
        let parts: Vec<&dyn Array> =
            self.batches.iter().filter_map(|batch| batch.get(idx)).map(AsRef::as_ref).collect();
        match parts.as_slice() {
            [] => {
                let first = self.first_row as i64 + 1;
                let numbers = first..first + self.row_count as i64;
                Ok(Arc::new(Int64Array::from_iter_values(numbers)))
            }
            [_] => self
                .batches
                .first()
                .and_then(|batch| batch.get(idx))
                .cloned()
                .ok_or_else(|| Error::internal("a chunk without batches")),
            parts => concat(parts).map_err(ours),
        }
    }
}

/// A chunk in order, and its ends.
#[derive(Debug)]
pub(crate) struct SortedChunk<K> {
    chunk: Chunk,
    order: Option<UInt32Array>,
    /// The least and the greatest key; `None` without a sort order.
    pub(crate) ends: Option<(K, K)>,
    /// The places of the first rows with each key, where these are asked for.
    pub(crate) starts: Option<Vec<u32>>,
}

impl<K: NormalKey> SortedChunk<K> {
    /// A chunk in the order that it came in, without keys: all rows have the same.
    pub(crate) fn as_it_is(chunk: Chunk) -> Self {
        Self { chunk, order: None, ends: None, starts: Some(vec![0]) }
    }

    /// Sorts a chunk by the columns at `places`; equal rows stay in the order of the input.
    pub(crate) fn sort(
        chunk: Chunk,
        layout: &Layout,
        places: &[usize],
        workers: &Workers,
        wants_starts: bool,
    ) -> Result<Self> {
        let columns: Vec<ArrayRef> =
            places.iter().map(|place| chunk.column(*place)).collect::<Result<_>>()?;
        let keys = K::encode(layout, &columns)?;
        drop(columns);
        if keys.is_sorted() {
            let ends = keys.first().cloned().zip(keys.last().cloned());
            let starts = wants_starts.then(|| starts(keys.iter()));
            return Ok(Self { chunk, order: None, ends, starts });
        }
        let mut pairs: Vec<(K, u32)> = keys.into_iter().zip(0..).collect();
        sort(&mut pairs, workers);
        let first = pairs.first().map(|(key, _)| key.clone());
        let ends = first.zip(pairs.last().map(|(key, _)| key.clone()));
        let starts = wants_starts.then(|| starts(pairs.iter().map(|(key, _)| key)));
        let order = UInt32Array::from_iter_values(pairs.into_iter().map(|(_, row)| row));
        Ok(Self { chunk, order: Some(order), ends, starts })
    }

    /// The order, for the numbers of its rows.
    pub(crate) fn into_order(self) -> Option<UInt32Array> {
        self.order
    }
}

/// Sorts pairs of which no two are equal.
pub(crate) fn sort<T: Ord + Send>(pairs: &mut [T], workers: &Workers) {
    if pairs.len() >= PARALLEL_ROWS_MIN && workers.are_many() {
        workers.run(|| pairs.par_sort_unstable());
    } else {
        pairs.sort_unstable();
    }
}

impl<K: NormalKey> Rows for SortedChunk<K> {
    fn row_count(&self) -> usize {
        self.chunk.row_count
    }

    fn column(&self, idx: usize) -> Result<ArrayRef> {
        self.chunk.column(idx)
    }

    fn order(&self) -> Option<&UInt32Array> {
        self.order.as_ref()
    }
}
