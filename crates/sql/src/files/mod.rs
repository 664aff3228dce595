//! Files outside of the warehouse: which ones a name means, how they are read and written.
//!
//! ```text
//! FROM 'f.parquet', read_csv('f')     resolve ──► parquet_table (DataFusion's scan), csv_table
//! COPY t FROM 'f'                     import  ──► parquet_read, crate::csv
//! COPY … TO 'f'                       export  ──► parquet_write, crate::csv, into an output
//! ```
//!
//! Everything here is of the machine that runs the statement; relative names start in its current
//! folder. Only whole files are written: see [`output`].

mod compression;
mod csv_table;
mod export;
mod format;
mod guard;
mod import;
mod options;
mod output;
mod parquet_read;
mod parquet_table;
mod parquet_write;
mod path;
mod resolve;

pub(crate) use export::Export;
pub(crate) use format::Format;
pub(crate) use import::{Budget, import};
pub(crate) use path::local;
pub(crate) use resolve::resolve;

#[cfg(test)]
mod tests;
