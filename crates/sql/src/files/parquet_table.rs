//! Parquet files as a table of a query: DataFusion's scan, with filters, projection and limit pushed
//! into it, and row groups and pages skipped by their statistics.
//!
//! Several files are read as one table with the columns of all, matched by name: a column that a
//! file lacks is NULL there. The same column with another type is refused.

use super::parquet_read::ParquetFile;
use crate::error::{Error, Result};
use crate::statement::Context;
use crate::types::sql_name;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::config::TableParquetOptions;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use starfact_base::Error as BaseError;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes a table of files.
///
/// # Errors
/// Files that cannot be read or are no Parquet files, and columns whose type differs.
pub(super) fn open(context: &Context, paths: &[PathBuf]) -> Result<Arc<dyn TableProvider>> {
    let config = context.state.config_options();
    let mut options =
        TableParquetOptions { global: config.execution.parquet.clone(), ..Default::default() };
    // The old 96-bit timestamps would be nanoseconds otherwise, in which few years fit.
    options.global.coerce_int96.get_or_insert_with(|| "us".into());
    let format = ParquetFormat::default().with_options(options);
    let options = ListingOptions::new(Arc::new(format)).with_file_extension("");
    let mut urls = Vec::with_capacity(paths.len());
    let mut fields: Vec<(FieldRef, &Path)> = Vec::new();
    for path in paths {
        let url = url(path)?;
        let schema = context.wait(async { Ok(options.infer_schema(&context.state, &url).await?) });
        let schema = schema.map_err(|error| explain(path, error))?;
        for field in schema.fields() {
            merge(&mut fields, field, path)?;
        }
        urls.push(url);
    }
    let schema = Schema::new(fields.into_iter().map(|(field, _)| field).collect::<Vec<_>>());
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(Arc::new(schema));
    let cache = context.state.runtime_env().cache_manager.get_file_statistic_cache();
    Ok(Arc::new(ListingTable::try_new(config)?.with_cache(cache)))
}

/// Adds a column of a file, or checks that it is the one that is known.
fn merge<'a>(
    fields: &mut Vec<(FieldRef, &'a Path)>,
    field: &FieldRef,
    path: &'a Path,
) -> Result<()> {
    let Some((known, first)) = fields.iter_mut().find(|(known, _)| known.name() == field.name())
    else {
        fields.push((Arc::new(field.as_ref().clone().with_nullable(true)), path));
        return Ok(());
    };
    if known.data_type() == field.data_type() {
        return Ok(());
    }
    let (name, file, first) = (field.name(), path.display(), first.display());
    let (found, expected) = (sql_name(field.data_type()), sql_name(known.data_type()));
    Err(Error::sql(format!(
        "column \"{name}\" is {found} in '{file}', and {expected} in '{first}'"
    ))
    .with_hint("read them separately, and put them together with casts and UNION ALL"))
}

/// The address of a file. Everything that might mean something in an address is escaped.
fn url(path: &Path) -> Result<ListingTableUrl> {
    let path = std::fs::canonicalize(path).map_err(|error| BaseError::io("open", path, error))?;
    let Some(text) = path.to_str() else {
        return Err(Error::sql(format!("the name '{}' is not UTF-8", path.display())));
    };
    let mut url = "file://".to_owned();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    Ok(ListingTableUrl::parse(url)?)
}

/// What our own reader says about the file; else the error, with the file's name.
fn explain(path: &Path, error: Error) -> Error {
    match ParquetFile::open(path) {
        Err(own) => own,
        Ok(_) => Error { message: format!("'{}': {}", path.display(), error.message), ..error },
    }
}
