//! Parquet files as a table of a query: DataFusion's scan, with filters, projection and limit
//! pushed into it, and row groups and pages skipped by their statistics.
//!
//! Several files are read as one table with the columns of all, matched by name: a column that a
//! file lacks is NULL there. The same column with another type is refused.

use super::guard::{contradictory, guard};
use super::parquet_read::ParquetFile;
use crate::error::{Error, Result};
use crate::statement::Context;
use crate::types::sql_name;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::common::config::TableParquetOptions;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::FutureExt;
use starfact_base::Error as BaseError;
use std::fmt::Write;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ParquetTable {
    paths: Vec<PathBuf>,
    listing: ListingTable,
}

impl ParquetTable {
    /// Makes a table of files.
    ///
    /// # Errors
    /// Files that cannot be read or are no Parquet files, and columns whose type differs.
    pub(super) fn open(context: &Context, paths: Vec<PathBuf>) -> Result<Self> {
        let options = listing_options(context);
        let mut urls = Vec::with_capacity(paths.len());
        let mut fields: Vec<(FieldRef, &Path)> = Vec::new();
        for path in &paths {
            if path.metadata().is_ok_and(|metadata| metadata.len() == 0) {
                // DataFusion would take it for a file without columns.
                ParquetFile::open(path)?;
            }
            let url = url(path)?;
            let infer = options.infer_schema(context.state.as_ref(), &url);
            let schema = context.wait(guarded(std::slice::from_ref(path), infer))?;
            for field in schema.fields() {
                merge(&mut fields, field, path)?;
            }
            urls.push(url);
        }
        let fields = fields.into_iter().map(|(field, _)| field).collect::<Vec<_>>();
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(options)
            .with_schema(Arc::new(Schema::new(fields)));
        let cache = context.state.runtime_env().cache_manager.get_file_statistic_cache();
        let listing = ListingTable::try_new(config)?.with_cache(cache);
        Ok(Self { paths, listing })
    }
}

fn listing_options(context: &Context) -> ListingOptions {
    let global = context.state.config_options().execution.parquet.clone();
    let mut options = TableParquetOptions { global, ..Default::default() };
    // The old 96-bit timestamps would be nanoseconds otherwise, in which few years fit.
    options.global.coerce_int96.get_or_insert_with(|| "us".into());
    let format = ParquetFormat::default().with_options(options);
    ListingOptions::new(Arc::new(format)).with_file_extension("")
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        self.listing.schema()
    }

    fn table_type(&self) -> TableType {
        self.listing.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        self.listing.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let scan = self.listing.scan(state, projection, filters, limit);
        Ok(guard(guarded(&self.paths, scan).await?))
    }
}

/// Runs `work` on the footers of files; an error or panic in it becomes one of the file.
async fn guarded<T>(
    paths: &[PathBuf],
    work: impl Future<Output = DataFusionResult<T>>,
) -> Result<T> {
    let error = match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => Some(Error::from(error)),
        Err(_) => None,
    };
    // Our own reader says more, if it fails as well.
    for path in paths {
        ParquetFile::open(path)?;
    }
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(match error {
        Some(error) => Error { message: format!("'{names}': {}", error.message), ..error },
        None => contradictory(&names),
    })
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
