//! The values of the outer columns on which a subquery depends.
//!
//! They are read from a copy of the plan around the subquery. The copy may have more values than
//! the plan itself, which costs time only; it must not lack any. So it is taken below operators
//! that may answer differently when they are evaluated twice, and where that is not possible the
//! subquery is refused.

use super::{Unnest, any_expression, is_volatile, project};
use crate::functions::nullable;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result, not_impl_err};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder,
};
use std::sync::Arc;

/// See the [module](self).
pub(super) struct Domain {
    /// The columns, as the query around the subquery calls them.
    pub(super) outer: Vec<Column>,
    /// Where their values are read, and what they are called there.
    source: Arc<LogicalPlan>,
    columns: Vec<Column>,
}

impl Domain {
    /// The domain of a subquery in an operator that has these rows.
    pub(super) fn of(subquery: &LogicalPlan, around: &LogicalPlan) -> Result<Self> {
        let mut outer = outer_references(subquery)?;
        outer.retain(|column| has(around.schema(), column));
        if outer.is_empty() {
            let source = Arc::new(around.clone());
            return Ok(Self { outer, source, columns: Vec::new() });
        }
        let (mut source, mut columns) = (around.clone(), outer.clone());
        while !is_stable(&source)? && !are_ranks(&source, &columns)? {
            let Some(below) = below(&source, &columns)? else {
                return not_impl_err!(
                    "a subquery that depends on a value which may differ when it is computed \
                     twice; store the rows around it in a table first"
                );
            };
            (source, columns) = below;
        }
        Ok(Self { outer, source: Arc::new(source), columns })
    }

    /// Whether the plan depends on these columns.
    pub(super) fn is_used_in(&self, plan: &LogicalPlan) -> Result<bool> {
        any_expression(plan, |expr| Ok(self.place(expr).is_some()))
    }

    /// The distinct values, in columns with new names.
    ///
    /// That they are distinct is hidden. From a key that is unique on one side of a join the engine
    /// infers that it is unique in groups by it and others, and drops the others.
    pub(super) fn rows(&self, unnest: &mut Unnest) -> Result<(LogicalPlan, Vec<Column>)> {
        let mut names =
            || -> Vec<String> { self.columns.iter().map(|_| unnest.name("key")).collect() };
        let (values, names) = (names(), names());
        let columns = self.columns.iter().zip(&values);
        let columns = columns.map(|(column, name)| Expr::Column(column.clone()).alias(name));
        let plan = project(self.source.as_ref().clone(), columns.collect())?;
        let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(plan)));
        let columns = values.into_iter().map(Column::new_unqualified).zip(&names);
        let hide = |(value, name)| nullable().call(vec![Expr::Column(value)]).alias(name);
        let plan = project(plan, columns.map(hide).collect())?;
        Ok((plan, names.into_iter().map(Column::new_unqualified).collect()))
    }

    /// The plan's rows, each with every one of the values.
    pub(super) fn beside(
        &self,
        unnest: &mut Unnest,
        plan: LogicalPlan,
    ) -> Result<(LogicalPlan, Vec<Column>)> {
        if self.outer.is_empty() {
            return Ok((plan, Vec::new()));
        }
        let (rows, keys) = self.rows(unnest)?;
        Ok((LogicalPlanBuilder::from(plan).cross_join(rows)?.build()?, keys))
    }

    /// The expression with the values in place of the outer columns.
    pub(super) fn resolve(&self, expr: &Expr, keys: &[Column]) -> Result<Expr> {
        let resolved = expr.clone().transform_up(|expr| {
            let key = self.place(&expr).and_then(|place| keys.get(place));
            Ok(match key {
                Some(key) => Transformed::yes(Expr::Column(key.clone())),
                None => Transformed::no(expr),
            })
        });
        Ok(resolved?.data)
    }

    fn place(&self, expr: &Expr) -> Option<usize> {
        match expr {
            Expr::OuterReferenceColumn(_, column) => {
                self.outer.iter().position(|outer| outer == column)
            }
            _ => None,
        }
    }
}

/// The columns of queries around it on which the plan depends.
pub(super) fn outer_references(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut found = Vec::new();
    any_expression(plan, |expr| {
        if let Expr::OuterReferenceColumn(_, column) = expr
            && !found.contains(column)
        {
            found.push(column.clone());
        }
        Ok(false)
    })?;
    Ok(found)
}

fn has(schema: &DFSchema, column: &Column) -> bool {
    schema.maybe_index_of_column(column).is_some()
}

