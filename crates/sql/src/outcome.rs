//! What a statement gives back: rows, a count, or nothing but its name.

use crate::deadline::Deadline;
use crate::error::{Error, Result, explain};
use crate::query_log::{Running, Status};
use crate::session::{panicked, with_stack_for_expressions};
use crate::settings::Settings;
use crate::warehouse::Inner;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use starfact_store::QueryGuard;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// The outcome of a statement.
#[derive(Debug)]
pub enum Outcome {
    /// A query's result.
    Rows(Rows),
    /// A statement that changed rows.
    Count {
        /// `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`, `COPY`.
        verb: &'static str,
        /// Rows that it wrote or removed.
        rows: u64,
    },
    /// A statement with nothing to show.
    Done {
        /// `CREATE TABLE`, `SET`, `COMMIT`.
        tag: String,
    },
    /// New settings on their way to the session, which turns them into `Done`.
    #[doc(hidden)]
    Settings {
        /// Ours.
        #[allow(private_interfaces)]
        settings: Settings,
        /// The query engine's, as name and value.
        engine: Vec<(String, String)>,
        /// `SET` or `RESET`.
        tag: String,
    },
}

/// The rows of a result, produced as they are read.
pub struct Rows {
    schema: SchemaRef,
    source: Source,
    is_plan: bool,
    /// The statement, for the place of an error in it.
    sql: Arc<str>,
    /// Set when the rows end with an error, which aborts the transaction that they belong to.
    failed: Option<Arc<AtomicBool>>,
    /// The statement's entry in the log.
    logged: Option<Running>,
    /// How long the statement may take.
    deadline: Option<Deadline>,
}

enum Source {
    Query {
        inner: Arc<Inner>,
        stream: SendableRecordBatchStream,
        cancel: CancellationToken,
        /// Merges in the background leave time to queries.
        _running: Option<QueryGuard>,
    },
    Ready(std::vec::IntoIter<RecordBatch>),
    Ended,
}

impl Rows {
    /// Rows that `stream` will produce; its columns get the names of `schema`.
    pub(crate) fn of_query(
        inner: Arc<Inner>,
        schema: SchemaRef,
        stream: SendableRecordBatchStream,
        cancel: CancellationToken,
    ) -> Self {
        let _running = inner.store.begin_query();
        let source = Source::Query { inner, stream, cancel, _running };
        Self::new(schema, source)
    }

    /// Rows that are there already.
    pub(crate) fn ready(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self::new(schema, Source::Ready(batches.into_iter()))
    }

    fn new(schema: SchemaRef, source: Source) -> Self {
        let (sql, failed, logged, deadline) = (Arc::from(""), None, None, None);
        Self { schema, source, is_plan: false, sql, failed, logged, deadline }
    }

    /// The same rows, as the lines of a plan.
    pub(crate) fn into_plan(mut self) -> Self {
        self.is_plan = true;
        self
    }

    /// The same rows, as those of this statement: errors are given their place in it, and are told
    /// to the transaction that is open.
    pub(crate) fn of_statement(
        mut self,
        sql: &str,
        failed: Option<Arc<AtomicBool>>,
        logged: Option<Running>,
        deadline: Option<Deadline>,
    ) -> Self {
        (self.sql, self.failed, self.logged) = (Arc::from(sql), failed, logged);
        self.deadline = deadline;
        self
    }

    /// Whether the rows are the lines of a plan: people read them as they are, without a table.
    pub fn is_plan(&self) -> bool {
        self.is_plan
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pull(&mut self) -> Option<Result<RecordBatch>> {
        match &mut self.source {
            Source::Ended => None,
            Source::Ready(batches) => batches.next().map(Ok),
            Source::Query { inner, stream, cancel, .. } => {
                let next = async {
                    tokio::select! {
                        biased;
                        () = cancel.cancelled() => Some(Err(Error::interrupted())),
                        next = stream.next() => next.map(|next| next.map_err(Error::from)),
                    }
                };
                let next = catch_unwind(AssertUnwindSafe(|| {
                    with_stack_for_expressions(|| inner.runtime.block_on(next))
                }));
                let next = next.unwrap_or_else(|panic| Some(Err(panicked(&panic))))?;
                Some(next.and_then(|batch| rename(&self.schema, &batch)))
            }
        }
    }
}

/// Gives a batch the column names that the user expects.
pub(crate) fn rename(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.pull().map(|next| next.map_err(|error| explain(&self.sql, error)));
        let next = match (next, &self.deadline) {
            (Some(Err(error)), Some(deadline)) => Some(Err(deadline.explain(error))),
            (next, _) => next,
        };
        if !matches!(next, Some(Ok(_))) {
            self.source = Source::Ended;
            self.deadline = None;
        }
        if let (Some(Err(_)), Some(failed)) = (&next, &self.failed) {
            failed.store(true, Ordering::Relaxed);
        }
        if let Some(logged) = &self.logged {
            match &next {
                Some(Ok(batch)) => logged.add_rows(batch.num_rows() as u64),
                Some(Err(error)) => logged.end(Err(error)),
                None => logged.end(Ok(Status::Done)),
            }
        }
        next
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if let Some(logged) = &self.logged {
            logged.end(Ok(Status::Dropped));
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}
