//! Which subqueries are rewritten, and the operators in which they stand.

use super::domain::outer_references;
use super::value::Site;
use super::{Scope, Unnest, extend, named_like, project, select};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result, not_impl_err};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, Filter, Join, LogicalPlan, Operator, Projection, Sort,
    SortExpr, Window,
};
use std::sync::Arc;

impl Unnest {
    /// Rewrites the subqueries of an operator whose inputs are rewritten.
    pub(super) fn place(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        if let LogicalPlan::Join(join) = plan {
            if self.scope == Scope::Misplanned && !needs_rewrite(&join.right)? {
                return Ok(LogicalPlan::Join(join));
            }
            return match self.lateral(join)? {
                LogicalPlan::Join(join)
                    if self.scope == Scope::All
                        && join.filter.as_ref().is_some_and(has_subquery) =>
                {
                    self.join_condition(join)
                }
                other => Ok(other),
            };
        }
        if !plan.expressions().iter().any(has_subquery) {
            return Ok(plan);
        }
        match plan {
            LogicalPlan::Filter(filter) => self.filter(filter),
            other if self.scope == Scope::Misplanned => Ok(other),
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let mut site = Site::new(Arc::unwrap_or_clone(input));
                let columns = self.replace_all(&mut site, expr, true)?;
                let plan = Projection::try_new(columns, Arc::new(site.rows))?;
                Ok(LogicalPlan::Projection(plan))
            }
            LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, .. }) => {
                let mut site = Site::new(Arc::unwrap_or_clone(input));
                let groups = self.replace_all(&mut site, group_expr, false)?;
                let values = self.replace_all(&mut site, aggr_expr, false)?;
                let plan = Aggregate::try_new(Arc::new(site.rows), groups, values)?;
                Ok(LogicalPlan::Aggregate(plan))
            }
            LogicalPlan::Window(window) => {
                let mut site = Site::new(Arc::unwrap_or_clone(window.input));
                let functions = self.replace_all(&mut site, window.window_expr, false)?;
                let plan = Window::try_new(functions, Arc::new(site.rows))?;
                select(LogicalPlan::Window(plan), window.schema.columns())
            }
            LogicalPlan::Sort(Sort { expr, input, fetch }) => {
                let columns = input.schema().columns();
                let rows = with_columns_of(&expr, Arc::unwrap_or_clone(input))?;
                let mut site = Site::new(rows);
                let mut order = Vec::new();
                for by in expr {
                    let expr = self.replace(&mut site, by.expr, false)?;
                    order.push(SortExpr::new(expr, by.asc, by.nulls_first));
                }
                let input = Arc::new(site.rows);
                select(LogicalPlan::Sort(Sort { expr: order, input, fetch }), columns)
            }
            other => {
                let display = other.display().to_string();
                let what = display.split([':', ' ']).next().unwrap_or_default();
                not_impl_err!("a subquery in {what}")
            }
        }
    }

    fn filter(&mut self, filter: Filter) -> Result<LogicalPlan> {
        let columns = filter.input.schema().columns();
        let mut site = Site::new(Arc::unwrap_or_clone(filter.input));
        let predicate = self.condition(&mut site, filter.predicate)?;
        select(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(site.rows))?), columns)
    }

    /// A condition that drops rows for which it is false or unknown, which makes no difference.
    fn condition(&mut self, site: &mut Site, condition: Expr) -> Result<Expr> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if op == Operator::And || op == Operator::Or && self.scope == Scope::Misplanned =>
            {
                let left = Box::new(self.condition(site, *left)?);
                let right = Box::new(self.condition(site, *right)?);
                Ok(Expr::BinaryExpr(BinaryExpr { left, op, right }))
            }
            other if self.is_planned(&other)? => Ok(other),
            other => self.replace(site, other, true),
        }
    }

    /// Whether the engine plans this condition of a filter right.
    fn is_planned(&self, condition: &Expr) -> Result<bool> {
        let is_planned = |subquery: &LogicalPlan| {
            let depends = !outer_references(subquery)?.is_empty();
            Ok(!depends || self.scope == Scope::Misplanned && !counts_rows(subquery)?)
        };
        match condition {
            Expr::Exists(Exists { subquery, .. }) => is_planned(&subquery.subquery),
            Expr::InSubquery(InSubquery { expr, subquery, .. }) => {
                let is_plain = self.scope == Scope::Misplanned || !expr.column_refs().is_empty();
                Ok(is_plain && !has_subquery(expr) && is_planned(&subquery.subquery)?)
            }
            Expr::SetComparison(SetComparison { subquery, .. }) => {
                Ok(self.scope == Scope::Misplanned && is_planned(&subquery.subquery)?)
            }
            _ => Ok(false),
        }
    }

    /// A condition that depends on one side is computed there.
    fn join_condition(&mut self, mut join: Join) -> Result<LogicalPlan> {
        let outputs = join.schema.columns();
        let conditions = join.filter.clone().map(split_conjunction_owned).unwrap_or_default();
        let (with, mut without): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(has_subquery);
        let mut above = Vec::new();
        for condition in with {
            let name = self.name("condition");
            if is_of(&condition, &join.left)? {
                let (side, column) = self.compute(join.left, condition, &name)?;
                join.left = side;
                without.push(column);
            } else if is_of(&condition, &join.right)? {
                let (side, column) = self.compute(join.right, condition, &name)?;
                join.right = side;
                without.push(column);
            } else {
                above.push(condition);
            }
        }
        join.filter = conjunction(without);
        let Some(predicate) = conjunction(above) else {
            return select(join_anew(join)?, outputs);
        };
        let plan = match join.join_type {
            JoinType::Inner => {
                let joined = Arc::new(join_anew(join)?);
                self.filter(Filter::try_new(predicate, joined)?)?
            }
            JoinType::Left => self.lateral_condition(join, predicate)?,
            JoinType::Right => {
                let on = join.on.into_iter().map(|(left, right)| (right, left)).collect();
                let (left, right) = (join.right, join.left);
                let swapped = Join { left, right, on, join_type: JoinType::Left, ..join };
                self.lateral_condition(swapped, predicate)?
            }
            other => {
                return not_impl_err!(
                    "a subquery that depends on both sides of a {} JOIN",
                    other.to_string().to_uppercase()
                );
            }
        };
        select(plan, outputs)
    }

    fn compute(
        &mut self,
        side: Arc<LogicalPlan>,
        condition: Expr,
        name: &str,
    ) -> Result<(Arc<LogicalPlan>, Expr)> {
        let columns = side.schema().columns();
        let mut site = Site::new(Arc::unwrap_or_clone(side));
        let value = self.replace(&mut site, condition, false)?;
        let (rows, column) = extend(site.rows, value, name)?;
        let rows = select(rows, [columns, vec![column.clone()]].concat())?;
        Ok((Arc::new(rows), Expr::Column(column)))
    }

    fn replace_all(
        &mut self,
        site: &mut Site,
        columns: Vec<Expr>,
        may_stay: bool,
    ) -> Result<Vec<Expr>> {
        let mut replaced = Vec::new();
        for old in columns {
            let new = self.replace(site, old.clone(), may_stay)?;
            replaced.push(named_like(&old, new));
        }
        Ok(replaced)
    }

    /// The expression with values in place of subqueries. A scalar subquery that depends on nothing
    /// may stay in some operators.
    fn replace(&mut self, site: &mut Site, expr: Expr, may_stay: bool) -> Result<Expr> {
        let replaced = expr.transform_up(|expr| {
            let is_wanted = match &expr {
                Expr::InSubquery(_) | Expr::SetComparison(_) => true,
                Expr::Exists(exists) => {
                    self.scope == Scope::All
                        || !outer_references(&exists.subquery.subquery)?.is_empty()
                            && counts_rows(&exists.subquery.subquery)?
                }
                Expr::ScalarSubquery(scalar) => {
                    self.scope == Scope::All
                        && !(may_stay && outer_references(&scalar.subquery)?.is_empty())
                }
                _ => false,
            };
            Ok(match is_wanted {
                true => Transformed::yes(self.value(site, expr)?),
                false => Transformed::no(expr),
            })
        });
        Ok(replaced?.data)
    }
}

