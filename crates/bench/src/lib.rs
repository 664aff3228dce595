//! Benchmarks as a library: generate the data, load it, run the queries, verify the answers.
//!
//! The crate returns data and prints nothing; the command line shows it. [`ssb`] is the Star Schema
//! Benchmark. What a workload is made of lives in its module, what every workload shares (parallel
//! production, comparison of answers, the report) lives beside it.

mod answer;
mod engine;
mod error;
pub mod parallel;
mod progress;
mod report;
mod resources;
pub mod ssb;

pub use error::{Error, Result};
pub use progress::{Cancel, Event, Listener};
pub use report::{LoadReport, QueryReport, Report, TableLoad, VerifiedAgainst};
