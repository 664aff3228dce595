//! What a benchmark consists of: tables with their rows, and queries with their answers.

use crate::answer::Answer;
use crate::scale::ScaleFactor;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::fmt;

/// A benchmark at a scale factor. Its rows are made piece by piece, by any thread, and are the same
/// each time.
pub trait Workload: Clone + Send + Sync + 'static {
    /// Its tables.
    type Table: Copy + fmt::Display + Send + Sync + 'static;
    /// A part of a table that is made on its own.
    type Piece: Clone + Send + 'static;

    /// What it is called in reports: `ssb`.
    const NAME: &'static str;
    /// The statements that create the tables, with their keys and sort orders.
    const SCHEMA: &'static str;
    /// The statements that create the cubes of its dashboards, one behind the other; none if it has
    /// no cubes.
    const CUBES: &'static str = "";

    /// How large the data is.
    fn scale(&self) -> ScaleFactor;

    /// All tables, each after those that it refers to.
    fn tables() -> &'static [Self::Table];

    /// The name of a table.
    fn name(table: Self::Table) -> &'static str;

    /// The columns of a table's batches.
    fn schema(table: Self::Table) -> SchemaRef;

    /// Rows of a table.
    fn row_count(&self, table: Self::Table) -> u64;

    /// The pieces of a table in order, of about so many rows each.
    fn pieces(
        &self,
        table: Self::Table,
        rows: usize,
    ) -> impl Iterator<Item = Self::Piece> + Clone + Send + 'static;

    /// The rows of a piece in order, about so many a batch.
    fn batches(
        &self,
        table: Self::Table,
        piece: Self::Piece,
        rows: usize,
    ) -> impl Iterator<Item = RecordBatch>;

    /// All queries, in the order of the benchmark.
    fn queries() -> &'static [Query];

    /// Queries of our own over the same tables, which run only if they are asked for.
    fn own_queries() -> &'static [Query] {
        &[]
    }

    /// The answer that is stored for a query over these rows, if one is.
    fn stored_answer(&self, query: &Query) -> Option<Answer>;
}

/// A query of a benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// `Q2.1`
    pub name: &'static str,
    /// The text, one statement.
    pub sql: &'static str,
    /// Columns of the result that its `ORDER BY` names, from 0.
    pub(crate) order_by: &'static [usize],
    /// Columns of quotients and averages, whose last digit depends on how an engine rounds.
    pub(crate) quotients: &'static [usize],
}

#[cfg(test)]
impl Query {
    /// That the query orders by the columns of its answer that it is said to order by.
    pub(crate) fn assert_orders_as_said(&self, answer: &Answer) {
        let (_, order) = self.sql.rsplit_once("\nORDER BY").unwrap_or_default();
        let order = order.split("\nLIMIT").next().unwrap_or_default();
        let named = order.trim().trim_end_matches(';').split(", ");
        let named: Vec<&str> = named
            .map(|part| part.split(' ').next().unwrap_or_default())
            .filter(|name| !name.is_empty())
            .collect();
        let said: Vec<&str> = self.order_by.iter().map(|&at| answer.column(at)).collect();
        assert_eq!(said, named, "{}", self.name);
    }
}