/// Whether the engine takes the rows of a LATERAL subquery for all values of the outer columns
/// together where each has its own.
fn needs_rewrite(lateral: &LogicalPlan) -> Result<bool> {
    if !lateral.exists(|node| Ok(matches!(node, LogicalPlan::Subquery(_))))? {
        return Ok(false);
    }
    lateral.exists(|node| {
        let is_plain = !matches!(
            node,
            LogicalPlan::Distinct(_)
                | LogicalPlan::Union(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Aggregate(_)
        );
        Ok(!is_plain)
    })
}

/// Whether the rows of a subquery depend on how many there are below, also by an outer join: the
/// engine takes those of all values of the outer columns together.
fn counts_rows(subquery: &LogicalPlan) -> Result<bool> {
    subquery.exists(|node| {
        Ok(match node {
            LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
            LogicalPlan::Limit(_) | LogicalPlan::Window(_) => true,
            LogicalPlan::Distinct(Distinct::On(_)) => true,
            LogicalPlan::Join(join) if join.join_type != JoinType::Inner => {
                !outer_references(node)?.is_empty()
            }
            _ => false,
        })
    })
}

/// The join with the schema that follows from its inputs.
fn join_anew(join: Join) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Join(Join::try_new(
        join.left,
        join.right,
        join.on,
        join.filter,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?))
}

/// The rows to sort, with the columns on which subqueries of the order depend although they are
/// not selected.
fn with_columns_of(order: &[SortExpr], rows: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(projection) = rows else { return Ok(rows) };
    let (has, input) = (&projection.schema, projection.input.schema());
    let mut columns = projection.expr.clone();
    for by in order {
        for column in outer_columns(&by.expr)? {
            let column = Expr::Column(column);
            let is_there = column.column_refs().iter().all(|column| has.has_column(column));
            if !is_there
                && !columns.contains(&column)
                && column.column_refs().iter().all(|column| input.has_column(column))
            {
                columns.push(column);
            }
        }
    }
    project(projection.input.as_ref().clone(), columns)
}

fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
        ))
    };
    expr.exists(is_subquery).unwrap_or(true)
}

/// Whether everything that the condition depends on is in this plan.
fn is_of(condition: &Expr, plan: &LogicalPlan) -> Result<bool> {
    let schema = plan.schema();
    let columns = condition.column_refs();
    let mut is_of = columns.into_iter().all(|column| schema.has_column(column));
    is_of &= outer_columns(condition)?.iter().all(|column| schema.has_column(column));
    Ok(is_of)
}

/// The columns of queries around them on which the subqueries of an expression depend.
fn outer_columns(expr: &Expr) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    expr.apply(|expr| {
        let subquery = match expr {
            Expr::ScalarSubquery(subquery) => subquery,
            Expr::Exists(exists) => &exists.subquery,
            Expr::InSubquery(within) => &within.subquery,
            Expr::SetComparison(comparison) => &comparison.subquery,
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        columns.extend(outer_references(&subquery.subquery)?);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(columns)
}
