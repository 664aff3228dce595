//! How the values of outer columns get down into a subquery, operator by operator.

use super::domain::Domain;
use super::{Unnest, named_like, project, select};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, ExprSchema, JoinConstraint, JoinType, NullEquality, Result, ScalarValue,
    TableReference, not_impl_err,
};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Filter, Join, LogicalPlan, SortExpr, SubqueryAlias,
    Union, Window, lit,
};
use std::sync::Arc;

/// A plan that has the rows of a subquery for every value of the outer columns: the columns of the
/// subquery, as they were, and then the keys, which are the values, in the order of the domain.
#[derive(Clone)]
pub(super) struct Pushed {
    pub(super) plan: LogicalPlan,
    pub(super) keys: Vec<Column>,
}

impl Unnest {
    /// See the [module](self).
    pub(super) fn push(&mut self, plan: &LogicalPlan, domain: &Domain) -> Result<Pushed> {
        if !domain.is_used_in(plan)? {
            let (plan, keys) = domain.beside(self, plan.clone())?;
            return Ok(Pushed { plan, keys });
        }
        match plan {
            LogicalPlan::Projection(projection) => {
                let child = self.push(&projection.input, domain)?;
                self.push_projection(&projection.expr, child, domain)
            }
            LogicalPlan::Filter(filter) => {
                let Pushed { plan, keys } = self.push(&filter.input, domain)?;
                let predicate = domain.resolve(&filter.predicate, &keys)?;
                let plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(plan))?);
                Ok(Pushed { plan, keys })
            }
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
                let child = self.push(input, domain)?;
                self.push_alias(alias, child)
            }
            LogicalPlan::Subquery(subquery) => self.push(&subquery.subquery, domain),
            // The order of rows means something below LIMIT only.
            LogicalPlan::Sort(sort) => self.push(&sort.input, domain),
            LogicalPlan::Limit(limit) => self.push_limit(limit, domain),
            LogicalPlan::Join(join) => self.push_join(join, domain),
            LogicalPlan::Aggregate(aggregate) => self.push_aggregate(aggregate, domain),
            LogicalPlan::Window(window) => self.push_window(window, domain),
            LogicalPlan::Union(union) => self.push_union(union, domain),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let Pushed { plan, keys } = self.push(input, domain)?;
                let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(plan)));
                Ok(Pushed { plan, keys })
            }
            LogicalPlan::Distinct(Distinct::On(on)) => self.push_distinct_on(on, domain),
            other => {
                let display = other.display().to_string();
                let what = display.split([':', ' ']).next().unwrap_or_default();
                not_impl_err!("a subquery that depends on the query around it in {what}")
            }
        }
    }

    pub(super) fn push_projection(
        &mut self,
        columns: &[Expr],
        child: Pushed,
        domain: &Domain,
    ) -> Result<Pushed> {
        let Pushed { plan, keys } = child;
        let mut columns = resolve_all(columns, domain, &keys)?;
        columns.extend(keys.iter().cloned().map(Expr::Column));
        Ok(Pushed { plan: project(plan, columns)?, keys })
    }

    #[expect(clippy::unused_self, reason = "one of the family")]
    pub(super) fn push_alias(&self, alias: &TableReference, child: Pushed) -> Result<Pushed> {
        let plan = SubqueryAlias::try_new(Arc::new(child.plan), alias.clone())?;
        let qualify = |key: Column| Column::new(Some(alias.clone()), key.name);
        let keys = child.keys.into_iter().map(qualify).collect();
        Ok(Pushed { plan: LogicalPlan::SubqueryAlias(plan), keys })
    }

    /// The keys are grouped by first. Without other groups there is a row for every key, also for
    /// those without rows.
    fn push_aggregate(&mut self, aggregate: &Aggregate, domain: &Domain) -> Result<Pushed> {
        if aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
            return self.refuse_grouping_sets();
        }
        for function in &aggregate.aggr_expr {
            if function.exists(|expr| Ok(is_of_outer_rows(expr)))? {
                return not_impl_err!(
                    "an aggregate function in a subquery of nothing but outer columns"
                );
            }
        }
        let outputs = aggregate.schema.columns();
        let Pushed { plan, keys } = self.push(&aggregate.input, domain)?;
        let mut groups: Vec<Expr> = keys.iter().cloned().map(Expr::Column).collect();
        groups.extend(resolve_all(&aggregate.group_expr, domain, &keys)?);
        let values = resolve_all(&aggregate.aggr_expr, domain, &keys)?;
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(plan), groups, values)?);
        if !aggregate.group_expr.is_empty() {
            let columns = [outputs, keys.clone()].concat();
            return Ok(Pushed { plan: select(plan, columns)?, keys });
        }
        let (rows, all_keys) = domain.rows(self)?;
        let plan = left_join(rows, plan, &all_keys, &keys)?;
        let mut columns = Vec::new();
        for (function, output) in aggregate.aggr_expr.iter().zip(outputs) {
            let of = aggregate.schema.field_from_column(&output)?.data_type().clone();
            let value = Expr::Column(output.clone());
            let value = match of_no_rows(function, &of)? {
                none if none.is_null() => value,
                none => coalesce(vec![value, lit(none)])
                    .alias_qualified(output.relation.clone(), &output.name),
            };
            columns.push(value);
        }
        columns.extend(all_keys.iter().cloned().map(Expr::Column));
        Ok(Pushed { plan: project(plan, columns)?, keys: all_keys })
    }

    #[expect(clippy::unused_self, reason = "one of the family")]
    fn refuse_grouping_sets(&self) -> Result<Pushed> {
        not_impl_err!("GROUPING SETS in a subquery that depends on the query around it")
    }

    fn push_window(&mut self, window: &Window, domain: &Domain) -> Result<Pushed> {
        let Pushed { plan, keys } = self.push(&window.input, domain)?;
        let mut functions = Vec::new();
        for function in &window.window_expr {
            let resolved = domain.resolve(function, &keys)?;
            let partitioned = resolved.transform_up(|expr| match expr {
                Expr::WindowFunction(mut function) => {
                    let keys = keys.iter().cloned().map(Expr::Column);
                    function.params.partition_by.extend(keys);
                    Ok(Transformed::yes(Expr::WindowFunction(function)))
                }
                other => Ok(Transformed::no(other)),
            });
            functions.push(named_like(function, partitioned?.data));
        }
        let plan = LogicalPlan::Window(Window::try_new(functions, Arc::new(plan))?);
        let columns = [window.schema.columns(), keys.clone()].concat();
        Ok(Pushed { plan: select(plan, columns)?, keys })
    }

    fn push_union(&mut self, union: &Union, domain: &Domain) -> Result<Pushed> {
        let mut inputs = Vec::new();
        for input in &union.inputs {
            inputs.push(Arc::new(self.push(input, domain)?.plan));
        }
        let union_of_all = Union::try_new_with_loose_types(inputs)?;
        let keys = union_of_all.schema.columns().split_off(union.schema.fields().len());
        Ok(Pushed { plan: LogicalPlan::Union(union_of_all), keys })
    }

    fn push_distinct_on(&mut self, distinct: &DistinctOn, domain: &Domain) -> Result<Pushed> {
        let Pushed { plan, keys } = self.push(&distinct.input, domain)?;
        let key_columns = || keys.iter().cloned().map(Expr::Column);
        let mut on: Vec<Expr> = key_columns().collect();
        for expr in &distinct.on_expr {
            on.push(domain.resolve(expr, &keys)?);
        }
        let mut columns = resolve_all(&distinct.select_expr, domain, &keys)?;
        columns.extend(key_columns());
        let order = match &distinct.sort_expr {
            None => None,
            Some(order) => {
                let mut by: Vec<SortExpr> =
                    key_columns().map(|key| SortExpr::new(key, true, false)).collect();
                for order in order {
                    let expr = domain.resolve(&order.expr, &keys)?;
                    by.push(SortExpr::new(expr, order.asc, order.nulls_first));
                }
                Some(by)
            }
        };
        let plan = DistinctOn::try_new(on, columns, order, Arc::new(plan))?;
        Ok(Pushed { plan: LogicalPlan::Distinct(Distinct::On(plan)), keys })
    }
}

