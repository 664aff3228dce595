//! Columns that the key of a group determines, read for the first groups only.
//!
//! ```text
//!  SELECT c_custkey, c_name, sum(…) AS s        sums by c_custkey
//!  … GROUP BY c_custkey, c_name          ──►    the 20 greatest of them
//!  ORDER BY s DESC LIMIT 20                     c_name of these 20 customers
//! ```
//!
//! Otherwise names of all customers are read, hashed and compared, of which 20 are asked for.
//!
//! Conditions:
//! - The first rows of groups are asked for, in an order that does not name what is left out here.
//! - Groups are of plain columns. Among them are all columns of a key of one table, none of which
//!   may be NULL; what is left out are other columns of that table, or of tables that it leads to:
//!   inner joins equate all columns of a key of theirs with columns of tables that are determined.
//! - The rows of these tables are in the groups' input as they are in the tables: below inner
//!   joins, on the outer side of outer ones, or on the side of a semi or anti join whose rows stay.
//! - There is text among what is left out, and the first table is large: numbers are as cheap.

use super::flatten::{Scope, written_out};
use crate::scan::StarfactTable;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ExprSchema, NullEquality, Result, TableReference};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, Join, JoinConstraint, JoinType, LogicalPlan, Projection, Sort,
    SortExpr, SubqueryAlias, TableScan,
};
use starfact_store::{Key, Table};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of a table whose columns are worth a join.
const LARGE_ROWS: u64 = 1 << 16;
/// Rows that are asked for at most.
const FETCH_MAX: usize = 1 << 10;

/// The plan in which columns that keys of groups determine are read late.
pub(super) fn with_late_keys(plan: LogicalPlan) -> Result<LogicalPlan> {
    let transformed = plan.transform_down(|node| {
        let LogicalPlan::Sort(sort) = &node else { return Ok(Transformed::no(node)) };
        match TopGroups::of(sort).and_then(|groups| groups.late()) {
            Some(plan) => Ok(Transformed::yes(plan?)),
            None => Ok(Transformed::no(node)),
        }
    });
    Ok(transformed?.data)
}

/// The first groups in an order.
struct TopGroups<'a> {
    sort: &'a Sort,
    aggregate: &'a Aggregate,
    keys: Vec<&'a Column>,
    /// What is sorted, each column in terms of the aggregation.
    outputs: Vec<Expr>,
    /// The order and conditions in the same terms.
    order: Vec<SortExpr>,
    conditions: Vec<Expr>,
}

