//! A session: settings, and the execution of one statement after the other.

use crate::arithmetic;
use crate::backup;
use crate::careful_pushdown::physical_optimizer_rules;
use crate::catalog::{CATALOG, SCHEMA, WarehouseCatalog, WarehouseSchema};
use crate::cooperation::CooperativeJoins;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Result, explain};
use crate::functions;
use crate::grouping_keys::GroupingKeys;
use crate::null_items::NullItems;
use crate::outcome::Outcome;
use crate::parse::Statement;
use crate::plan_cache::PlanCache;
use crate::progress::Progress;
use crate::query_log::Status;
use crate::scan::EncodedTotals;
use crate::settings::Settings;
use crate::star::{SharedNotes, StarAggregates, StarPlanner};
use crate::statement::{
    Checked, Context, OpenTransaction, Part, PreparedStatements, check_all, check_open, execute,
    function_spellings,
};
use crate::subqueries::ExactSubqueries;
use crate::table_order::TableOrder;
use crate::temporal::CommonTimestamps;
use crate::types::StarfactTypes;
use crate::warehouse::Inner;
use arrow::array::RecordBatch;
use datafusion::catalog::CatalogProviderList;
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::optimizer::{Analyzer, AnalyzerRule, Optimizer, OptimizerRule};
use datafusion::prelude::SessionConfig;
use starfact_store::{BackupMode, BackupReport};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Stack that a statement is planned on.
const STACK_BYTES: usize = 64 << 20;

/// Stack that evaluating expressions may need.
const STACK_BYTES_OF_EXPRESSIONS: usize = 6 << 20;

/// Does something that walks syntax trees, which are as deep as the parser allows.
pub(crate) fn with_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK_BYTES / 2, STACK_BYTES, work)
}

/// Evaluates expressions, which are as deep.
pub(crate) fn with_stack_for_expressions<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK_BYTES_OF_EXPRESSIONS, STACK_BYTES, work)
}

/// A session on a warehouse: one statement at a time, its own settings.
pub struct Session {
    inner: Arc<Inner>,
    schema: Arc<WarehouseSchema>,
    current: Mutex<Current>,
    /// The transaction that BEGIN has opened. Locked while a statement runs.
    open: Mutex<Option<OpenTransaction>>,
    cancel: CancelHandle,
    progress: Arc<Progress>,
    notes: SharedNotes,
    pub(crate) plans: Arc<PlanCache>,
    prepared: Arc<PreparedStatements>,
}

/// What `SET` changes.
struct Current {
    settings: Settings,
    /// Copied only if a statement is still holding on to it: it has hundreds of names of functions.
    state: Arc<SessionState>,
    /// The memory limit that `state` was built with.
    memory_limit: u64,
    /// The settings that `state` has.
    applied: Option<Settings>,
}

/// Cancels the running statement of a session, from any thread.
#[derive(Clone, Debug, Default)]
pub struct CancelHandle {
    token: Arc<Mutex<CancellationToken>>,
}

impl CancelHandle {
    /// Makes the running statement, if any, fail with [`ErrorKind::Interrupted`].
    pub fn cancel(&self) {
        self.lock().cancel();
    }

    /// A token for the next statement.
    fn renew(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.lock() = token.clone();
        token
    }

