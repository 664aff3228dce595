//! The eight tables and the schemas of their record batches.

use arrow::datatypes::SchemaRef;
use std::fmt;
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow,
    SupplierArrow,
};

/// A table of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Five regions.
    Region,
    /// 25 nations.
    Nation,
    /// Suppliers.
    Supplier,
    /// Parts.
    Part,
    /// Which suppliers have which parts, four a part.
    Partsupp,
    /// Customers.
    Customer,
    /// Orders of customers.
    Orders,
    /// One to seven lines an order.
    Lineitem,
}

const TABLES: [Table; 8] = [
    Table::Region,
    Table::Nation,
    Table::Supplier,
    Table::Part,
    Table::Partsupp,
    Table::Customer,
    Table::Orders,
    Table::Lineitem,
];

/// All tables, each after those that it refers to.
pub fn tables() -> &'static [Table] {
    &TABLES
}

impl Table {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Nation => "nation",
            Self::Supplier => "supplier",
            Self::Part => "part",
            Self::Partsupp => "partsupp",
            Self::Customer => "customer",
            Self::Orders => "orders",
            Self::Lineitem => "lineitem",
        }
    }

    /// The schema of the table's batches.
    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Region => RegionArrow::schema_ref(),
            Self::Nation => NationArrow::schema_ref(),
            Self::Supplier => SupplierArrow::schema_ref(),
            Self::Part => PartArrow::schema_ref(),
            Self::Partsupp => PartSuppArrow::schema_ref(),
            Self::Customer => CustomerArrow::schema_ref(),
            Self::Orders => OrderArrow::schema_ref(),
            Self::Lineitem => LineItemArrow::schema_ref(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
