//! CSV files as a table of a query.
//!
//! Only the fields of the columns that the query needs are converted. The files make one partition,
//! read in order; its chunks are converted by as many threads as the query may use.

use super::compression::open_text;
use super::options::CsvOptions;
use crate::csv::{self, Known, Layout, run};
use crate::error::{Error, Result};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{StreamExt, TryStreamExt, stream};
use starfact_encoding::arrow_type;
use std::path::PathBuf;
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct CsvTable {
    paths: Arc<[PathBuf]>,
    layout: Arc<Layout>,
    schema: SchemaRef,
}

impl CsvTable {
    /// Looks into the first of the files to find names and types.
    ///
    /// # Errors
    /// Files that cannot be read or make no sense as CSV.
    pub(super) fn open(paths: Vec<PathBuf>, options: &CsvOptions, guess: bool) -> Result<Self> {
        let known = Known {
            dialect: Some(options.dialect.clone()),
            guess_delimiter: guess && !options.is_delimited,
            has_header: options.has_header,
            all_varchar: options.all_varchar,
        };
        let first = paths.first().cloned().unwrap_or_default();
        if let Some(path) = paths.iter().find(|path| !path.is_file()) {
            // It is read twice: now, and when the query runs.
            return Err(Error::sql(format!("'{}' can be read only once", path.display()))
                .with_hint("load it with COPY … FROM, or write it to a file first"));
        }
        let layout = csv::sniff(&first.display().to_string(), &mut open_text(&first)?, &known)?;
        let fields = layout
            .columns
            .iter()
            .map(|(name, data_type)| Field::new(name, arrow_type(*data_type), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Self { paths: paths.into(), layout: Arc::new(layout), schema })
    }
}

#[async_trait]
impl TableProvider for CsvTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let wanted = match projection {
            Some(places) => places.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let schema = Arc::new(self.schema.project(&wanted)?);
        let partition = CsvPartition {
            paths: Arc::clone(&self.paths),
            layout: Arc::clone(&self.layout),
            wanted: wanted.into(),
            schema: Arc::clone(&schema),
            threads: state.config().target_partitions(),
        };
        let partitions: Vec<Arc<dyn PartitionStream>> = vec![Arc::new(partition)];
        let plan = StreamingTableExec::try_new(schema, partitions, None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// All files, one after the other.
#[derive(Debug)]
struct CsvPartition {
    paths: Arc<[PathBuf]>,
    layout: Arc<Layout>,
    /// The columns to read, by their place in the layout.
    wanted: Arc<[usize]>,
    schema: SchemaRef,
    threads: usize,
}

impl PartitionStream for CsvPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batch_rows = context.session_config().batch_size();
        let (layout, wanted) = (Arc::clone(&self.layout), Arc::clone(&self.wanted));
        let threads = self.threads;
        let paths: Vec<PathBuf> = self.paths.to_vec();
        let files = stream::iter(paths).then(move |path| {
            let (layout, wanted) = (Arc::clone(&layout), Arc::clone(&wanted));
            run(move || -> Result<_> {
                let name = path.display().to_string().into();
                let opened = csv::open_layout(name, open_text(&path)?, &layout, &wanted)?;
                Ok(opened.batches(threads))
            })
        });
        let batches = files.try_flatten().map_err(DataFusionError::from);
        let small = batches.map_ok(move |batch| {
            let starts = (0..batch.num_rows()).step_by(batch_rows.max(1));
            let slices = starts
                .map(move |start| Ok(batch.slice(start, batch_rows.min(batch.num_rows() - start))));
            stream::iter(slices)
        });
        let stream = small.try_flatten().boxed();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}
