//! The generator: any piece of any table, as record batches.
//!
//! A piece is one of so many equal parts of a table, which the generator can begin with at once; a
//! part of `lineitem` has the lines of whole orders.

use super::own::own_queries;
use super::queries::{self, queries};
use super::table::{Table, tables};
use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::scale::ScaleFactor;
use crate::workload::{Query, Workload};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use std::collections::HashSet;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, PartSuppGeneratorIterator, RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow,
    SupplierArrow,
};

/// Rows of `partsupp` a part.
const SUPPLIERS_A_PART: i64 = 4;
/// Lines of an order on the average.
const LINES_AN_ORDER: i64 = 4;

/// Makes the rows of the benchmark's tables. Small and cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Generator {
    scale: ScaleFactor,
}

impl Generator {
    /// A generator of the data of a scale factor.
    ///
    /// # Errors
    /// `InvalidInput` if the benchmark's formulas give one key twice, which below scale factor
    /// 0.023 they often do.
    pub fn new(scale: ScaleFactor) -> Result<Self> {
        let generator = Self { scale };
        match generator.has_unique_keys() {
            true => Ok(generator),
            false => Err(Error::InvalidInput(format!(
                "TPC-H has no valid data at scale factor {scale}: its formula gives a part the \
                 same supplier twice. Take 0.01, or 0.023 and more"
            ))),
        }
    }

    /// Whether each part has four different suppliers.
    fn has_unique_keys(&self) -> bool {
        let scale = self.scale.as_f64();
        let suppliers = SupplierGenerator::calculate_row_count(scale, 1, 1);
        let parts = PartGenerator::calculate_row_count(scale, 1, 1);
        // From 0.023 the steps between suppliers, a quarter to a third of all, do not meet.
        let is_small = scale < 0.023;
        let is_unique = |part: i64| {
            let of = |number| PartSuppGeneratorIterator::select_part_supplier(part, number, scale);
            let different: HashSet<i64> = (0..SUPPLIERS_A_PART).map(of).collect();
            different.len() as i64 == SUPPLIERS_A_PART
        };
        suppliers > 0 && parts > 0 && (!is_small || (1..=parts).all(is_unique))
    }

    /// What a table is cut into: its rows, the parts of `partsupp`, the orders of `lineitem`; and
    /// how many rows one of them is.
    fn units(&self, table: Table) -> (i64, i64) {
        let scale = self.scale.as_f64();
        match table {
            Table::Region => (5, 1),
            Table::Nation => (25, 1),
            Table::Supplier => (SupplierGenerator::calculate_row_count(scale, 1, 1), 1),
            Table::Part => (PartGenerator::calculate_row_count(scale, 1, 1), 1),
            Table::Partsupp => {
                (PartSuppGenerator::calculate_row_count(scale, 1, 1), SUPPLIERS_A_PART)
            }
            Table::Customer => (CustomerGenerator::calculate_row_count(scale, 1, 1), 1),
            Table::Orders => (OrderGenerator::calculate_row_count(scale, 1, 1), 1),
            Table::Lineitem => (OrderGenerator::calculate_row_count(scale, 1, 1), LINES_AN_ORDER),
        }
    }
}

/// One of so many parts of a table, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    number: i32,
    of: i32,
}

impl Workload for Generator {
    type Table = Table;
    type Piece = Piece;

    const NAME: &'static str = "tpch";
    const SCHEMA: &'static str = include_str!("../../../../datasets/tpch/schema.sql");

    fn scale(&self) -> ScaleFactor {
        self.scale
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
        let (units, rows) = self.units(table);
        if table != Table::Lineitem {
            return (units * rows) as u64;
        }
        let mut lines = OrderGenerator::create_line_count_random();
        let line_count = |_| {
            let count = lines.next_value();
            lines.row_finished();
            count as u64
        };
        (0..units).map(line_count).sum()
    }

