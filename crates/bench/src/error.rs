//! The error type of the benchmarks.

use std::path::{Path, PathBuf};
use thiserror::Error as ThisError;

/// The result of a benchmark operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while a benchmark is generated, loaded, run or verified.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The operating system refused a file operation.
    #[error("cannot {op} {}: {source}", path.display())]
    Io {
        /// What was attempted: "create", "rename".
        op: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A Parquet file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet library said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// The warehouse under test refused something.
    #[error("{doing}: {source}")]
    Engine {
        /// What was attempted: "query Q1.1", "loading table part".
        doing: String,
        /// What the warehouse said; its kind decides the exit code.
        #[source]
        source: starfact::Error,
    },
    /// Stock DataFusion could not evaluate a query.
    #[error("the independent evaluation failed at {doing}: {source}")]
    Reference {
        /// What was attempted: "query Q1.1".
        doing: String,
        /// What DataFusion said.
        #[source]
        source: Box<datafusion::error::DataFusionError>,
    },
    /// What the user asked for does not make sense.
    #[error("{0}")]
    InvalidInput(String),
    /// The user ended the benchmark.
    #[error("the benchmark was interrupted")]
    Interrupted,
}

impl Error {
    /// Wraps an operating-system error with what was attempted on which file.
    pub(crate) fn io<'a>(op: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> Self + 'a {
        move |source| Self::Io { op, path: path.into(), source }
    }

    /// Wraps an error of the Parquet library with the file that was being written.
    pub(crate) fn parquet(path: &Path) -> impl Fn(parquet::errors::ParquetError) -> Self + '_ {
        move |source| Self::Parquet { path: path.into(), source }
    }
}