    fn lock(&self) -> MutexGuard<'_, CancellationToken> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        let settings = inner.defaults;
        let schema = Arc::new(WarehouseSchema::new(&inner));
        let state = Arc::new(build_state(&schema, runtime_env(settings.memory_limit)));
        let memory_limit = settings.memory_limit;
        let current = Mutex::new(Current { settings, state, memory_limit, applied: None });
        let (cancel, progress, notes) = (CancelHandle::default(), Arc::default(), Arc::default());
        let (plans, prepared) = (Arc::default(), Arc::default());
        let open = Mutex::default();
        Self { inner, schema, current, open, cancel, progress, notes, plans, prepared }
    }

    /// Executes exactly one statement, with or without its semicolon.
    ///
    /// Rows are produced while they are read; dropping the outcome ends the query.
    ///
    /// # Errors
    /// [`ErrorKind::Sql`] if the statement is wrong or fails, in which case it has changed
    /// nothing, and a transaction that is open is aborted; other kinds as their documentation says.
    pub fn execute(&self, sql: &str) -> Result<Outcome> {
        self.execute_with(sql, || self.plans.read(sql))
    }

    /// Executes what `read` gives; `sql` is the text that errors have their place in.
    pub(crate) fn execute_with(
        &self,
        sql: &str,
        read: impl FnOnce() -> Result<Statement>,
    ) -> Result<Outcome> {
        let token = self.cancel.renew();
        let settings = self.lock().settings;
        let logged = settings.query_log.then(|| self.inner.log.begin(sql));
        let runtime = self.inner.runtime.handle();
        let deadline = Deadline::start(settings.statement_timeout, &token, runtime);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut open = self.lock_open();
            let statement = read().inspect_err(|_| abort(&mut open))?;
            let part = Part::of(&statement);
            self.run(token.clone(), &mut open, part, |context| {
                context.logged.clone_from(&logged);
                execute(context, statement)
            })
        }));
        let result = self.keep_settings(result.unwrap_or_else(|panic| Err(panicked(&panic))));
        match result {
            Ok(Outcome::Rows(rows)) => {
                let failed = self.lock_open().as_ref().map(OpenTransaction::failure_flag);
                Ok(Outcome::Rows(rows.of_statement(sql, failed, logged, deadline)))
            }
            result => {
                let result = result.map_err(|error| match &deadline {
                    Some(deadline) => deadline.explain(explain(sql, error)),
                    None => explain(sql, error),
                });
                if let Some(logged) = logged {
                    if let Ok(Outcome::Count { rows, .. }) = &result {
                        logged.add_rows(*rows);
                    }
                    logged.end(result.as_ref().map(|_| Status::Done));
                }
                result
            }
        }
    }

    /// Appends rows to a table, in one commit unless a transaction is open: what `INSERT` does,
    /// without SQL.
    ///
    /// The batches' columns are matched to the table's by name; missing ones get their default.
    ///
    /// # Errors
    /// As [`Session::execute`]; an error of the iterator ends the load, and nothing of it remains.
    pub fn append(
        &self,
        table: &str,
        batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
    ) -> Result<u64> {
        let token = self.cancel.renew();
        self.run(token, &mut self.lock_open(), Part::Within, |context| {
            crate::statement::append(context, table, batches)
        })
    }

    /// Checks everything that there is of all tables, as `CHECK TABLE` does of one.
    ///
    /// # Errors
    /// What kept it from being done; what is wrong with the tables is in the result.
    pub fn check(&self) -> Result<Checked> {
        let token = self.cancel.renew();
        self.run(token, &mut self.lock_open(), Part::Within, check_all)
    }

    /// Copies the warehouse, as it is at this moment, to `to`, an empty or a new directory. Each
    /// file is verified; others may read and write meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if a file is damaged; nothing remains of the copy after an error.
    pub fn backup(&self, to: &Path, mode: BackupMode) -> Result<BackupReport> {
        let token = self.cancel.renew();
        self.run(token, &mut self.lock_open(), Part::Within, |context| {
            backup::backup(context, to, mode)
        })
    }

    /// Whether a transaction is open: BEGIN without COMMIT or ROLLBACK. It ends with the session,
    /// and then nothing of it is kept.
    pub fn is_in_transaction(&self) -> bool {
        self.lock_open().is_some()
    }

    /// Cancels this session's running statement from elsewhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// How far the running statement is, to be asked from any thread.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Words that a shell may complete: tables, columns and functions.
    pub fn completions(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if let Ok(snapshot) = self.inner.store.snapshot() {
            for table in snapshot.tables() {
                words.push(table.name().to_owned());
                words.extend(table.columns().iter().map(|column| column.name.clone()));
            }
        }
        let current = self.lock();
        words.extend(current.state.scalar_functions().keys().cloned());
        words.extend(current.state.aggregate_functions().keys().cloned());
        words.extend(current.state.window_functions().keys().cloned());
        words.extend(function_spellings().map(str::to_owned));
        words.sort_unstable();
        words.dedup();
        words
    }

    /// Does something within the transaction that is open, if one is; an error aborts it.
    fn run<T>(
        &self,
        cancel: CancellationToken,
        open: &mut Option<OpenTransaction>,
        part: Part,
        work: impl FnOnce(&mut Context) -> Result<T>,
    ) -> Result<T> {
        if let Some(open) = open.as_mut() {
            open.notice_failure();
        }
        check_open(open.as_ref(), part)?;
        // Should this panic, an aborted transaction is what stays.
        let aborted = open.as_ref().map(|_| OpenTransaction::aborted());
        let mut context = self.context(cancel, std::mem::replace(open, aborted))?;
        let result = work(&mut context);
        *open = context.open.take();
        // A second BEGIN, which is refused, does no harm.
        if result.is_err() && part != Part::Begin {
            abort(open);
        }
        result
    }

    /// What a statement needs: its snapshot, a planner for it, and the way to cancel it.
    fn context(&self, cancel: CancellationToken, open: Option<OpenTransaction>) -> Result<Context> {
        let own = open.as_ref().map(OpenTransaction::snapshot).transpose()?;
        let snapshot = match own.flatten() {
            Some(snapshot) => snapshot,
            None => self.inner.store.snapshot()?,
        };
        self.schema.set_snapshot(Arc::clone(&snapshot));
        self.plans.follow(&snapshot);
        let mut current = self.lock();
        if current.settings.memory_limit != current.memory_limit {
            let state = current.state.as_ref().clone();
            let env = runtime_env(current.settings.memory_limit);
            let builder = SessionStateBuilder::new_from_existing(state);
            current.state = Arc::new(builder.with_runtime_env(env).build());
            current.memory_limit = current.settings.memory_limit;
        }
        self.progress.start_over();
        let settings = current.settings;
        let is_applied = current.applied.replace(settings) == Some(settings);
        let state = Arc::make_mut(&mut current.state);
        if !is_applied {
            let config = settings.apply(state.config().clone());
            let config = config.with_extension(Arc::clone(&self.inner.helpers));
            let config = config.with_extension(Arc::clone(&self.progress));
            *state.config_mut() = config.with_extension(Arc::clone(&self.notes));
        }
        state.mark_start_execution();
        let state = Arc::clone(&current.state);
        Ok(Context {
            inner: Arc::clone(&self.inner),
            schema: Arc::clone(&self.schema),
            state,
            snapshot,
            settings: current.settings,
            progress: Arc::clone(&self.progress),
            notes: Arc::clone(&self.notes),
            logged: None,
            plans: Arc::clone(&self.plans),
            prepared: Arc::clone(&self.prepared),
            cancel,
            open,
        })
    }

    /// What has happened of which a user should hear, once.
    pub fn take_notice(&self) -> Option<String> {
        self.inner.store.take_notice()
    }

    /// `SET` is an outcome like any other until it reaches the session.
    fn keep_settings(&self, result: Result<Outcome>) -> Result<Outcome> {
        let outcome = result?;
        let Outcome::Settings { settings, engine, tag } = outcome else { return Ok(outcome) };
        // They belong to the settings under which they were made.
        self.plans.clear();
        let mut current = self.lock();
        self.inner.store.set_retention(settings.retention);
        let merging = settings.merging;
        self.inner.store.set_merge_policy(merging.is_on.then_some(merging.policy));
        self.inner.cubes.set_lookups(settings.cube_lookups);
        current.settings = settings;
        for (name, value) in engine {
            // Ours are applied again, since they count more.
            current.applied = None;
            let state = Arc::make_mut(&mut current.state);
            state.config_mut().options_mut().set(&name, &value)?;
        }
        Ok(Outcome::Done { tag })
    }

    /// Bytes that operators have reserved.
    #[cfg(test)]
    pub(crate) fn reserved_bytes(&self) -> usize {
        self.lock().state.runtime_env().memory_pool.reserved()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_open(&self) -> MutexGuard<'_, Option<OpenTransaction>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Undoes the transaction that is open, if one is.
fn abort(open: &mut Option<OpenTransaction>) {
    if let Some(open) = open {
        open.abort();
    }
}

/// The error for a panic that a statement caused; the process goes on.
pub(crate) fn panicked(panic: &Box<dyn std::any::Any + Send>) -> Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown cause");
    Error::new(ErrorKind::Internal, format!("internal error: {text}; please report it"))
}

