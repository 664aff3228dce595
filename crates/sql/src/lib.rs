//! SQL over a warehouse: parsing, planning and running statements.
//!
//! ```text
//!   text ── parse ── statement/* ─┬─ queries: DataFusion plans and runs them over our scan
//!                                 └─ everything that changes tables: planned here, done by the
//!                                    store, in one commit a statement
//! ```
//!
//! DataFusion is used for queries only. What it does differently than users of PostgreSQL and
//! DuckDB expect is put right here, each thing in a module of its own: `arithmetic` and
//! `functions` (overflow is an error), `temporal` and `types` (microseconds), `literals`,
//! `select_names`, `error` (messages).
//!
//! ```
//! # fn main() -> starfact_sql::Result<()> {
//! use starfact_sql::{OpenOptions, Outcome, Warehouse};
//!
//! let warehouse = Warehouse::open(OpenOptions::default())?;
//! let session = warehouse.session();
//! session.execute("CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR)")?;
//! session.execute("INSERT INTO city VALUES (1, 'Oslo'), (2, 'Turin')")?;
//! let Outcome::Rows(rows) = session.execute("SELECT name FROM city WHERE id = 2")? else {
//!     unreachable!("a query has rows");
//! };
//! for batch in rows {
//!     assert_eq!(batch?.num_rows(), 1);
//! }
//! # Ok(())
//! # }
//! ```

mod arithmetic;
mod backup;
mod careful_pushdown;
mod catalog;
mod cooperation;
mod csv;
mod cube;
mod deadline;
mod dialect;
mod error;
mod files;
mod functions;
mod grouping_keys;
mod helpers;
mod information_schema;
mod keep_names;
mod literals;
mod null_items;
mod operators;
mod outcome;
mod parse;
mod plan_cache;
mod prepared;
mod progress;
mod query_log;
mod restored_order;
mod scan;
mod select_names;
mod session;
mod settings;
mod split;
mod star;
mod statement;
mod stop;
mod subqueries;
mod sys;
mod table_order;
mod temporal;
mod types;
mod unnest;
mod views;
mod warehouse;

/// A value of a parameter.
pub use datafusion::common::ScalarValue;
pub use error::{Error, ErrorKind, Position, Result};
pub use outcome::{Outcome, Rows};
pub use parse::STATEMENTS;
pub use prepared::Prepared;
pub use progress::{Progress, ProgressReport};
pub use session::{CancelHandle, Session};
pub use settings::parse_bytes;
pub use split::{Pending, Splitter, Statement, split};
pub use starfact_store::{BackupMode, BackupReport};
pub use statement::{Checked, check_setting};
pub use warehouse::{OpenOptions, Warehouse};

#[cfg(test)]
mod tests;
