//! The Star Schema Benchmark of O'Neil, O'Neil and Chen, revision 3 (2009).
//!
//! A [`Generator`] makes the rows of the five [`tables`] at a [`ScaleFactor`]. Every row is a pure
//! function of seed, table and row number. Sizes, value domains, hierarchies and derived columns
//! are those of the specification and of its `dbgen`; the random numbers are our own, so the data
//! has the published distributions but not the bytes of `dbgen`.
//!
//! Where the two differ: parts grow with the binary logarithm of the scale factor (`dbgen` takes
//! the natural one), weekdays are those of the calendar (`dbgen` is a day off), and a brand has
//! nine characters (`dbgen` writes its first nine brands of a category without the leading zero).

mod calendar;
mod dimensions;
mod generator;
mod lineorder;
mod queries;
mod random;
mod sizes;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use generator::{DEFAULT_SEED, Generator};
pub use queries::queries;
pub use table::{Table, tables};

use crate::answer::Answer;
use crate::scale::ScaleFactor;
use crate::workload::{Query, Workload};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::ops::Range;

impl Workload for Generator {
    type Table = Table;
    type Piece = Range<u64>;

    const NAME: &'static str = "ssb";
    const SCHEMA: &'static str = include_str!("../../../../datasets/ssb/schema.sql");
    const CUBES: &'static str = include_str!("../../../../queries/ssb/cubes.sql");

    fn scale(&self) -> ScaleFactor {
        Self::scale(self)
    }

    fn tables() -> &'static [Table] {
        tables()
    }

    fn name(table: Table) -> &'static str {
        table.name()
    }

    fn schema(table: Table) -> SchemaRef {
        table.schema()
    }

    fn row_count(&self, table: Table) -> u64 {
        Self::row_count(self, table)
    }

    fn pieces(
        &self,
        table: Table,
        rows: usize,
    ) -> impl Iterator<Item = Range<u64>> + Clone + Send + 'static {
        self.ranges(table, rows)
    }

    fn batches(
        &self,
        table: Table,
        piece: Range<u64>,
        rows: usize,
    ) -> impl Iterator<Item = RecordBatch> {
        let generator = *self;
        self.ranges_within(table, piece, rows).map(move |range| generator.batch(table, range))
    }

    fn queries() -> &'static [Query] {
        queries()
    }

    fn stored_answer(&self, query: &Query) -> Option<Answer> {
        queries::stored_answer(query, self)
    }
}
