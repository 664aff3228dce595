//! Starfact as a library: open a warehouse, run SQL, read rows as Arrow record batches.
//!
//! This crate is a facade without logic of its own: what it gives is made in the crates below, and
//! what is not here may change without notice.
//!
//! ```
//! # fn main() -> starfact::Result<()> {
//! use starfact::{OpenOptions, Outcome, Warehouse};
//!
//! // Without a path the warehouse is a temporary one.
//! let warehouse = Warehouse::open(OpenOptions::default())?;
//! let session = warehouse.session();
//! session.execute("CREATE TABLE sale (city VARCHAR, amount DECIMAL(9, 2))")?;
//! session.execute("INSERT INTO sale VALUES ('Oslo', 12.50), ('Turin', 7.25)")?;
//! if let Outcome::Rows(rows) = session.execute("SELECT sum(amount) FROM sale")? {
//!     for batch in rows {
//!         println!("{} row", batch?.num_rows());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub use arrow;
pub use starfact_sql::{
    BackupMode, BackupReport, CancelHandle, Checked, Error, ErrorKind, OpenOptions, Outcome,
    Pending, Position, Prepared, Progress, ProgressReport, Result, Rows, STATEMENTS, ScalarValue,
    Session, Splitter, Statement, Warehouse, check_setting, parse_bytes, split,
};
