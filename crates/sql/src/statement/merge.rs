//! `MERGE INTO t USING s ON … WHEN [NOT] MATCHED … THEN …`.
//!
//! One query joins the table and the source, as far as the clauses need rows without a partner, and
//! says for each row which clause it is for and what that clause sets:
//!
//! ```text
//!   SELECT t."row id",
//!          CASE WHEN matched AND condition 1 THEN 0 WHEN … THEN 1 … END,   the clause
//!          t.*,                                                           the old row
//!          CASE clause 0 THEN value END, …                                what clause 0 sets
//!   FROM "rows of t" AS t FULL JOIN (SELECT *, TRUE FROM s) AS s ON …
//! ```
//!
//! A row of the table that several rows of the source would change is an error: it is not said
//! which one is to win.

mod clause;

use super::changed::{Changed, columns, row_ids, select, table_of};
use super::kept::{Deletions, Kept, Updates};
use super::qualify::qualify;
use super::returning::{Returning, columns_of};
use super::{Context, insert, query, transaction, write};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::parse::{Merge, When, WhenKind};
use crate::scan::arrow_schema;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::Int64Type;
use clause::{Clause, Deed};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, SetExpr, TableFactor, TableWithJoins, With,
};
use starfact_store::Transaction;
use std::collections::HashSet;
use std::sync::Arc;

/// The column that tells rows of the source from none.
const IN_SOURCE: &str = "in source";
/// Columns before those of the old row: the row id and the clause.
const OWN_COLUMNS: usize = 2;

/// Inserts, updates and deletes rows by those of a source.
pub(super) fn merge(context: &mut Context, merge: Merge) -> Result<Outcome> {
    transaction::change(context, |context, transaction| run(context, transaction, merge))
}

fn run(context: &mut Context, transaction: &mut Transaction, mut merge: Merge) -> Result<Outcome> {
    let changed = Changed::of(context, "MERGE", &merge.table)?;
    refuse_unreachable(&merge.clauses)?;
    let others = [table_of(merge.source.clone())];
    let source = Source::new(merge.source)?;
    qualify_clauses(context, &changed, &source, &others, &mut merge.clauses, merge.with.as_ref())?;
    let mut returning = match merge.returning {
        Some(items) => {
            Some(Returning::new(context, items, &changed, &others, merge.with.as_ref())?)
        }
        None => None,
    };
    let kinds: Vec<WhenKind> = merge.clauses.iter().map(|clause| clause.kind).collect();
    let mut tests: Vec<Expr> = Vec::with_capacity(kinds.len());
    for clause in &merge.clauses {
        tests.push(clause::test(&changed, &source.marker(), clause)?);
    }
    let mut values = vec![changed.row_id(), clause::number(&tests)?];
    values.extend(changed.columns());
    let mut clauses = Vec::with_capacity(kinds.len());
    for (number, when) in merge.clauses.into_iter().enumerate() {
        let (clause, set) = Clause::new(context, &changed, when, values.len())?;
        for value in set {
            values.push(clause::only_for(&tests, number, value)?);
        }
        clauses.push(clause);
    }
    let others_start = values.len();
    values.extend(returning.iter().flat_map(Returning::others));
    let relation = changed.relation(context)?;
    let from = join(relation, source.relation, merge.on, &kinds);
    let (_, stream) = query::open(context, select(merge.with, values, vec![from], None)?)?;
    let mut merging = Merging::new(context, &changed, clauses);
    for batch in query::batches(context, stream) {
        merging.batch(transaction, &batch?, others_start, returning.as_mut())?;
    }
    let rows = merging.finish(context, transaction)?;
    match returning {
        Some(returning) => returning.finish(context, &changed),
        None => Ok(Outcome::Count { verb: "MERGE", rows }),
    }
}

