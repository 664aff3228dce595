//! The arguments of `starfact bench`.

use super::Resources;
use clap::{Args, ValueEnum};
use starfact_bench::ScaleFactor;
use std::path::PathBuf;

/// Run a benchmark: generate the data, load it, time the queries, verify the answers
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// ssb: the Star Schema Benchmark; tpch: TPC-H
    #[arg(value_enum, hide_possible_values = true)]
    pub workload: Workload,
    /// Scale factor: 1 is six million order lines; fractions are allowed
    #[arg(long = "sf", value_name = "N", default_value = "1")]
    pub scale: ScaleFactor,
    /// Warehouse to keep the data in and to reuse [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub warehouse: Option<PathBuf>,
    /// Queries to run, as in Q1,Q6; tpch has O1 to O14 of our own too, own means all of these
    /// [default: those of the benchmark]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub queries: Vec<String>,
    /// Times that each query is timed
    #[arg(long, value_name = "R", default_value = "5", value_parser = parse_runs)]
    pub runs: usize,
    /// Create the cubes of queries/ssb/cubes.sql, and time the queries without and with them
    #[arg(long)]
    pub cubes: bool,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the data as Parquet files and do nothing else
    #[arg(long, requires = "out")]
    #[arg(conflicts_with_all = ["warehouse", "queries", "runs", "json", "cubes"])]
    pub generate_only: bool,
    /// Folder for the Parquet files
    #[arg(long, value_name = "DIR", requires = "generate_only")]
    pub out: Option<PathBuf>,
    /// Only read the warehouse, which has to have the data
    #[arg(long, requires = "warehouse")]
    pub readonly: bool,
    #[command(flatten)]
    pub resources: Resources,
}

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    Ssb,
    Tpch,
}

fn parse_runs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(runs @ 1..=10_000) => Ok(runs),
        _ => Err("write a number from 1 to 10000".into()),
    }
}
