//! Plans the queries for cells, and remembers what they are.

use super::part::Part;
use super::reason::used_cube;
use crate::catalog::WarehouseSchema;
use crate::error::{Error, Result};
use crate::parse::{Statement, parse};
use crate::session::{build_state, runtime_env};
use crate::settings::UseCubes;
use crate::statement::{Context, optimized_query};
use crate::warehouse::Inner;
use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, in_list};
use datafusion::physical_plan::collect;
use starfact_base::TableId;
use starfact_store::{CubePart, Definition, Snapshot, Table};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio_util::sync::CancellationToken;

/// The cubes of a warehouse, as far as they were asked for.
#[derive(Default)]
pub(crate) struct Cubes {
    planner: Mutex<Option<Planner>>,
    planning: Mutex<()>,
    parts: Mutex<HashMap<TableId, Known>>,
    /// Whether commits join the dimensions of few rows instead of looking them up.
    joins_few_rows: AtomicBool,
    /// How often they have looked them up.
    #[cfg(test)]
    lookups: AtomicU64,
    /// How often cubes have answered.
    used: Mutex<HashMap<String, u64>>,
    /// Parts of cubes that gave a wrong answer.
    quarantined: Mutex<HashSet<TableId>>,
    audits: Mutex<VecDeque<Audit>>,
    /// Millionths of the next comparison.
    chance: AtomicU64,
}

/// An answer of cubes that was compared with that of tables.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    pub(crate) at: SystemTime,
    pub(crate) statement: String,
    pub(crate) cubes: String,
    /// There if they are not the same.
    pub(crate) difference: Option<String>,
}

/// Comparisons that are kept.
const AUDITS_MAX: usize = 1_000;

/// What plans for no session.
#[derive(Clone)]
struct Planner {
    schema: Arc<WarehouseSchema>,
    state: Arc<SessionState>,
}

/// A part, and what the tables were declared to be when it was planned.
struct Known {
    definitions: Vec<Option<Definition>>,
    part: Arc<Part>,
}

/// What a table of cells and the tables that it is made of are declared to be.
fn definitions(table: &Table, part: &CubePart, snapshot: &Snapshot) -> Vec<Option<Definition>> {
    let of = |id: &TableId| snapshot.table_by_id(*id).map(|table| table.definition());
    let own = std::iter::once(Some(table.definition()));
    own.chain(part.tables.iter().map(of)).collect()
}

impl Cubes {
    /// What a table of cells is.
    ///
    /// # Errors
    /// A query for cells that cannot be planned any more.
    pub(crate) fn part(
        &self,
        inner: &Arc<Inner>,
        snapshot: &Arc<Snapshot>,
        table: &Arc<Table>,
        part: &CubePart,
    ) -> Result<Arc<Part>> {
        let definitions = definitions(table, part, snapshot);
        if let Some(known) = self.lock_parts().get(&table.id())
            && known.definitions == definitions
        {
            return Ok(Arc::clone(&known.part));
        }
        let plan = self.plan(inner, snapshot, &part.cells)?;
        let part = Arc::new(Part::of(plan, table)?);
        let known = Known { definitions, part: Arc::clone(&part) };
        self.lock_parts().insert(table.id(), known);
        Ok(part)
    }

    /// The optimised plan of a query over a snapshot, without cubes.
    ///
    /// # Errors
    /// What is wrong with the query.
    pub(crate) fn plan(
        &self,
        inner: &Arc<Inner>,
        snapshot: &Arc<Snapshot>,
        sql: &str,
    ) -> Result<LogicalPlan> {
        let Statement::Query(query) = parse(sql)? else {
            return Err(Error::internal("cells are not of a query"));
        };
        // The planner looks at one snapshot at a time.
        let _one = self.planning.lock().unwrap_or_else(PoisonError::into_inner);
        let mut context = self.context(inner, snapshot);
        context.schema.set_snapshot(Arc::clone(snapshot));
        // A place in this text is none in the text of the user.
        optimized_query(&mut context, *query).map_err(|error| Error { position: None, ..error })
    }

    /// The rows of an optimised plan.
    ///
    /// # Errors
    /// What goes wrong while it runs.
    pub(crate) fn rows(
        &self,
        inner: &Arc<Inner>,
        snapshot: &Arc<Snapshot>,
        plan: &LogicalPlan,
    ) -> Result<Vec<RecordBatch>> {
        let context = self.context(inner, snapshot);
        context.wait(async {
            let planner = context.state.query_planner();
            let physical = planner.create_physical_plan(plan, context.state.as_ref()).await?;
            Ok(collect(physical, context.state.task_ctx()).await?)
        })
    }