/// No row reaches a clause behind one of its kind that takes all rows.
fn refuse_unreachable(clauses: &[When]) -> Result<()> {
    for (number, clause) in clauses.iter().enumerate() {
        let takes_all = |before: &When| before.kind == clause.kind && before.condition.is_none();
        if clauses[..number].iter().any(takes_all) {
            let message =
                format!("WHEN {0} stands behind a WHEN {0} without condition", clause.kind);
            return Err(Error::sql(message)
                .with_hint("no row reaches it: give the first one a condition with AND"));
        }
    }
    Ok(())
}

/// Where there is no row of the other table, names without a table mean the one that there is.
fn qualify_clauses(
    context: &mut Context,
    changed: &Changed,
    source: &Source,
    from: &[TableWithJoins],
    clauses: &mut [When],
    with: Option<&With>,
) -> Result<()> {
    for clause in clauses {
        let (table, columns) = match clause.kind {
            WhenKind::Matched => continue,
            WhenKind::NotMatchedByTarget => {
                (&source.name, columns_of(context, &source.name, from, with)?)
            }
            WhenKind::NotMatchedBySource => (&changed.name, changed.column_names()),
        };
        for expr in clause.expressions_mut().filter(|expr| !insert::is_default(expr)) {
            qualify(expr, table, &columns);
        }
    }
    Ok(())
}

/// The source, with a column that is never NULL.
struct Source {
    name: Ident,
    relation: TableFactor,
}

impl Source {
    fn new(mut factor: TableFactor) -> Result<Self> {
        let alias = match &mut factor {
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::Function { alias, .. } => alias.clone(),
            _ => None,
        };
        let name = match (&alias, &factor) {
            (Some(alias), _) => alias.name.clone(),
            (None, TableFactor::Table { name, args: None, .. }) => {
                let last = name.0.last().and_then(|part| part.as_ident());
                let is_file = |ident: &&Ident| ident.quote_style == Some('\'');
                let last = last.filter(|ident| !is_file(ident)).cloned();
                last.ok_or_else(no_name)?
            }
            _ => return Err(no_name()),
        };
        let marked = format!("(SELECT *, TRUE AS \"{IN_SOURCE}\" FROM s) AS {name}");
        let mut query = super::changed::parse_query(&format!("SELECT 1 FROM {marked}"))?;
        let mut relation = None;
        if let SetExpr::Select(select) = query.body.as_mut() {
            relation = select.from.pop().map(|table| table.relation);
        }
        if let Some(TableFactor::Derived { subquery, .. }) = &mut relation
            && let SetExpr::Select(select) = subquery.body.as_mut()
            && let Some(table) = select.from.first_mut()
        {
            table.relation = factor;
        }
        let relation = relation.ok_or_else(|| Error::internal("a query without FROM"))?;
        Ok(Self { name, relation })
    }

    fn marker(&self) -> Expr {
        let parts = vec![self.name.clone(), Ident::with_quote('"', IN_SOURCE)];
        Expr::CompoundIdentifier(parts)
    }
}

fn no_name() -> Error {
    Error::sql("the source of MERGE has no name").with_hint("write USING (SELECT …) AS s")
}

/// The table and the source, joined so that no row is missing that a clause is for.
fn join(table: TableFactor, source: TableFactor, on: Expr, kinds: &[WhenKind]) -> TableWithJoins {
    let on = JoinConstraint::On(on);
    let has = |kind| kinds.contains(&kind);
    let (new, rest) = (has(WhenKind::NotMatchedByTarget), has(WhenKind::NotMatchedBySource));
    let (left, right, join_operator) = match (new, rest) {
        (false, false) => (table, source, JoinOperator::Inner(on)),
        (false, true) => (table, source, JoinOperator::LeftOuter(on)),
        (true, false) => (source, table, JoinOperator::LeftOuter(on)),
        (true, true) => (table, source, JoinOperator::FullOuter(on)),
    };
    let join = Join { relation: right, global: false, join_operator };
    TableWithJoins { relation: left, joins: vec![join] }
}

