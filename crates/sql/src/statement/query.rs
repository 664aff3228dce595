//! Queries and EXPLAIN: plan, and hand out rows as they come.
//!
//! The calling thread plans and waits; everything else happens on the warehouse's threads, unless
//! it is brief, one batch ahead of the reader. So a statement can be cancelled whatever its
//! operators are doing, and dropping the stream ends them. Of a query that was run before, the plan
//! is kept; see [`crate::plan_cache`].

use super::show::table_of;
use super::{Context, bags, normalize, verified};
use crate::cube::Usable;
use crate::error::{Error, Result};
use crate::files;
use crate::outcome::{Outcome, Rows};
use crate::parse::{Statement, Unparsed, parse_tokenized};
use crate::plan_cache::{self, FoundPlan, Key};
use crate::select_names::{self, OutputNames};
use crate::session::with_stack;
use crate::settings::UseCubes;
use crate::star;
use crate::stop::stoppable;
use crate::unnest::{self, Planned};
use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::common::format::ExplainStatementOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::{
    RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter,
};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::{ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{Query, Statement as SqlStatement};
use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;

/// Batches that may wait for the reader.
const BATCHES_AHEAD: usize = 2;

/// Runs a query.
pub(super) fn query(context: &mut Context, query: Query) -> Result<Outcome> {
    let (schema, stream) = open(context, query)?;
    Ok(rows(context, schema, stream))
}

/// Runs what begins like a query: by the plan that is kept of it, or one that is made now.
pub(super) fn unparsed(context: &mut Context, query: Unparsed) -> Result<Outcome> {
    let Unparsed { tokens, key } = query;
    let key = key.filter(|_| context.settings.plan_cache);
    if let Some(key) = &key
        && let Some(found) = context.plans.find(&context.snapshot, key)
        && !context.inner.cubes.has_quarantined(&context.snapshot, &found.cubes)
    {
        match physical_plan(context, found.plan, key) {
            Ok(physical) => {
                if verified::is_due(context, &found.cubes) {
                    let (names, cubes) = (&found.names, &found.cubes);
                    return verified::answer(context, tokens, names, physical, cubes);
                }
                let stream = launch(context, physical, &found.cubes)?;
                return Ok(rows(context, found.names.apply(&stream.schema()), stream));
            }
            // Planned from its text it may have another plan, or a better message.
            Err(_) => context.plans.forget(key),
        }
    }
    with_stack(|| match parse_tokenized(tokens.to_vec())? {
        Statement::Query(query) => first_time(context, *query, key, tokens),
        statement => super::execute(context, statement),
    })
}

/// The physical plan of a query that was run before.
fn physical_plan(context: &Context, found: FoundPlan, key: &Key) -> Result<Arc<dyn ExecutionPlan>> {
    context.notes.start_over();
    let mut state = Arc::clone(&context.state);
    let plan = match found {
        FoundPlan::Physical(plan) => return Ok(plan),
        FoundPlan::Logical(plan) => plan,
        FoundPlan::ForOneThread(plan) => {
            let options = Arc::make_mut(&mut state).config_mut().options_mut();
            options.execution.target_partitions = 1;
            plan
        }
    };
    let physical =
        with_stack(|| context.wait(async { Ok(unnest::physical_plan(&state, &plan).await?) }))?;
    keep_physical(context, key, &physical);
    Ok(physical)
}

/// Keeps a physical plan, unless there are notes on it, which are made when it is.
fn keep_physical(context: &Context, key: &Key, plan: &Arc<dyn ExecutionPlan>) {
    if context.notes.is_empty() {
        context.plans.keep_physical(&context.snapshot, key, plan);
    }
}

/// Plans and runs a query, and keeps the plan if there is a key and it may be kept.
fn first_time(
    context: &mut Context,
    query: Query,
    key: Option<Key>,
    tokens: Arc<[TokenWithSpan]>,
) -> Result<Outcome> {
    let (plan, names) = plan(context, query)?;
    let is_lasting = key.is_some() && !context.schema.has_others();
    // Where cells are not those of the rows, a plan has none, and would go on so.
    let has_cells =
        context.snapshot.is_committed() || context.snapshot.cube_parts().next().is_none();
    let is_lasting = is_lasting && has_cells;
    let key = if is_lasting && plan_cache::is_lasting(&plan)? { key } else { None };
    let planned = optimize(context, plan)?;
    let names = Arc::new(names);
    if let Some(key) = key {
        let (plans, snapshot) = (&context.plans, &context.snapshot);
        let about = (Arc::clone(&names), Arc::clone(&planned.cubes));
        plans.keep(snapshot, key.clone(), planned.logical, about);
        keep_physical(context, &key, &planned.physical);
    }
    if verified::is_due(context, &planned.cubes) {
        return verified::answer(context, tokens, &names, planned.physical, &planned.cubes);
    }
    let stream = launch(context, planned.physical, &planned.cubes)?;
    Ok(rows(context, names.apply(&stream.schema()), stream))
}

/// Shows a query's plan; with `analyze`, runs it and shows what each operator did.
pub(super) fn explain(
    context: &mut Context,
    analyze: bool,
    verbose: bool,
    statement: Statement,
) -> Result<Outcome> {
    let Statement::Query(mut query) = statement else {
        return Err(Error::sql("EXPLAIN takes a query")
            .with_hint("explain the query that finds its rows: EXPLAIN SELECT * FROM t WHERE …"));
    };
    prepare(context, &mut query)?;
    let plan = plan_statement(context, query, |query| {
        let options = ExplainStatementOptions { analyze, verbose, ..Default::default() };
        let statement = Box::new(EngineStatement::Statement(Box::new(SqlStatement::Query(query))));
        EngineStatement::Explain(ExplainStatement { options, statement })
    })?;
    let planned = optimize(context, plan)?;
    let stream = launch(context, planned.physical, &planned.cubes)?;
    let sections: Vec<RecordBatch> = batches(context, stream).collect::<Result<_>>()?;
    let notes = [context.notes.all(), planned.cubes.to_vec()].concat();
    plan_lines(&sections, verbose, notes)
}

/// The engine's plans, one row for each line; where there are several, each has a headline. Behind
/// them are the notes on joins that are no star blocks.
fn plan_lines(sections: &[RecordBatch], all: bool, notes: Vec<String>) -> Result<Outcome> {
    let mut lines = Vec::new();
    for section in sections {
        let (titles, texts) = (section.column(0).as_string::<i32>(), section.column(1));
        for (title, text) in titles.iter().zip(texts.as_string::<i32>()) {
            let title = title.unwrap_or_default();
            if all {
                lines.push(format!("-- {title}"));
            } else if title == "logical_plan" {
                continue;
            }
            lines.extend(text.unwrap_or_default().lines().map(str::to_owned));
        }
    }
    lines.extend(notes);
    table_of(vec![("plan", Arc::new(StringArray::from(lines)))])
        .map(Rows::into_plan)
        .map(Outcome::Rows)
}

fn rows(context: &Context, schema: SchemaRef, stream: SendableRecordBatchStream) -> Outcome {
    let (inner, cancel) = (Arc::clone(&context.inner), context.cancel.clone());
    Outcome::Rows(Rows::of_query(inner, schema, stream, cancel))
}

/// Plans a query and opens its stream; the schema has the names that the user wrote.
pub(super) fn open(
    context: &mut Context,
    query: Query,
) -> Result<(SchemaRef, SendableRecordBatchStream)> {
    let (plan, names) = plan(context, query)?;
    let stream = start(context, plan)?;
    let schema = names.apply(&stream.schema());
    Ok((schema, stream))
}

/// The logical plan of a query, and what its columns are called.
pub(super) fn plan(context: &mut Context, query: Query) -> Result<(LogicalPlan, OutputNames)> {
    let mut query = Box::new(query);
    let names = prepare(context, &mut query)?;
    let plan = plan_statement(context, query, |query| {
        EngineStatement::Statement(Box::new(SqlStatement::Query(query)))
    })?;
    Ok((plan, names))
}

/// Everything that is done to a query before it is planned.
fn prepare(context: &mut Context, query: &mut Query) -> Result<OutputNames> {
    files::resolve(context, query)?;
    normalize::complete(query);
    bags::write_out(context, query)?;
    // Names first: they are what the user wrote.
    let names = select_names::make_unique(query);
    normalize::normalize(context, query)?;
    Ok(names)
}

fn plan_statement(
    context: &Context,
    query: Box<Query>,
    statement: impl Fn(Box<Query>) -> EngineStatement,
) -> Result<LogicalPlan> {
    let plan = |query| {
        let statement = statement(query);
        context.wait(async { Ok(context.state.statement_to_plan(statement).await?) })
    };
    let mut distinct = query.clone();
    let plan = match plan(query) {
        Err(error) if unnest::distinguish(&mut distinct) => plan(distinct).map_err(|_| error)?,
        planned => planned?,
    };
    refuse_changes(&plan)?;
    Ok(plan)
}

/// The query engine must never change anything: it would bypass commits and constraints. Its DELETE
/// would even delete every row where it cannot push a condition down.
fn refuse_changes(plan: &LogicalPlan) -> Result<()> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        found = match node {
            LogicalPlan::Dml(dml) => Some(dml.op.to_string()),
            LogicalPlan::Ddl(_) => Some("SELECT INTO".to_owned()),
            LogicalPlan::Copy(_) => Some("COPY".to_owned()),
            LogicalPlan::Statement(statement) => Some(statement.name().to_owned()),
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        Ok(TreeNodeRecursion::Stop)
    })?;
    match found {
        Some(what) => Err(Error::sql(format!("{what} is not supported in a query"))),
        None => Ok(()),
    }
}