pub(crate) fn runtime_env(memory_limit: u64) -> Arc<RuntimeEnv> {
    let bytes = usize::try_from(memory_limit).unwrap_or(usize::MAX);
    let consumers = NonZeroUsize::new(5).unwrap_or(NonZeroUsize::MIN);
    let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), consumers);
    let built = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc();
    // Building fails only for disk folders that were configured by hand; we configure none.
    built.unwrap_or_default()
}

/// The query engine's configuration with our choices in it.
pub(crate) fn engine_config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.default_null_ordering = "nulls_last".into();
    options.execution.time_zone = Some("UTC".into());
    // Keys of a filtered dimension are sparse; an array of some thirty times their number pays.
    options.execution.perfect_hash_join_min_key_density = 0.03;
    // The planner and the operators differ in what may be NULL, which does no harm.
    options.execution.skip_physical_aggregate_schema_check = true;
    // It takes the bound of one aggregate for a filter of all of them.
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // A dimension of this size is cheaper to look up whole than to be divided along with its facts.
    options.optimizer.hash_join_single_partition_threshold = 128 << 20;
    options.optimizer.hash_join_single_partition_threshold_rows = 2 << 20;
    config
}

pub(crate) fn build_state(schema: &Arc<WarehouseSchema>, env: Arc<RuntimeEnv>) -> SessionState {
    let catalogs = MemoryCatalogProviderList::new();
    let catalog = WarehouseCatalog { schema: Arc::clone(schema) };
    catalogs.register_catalog(CATALOG.into(), Arc::new(catalog));
    let mut state = SessionStateBuilder::new()
        .with_config(engine_config())
        .with_runtime_env(env)
        .with_catalog_list(Arc::new(catalogs))
        .with_default_features()
        .with_type_planner(Arc::new(StarfactTypes))
        .with_analyzer_rules(analyzer_rules())
        .with_optimizer_rules(optimizer_rules())
        .with_physical_optimizer_rules(physical_optimizer_rules())
        .with_query_planner(Arc::new(StarPlanner))
        .with_physical_optimizer_rule(Arc::new(EncodedTotals))
        .with_physical_optimizer_rule(Arc::new(StarAggregates))
        .with_physical_optimizer_rule(Arc::new(TableOrder))
        .with_physical_optimizer_rule(Arc::new(CooperativeJoins))
        .build();
    for function in functions::scalars() {
        // Replacing a function never fails.
        let _ = state.register_udf(function);
    }
    for function in functions::aggregates() {
        let _ = state.register_udaf(function);
    }
    functions::register_aliases(&mut state);
    state
}

/// Dates meet timestamps before types are coerced; arithmetic is made exact afterwards.
fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(ExactSubqueries),
        Arc::new(NullItems),
        Arc::new(functions::SignedRanks),
        Arc::new(CommonTimestamps),
        arithmetic::rule_before_coercion(),
    ];
    rules.extend(Analyzer::new().rules);
    rules.push(arithmetic::rule_after_coercion());
    rules.push(Arc::new(GroupingKeys));
    rules
}

fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let rules = Optimizer::new().rules.into_iter();
    rules.map(functions::adapt_rule).collect()
}