/// A MERGE under way.
struct Merging<'a> {
    changed: &'a Changed,
    clauses: Vec<Clause>,
    touched: HashSet<u64>,
    updates: Updates,
    deletions: Deletions,
    inserted: Kept,
}

impl<'a> Merging<'a> {
    fn new(context: &Context, changed: &'a Changed, clauses: Vec<Clause>) -> Self {
        let table = changed.table.id();
        Self {
            changed,
            clauses,
            touched: HashSet::new(),
            updates: Updates::new(table),
            deletions: Deletions::new(table),
            inserted: Kept::new(context),
        }
    }

    fn batch(
        &mut self,
        transaction: &mut Transaction,
        batch: &RecordBatch,
        others_start: usize,
        mut returning: Option<&mut Returning>,
    ) -> Result<()> {
        let width = self.changed.table.columns().len();
        for number in 0..self.clauses.len() {
            let rows = of_clause(batch, number)?;
            if rows.num_rows() == 0 {
                continue;
            }
            let clause = &mut self.clauses[number];
            let row_ids = match clause.deed {
                Deed::Nothing => continue,
                Deed::Insert => Vec::new(),
                Deed::Update | Deed::Delete => {
                    let row_ids: Option<Vec<u64>> = row_ids(&rows, 0)?.into_iter().collect();
                    row_ids.ok_or_else(|| Error::internal("a matched row without row id"))?
                }
            };
            if !row_ids.iter().all(|row| self.touched.insert(*row)) {
                return Err(twice());
            }
            let result = match clause.deed {
                Deed::Insert | Deed::Update => clause.new_rows(&rows, OWN_COLUMNS)?,
                _ => columns(&rows, OWN_COLUMNS, width)?,
            };
            let action = clause.deed.name();
            if let Some(returning) = returning.as_deref_mut() {
                let action: ArrayRef = Arc::new(StringArray::from(vec![action; rows.num_rows()]));
                returning.push(&result, &rows.columns()[others_start..], Some(&action))?;
            }
            match clause.deed {
                Deed::Insert => self.inserted.push(result)?,
                Deed::Update => self.updates.push(transaction, &row_ids, result)?,
                Deed::Delete => self.deletions.push(transaction, &row_ids)?,
                Deed::Nothing => {}
            }
        }
        Ok(())
    }

    /// Hands over what is left; returns how many rows were inserted, updated or deleted.
    fn finish(self, context: &Context, transaction: &mut Transaction) -> Result<u64> {
        let mut rows = self.updates.finish(transaction)?;
        rows += self.deletions.finish(transaction)?;
        let table = self.changed.table.id();
        let schema = match self.inserted.batches().first() {
            Some(batch) => batch.schema(),
            None => Arc::new(arrow_schema(&self.changed.table)),
        };
        let mut new = self.inserted.batches().iter().cloned().map(Ok);
        rows += write::add_converted(context, transaction, (table, &schema), &mut new)?;
        Ok(rows)
    }
}

/// The rows of a batch that are for a clause.
fn of_clause(batch: &RecordBatch, number: usize) -> Result<RecordBatch> {
    let clauses = batch.column(1).as_primitive_opt::<Int64Type>();
    let clauses = clauses.ok_or_else(|| Error::internal("clauses are no integers"))?;
    let is_it =
        |clause: Option<i64>| Some(clause == i64::try_from(number).ok() && clause.is_some());
    let mask: BooleanArray = clauses.iter().map(is_it).collect();
    match mask.true_count() {
        count if count == batch.num_rows() => Ok(batch.clone()),
        0 => Ok(take_record_batch(batch, &UInt32Array::from(Vec::<u32>::new()))?),
        _ => Ok(filter_record_batch(batch, &mask)?),
    }
}

fn twice() -> Error {
    Error::sql("MERGE changes a row a second time: several rows of the source match it")
        .with_hint("let at most one row of the source match, for example by GROUP BY its key")
}