    fn pieces(
        &self,
        table: Table,
        rows: usize,
    ) -> impl Iterator<Item = Piece> + Clone + Send + 'static {
        let (units, unit_rows) = self.units(table);
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let a_piece = (rows / unit_rows).max(1);
        let of = match table {
            // The generator makes these whole only.
            Table::Region | Table::Nation => 1,
            _ => i32::try_from((units as u64).div_ceil(a_piece as u64)).unwrap_or(i32::MAX),
        };
        (1..=of).map(move |number| Piece { number, of })
    }

    fn batches(
        &self,
        table: Table,
        Piece { number, of }: Piece,
        rows: usize,
    ) -> impl Iterator<Item = RecordBatch> {
        let scale = self.scale.as_f64();
        macro_rules! made {
            ($arrow:ident, $generator:ident) => {
                Box::new(
                    $arrow::new($generator::new(scale, number, of))
                        .with_batch_size(rows)
                        .map(whole),
                )
            };
        }
        let batches: Box<dyn Iterator<Item = RecordBatch>> = match table {
            Table::Region => made!(RegionArrow, RegionGenerator),
            Table::Nation => made!(NationArrow, NationGenerator),
            Table::Supplier => made!(SupplierArrow, SupplierGenerator),
            Table::Part => made!(PartArrow, PartGenerator),
            Table::Partsupp => made!(PartSuppArrow, PartSuppGenerator),
            Table::Customer => made!(CustomerArrow, CustomerGenerator),
            Table::Orders => made!(OrderArrow, OrderGenerator),
            Table::Lineitem => made!(LineItemArrow, LineItemGenerator),
        };
        batches
    }

    fn queries() -> &'static [Query] {
        queries()
    }

    fn own_queries() -> &'static [Query] {
        own_queries()
    }

    fn stored_answer(&self, query: &Query) -> Option<Answer> {
        let is_stored = self.scale.as_f64() == 1.0;
        is_stored.then(|| queries::official_answer(query)).flatten()
    }
}

/// A batch of the generator, whose columns have the types and the lengths of its schema.
fn whole(batch: Result<RecordBatch, ArrowError>) -> RecordBatch {
    match batch {
        Ok(batch) => batch,
        Err(error) => unreachable!("the generator made columns of another schema: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::compute::concat_batches;

    fn generator(scale: &str) -> Result<Generator> {
        Generator::new(scale.parse().unwrap())
    }

    fn table(generator: &Generator, table: Table, piece: usize, rows: usize) -> RecordBatch {
        let pieces = generator.pieces(table, piece);
        let batches: Vec<_> =
            pieces.flat_map(|piece| generator.batches(table, piece, rows)).collect();
        concat_batches(&table.schema(), &batches).unwrap()
    }

    #[test]
    fn every_table_has_its_rows_however_it_is_cut() {
        let generator = generator("0.01").unwrap();
        for of in tables() {
            let whole = table(&generator, *of, usize::MAX, usize::MAX);
            assert_eq!(whole.num_rows() as u64, generator.row_count(*of), "{of}");
            for (piece, rows) in [(1_000, 8_000), (7, 3), (65_536, 1_000)] {
                assert_eq!(table(&generator, *of, piece, rows), whole, "{of} in {piece}s");
            }
        }
        let rows = |of| generator.row_count(of);
        assert_eq!((rows(Table::Partsupp), rows(Table::Lineitem)), (8_000, 60_175));
    }

    #[test]
    fn scale_factors_without_valid_data_are_refused() {
        for scale in ["0.01", "0.0231", "0.05", "0.1", "1", "10"] {
            assert!(generator(scale).is_ok(), "{scale}");
        }
        for scale in ["0.000001", "0.001", "0.005", "0.012"] {
            let message = generator(scale).unwrap_err().to_string();
            assert!(message.contains(scale) && message.contains("Take 0.01"), "{message}");
        }
    }

    /// What [`Generator::has_unique_keys`] takes for granted.
    #[test]
    fn suppliers_of_a_part_differ_from_0_023() {
        let steps = |suppliers: i64| (0..20).map(move |step| suppliers / 4 + step);
        let meet = |suppliers: i64| {
            steps(suppliers).any(|step| (1..4).any(|times| times * step % suppliers == 0))
        };
        assert!((230..100_000).all(|suppliers| !meet(suppliers)));
        assert!(meet(50) && meet(120));
    }
}
