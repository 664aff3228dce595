//! The generator: any range of any table, as record batches, by one thread or by many.
//!
//! Dimensions are cut into ranges of rows, the fact into ranges of whole orders. Each range is made
//! on its own from its numbers alone, so neither the size of the batches nor the number of threads
//! changes the rows.

use super::random::Random;
use super::table::Table;
use super::{calendar, dimensions, lineorder, sizes};
use crate::parallel;
use crate::scale::ScaleFactor;
use arrow::record_batch::RecordBatch;
use std::ops::Range;

/// The seed of the answers in `datasets/ssb/answers`. It is one of the few with which every query
/// has rows in its answer at scale factor 0.01, where there are but 20 suppliers.
pub const DEFAULT_SEED: u64 = 3_306;

/// Makes the rows of the benchmark's tables. Small and cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generator {
    scale: ScaleFactor,
    seed: u64,
}

impl Generator {
    /// A generator with the seed that the stored answers belong to.
    pub fn new(scale: ScaleFactor) -> Self {
        Self::with_seed(scale, DEFAULT_SEED)
    }

    /// A generator of other data of the same shape.
    pub fn with_seed(scale: ScaleFactor, seed: u64) -> Self {
        Self { scale, seed }
    }

    /// The scale factor.
    pub fn scale(&self) -> ScaleFactor {
        self.scale
    }

    /// Rows of `table`. Exact; the fact's are counted order by order, about a nanosecond each.
    pub fn row_count(&self, table: Table) -> u64 {
        match table {
            Table::Lineorder => {
                (0..sizes::orders(self.scale)).map(|order| lineorder::line_count(self, order)).sum()
            }
            dimension => self.unit_count(dimension),
        }
    }

    /// The rows of `table` in order, at most `batch_rows` a batch. A batch of the fact holds whole
    /// orders, so it may have up to six rows fewer, or up to seven if `batch_rows` is less.
    pub fn batches(
        &self,
        table: Table,
        batch_rows: usize,
    ) -> impl Iterator<Item = RecordBatch> + Send + use<> {
        let generator = *self;
        self.ranges(table, batch_rows).map(move |range| generator.batch(table, range))
    }

    /// The same batches in the same order as [`Self::batches`], made by `threads` threads. Each
    /// thread is at most two batches ahead of the caller, which bounds the memory; dropping the
    /// iterator ends the threads.
    pub fn parallel_batches(
        &self,
        table: Table,
        batch_rows: usize,
        threads: usize,
    ) -> impl Iterator<Item = RecordBatch> + Send + use<> {
        let generator = *self;
        let ranges = self.ranges(table, batch_rows);
        parallel::ordered(ranges, threads, move |range| generator.batch(table, range))
    }

    /// Hands every batch of [`Self::parallel_batches`] to `consume` in order, on the calling
    /// thread, until it fails.
    ///
    /// # Errors
    /// The first error of `consume`.
    pub fn for_each_parallel<E>(
        &self,
        table: Table,
        batch_rows: usize,
        threads: usize,
        consume: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        self.parallel_batches(table, batch_rows, threads).try_for_each(consume)
    }

    /// The random numbers of one row, or of one order of the fact.
    pub(super) fn random(&self, table: Table, row: u64) -> Random {
        Random::new(self.seed, table as u64, row)
    }

    /// The ranges of rows, or of orders for the fact, that make up the batches.
    pub(super) fn ranges(&self, table: Table, batch_rows: usize) -> Ranges {
        let units = 0..self.unit_count(table);
        self.ranges_within(table, units, batch_rows)
    }

    /// The ranges of `units`, which is a range itself.
    pub(super) fn ranges_within(
        &self,
        table: Table,
        units: Range<u64>,
        batch_rows: usize,
    ) -> Ranges {
        Ranges { generator: *self, table, units, batch_rows: batch_rows.max(1) as u64 }
    }

    /// The rows of one range.
    pub(super) fn batch(&self, table: Table, range: Range<u64>) -> RecordBatch {
        match table {
            Table::Customer => dimensions::customers(self, range),
            Table::Supplier => dimensions::suppliers(self, range),
            Table::Part => dimensions::parts(self, range),
            Table::Date => dimensions::dates(range),
            Table::Lineorder => lineorder::lines(self, range),
        }
    }

    /// What `table` is numbered by: its rows, or its orders for the fact.
    fn unit_count(&self, table: Table) -> u64 {
        match table {
            Table::Customer => sizes::customers(self.scale),
            Table::Supplier => sizes::suppliers(self.scale),
            Table::Part => sizes::parts(self.scale),
            Table::Date => calendar::days().len() as u64,
            Table::Lineorder => sizes::orders(self.scale),
        }
    }
}

/// Consecutive ranges of rows or orders, each of at most `batch_rows` rows.
#[derive(Clone, Debug)]
pub(super) struct Ranges {
    generator: Generator,
    table: Table,
    units: Range<u64>,
    batch_rows: u64,
}

impl Ranges {
    /// Where the range that begins at `start` ends.
    fn end(&self, start: u64) -> u64 {
        if self.table != Table::Lineorder {
            return start.saturating_add(self.batch_rows).min(self.units.end);
        }
        let mut rows = lineorder::line_count(&self.generator, start);
        let mut end = start + 1;
        while end < self.units.end {
            rows += lineorder::line_count(&self.generator, end);
            if rows > self.batch_rows {
                break;
            }
            end += 1;
        }
        end
    }
}

impl Iterator for Ranges {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        if self.units.is_empty() {
            return None;
        }
        let start = self.units.start;
        self.units.start = self.end(start);
        Some(start..self.units.start)
    }
}
