//! Rows that a statement keeps in memory until it knows what becomes of them, within the memory
//! limit of the session.

use super::Context;
use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use starfact_base::TableId;
use starfact_store::Transaction;

/// Changed rows that are handed to the transaction at a time.
const CHANGED_ROWS: usize = 65_536;

/// Batches in memory, of which the session's memory pool knows.
pub(super) struct Kept {
    batches: Vec<RecordBatch>,
    reservation: MemoryReservation,
}

impl Kept {
    pub(super) fn new(context: &Context) -> Self {
        let pool = &context.state.runtime_env().memory_pool;
        let reservation = MemoryConsumer::new("changes").register(pool);
        Self { batches: Vec::new(), reservation }
    }

    /// Keeps a batch.
    ///
    /// # Errors
    /// The memory limit is reached.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            self.reservation.try_grow(batch.get_array_memory_size())?;
            self.batches.push(batch);
        }
        Ok(())
    }

    pub(super) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }
}

/// New versions of rows, and the row ids of the old ones, on their way to the transaction.
pub(super) struct Updates {
    table: TableId,
    row_ids: Vec<u64>,
    batches: Vec<RecordBatch>,
    row_count: u64,
}

impl Updates {
    pub(super) fn new(table: TableId) -> Self {
        Self { table, row_ids: Vec::new(), batches: Vec::new(), row_count: 0 }
    }

    /// Row `row_ids[i]` becomes row i of `rows`.
    pub(super) fn push(
        &mut self,
        transaction: &mut Transaction,
        row_ids: &[u64],
        rows: RecordBatch,
    ) -> Result<()> {
        self.row_ids.extend_from_slice(row_ids);
        self.batches.push(rows);
        if self.row_ids.len() >= CHANGED_ROWS {
            self.hand_over(transaction)?;
        }
        Ok(())
    }

    /// Hands over what is left; returns how many rows there were.
    pub(super) fn finish(mut self, transaction: &mut Transaction) -> Result<u64> {
        self.hand_over(transaction)?;
        Ok(self.row_count)
    }

    fn hand_over(&mut self, transaction: &mut Transaction) -> Result<()> {
        let Some(first) = self.batches.first() else { return Ok(()) };
        let rows = concat_batches(&first.schema(), &self.batches)?;
        if rows.num_rows() > 0 {
            transaction.update(self.table, &self.row_ids, &rows)?;
        }
        self.row_count += rows.num_rows() as u64;
        self.row_ids.clear();
        self.batches.clear();
        Ok(())
    }
}

/// Row ids of rows to be deleted, on their way to the transaction.
pub(super) struct Deletions {
    table: TableId,
    row_ids: Vec<u64>,
    row_count: u64,
}

impl Deletions {
    pub(super) fn new(table: TableId) -> Self {
        Self { table, row_ids: Vec::new(), row_count: 0 }
    }

    /// Deletes rows; those that were deleted before do not count.
    pub(super) fn push(&mut self, transaction: &mut Transaction, row_ids: &[u64]) -> Result<()> {
        self.row_ids.extend_from_slice(row_ids);
        if self.row_ids.len() >= CHANGED_ROWS {
            self.hand_over(transaction)?;
        }
        Ok(())
    }

    /// Deletes what is left; returns how many rows were deleted.
    pub(super) fn finish(mut self, transaction: &mut Transaction) -> Result<u64> {
        self.hand_over(transaction)?;
        Ok(self.row_count)
    }

    fn hand_over(&mut self, transaction: &mut Transaction) -> Result<()> {
        if !self.row_ids.is_empty() {
            self.row_count += transaction.delete(self.table, &self.row_ids)?;
            self.row_ids.clear();
        }
        Ok(())
    }
}

/// The rows of a schema as one batch.
pub(super) fn one_batch(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    Ok(concat_batches(schema, batches)?)
}
