//! Plans of queries that a session has run, so that the same query is not planned again.
//!
//! What is kept is the logical plan as the optimiser leaves it. It follows from the text of the
//! query, the settings and what all tables are declared to be; a change of one of the last two
//! empties the cache. It never follows from rows or statistics: rules that look at those work on
//! physical plans, which are kept for one snapshot only.
//!
//! ```text
//!   text ─ tokens ─► found? ─ no ──► parse, plan, optimise ─┬─► physical plan ─► rows
//!                      │                                    ▼          │
//!                      │                    keep, without the tables   ▼
//!                      │                                               keep, if it is repeatable
//!                      ├─ yes, and the snapshot is the same ─► physical plan, renewed ─► rows
//!                      └─ yes ─► put the tables of this snapshot in ─► physical plan ─► rows
//! ```
//!
//! Kept logical plans hold no table, and physical ones go with the first statement that has another
//! snapshot, so that they keep no file of an old snapshot on disk. Left out is what may mean
//! something else the next time: functions of time and chance, files, views, other epochs.

mod repeat;

use crate::error::Result;
use crate::functions::nullable;
use crate::parse::{Statement, Unparsed, read, tokenize};
use crate::scan::StarfactTable;
use crate::select_names::OutputNames;
use crate::star::is_divided_in_vain;
use crate::unnest::any_expression;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as EngineResult;
use datafusion::common::TableReference;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::{DefaultTableSource, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource, Volatility};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use starfact_base::TableId;
use starfact_store::{Definition, Snapshot};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Plans that a session keeps; the one that was used least recently goes first.
const PLANS_MAX: usize = 128;

/// Tokens of the longest query of which a plan is kept.
const TOKENS_MAX: usize = 4_096;

/// Bytes of the longest text of a query that is kept.
const TEXT_MAX: usize = 1 << 16;

/// The tokens of a query without white space and comments.
pub(crate) type Key = Arc<[Token]>;

/// A plan as it was found.
pub(crate) struct Found {
    pub(crate) plan: FoundPlan,
    pub(crate) names: Arc<OutputNames>,
    /// What became of each cube.
    pub(crate) cubes: Arc<[String]>,
}

/// What was found of a plan.
pub(crate) enum FoundPlan {
    /// The logical plan, with the tables of the snapshot in it.
    Logical(LogicalPlan),
    /// The same; its physical plan had better be for one thread.
    ForOneThread(LogicalPlan),
    /// The physical plan, ready to be executed.
    Physical(Arc<dyn ExecutionPlan>),
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct PlanCache {
    plans: Mutex<Plans>,
    /// Texts of queries that may have a plan.
    texts: Mutex<HashMap<Box<str>, Unparsed>>,
}

#[derive(Default)]
struct Plans {
    /// What the tables were declared to be when the plans were made, by name.
    catalog: Vec<Definition>,
    entries: HashMap<Key, Entry>,
    /// What all physical plans belong to.
    snapshot: Option<Arc<Snapshot>>,
    /// Counts look-ups, as a clock for `used`.
    clock: u64,
    #[cfg(test)]
    found: usize,
    #[cfg(test)]
    repeated: usize,
}

struct Entry {
    plan: LogicalPlan,
    names: Arc<OutputNames>,
    cubes: Arc<[String]>,
    /// If it is repeatable.
    physical: Option<Arc<dyn ExecutionPlan>>,
    used: u64,
}

impl PlanCache {
    /// Reads a statement. One with the very text of a query before is not taken apart again.
    ///
    /// # Errors
    /// Those of [`read`].
    pub(crate) fn read(&self, sql: &str) -> Result<Statement> {
        let texts = || self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts().get(sql) {
            return Ok(Statement::Unparsed(known.clone()));
        }
        let statement = read(tokenize(sql)?)?;
        if let Statement::Unparsed(query) = &statement
            && query.key.is_some()
            && sql.len() <= TEXT_MAX
        {
            let mut texts = texts();
            // Which of them will be of use is not known.
            if texts.len() >= PLANS_MAX {
                texts.clear();
            }
            texts.insert(sql.into(), query.clone());
        }
        Ok(statement)
    }

    /// The plan of a query over the tables of a snapshot, if it is kept.
    pub(crate) fn find(&self, snapshot: &Arc<Snapshot>, key: &[Token]) -> Option<Found> {
        let (plan, names, cubes) = self.lock().find(snapshot, key)?;
        let plan = match plan {
            FoundPlan::Logical(plan) => FoundPlan::Logical(bind(plan, snapshot).ok()?),
            FoundPlan::ForOneThread(plan) => FoundPlan::ForOneThread(bind(plan, snapshot).ok()?),
            FoundPlan::Physical(plan) => FoundPlan::Physical(reset_plan_states(plan).ok()?),
        };
        #[cfg(test)]
        {
            self.lock().found += 1;
            self.lock().repeated += usize::from(matches!(plan, FoundPlan::Physical(_)));
        }
        Some(Found { plan, names, cubes })
    }

    /// A statement has this snapshot: physical plans for another one are of no use any more.
    pub(crate) fn follow(&self, snapshot: &Arc<Snapshot>) {
        self.lock().follow(snapshot);
    }