/// Optimises a logical plan and starts it on the warehouse's threads.
pub(super) fn start(context: &Context, plan: LogicalPlan) -> Result<SendableRecordBatchStream> {
    let planned = optimize(context, plan)?;
    launch(context, planned.physical, &planned.cubes)
}

pub(super) fn optimize(context: &Context, plan: LogicalPlan) -> Result<Planned> {
    let usable = usable_cubes(context)?;
    let usable = usable.as_ref();
    context.wait(async { Ok(unnest::optimized_plans(&context.state, plan, usable).await?) })
}

/// The optimised plan of a query, without cubes.
///
/// # Errors
/// A query that may mean something else the next time, though tables and settings stay.
pub(crate) fn optimized(context: &mut Context, query: Query) -> Result<LogicalPlan> {
    let (plan, _) = plan(context, query)?;
    if context.schema.has_others() || !plan_cache::is_lasting(&plan)? {
        return Err(Error::sql("a cube is made of tables as they are now")
            .with_hint("leave out functions of time and chance, AS OF, files and views"));
    }
    Ok(context.state.optimize(&plan)?)
}

/// The cubes that queries of this snapshot may be answered from. In a transaction that has changed
/// anything there are none: cells change with its commit.
fn usable_cubes(context: &Context) -> Result<Option<Usable>> {
    let (snapshot, mode) = (&context.snapshot, context.settings.scan.use_cubes);
    if mode == UseCubes::Off {
        return Ok(None);
    }
    let (mut parts, mut quarantined) = (Vec::new(), Vec::new());
    if snapshot.is_committed() {
        for (table, declared) in snapshot.cube_parts() {
            if context.inner.cubes.is_quarantined(table.id()) {
                quarantined.push(declared.cube.clone());
                continue;
            }
            // One that cannot be planned any more answers nothing; CHECK CUBE says why.
            let part = context.inner.cubes.part(&context.inner, snapshot, table, declared);
            parts.extend(part.ok().map(|part| (Arc::clone(table), part)));
        }
    }
    let is_of_use = !parts.is_empty() || !quarantined.is_empty() || mode == UseCubes::Require;
    Ok(is_of_use.then(|| Usable { snapshot: Arc::clone(snapshot), parts, quarantined, mode }))
}