impl<'a> TopGroups<'a> {
    fn of(sort: &'a Sort) -> Option<Self> {
        sort.fetch.filter(|fetch| *fetch <= FETCH_MAX)?;
        let (outputs, conditions, aggregate) = below(&sort.input)?;
        let key = |expr: &'a Expr| match expr {
            Expr::Column(column) if column.relation.is_some() => Some(column),
            _ => None,
        };
        let keys = aggregate.group_expr.iter().map(key).collect::<Option<_>>()?;
        let scope = Scope { schema: sort.input.schema(), outputs: &outputs };
        let term = |term: &SortExpr| {
            let expr = written_out(&term.expr, &[scope.by_ref()]).ok()?;
            Some(SortExpr { expr, ..term.clone() })
        };
        let order = sort.expr.iter().map(term).collect::<Option<_>>()?;
        Some(Self { sort, aggregate, keys, outputs, order, conditions })
    }

    /// The same rows, with what can wait read in the end.
    fn late(&self) -> Option<Result<LogicalPlan>> {
        let mut sources = Sources::default();
        sources.add(&self.aggregate.input)?;
        let named = self.order.iter().map(|term| &term.expr).chain(&self.conditions);
        let named: BTreeSet<&Column> = named.flat_map(Expr::column_refs).collect();
        let found = (0..sources.tables.len()).filter_map(|first| {
            let late = Late::of(&sources, first, &self.keys)?;
            let is_named = late.columns.iter().any(|column| named.contains(column));
            let texts = late.columns.iter().filter(|column| self.is_text(column)).count();
            (!is_named && texts > 0).then_some((texts, late))
        });
        let (_, late) = found.max_by_key(|(texts, _)| *texts)?;
        Some(self.read_late(&sources, &late))
    }

    fn is_text(&self, column: &Column) -> bool {
        let field = self.aggregate.input.schema().field_from_column(column);
        field.is_ok_and(|field| *field.data_type() == DataType::Utf8View)
    }

    fn read_late(&self, sources: &Sources<'_>, late: &Late<'_>) -> Result<LogicalPlan> {
        let kept: Vec<Expr> = self
            .keys
            .iter()
            .filter(|key| !late.columns.contains(*key))
            .map(|key| Expr::Column((*key).clone()))
            .collect();
        let values = &self.aggregate.aggr_expr;
        let used: BTreeSet<&Column> =
            kept.iter().chain(values).flat_map(Expr::column_refs).collect();
        let used = used.into_iter().map(|column| Expr::Column(column.clone())).collect();
        let input = Projection::try_new(used, Arc::clone(&self.aggregate.input))?;
        let input = Arc::new(LogicalPlan::Projection(input));
        let mut plan =
            LogicalPlan::Aggregate(Aggregate::try_new(input, kept.clone(), values.clone())?);
        for condition in &self.conditions {
            plan = LogicalPlan::Filter(Filter::try_new(condition.clone(), Arc::new(plan))?);
        }
        let fetch = self.sort.fetch;
        let (expr, input) = (self.order.clone(), Arc::new(plan));
        let plan = LogicalPlan::Sort(Sort { expr, input, fetch });
        // The columns of the key come again with the table that has it.
        let columns = plan.schema().columns().into_iter();
        let columns = columns.map(|column| match late.key.iter().position(|key| **key == column) {
            Some(place) => Expr::Column(column).alias(key_name(place)),
            None => Expr::Column(column),
        });
        let columns = columns.collect();
        let mut plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?);
        for (place, table) in late.tables.iter().enumerate() {
            let on = match place {
                0 => {
                    let keys = late.key.iter().enumerate();
                    keys.map(|(place, key)| (Column::new_unqualified(key_name(place)), *key))
                        .collect()
                }
                _ => table.on.iter().map(|(from, to)| ((*from).clone(), *to)).collect(),
            };
            plan = join(plan, sources.whole(table, late, &self.keys)?, on)?;
        }
        let columns = self.sort.input.schema().columns().into_iter().zip(&self.outputs);
        let columns = columns.map(|(column, output)| match output {
            Expr::Column(known) if *known == column => output.clone(),
            _ => output.clone().alias_qualified(column.relation, column.name),
        });
        let columns = columns.collect();
        let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?);
        let (expr, input) = (self.sort.expr.clone(), Arc::new(plan));
        Ok(LogicalPlan::Sort(Sort { expr, input, fetch }))
    }
}

/// The name of a column of the key beside the table that has it.
fn key_name(place: usize) -> String {
    format!("group key {place}")
}

fn join(left: LogicalPlan, right: LogicalPlan, on: Vec<(Column, &Column)>) -> Result<LogicalPlan> {
    let on = on.into_iter().map(|(l, r)| (Expr::Column(l), Expr::Column(r.clone()))).collect();
    Ok(LogicalPlan::Join(Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        None,
        JoinType::Inner,
        JoinConstraint::On,
        NullEquality::NullEqualsNothing,
        false,
    )?))
}

/// What projections and filters make of an aggregation, and the conditions of these, in its terms.
fn below(plan: &LogicalPlan) -> Option<(Vec<Expr>, Vec<Expr>, &Aggregate)> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let (outputs, conditions, aggregate) = below(&projection.input)?;
            let scope = Scope { schema: projection.input.schema(), outputs: &outputs };
            let output = |expr: &Expr| written_out(expr, &[scope.by_ref()]).ok();
            let outputs = projection.expr.iter().map(output).collect::<Option<_>>()?;
            Some((outputs, conditions, aggregate))
        }
        LogicalPlan::Filter(filter) => {
            let (outputs, mut conditions, aggregate) = below(&filter.input)?;
            let scope = Scope { schema: filter.input.schema(), outputs: &outputs };
            conditions.push(written_out(&filter.predicate, &[scope]).ok()?);
            Some((outputs, conditions, aggregate))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let columns = aggregate.schema.columns();
            Some((columns.into_iter().map(Expr::Column).collect(), Vec::new(), aggregate))
        }
        _ => None,
    }
}