    /// Keeps the physical plan of a query over the tables of this snapshot, if its logical plan is
    /// kept and it is repeatable.
    pub(crate) fn keep_physical(
        &self,
        snapshot: &Arc<Snapshot>,
        key: &[Token],
        plan: &Arc<dyn ExecutionPlan>,
    ) {
        let mut plans = self.lock();
        plans.follow(snapshot);
        if let Some(entry) = plans.entries.get_mut(key) {
            // The plan itself is executed, and holds what it has read.
            let is_repeatable = repeat::is_repeatable(plan);
            let renewed = is_repeatable.then(|| reset_plan_states(Arc::clone(plan)).ok());
            entry.physical = renewed.flatten();
        }
    }

    /// Keeps the plan of a query over the tables of this snapshot.
    pub(crate) fn keep(
        &self,
        snapshot: &Snapshot,
        key: Key,
        plan: LogicalPlan,
        about: (Arc<OutputNames>, Arc<[String]>),
    ) {
        // A plan that cannot be kept is made again the next time.
        if let Ok(plan) = unbind(plan) {
            self.lock().keep(snapshot, key, plan, about);
        }
    }

    /// Forgets the plan of a query.
    pub(crate) fn forget(&self, key: &[Token]) {
        self.lock().entries.remove(key);
    }

    /// Forgets all plans.
    pub(crate) fn clear(&self) {
        *self.lock() = Plans::default();
    }

    /// How many plans are kept, and how often one was found.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let plans = self.lock();
        (plans.entries.len(), plans.found)
    }

    /// How often a physical plan was found.
    #[cfg(test)]
    pub(crate) fn repeated(&self) -> usize {
        self.lock().repeated
    }

    fn lock(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plans {
    fn find(
        &mut self,
        snapshot: &Arc<Snapshot>,
        key: &[Token],
    ) -> Option<(FoundPlan, Arc<OutputNames>, Arc<[String]>)> {
        if !self.is_of(snapshot) {
            self.entries.clear();
        }
        self.follow(snapshot);
        let entry = self.entries.get_mut(key)?;
        // Cells change with the commit, and the plan may be of cells.
        if !snapshot.is_committed() && !entry.cubes.is_empty() {
            return None;
        }
        self.clock += 1;
        entry.used = self.clock;
        let plan = match &entry.physical {
            Some(plan) if is_divided_in_vain(plan) => FoundPlan::ForOneThread(entry.plan.clone()),
            Some(plan) => FoundPlan::Physical(Arc::clone(plan)),
            None => FoundPlan::Logical(entry.plan.clone()),
        };
        Some((plan, Arc::clone(&entry.names), Arc::clone(&entry.cubes)))
    }

    fn is_for(&self, snapshot: &Arc<Snapshot>) -> bool {
        self.snapshot.as_ref().is_some_and(|known| Arc::ptr_eq(known, snapshot))
    }

    fn follow(&mut self, snapshot: &Arc<Snapshot>) {
        if !self.is_for(snapshot) {
            self.entries.values_mut().for_each(|entry| entry.physical = None);
            self.snapshot = Some(Arc::clone(snapshot));
        }
    }

    fn keep(
        &mut self,
        snapshot: &Snapshot,
        key: Key,
        plan: LogicalPlan,
        (names, cubes): (Arc<OutputNames>, Arc<[String]>),
    ) {
        if !self.is_of(snapshot) {
            self.entries.clear();
            self.catalog = snapshot.all_tables().map(|table| table.definition()).collect();
        }
        if self.entries.len() >= PLANS_MAX
            && let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used)
        {
            let oldest = oldest.0.clone();
            self.entries.remove(&oldest);
        }
        self.clock += 1;
        let used = self.clock;
        self.entries.insert(key, Entry { plan, names, cubes, physical: None, used });
    }

    /// Whether the tables of a snapshot are declared as they were when the plans were made.
    fn is_of(&self, snapshot: &Snapshot) -> bool {
        let now = snapshot.all_tables().map(|table| table.definition());
        now.eq(self.catalog.iter().cloned())
    }
}

/// The key of a query; `None` if its plan is not to be kept.
pub(crate) fn key(tokens: &[TokenWithSpan]) -> Option<Key> {
    let is_text = |token: &Token| {
        matches!(token, Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))
    };
    let words = tokens.iter().map(|token| &token.token);
    let words = words.filter(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon));
    let key: Vec<Token> = words.take(TOKENS_MAX + 1).cloned().collect();
    // Whether two texts side by side are one depends on the white space between them.
    let is_ambiguous = key.windows(2).any(|pair| is_text(&pair[0]) && is_text(&pair[1]));
    (key.len() <= TOKENS_MAX && !is_ambiguous).then(|| key.into())
}