/// Starts a physical plan on the warehouse's threads.
pub(super) fn launch(
    context: &Context,
    physical: Arc<dyn ExecutionPlan>,
    cubes: &[String],
) -> Result<SendableRecordBatchStream> {
    context.inner.cubes.note_used(cubes);
    context.wait(async {
        let over = context.cancel.child_token();
        let physical = stoppable(physical, &over)?;
        let notes = || [context.notes.all(), cubes.to_vec()].concat();
        context.logged.iter().for_each(|logged| logged.plan(&physical, notes()));
        let is_own = star::is_brief(&physical) || star::is_led(&physical);
        let mut stream = execute_stream(physical, task_context(&context.state))?;
        if is_own {
            // To hand it to another thread would cost time, or that thread would do nothing.
            return Ok(stream);
        }
        let schema = stream.schema();
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&schema), BATCHES_AHEAD);
        let sender = builder.tx();
        builder.spawn_on(
            async move {
                while let Some(batch) = stream.next().await {
                    // Nobody listens any more: the statement is over.
                    if sender.send(batch).await.is_err() {
                        break;
                    }
                }
                Ok(())
            },
            context.inner.runtime.handle(),
        );
        let guard = over.drop_guard();
        let batches = builder.build().inspect(move |_| {
            let _until_dropped = &guard;
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)) as _)
    })
}

/// What operators need while they run. Functions are in the plan already, and need no names.
fn task_context(state: &SessionState) -> Arc<TaskContext> {
    let (id, config) = (state.session_id().to_owned(), state.config().clone());
    let (scalars, others) = (HashMap::new(), HashMap::new());
    let (aggregates, windows) = (HashMap::new(), HashMap::new());
    let runtime = Arc::clone(state.runtime_env());
    Arc::new(TaskContext::new(None, id, config, scalars, others, aggregates, windows, runtime))
}

/// The batches of a stream, waited for one by one; cancelling ends them with an error.
pub(super) fn batches(
    context: &Context,
    mut stream: SendableRecordBatchStream,
) -> impl Iterator<Item = Result<RecordBatch>> {
    std::iter::from_fn(move || {
        let next = context.wait(async { Ok(stream.next().await) });
        next.transpose().map(|batch| batch.and_then(|batch| Ok(batch?)))
    })
}
