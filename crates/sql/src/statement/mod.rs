//! The statements, one a file, and what they share.

mod alter_table;
pub(crate) mod assign;
mod assignments;
mod bags;
mod changed;
mod check;
mod constants;
mod copy_from;
mod copy_to;
mod create_table;
mod cube;
mod delete;
mod drop_table;
mod expression;
mod functions;
mod insert;
mod kept;
mod merge;
mod names;
mod normalize;
mod parameter;
mod prepared;
mod qualify;
mod query;
mod returning;
mod rewrite;
mod set;
mod show;
mod spellings;
mod transaction;
mod truncate;
mod update;
mod upkeep;
mod upsert;
mod using;
mod verified;
mod write;

pub use check::Checked;
pub(crate) use check::check_all;
pub(crate) use cube::by_name as cubes_by_name;
pub(crate) use names::table as table_named;
pub(crate) use parameter::tokens as parameter_tokens;
pub(crate) use prepared::{PreparedStatements, check_count};
pub(crate) use query::optimized as optimized_query;
pub use set::check_setting;
pub(crate) use spellings::names as function_spellings;
pub(crate) use transaction::{OpenTransaction, Part, check_open};
pub(crate) use write::append;

use crate::catalog::WarehouseSchema;
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::parse::{Statement, elsewhere};
use crate::plan_cache::PlanCache;
use crate::progress::Progress;
use crate::query_log::Running;
use crate::session::with_stack;
use crate::settings::Settings;
use crate::star::SharedNotes;
use crate::warehouse::Inner;
use datafusion::execution::SessionState;
use starfact_store::{LoadOptions, Snapshot};
use std::future::Future;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Everything that a statement works with. It lives as long as the statement is planned.
pub(crate) struct Context {
    pub(crate) inner: Arc<Inner>,
    pub(crate) schema: Arc<WarehouseSchema>,
    pub(crate) state: Arc<SessionState>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) settings: Settings,
    pub(crate) progress: Arc<Progress>,
    /// What the planner says about joins.
    pub(crate) notes: SharedNotes,
    /// The statement's entry in the log.
    pub(crate) logged: Option<Running>,
    pub(crate) plans: Arc<PlanCache>,
    pub(crate) prepared: Arc<PreparedStatements>,
    pub(crate) cancel: CancellationToken,
    /// The transaction that the session has begun; what was begun or ended here, it learns of.
    pub(crate) open: Option<OpenTransaction>,
}

impl Context {
    /// Waits for `work` unless the statement is cancelled.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.inner.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(Error::interrupted()),
                result = work => result,
            }
        })
    }

    /// Points the statement, from its beginning on, at a snapshot.
    fn see(&mut self, snapshot: Arc<Snapshot>) {
        self.schema.set_snapshot(Arc::clone(&snapshot));
        self.snapshot = snapshot;
    }

    /// Fails if the statement was cancelled.
    pub(crate) fn check_cancelled(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::interrupted()) } else { Ok(()) }
    }

    /// How much a load may take.
    pub(crate) fn load_options(&self) -> LoadOptions {
        // Half for the rows that wait to be sorted; the rest is for keys, encoding and the source.
        let memory_bytes = usize::try_from(self.settings.memory_limit / 2).unwrap_or(usize::MAX);
        let progress = Arc::clone(&self.progress);
        LoadOptions {
            memory_bytes: memory_bytes.min(2 << 30),
            threads: self.settings.threads,
            derive_columns: self.settings.derive_columns,
            index_columns: self.settings.index_columns,
            shared_dictionaries: self.settings.shared_dictionaries,
            progress: Some(Arc::new(move |rows| progress.set_rows_written(rows))),
        }
    }
}

/// Executes a parsed statement.
pub(crate) fn execute(context: &mut Context, statement: Statement) -> Result<Outcome> {
    let result = match statement {
        Statement::Unparsed(tokens) => query::unparsed(context, tokens),
        statement => with_stack(|| execute_parsed(context, statement)),
    };
    result.map_err(|error| names::explain_unknown(context, error))
}

fn execute_parsed(context: &mut Context, statement: Statement) -> Result<Outcome> {
    match statement {
        Statement::Unparsed(tokens) => query::unparsed(context, tokens),
        Statement::Query(query) => query::query(context, *query),
        Statement::Explain { analyze, verbose, statement } => {
            query::explain(context, analyze, verbose, *statement)
        }
        Statement::CreateTable(table) => create_table::create_table(context, *table),
        Statement::DropTable { names, if_exists } => {
            drop_table::drop_table(context, &names, if_exists)
        }
        Statement::CreateCube(cube) => cube::create_cube(context, *cube),
        Statement::DropCube { names, if_exists } => cube::drop_cube(context, &names, if_exists),
        Statement::CheckCube(cubes) => cube::check_cubes(context, &cubes),
        Statement::AlterTable(wanted) => alter_table::alter_table(context, *wanted),
        Statement::Insert(insert) => insert::insert(context, *insert),
        Statement::Update { with, update } => update::update(context, with, *update),
        Statement::Delete { with, delete } => delete::delete(context, with, *delete),
        Statement::Merge(merge) => merge::merge(context, *merge),
        Statement::Truncate(truncate) => truncate::truncate(context, &truncate),
        Statement::Begin { read_only } => transaction::begin(context, read_only),
        Statement::Commit => transaction::commit(context),
        Statement::Rollback => transaction::rollback(context),
        Statement::Copy(copy) if copy.to => copy_to::copy_to(context, *copy),
        Statement::Copy(copy) => copy_from::copy_from(context, *copy),
        Statement::Check(tables) => check::check(context, &tables),
        Statement::Optimize(tables) => upkeep::optimize(context, &tables),
        Statement::Vacuum => upkeep::vacuum(context),
        Statement::Show(show) => show::show(context, show),
        Statement::Prepare(prepare) => prepared::prepare(context, *prepare),
        Statement::Execute { name, values } => prepared::execute(context, &name, values),
        Statement::Deallocate { name } => prepared::deallocate(context, name.as_ref()),
        Statement::Set { name, value } => set::set(context, &name, &value),
        Statement::Reset { name } => set::reset(context, &name),
        Statement::Unsupported(what) => {
            Err(Error::sql(format!("{what} is not supported")).with_hint(elsewhere(&what)))
        }
    }
}