/// Whether a plan that was not optimised yet means the same the next time, as long as tables and
/// settings stay.
pub(crate) fn is_lasting(plan: &LogicalPlan) -> Result<bool> {
    let mut is_lasting = true;
    plan.apply_with_subqueries(|node| {
        is_lasting &= match node {
            LogicalPlan::TableScan(scan) => table_of(scan.source.as_ref()).is_some(),
            LogicalPlan::Extension(_) => false,
            _ => true,
        };
        Ok(if is_lasting { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_lasting && !any_expression(plan, |expr| Ok(is_of_its_time(expr)))?)
}

/// Whether a function gives another value in another statement.
fn is_of_its_time(expr: &Expr) -> bool {
    let volatility = match expr {
        // It only says so, to stay in the plan.
        Expr::ScalarFunction(function) if function.func == nullable() => return false,
        Expr::ScalarFunction(function) => function.func.signature().volatility,
        Expr::AggregateFunction(function) => function.func.signature().volatility,
        Expr::WindowFunction(function) => function.fun.signature().volatility,
        Expr::HigherOrderFunction(function) => function.func.signature().volatility,
        Expr::Placeholder(_) | Expr::ScalarVariable(..) => return true,
        _ => return false,
    };
    volatility != Volatility::Immutable
}

/// A table of a kept plan: which one it is, and no row of it.
#[derive(Debug)]
struct Unbound {
    table: TableId,
    schema: SchemaRef,
}

impl TableSource for Unbound {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

pub(crate) fn table_of(source: &dyn TableSource) -> Option<&StarfactTable> {
    let source = source.downcast_ref::<DefaultTableSource>()?;
    source.table_provider.as_ref().downcast_ref::<StarfactTable>()
}

/// Takes the tables out of a plan.
pub(crate) fn unbind(plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    map_sources(plan, |source| {
        let table = table_of(source)?;
        let (table, schema) = (table.id(), source.schema());
        Some(Arc::new(Unbound { table, schema }))
    })
}

/// Puts the tables of a snapshot into a plan.
fn bind(plan: LogicalPlan, snapshot: &Snapshot) -> EngineResult<LogicalPlan> {
    map_sources(plan, |source| {
        let table = snapshot.table_by_id(source.downcast_ref::<Unbound>()?.table)?;
        Some(provider_as_source(Arc::new(StarfactTable::new(snapshot, table))))
    })
}

/// Puts tables into a plan without any. `source` gives one, and more conditions on it, for the
/// place of a scan among all, the table that was there and the name that it has in the plan.
pub(crate) fn bind_places(
    plan: LogicalPlan,
    source: impl Fn(usize, TableId, &TableReference) -> Option<(Arc<dyn TableSource>, Vec<Expr>)>,
) -> EngineResult<LogicalPlan> {
    let mut place = 0;
    let plan = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let unbound = scan.source.downcast_ref::<Unbound>();
        let found = unbound.and_then(|unbound| source(place, unbound.table, &scan.table_name));
        let Some((source, filters)) = found else {
            return datafusion::common::plan_err!("the plan reads a table that is not there");
        };
        place += 1;
        scan.source = source;
        scan.filters.extend(filters);
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(plan.data)
}

/// Replaces the sources of all scans, those in subqueries too.
fn map_sources(
    plan: LogicalPlan,
    replace: impl Fn(&dyn TableSource) -> Option<Arc<dyn TableSource>>,
) -> EngineResult<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let Some(source) = replace(scan.source.as_ref()) else {
            return datafusion::common::plan_err!("the plan reads something that is no table");
        };
        scan.source = source;
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(plan.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::tokenize;

    fn key_of(sql: &str) -> Option<Key> {
        key(&tokenize(sql).unwrap())
    }

    #[test]
    fn white_space_and_comments_do_not_matter_and_all_else_does() {
        let plain = key_of("SELECT a FROM t WHERE b = 'x  y'");
        assert!(plain.is_some());
        assert_eq!(key_of("SELECT  a -- all\nFROM\tt /* x */ WHERE b='x  y';"), plain);
        for other in ["SELECT a FROM t WHERE b = 'x y'", "SELECT A FROM t WHERE b = 'x  y'"] {
            assert_ne!(key_of(other), plain, "{other}");
        }
    }

    #[test]
    fn a_text_that_was_read_is_not_taken_apart_again() {
        let cache = PlanCache::default();
        let tokens = |sql: &str| match cache.read(sql).unwrap() {
            Statement::Unparsed(query) => query.tokens,
            other => panic!("{other:?}"),
        };
        let first = tokens("SELECT 1");
        assert!(Arc::ptr_eq(&first, &tokens("SELECT 1")));
        assert!(!Arc::ptr_eq(&first, &tokens("SELECT  1")));
        let long = format!("SELECT '{}'", "x".repeat(TEXT_MAX));
        assert!(!Arc::ptr_eq(&tokens(&long), &tokens(&long)));
        for number in 0..=2 * PLANS_MAX {
            tokens(&format!("SELECT {number}"));
        }
        assert!(cache.texts.lock().unwrap().len() <= PLANS_MAX);
    }

    #[test]
    fn texts_side_by_side_and_long_queries_have_no_key() {
        assert_eq!(key_of("SELECT 'a'\n'b'"), None);
        assert_eq!(key_of("SELECT 'a' 'b'"), None);
        assert_eq!(key_of(&format!("SELECT 1{}", " + 1".repeat(TOKENS_MAX / 2))), None);
    }
}
