//! The independent evaluation: stock DataFusion over the generated Parquet files.
//!
//! Nothing of Starfact's storage or execution takes part: only the generator made the files.
//! Memory is bounded by a pool. Hash joins do not spill, so a query for which it is too little is
//! evaluated again with joins that sort, which do.
//!
//! Planning goes through `SessionState` rather than `SessionContext::sql`: the body of an `async`
//! function is compiled where it is awaited, and that of `sql` drags in every statement that
//! DataFusion knows, minutes of compilation.

use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::parquet::table_path;
use crate::progress::Cancel;
use crate::workload::{Query, Workload};
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Memory that the pool gives to hash tables and sorts.
const POOL_BYTES: usize = 2_000_000_000;
/// How often a running query asks whether it is to end.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Stock DataFusion with the tables of a benchmark.
pub(crate) struct Reference {
    runtime: Runtime,
    context: SessionContext,
}

impl Reference {
    /// Opens the files that [`crate::write_parquet`] put into `folder`.
    pub(crate) fn open<W: Workload>(folder: &Path, threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let runtime = runtime.map_err(Error::io("start threads for", folder))?;
        let open = || -> DataFusionResult<SessionContext> {
            let pool = Arc::new(FairSpillPool::new(POOL_BYTES));
            let env = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
            let config = SessionConfig::new().with_target_partitions(threads);
            let context = SessionContext::new_with_config_rt(config, env);
            for table in W::tables() {
                context.register_table(W::name(*table), parquet_table::<W>(folder, *table)?)?;
            }
            Ok(context)
        };
        let context = open().map_err(|source| Error::Reference {
            doing: format!("opening the Parquet files in {}", folder.display()),
            source: Box::new(source),
        })?;
        Ok(Self { runtime, context })
    }

    /// The right answer to `query`.
    pub(crate) fn answer(&self, query: &Query, cancel: &Cancel) -> Result<Answer> {
        let answer = match self.evaluate(query, cancel, Joins::Hashed)? {
            Err(error) if is_exhausted(&error) => self.evaluate(query, cancel, Joins::Sorted)?,
            answer => answer,
        };
        answer.map_err(|source| Error::Reference {
            doing: format!("query {}", query.name),
            source: Box::new(source),
        })
    }

    fn evaluate(
        &self,
        query: &Query,
        cancel: &Cancel,
        joins: Joins,
    ) -> Result<DataFusionResult<Answer>> {
        let evaluate = async {
            let mut state = self.context.state();
            let options = state.config_mut().options_mut();
            options.optimizer.prefer_hash_join = joins == Joins::Hashed;
            let plan = state.create_logical_plan(query.sql).await?;
            let schema = plan.schema().as_arrow().clone();
            let plan = state.create_physical_plan(&plan).await?;
            Ok(Answer::from_batches(&schema, &collect(plan, state.task_ctx()).await?)?)
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = requested(cancel) => Err(Error::Interrupted),
                answer = evaluate => Ok(answer),
            }
        })
    }
}

/// How the tables of a query are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joins {
    Hashed,
    Sorted,
}

fn is_exhausted(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// The file of a table, with the schema that it was written with.
fn parquet_table<W: Workload>(
    folder: &Path,
    table: W::Table,
) -> DataFusionResult<Arc<dyn TableProvider>> {
    let path = table_path(folder, table);
    // A listing of a file that is missing is a table without rows.
    std::fs::metadata(&path)?;
    let url = ListingTableUrl::parse(path.to_string_lossy())?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new(url).with_listing_options(options);
    Ok(Arc::new(ListingTable::try_new(config.with_schema(W::schema(table)))?))
}

/// Returns when the benchmark is to end.
async fn requested(cancel: &Cancel) {
    while !cancel.is_requested() {
        tokio::time::sleep(CANCEL_POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet::write_parquet;
    use crate::ssb::{Generator, queries};

    /// The files of a small scale factor, and the evaluation over them.
    fn small() -> (tempfile::TempDir, Generator, Reference) {
        let folder = tempfile::tempdir().unwrap();
        let generator = Generator::new("0.01".parse().unwrap());
        write_parquet(&generator, folder.path(), 2, &Cancel::default(), &|_| {}).unwrap();
        let reference = Reference::open::<Generator>(folder.path(), 2).unwrap();
        (folder, generator, reference)
    }

    /// The stored answers were made by other programs from the same files: see
    /// `datasets/ssb/answers`.
    #[test]
    fn agrees_with_the_stored_answers() {
        let (_folder, generator, reference) = small();
        let cancel = Cancel::default();
        for query in queries() {
            let stored = generator.stored_answer(query).unwrap();
            let answer = reference.answer(query, &cancel).unwrap();
            assert_eq!(answer.difference(&stored, query.order_by), None, "{}", query.name);
        }
        cancel.cancel();
        let outcome = reference.answer(&queries()[0], &cancel);
        assert!(outcome.is_err_and(|error| matches!(error, Error::Interrupted)));
    }

    #[test]
    fn joins_that_sort_give_the_same_answers() {
        let (_folder, generator, reference) = small();
        let cancel = Cancel::default();
        for query in queries().iter().step_by(4) {
            let stored = generator.stored_answer(query).unwrap();
            let answer = reference.evaluate(query, &cancel, Joins::Sorted).unwrap().unwrap();
            assert_eq!(answer.difference(&stored, query.order_by), None, "{}", query.name);
        }
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let message = match Reference::open::<Generator>(folder.path(), 1) {
            Ok(reference) => {
                reference.answer(&queries()[0], &Cancel::default()).unwrap_err().to_string()
            }
            Err(error) => error.to_string(),
        };
        assert!(message.contains(&*folder.path().to_string_lossy()), "{message}");
    }
}
