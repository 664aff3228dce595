//! Benchmarks as a library: generate the data, load it, run the queries, verify the answers.
//!
//! The crate returns data and prints nothing; the command line shows it. [`ssb`] is the Star Schema
//! Benchmark. What a workload is made of lives in its module, what every workload shares (parallel
//! production, errors) lives beside it.

mod error;
pub mod parallel;
pub mod ssb;

pub use error::{Error, Result};