/// A table as it is in the input of an aggregation.
struct Source<'a> {
    name: TableReference,
    scan: &'a TableScan,
    table: Arc<Table>,
}

/// The tables that an input consists of, and the columns of theirs that are equal in each row.
#[derive(Default)]
struct Sources<'a> {
    tables: Vec<Source<'a>>,
    equal: Vec<(&'a Column, &'a Column)>,
}

impl<'a> Sources<'a> {
    /// Takes in a plan; `None` if its columns may not be what their names say.
    fn add(&mut self, plan: &'a LogicalPlan) -> Option<()> {
        match plan {
            LogicalPlan::Projection(projection) => {
                let schema = projection.schema.iter().zip(&projection.expr);
                for ((relation, _), expr) in schema {
                    if relation.is_some() && !matches!(expr, Expr::Column(_)) {
                        return None;
                    }
                }
                self.add(&projection.input)
            }
            LogicalPlan::Filter(filter) => self.add(&filter.input),
            LogicalPlan::Join(join) => self.add_join(join),
            LogicalPlan::TableScan(scan) => self.add_table(scan.table_name.clone(), scan),
            LogicalPlan::SubqueryAlias(alias) => {
                let mut plan = alias.input.as_ref();
                loop {
                    plan = match plan {
                        LogicalPlan::Filter(filter) => &filter.input,
                        LogicalPlan::Projection(projection)
                            if projection.expr.iter().all(|it| matches!(it, Expr::Column(_))) =>
                        {
                            &projection.input
                        }
                        LogicalPlan::TableScan(scan) => {
                            return self.add_table(alias.alias.clone(), scan);
                        }
                        // Its columns have a table that is none of those here.
                        _ => return Some(()),
                    };
                }
            }
            _ => Some(()),
        }
    }

    fn add_join(&mut self, join: &'a Join) -> Option<()> {
        match join.join_type {
            JoinType::Inner => {
                // Where NULL equals NULL, a key whose columns may be NULL has several such rows.
                let is_plain = join.null_equality == NullEquality::NullEqualsNothing;
                let on = join.on.iter().filter(|_| is_plain);
                self.equal.extend(on.filter_map(|pair| match pair {
                    (Expr::Column(left), Expr::Column(right)) => Some((left, right)),
                    _ => None,
                }));
                self.add(&join.left)?;
                self.add(&join.right)
            }
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => self.add(&join.left),
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => self.add(&join.right),
            _ => None,
        }
    }

    fn add_table(&mut self, name: TableReference, scan: &'a TableScan) -> Option<()> {
        if self.tables.iter().any(|known| known.name == name) || scan.fetch.is_some() {
            return None;
        }
        if let Some(table) = stored(scan) {
            self.tables.push(Source { name, scan, table });
        }
        Some(())
    }

    /// A table with the columns of it that are read late.
    fn whole(&self, of: &LateTable<'_>, late: &Late<'_>, keys: &[&Column]) -> Result<LogicalPlan> {
        let source = &self.tables[of.place];
        let joined =
            late.tables.iter().flat_map(|table| table.on.iter().flat_map(|it| [it.0, it.1]));
        let named = keys.iter().copied().chain(late.key.iter().copied()).chain(joined);
        let named: BTreeSet<&str> = named
            .filter(|column| column.relation.as_ref() == Some(&source.name))
            .map(|column| column.name.as_str())
            .collect();
        let schema = source.scan.source.schema();
        let fields = schema.fields().iter().enumerate();
        let places = fields.filter(|(_, field)| named.contains(field.name().as_str()));
        let places = places.map(|(place, _)| place).collect();
        let scan =
            TableScanBuilder::new(source.scan.table_name.clone(), Arc::clone(&source.scan.source))
                .with_projection(Some(places))
                .build()?;
        let plan = LogicalPlan::TableScan(scan);
        if source.name == source.scan.table_name {
            return Ok(plan);
        }
        let alias = SubqueryAlias::try_new(Arc::new(plan), source.name.clone())?;
        Ok(LogicalPlan::SubqueryAlias(alias))
    }
}

