//! TPC-H, with the rows of its own generator (the `tpchgen` crate gives the bytes of `dbgen`), the
//! 22 queries with their validation parameters, and the official answers at scale factor 1; and
//! queries of our own over the same tables.

mod generator;
mod own;
mod queries;
mod table;

pub use generator::Generator;
pub use queries::queries;
pub use table::{Table, tables};
