//! TPC-H, with the rows of its own generator (the `tpchgen` crate gives the bytes of `dbgen`), the
//! 22 queries with their validation parameters, and the official answers at scale factor 1; and
//! queries of our own over the same tables.

/// A query in a file of `queries/tpch/`, the columns that its rows are ordered by, and those that
/// are quotients.
macro_rules! query {
    ($name:literal, $order_by:expr) => {
        query!($name, $order_by, [])
    };
    ($name:literal, $order_by:expr, $quotients:expr) => {
        query!("", $name, $order_by, $quotients)
    };
    ($folder:literal, $name:literal, $order_by:expr, $quotients:expr) => {
        Query {
            name: $name,
            sql: include_str!(concat!("../../../../queries/tpch/", $folder, $name, ".sql")),
            order_by: &$order_by,
            quotients: &$quotients,
        }
    };
}

mod generator;
mod own;
mod queries;
mod table;

pub use generator::Generator;
pub use queries::queries;
pub use table::{Table, tables};
