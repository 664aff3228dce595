//! The five tables and the schemas of their record batches.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::fmt;
use std::sync::{Arc, LazyLock};

/// A table of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Customers with city, nation and region.
    Customer,
    /// Suppliers with city, nation and region.
    Supplier,
    /// Parts with brand, category and manufacturer.
    Part,
    /// Days with month and year.
    Date,
    /// The fact: one row a line of an order.
    Lineorder,
}

const TABLES: [Table; 5] =
    [Table::Customer, Table::Supplier, Table::Part, Table::Date, Table::Lineorder];

/// All tables, dimensions before the fact that refers to them.
pub fn tables() -> &'static [Table] {
    &TABLES
}

impl Table {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Supplier => "supplier",
            Self::Part => "part",
            Self::Date => "date",
            Self::Lineorder => "lineorder",
        }
    }

    /// The schema of the table's batches: `Int32` and `Utf8View` columns, none nullable. Money is
    /// in cents, dates are keys of the `date` table, flags are 0 and 1.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; 5]> = LazyLock::new(|| TABLES.map(Table::make_schema));
        Arc::clone(&SCHEMAS[self as usize])
    }

    fn make_schema(self) -> SchemaRef {
        let integer = |name: &&str| Field::new(*name, DataType::Int32, false);
        let text = |name: &&str| Field::new(*name, DataType::Utf8View, false);
        let fields = self.columns().iter().map(|column| match column {
            Integer(name) => integer(name),
            Text(name) => text(name),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn columns(self) -> &'static [Column] {
        match self {
            Self::Customer => &CUSTOMER,
            Self::Supplier => &SUPPLIER,
            Self::Part => &PART,
            Self::Date => &DATE,
            Self::Lineorder => &LINEORDER,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The name and type of a column.
enum Column {
    Integer(&'static str),
    Text(&'static str),
}

use Column::{Integer, Text};

const CUSTOMER: [Column; 8] = [
    Integer("c_custkey"),
    Text("c_name"),
    Text("c_address"),
    Text("c_city"),
    Text("c_nation"),
    Text("c_region"),
    Text("c_phone"),
    Text("c_mktsegment"),
];

const SUPPLIER: [Column; 7] = [
    Integer("s_suppkey"),
    Text("s_name"),
    Text("s_address"),
    Text("s_city"),
    Text("s_nation"),
    Text("s_region"),
    Text("s_phone"),
];

const PART: [Column; 9] = [
    Integer("p_partkey"),
    Text("p_name"),
    Text("p_mfgr"),
    Text("p_category"),
    Text("p_brand1"),
    Text("p_color"),
    Text("p_type"),
    Integer("p_size"),
    Text("p_container"),
];

const DATE: [Column; 17] = [
    Integer("d_datekey"),
    Text("d_date"),
    Text("d_dayofweek"),
    Text("d_month"),
    Integer("d_year"),
    Integer("d_yearmonthnum"),
    Text("d_yearmonth"),
    Integer("d_daynuminweek"),
    Integer("d_daynuminmonth"),
    Integer("d_daynuminyear"),
    Integer("d_monthnuminyear"),
    Integer("d_weeknuminyear"),
    Text("d_sellingseason"),
    Integer("d_lastdayinweekfl"),
    Integer("d_lastdayinmonthfl"),
    Integer("d_holidayfl"),
    Integer("d_weekdayfl"),
];

const LINEORDER: [Column; 17] = [
    Integer("lo_orderkey"),
    Integer("lo_linenumber"),
    Integer("lo_custkey"),
    Integer("lo_partkey"),
    Integer("lo_suppkey"),
    Integer("lo_orderdate"),
    Text("lo_orderpriority"),
    Text("lo_shippriority"),
    Integer("lo_quantity"),
    Integer("lo_extendedprice"),
    Integer("lo_ordtotalprice"),
    Integer("lo_discount"),
    Integer("lo_revenue"),
    Integer("lo_supplycost"),
    Integer("lo_tax"),
    Integer("lo_commitdate"),
    Text("lo_shipmode"),
];