    /// A plan with conditions on some of its columns: each has one of some values.
    ///
    /// # Errors
    /// Those of the optimiser.
    pub(super) fn filtered(
        &self,
        inner: &Arc<Inner>,
        plan: LogicalPlan,
        filters: &[(usize, Vec<ScalarValue>)],
    ) -> Result<LogicalPlan> {
        if filters.is_empty() {
            return Ok(plan);
        }
        let columns = plan.schema().columns();
        let mut conditions = Vec::new();
        for (place, values) in filters {
            let Some(column) = columns.get(*place) else { continue };
            let column = Expr::Column(column.clone());
            let known = values.iter().filter(|value| !value.is_null());
            let known = known.map(|value| Expr::Literal(value.clone(), None)).collect();
            let among = in_list(column.clone(), known, false);
            conditions.push(match values.iter().any(ScalarValue::is_null) {
                true => among.or(column.is_null()),
                false => among,
            });
        }
        let mut plan = LogicalPlanBuilder::from(plan);
        if let Some(condition) = conjunction(conditions) {
            plan = plan.filter(condition)?;
        }
        Ok(self.planner(inner).state.optimize(&plan.build()?)?)
    }

    /// A plan of ours, optimised.
    ///
    /// # Errors
    /// Those of the optimiser.
    pub(super) fn optimized(&self, inner: &Arc<Inner>, plan: &LogicalPlan) -> Result<LogicalPlan> {
        Ok(self.planner(inner).state.optimize(plan)?)
    }

    /// Whether commits look up the dimensions of few rows.
    pub(super) fn looks_up(&self) -> bool {
        !self.joins_few_rows.load(Ordering::Relaxed)
    }

    /// Counts a part of a commit that did.
    pub(super) fn note_lookup(&self) {
        #[cfg(test)]
        self.lookups.fetch_add(1, Ordering::Relaxed);
    }

    /// How many did.
    #[cfg(test)]
    pub(crate) fn lookup_count(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
    }

    /// Says whether they do.
    pub(crate) fn set_lookups(&self, is_on: bool) {
        self.joins_few_rows.store(!is_on, Ordering::Relaxed);
    }

    /// Counts the cubes that answer a query, of which these are the notes.
    pub(crate) fn note_used(&self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for cube in notes.iter().filter_map(|note| used_cube(note)) {
            *used.entry(cube.to_owned()).or_default() += 1;
        }
    }

    /// Whether the next answer is to be compared, of so many of a million.
    pub(crate) fn is_audit_due(&self, millionths: u32) -> bool {
        let before = self.chance.fetch_add(millionths.into(), Ordering::Relaxed);
        before % 1_000_000 + u64::from(millionths) >= 1_000_000
    }

    /// Keeps the outcome of a comparison.
    pub(crate) fn note_audit(&self, audit: Audit) {
        let mut audits = self.audits.lock().unwrap_or_else(PoisonError::into_inner);
        if audits.len() == AUDITS_MAX {
            audits.pop_front();
        }
        audits.push_back(audit);
    }

    /// The last comparisons.
    pub(crate) fn audits(&self) -> Vec<Audit> {
        self.audits.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Uses some cubes no more.
    pub(crate) fn quarantine(&self, snapshot: &Snapshot, cubes: &[String]) {
        let parts = snapshot.cube_parts().filter(|(_, part)| cubes.contains(&part.cube));
        let mut quarantined = self.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
        quarantined.extend(parts.map(|(table, _)| table.id()));
    }

    /// Whether a cube that these notes say was used is used no more.
    pub(crate) fn has_quarantined(&self, snapshot: &Snapshot, notes: &[String]) -> bool {
        let quarantined = self.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
        !quarantined.is_empty()
            && snapshot.cube_parts().any(|(table, part)| {
                quarantined.contains(&table.id())
                    && notes.iter().any(|note| used_cube(note) == Some(&part.cube))
            })
    }

    /// Whether a part is used no more.
    pub(crate) fn is_quarantined(&self, part: TableId) -> bool {
        self.quarantined.lock().unwrap_or_else(PoisonError::into_inner).contains(&part)
    }

    /// How often a cube has answered since the warehouse was opened.
    pub(crate) fn hits(&self, cube: &str) -> u64 {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(cube).copied().unwrap_or_default()
    }

    fn context(&self, inner: &Arc<Inner>, snapshot: &Arc<Snapshot>) -> Context {
        let Planner { schema, state } = self.planner(inner);
        Context {
            inner: Arc::clone(inner),
            schema,
            state,
            snapshot: Arc::clone(snapshot),
            settings: inner.defaults,
            progress: Arc::default(),
            notes: Arc::default(),
            logged: None,
            plans: Arc::default(),
            prepared: Arc::default(),
            cancel: CancellationToken::new(),
            open: None,
        }
    }

    fn planner(&self, inner: &Arc<Inner>) -> Planner {
        let mut planner = self.planner.lock().unwrap_or_else(PoisonError::into_inner);
        let planner = planner.get_or_insert_with(|| {
            let schema = Arc::new(WarehouseSchema::new(inner));
            let mut settings = inner.defaults;
            settings.scan.use_cubes = UseCubes::Off;
            let mut state = build_state(&schema, runtime_env(settings.memory_limit));
            let config = settings.apply(state.config().clone());
            *state.config_mut() = config.with_extension(Arc::clone(&inner.helpers));
            Planner { schema, state: Arc::new(state) }
        });
        planner.clone()
    }

    fn lock_parts(&self) -> std::sync::MutexGuard<'_, HashMap<TableId, Known>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
