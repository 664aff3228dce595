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
mod load;
mod parquet;
mod queries;
mod random;
mod reference;
mod run;
mod scale;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use generator::{DEFAULT_SEED, Generator};
pub use parquet::{GeneratedFile, write_parquet};
pub use queries::{Query, queries};
pub use run::{Options, run};
pub use scale::ScaleFactor;
pub use table::{Table, tables};
