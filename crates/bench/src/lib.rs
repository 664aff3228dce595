//! Benchmarks as a library: generate the data, load it, run the queries, verify the answers.
//!
//! The crate returns data and prints nothing; the command line shows it. [`ssb`] is the Star Schema
//! Benchmark, [`tpch`] is TPC-H. What a benchmark is made of lives in its module and is a
//! [`Workload`]; what all of them share (parallel production, loading, running, comparison of
//! answers, the report) lives beside it.

mod answer;
mod cubes;
mod engine;
mod error;
mod load;
pub mod parallel;
mod parquet;
mod progress;
mod reference;
mod report;
mod resources;
mod run;
mod scale;
mod selection;
pub mod ssb;
pub mod tpch;
mod workload;

pub use answer::Answer;
pub use error::{Error, Result};
pub use parquet::{GeneratedFile, write_parquet};
pub use progress::{Cancel, Event, Listener};
pub use report::{LoadReport, QueryReport, Report, TableLoad, VerifiedAgainst};
pub use run::{Options, run};
pub use scale::ScaleFactor;
pub use workload::{Query, Workload};