/// Whether the plan has the same rows whenever it is evaluated.
fn is_stable(plan: &LogicalPlan) -> Result<bool> {
    if is_volatile(plan)? {
        return Ok(false);
    }
    let mut is_stable = true;
    plan.apply_with_subqueries(|node| {
        // Whether there is a row does not depend on which it is.
        if let LogicalPlan::Aggregate(aggregate) = node
            && aggregate.group_expr.is_empty()
            && matches!(aggregate.input.as_ref(), LogicalPlan::Limit(_))
            && aggregate.aggr_expr.iter().all(is_count)
        {
            return Ok(TreeNodeRecursion::Jump);
        }
        is_stable = match node {
            // Rows that are equal for the order may come in any order.
            LogicalPlan::Limit(_) | LogicalPlan::Window(_) => false,
            LogicalPlan::Distinct(Distinct::On(_)) => false,
            LogicalPlan::Aggregate(aggregate) => {
                !any_expression_of(aggregate, |expr| Ok(depends_on_order(expr, aggregate)))?
            }
            _ => true,
        };
        Ok(if is_stable { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_stable)
}

fn is_count(expr: &Expr) -> bool {
    match expr.clone().unalias() {
        Expr::AggregateFunction(function) => {
            let args = &function.params.args;
            function.func.name() == "count"
                && args.iter().all(|arg| matches!(arg, Expr::Literal(..)))
        }
        _ => false,
    }
}

fn any_expression_of(
    aggregate: &Aggregate,
    is_wanted: impl Fn(&Expr) -> Result<bool>,
) -> Result<bool> {
    let mut found = false;
    for expr in &aggregate.aggr_expr {
        found |= expr.exists(&is_wanted)?;
    }
    Ok(found)
}

/// Whether the columns are ranks of rows that are the same whenever they are evaluated. Rows that
/// are equal for the order share their rank; they have different numbers, but it is not certain
/// which of them has which.
fn are_ranks(plan: &LogicalPlan, columns: &[Column]) -> Result<bool> {
    let LogicalPlan::Window(window) = plan else { return Ok(false) };
    let input = window.input.schema();
    let (mut are_shared, mut are_numbers) = (true, true);
    for column in columns {
        if has(input, column) {
            are_numbers = false;
            continue;
        }
        let place = window.schema.index_of_column(column)? - input.fields().len();
        let function = match window.window_expr.get(place).map(|expr| expr.clone().unalias()) {
            Some(Expr::WindowFunction(function)) => function.fun.name().to_owned(),
            _ => return Ok(false),
        };
        match function.as_str() {
            "rank" | "dense_rank" | "percent_rank" | "cume_dist" => {}
            "row_number" => are_shared = false,
            _ => return Ok(false),
        }
    }
    Ok((are_shared || are_numbers) && is_stable(&window.input)?)
}

/// Whether an aggregate function may give another value when its rows come in another order.
fn depends_on_order(expr: &Expr, aggregate: &Aggregate) -> bool {
    let Expr::AggregateFunction(function) = expr else { return false };
    let is_exact = || {
        let types = function.params.args.iter().map(|arg| arg.get_type(aggregate.input.schema()));
        types.into_iter().all(|of| of.is_ok_and(|of| !of.is_floating()))
    };
    match function.func.name() {
        "count" | "min" | "max" | "bool_and" | "bool_or" | "bit_and" | "bit_or" | "bit_xor" => {
            false
        }
        "sum" | "avg" => !is_exact(),
        _ => true,
    }
}

/// A plan below that has at least the same values of the columns, and their names there.
fn below(plan: &LogicalPlan, columns: &[Column]) -> Result<Option<(LogicalPlan, Vec<Column>)>> {
    let same = |input: &Arc<LogicalPlan>| Some((input.as_ref().clone(), columns.to_vec()));
    let plain = |expr: &Expr| match expr.clone().unalias() {
        Expr::Column(column) => Some(column),
        _ => None,
    };
    let mut places = Vec::new();
    for column in columns {
        places.push(plan.schema().index_of_column(column)?);
    }
    Ok(match plan {
        LogicalPlan::Filter(filter) => same(&filter.input),
        LogicalPlan::Sort(sort) => same(&sort.input),
        LogicalPlan::Limit(limit) => same(&limit.input),
        LogicalPlan::Distinct(Distinct::All(input)) => same(input),
        LogicalPlan::Window(window)
            if columns.iter().all(|column| has(window.input.schema(), column)) =>
        {
            same(&window.input)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let names = alias.input.schema().columns();
            let names = places.iter().filter_map(|place| names.get(*place).cloned()).collect();
            Some((alias.input.as_ref().clone(), names))
        }
        LogicalPlan::Projection(projection) => {
            let names: Option<Vec<Column>> =
                places.iter().map(|place| projection.expr.get(*place).and_then(plain)).collect();
            names.map(|names| (projection.input.as_ref().clone(), names))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let names: Option<Vec<Column>> = places
                .iter()
                .map(|place| aggregate.group_expr.get(*place).and_then(plain))
                .collect();
            names.map(|names| (aggregate.input.as_ref().clone(), names))
        }
        LogicalPlan::Join(join) => side(join, columns).and_then(same),
        _ => None,
    })
}

/// The side of a join that has all of the columns, if all their values come from there.
fn side<'a>(join: &'a Join, columns: &[Column]) -> Option<&'a Arc<LogicalPlan>> {
    use JoinType::{
        Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi,
    };
    let holds = |plan: &LogicalPlan| columns.iter().all(|column| has(plan.schema(), column));
    match join.join_type {
        Inner | Left | LeftSemi | LeftAnti | LeftMark if holds(&join.left) => Some(&join.left),
        Inner | Right | RightSemi | RightAnti | RightMark if holds(&join.right) => {
            Some(&join.right)
        }
        _ => None,
    }
}
