//! A file scan whose errors name the file.
//!
//! DataFusion's scan of Parquet files does not say which file is damaged, and damage can make the
//! decoder panic. This wraps each stage of the scan of one file, and leaves everything else to the
//! source within:
//!
//! ```text
//! source ──► morselizer ──► planner ──► planner … ──► morsel ──► batches
//!            one a file     one an I/O                part of a file
//! ```

use crate::error::Error;
use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::physical_plan::{
    FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, SortOrderPushdownResult};
use datafusion_datasource::PartitionedFile;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::future::FutureExt;
use futures::stream::{BoxStream, StreamExt};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Puts the guard around the source of a plan that scans files; other plans stay as they are.
pub(super) fn guard(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let config = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    let Some(config) = config else { return plan };
    let source = Guarded::wrap(Arc::clone(config.file_source()));
    let config = FileScanConfigBuilder::from(config.clone()).with_source(source).build();
    DataSourceExec::from_data_source(config)
}

/// The error for a file that cannot be read.
pub(super) fn damaged(file: &str, why: &dyn fmt::Display) -> Error {
    let why = why.to_string();
    let mut why = why.as_str();
    for category in ["Parquet error: ", "Parquet: ", "Parquet argument error: ", "EOF: "] {
        why = why.trim_start_matches(category);
    }
    Error::sql(format!("cannot read '{file}': it is damaged or no Parquet file: {why}"))
}

/// The error for a file whose decoder panicked.
pub(super) fn contradictory(file: &str) -> Error {
    damaged(file, &"its contents contradict each other")
}

/// Runs a stage; an error or panic of it becomes an error of the file.
fn run<T>(file: &Arc<str>, stage: impl FnOnce() -> Result<T>) -> Result<T> {
    settle(file, catch_unwind(AssertUnwindSafe(stage)))
}

fn settle<T>(file: &Arc<str>, outcome: std::thread::Result<Result<T>>) -> Result<T> {
    let error = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error,
        Err(_) => return Err(contradictory(file).into()),
    };
    // What has another cause, such as an expression that the scan evaluates, passes as it is.
    match error.find_root() {
        DataFusionError::ParquetError(_) => {}
        DataFusionError::ArrowError(inner, _) if matches!(**inner, ArrowError::ParquetError(_)) => {
        }
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            let why = Error::from(error).message;
            return Err(Error::sql(format!("cannot read '{file}': {why}")).into());
        }
        _ => return Err(error),
    }
    Err(damaged(file, &Error::from(error).message).into())
}

/// See the [module](self).
struct Guarded {
    inner: Arc<dyn FileSource>,
}

impl Guarded {
    fn wrap(inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner })
    }
}

impl FileSource for Guarded {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let inner = self.inner.create_morselizer(store, config, partition)?;
        Ok(Box::new(GuardedMorselizer { inner }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Self::wrap(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(kind, out)
    }

    fn supports_repartitioning(&self) -> bool {
        self.inner.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        file_size_min: usize,
        ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        // What comes back is a copy of `config`, whose source is this one.
        self.inner.repartitioned(target_partitions, file_size_min, ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let mut pushed = self.inner.try_pushdown_filters(filters, config)?;
        pushed.updated_node = pushed.updated_node.map(Self::wrap);
        Ok(pushed)
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_sort(order, properties)?.map(Self::wrap))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_projection(projection)?.map(Self::wrap))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(visit)
    }
}

#[derive(Debug)]
struct GuardedMorselizer {
    inner: Box<dyn Morselizer>,
}

impl Morselizer for GuardedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let name: Arc<str> = format!("/{}", file.object_meta.location).into();
        let inner = run(&name, || self.inner.plan_file(file))?;
        Ok(Box::new(GuardedPlanner { file: name, inner }))
    }
}

#[derive(Debug)]
struct GuardedPlanner {
    file: Arc<str>,
    inner: Box<dyn MorselPlanner>,
}

impl MorselPlanner for GuardedPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { file, inner } = *self;
        let Some(mut plan) = run(&file, || inner.plan())? else { return Ok(None) };
        let wrap =
            |inner| Box::new(Self { file: Arc::clone(&file), inner }) as Box<dyn MorselPlanner>;
        let morsels = plan.take_morsels().into_iter().map(|inner| {
            Box::new(GuardedMorsel { file: Arc::clone(&file), inner }) as Box<dyn Morsel>
        });
        let mut guarded = MorselPlan::new()
            .with_morsels(morsels.collect())
            .with_planners(plan.take_ready_planners().into_iter().map(wrap).collect());
        if let Some(pending) = plan.take_pending_planner() {
            guarded.set_pending_planner(async move {
                let outcome = AssertUnwindSafe(pending).catch_unwind().await;
                let inner = settle(&file, outcome)?;
                Ok(Box::new(Self { file, inner }) as Box<dyn MorselPlanner>)
            });
        }
        Ok(Some(guarded))
    }
}

#[derive(Debug)]
struct GuardedMorsel {
    file: Arc<str>,
    inner: Box<dyn Morsel>,
}

impl Morsel for GuardedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { file, inner } = *self;
        let stream = match run(&file, || Ok(inner.into_stream())) {
            Ok(stream) => stream,
            Err(error) => return futures::stream::once(async { Err(error) }).boxed(),
        };
        let guarded = AssertUnwindSafe(stream).catch_unwind();
        guarded.map(move |outcome| settle(&file, outcome)).boxed()
    }
}