fn resolve_all(columns: &[Expr], domain: &Domain, keys: &[Column]) -> Result<Vec<Expr>> {
    let resolve = |old: &Expr| Ok(named_like(old, domain.resolve(old, keys)?));
    columns.iter().map(resolve).collect()
}

/// By the standard, such a function belongs to the query around the subquery.
fn is_of_outer_rows(expr: &Expr) -> bool {
    let Expr::AggregateFunction(function) = expr else { return false };
    let args = &function.params.args;
    args.iter().any(Expr::contains_outer) && args.iter().all(|arg| arg.column_refs().is_empty())
}

/// What an aggregate function gives for no rows.
fn of_no_rows(function: &Expr, of: &arrow::datatypes::DataType) -> Result<ScalarValue> {
    match function.clone().unalias() {
        Expr::AggregateFunction(function) => match function.func.name() {
            "approx_distinct" | "regr_count" => ScalarValue::new_zero(of),
            _ => function.func.default_value(of),
        },
        _ => ScalarValue::try_from(of),
    }
}

/// The rows on the left, with those on the right that have the same keys; NULL is NULL.
pub(super) fn left_join(
    left: LogicalPlan,
    right: LogicalPlan,
    left_keys: &[Column],
    right_keys: &[Column],
) -> Result<LogicalPlan> {
    join(left, right, (left_keys, right_keys), None, JoinType::Left)
}

/// As [`left_join`], with a condition, and of another type.
pub(super) fn join(
    left: LogicalPlan,
    right: LogicalPlan,
    (left_keys, right_keys): (&[Column], &[Column]),
    condition: Option<Expr>,
    join_type: JoinType,
) -> Result<LogicalPlan> {
    let pair = |(left, right): (&Column, &Column)| {
        (Expr::Column(left.clone()), Expr::Column(right.clone()))
    };
    Ok(LogicalPlan::Join(Join::try_new(
        Arc::new(left),
        Arc::new(right),
        left_keys.iter().zip(right_keys).map(pair).collect(),
        condition,
        join_type,
        JoinConstraint::On,
        match left_keys.is_empty() {
            true => NullEquality::NullEqualsNothing,
            false => NullEquality::NullEqualsNull,
        },
        false,
    )?))
}