/// The table of ours that a scan reads.
fn stored(scan: &TableScan) -> Option<Arc<Table>> {
    let provider = source_as_provider(&scan.source).ok()?;
    let (table, _) = provider.downcast_ref::<StarfactTable>()?.committed()?;
    Some(Arc::clone(table))
}

/// A table that is read late.
struct LateTable<'a> {
    place: usize,
    /// Columns of tables before it, and those of a key of its own that are equal to them.
    on: Vec<(&'a Column, &'a Column)>,
}

/// What is read late.
struct Late<'a> {
    /// The columns of groups that determine the others.
    key: Vec<&'a Column>,
    /// The table that has the key, and then those that it leads to.
    tables: Vec<LateTable<'a>>,
    /// The columns of groups that are left out.
    columns: Vec<&'a Column>,
}

impl<'a> Late<'a> {
    /// What the key of a table determines, if groups are of it.
    fn of(sources: &Sources<'a>, first: usize, keys: &[&'a Column]) -> Option<Self> {
        let Source { name, table, .. } = sources.tables.get(first)?;
        if table.row_count() < LARGE_ROWS {
            return None;
        }
        let of_table = |column: &&&'a Column| column.relation.as_ref() == Some(name);
        let own: Vec<&Column> = keys.iter().filter(of_table).copied().collect();
        let key = table.keys().iter().find_map(|key| columns_of(table, key, true, &own))?;
        let mut late = Self {
            key,
            tables: vec![LateTable { place: first, on: Vec::new() }],
            columns: Vec::new(),
        };
        while let Some(next) = late.next(sources) {
            late.tables.push(next);
        }
        late.columns = keys
            .iter()
            .filter(|column| late.has(sources, column) && !late.key.contains(*column))
            .copied()
            .collect();
        late.drop_needless(sources);
        Some(late)
    }

    /// Whether a column is determined.
    fn has(&self, sources: &Sources<'_>, column: &Column) -> bool {
        let name = |table: &LateTable<'_>| sources.tables.get(table.place).map(|it| &it.name);
        self.tables.iter().any(|table| name(table) == column.relation.as_ref())
    }

    /// One more table that is determined.
    fn next(&self, sources: &Sources<'a>) -> Option<LateTable<'a>> {
        (0..sources.tables.len()).find_map(|place| {
            if self.tables.iter().any(|known| known.place == place) {
                return None;
            }
            let Source { name, table, .. } = sources.tables.get(place)?;
            let both = sources.equal.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
            let pairs: Vec<(&Column, &Column)> = both
                .filter(|(from, to)| to.relation.as_ref() == Some(name) && self.has(sources, from))
                .collect();
            let to: Vec<&Column> = pairs.iter().map(|(_, to)| *to).collect();
            let key = table.keys().iter().find_map(|key| columns_of(table, key, false, &to))?;
            let pair = |to: &&'a Column| pairs.iter().find(|pair| pair.1 == *to).copied();
            Some(LateTable { place, on: key.iter().map(pair).collect::<Option<_>>()? })
        })
    }

    /// Forgets tables of which nothing is left out and that lead to none.
    fn drop_needless(&mut self, sources: &Sources<'_>) {
        for place in (1..self.tables.len()).rev() {
            let Some(name) = self.tables.get(place).and_then(|it| sources.tables.get(it.place))
            else {
                continue;
            };
            let is_of = |column: &Column| column.relation.as_ref() == Some(&name.name);
            let leads = self.tables.iter().flat_map(|it| &it.on).any(|(from, _)| is_of(from));
            if !leads && !self.columns.iter().any(|column| is_of(column)) {
                self.tables.remove(place);
            }
        }
    }
}

/// The columns of a key, if all of them are among some.
fn columns_of<'a>(
    table: &Table,
    key: &Key,
    without_nulls: bool,
    among: &[&'a Column],
) -> Option<Vec<&'a Column>> {
    let found = key.columns.iter().map(|id| {
        let column = table.column(*id).filter(|column| !(without_nulls && column.nullable))?;
        among.iter().find(|known| known.name == column.name).copied()
    });
    found.collect()
}
