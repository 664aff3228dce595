//! Groups of an outer join by a key of its outer side: orders of each customer, or none.
//!
//! ```text
//!  SELECT c_custkey, count(o_orderkey)           customer 0 1 2 …
//!  FROM customer LEFT JOIN orders ON …           count    6 - 1      of orders alone, by customer
//!  GROUP BY c_custkey                                     6 0 1      with those who have none
//! ```
//!
//! Conditions:
//! - Grouped by the columns of one key of the outer side's root, none of which may be NULL, and the
//!   outer side is a star: then each of its rows is a group of its own.
//! - The inner side refers to the outer one by a foreign key of its root, and the join has no other
//!   condition that names the outer side.
//! - All aggregates are of one column of the inner side each, without DISTINCT, FILTER or an order,
//!   and leave out NULLs: of a row without a partner, whose columns there are NULL, `count` is 0
//!   and the others are NULL.

use super::existence::is_grouped_by_key;
use super::flatten::{AsideKind, Condition, Flat, Scope, written_out};
use super::refused::Refused;
use super::shape::Star;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, Expr, Join, JoinType, LogicalPlan, lit, when};

/// Aggregates that leave out NULLs.
const WITHOUT_NULLS: &[&str] = &["avg", "count", "max", "min", "sum"];

impl Flat {
    /// Takes in groups of an outer join by a key of its outer side; `None` if it is not that.
    pub(super) fn add_outer_groups(
        &mut self,
        aggregate: &Aggregate,
    ) -> Option<Result<Vec<Expr>, Refused>> {
        let mut groups = aggregate.group_expr.clone();
        let mut values = aggregate.aggr_expr.clone();
        let mut plan = aggregate.input.as_ref();
        let join = loop {
            match plan {
                LogicalPlan::Join(join) => break join,
                LogicalPlan::Projection(projection) => {
                    let scope = Scope { schema: &projection.schema, outputs: &projection.expr };
                    let below = |expr: &Expr| written_out(expr, &[scope.by_ref()]).ok();
                    groups = groups.iter().map(below).collect::<Option<_>>()?;
                    values = values.iter().map(below).collect::<Option<_>>()?;
                    plan = &projection.input;
                }
                _ => return None,
            }
        };
        let is_left_outer = match join.join_type {
            JoinType::Left => true,
            JoinType::Right => false,
            _ => return None,
        };
        let inner = self.inner_groups(join, is_left_outer, &groups, &values)?;
        Some(self.add_inner_groups(aggregate, join, is_left_outer, &groups, inner))
    }

    /// The inner side, what it is joined by, and the aggregates in terms of its tables.
    fn inner_groups(
        &self,
        join: &Join,
        is_left_outer: bool,
        groups: &[Expr],
        values: &[Expr],
    ) -> Option<(Self, Vec<Expr>, Vec<Expr>)> {
        let (outer, inner) = match is_left_outer {
            true => (&join.left, &join.right),
            false => (&join.right, &join.left),
        };
        let mut probe = self.beside();
        let outputs = probe.add(outer).ok()?;
        let scope = Scope { schema: outer.schema(), outputs: &outputs };
        let of_outer = |expr: &Expr| written_out(expr, &[scope.by_ref()]).ok();
        let keys: Vec<Expr> = groups.iter().map(of_outer).collect::<Option<_>>()?;
        if !is_grouped_by_key(&Star::of(&probe).ok()?, &keys) {
            return None;
        }
        let mut flat = self.beside();
        let outputs = flat.add(inner).ok()?;
        let scope = Scope { schema: inner.schema(), outputs: &outputs };
        let of_inner = |expr: &Expr| written_out(expr, &[scope.by_ref()]).ok();
        let own = |(left, right): &(Expr, Expr)| of_inner(if is_left_outer { right } else { left });
        let keys: Vec<Expr> = join.on.iter().map(own).collect::<Option<_>>()?;
        for conjunct in join.filter.iter().flat_map(|filter| split_conjunction(filter)) {
            flat.conditions.push(Condition { expr: of_inner(conjunct)?, of: None });
        }
        if !values.iter().all(leaves_out_nulls) {
            return None;
        }
        let values: Vec<Expr> = values.iter().map(of_inner).collect::<Option<_>>()?;
        Some((flat, keys, values))
    }

    fn add_inner_groups(
        &mut self,
        aggregate: &Aggregate,
        join: &Join,
        is_left_outer: bool,
        groups: &[Expr],
        (inner, keys, values): (Self, Vec<Expr>, Vec<Expr>),
    ) -> Result<Vec<Expr>, Refused> {
        let plan = if is_left_outer { &join.left } else { &join.right };
        let outer = self.add(plan)?;
        let scope = Scope { schema: plan.schema(), outputs: &outer };
        let of_outer = |expr: &Expr| written_out(expr, &[scope.by_ref()]);
        let mut outputs: Vec<Expr> = groups.iter().map(of_outer).collect::<Result<_, _>>()?;
        let (tables, conditions) = (self.tables.len(), self.conditions.len());
        let fields = aggregate.schema.fields().iter().skip(groups.len()).cloned().collect();
        let is_count = values.iter().map(|value| function(value).is_some_and(|it| it == "count"));
        let is_count: Vec<bool> = is_count.collect();
        let found = self.add_block(&inner, &keys, values, fields)?;
        let (found_keys, found) = found.split_at(keys.len());
        for ((left, right), key) in join.on.iter().zip(found_keys) {
            let own = of_outer(if is_left_outer { left } else { right })?;
            self.conditions.push(Condition { expr: own.eq(key.clone()), of: None });
        }
        let joined = [conditions..self.conditions.len(), 0..0];
        self.set_aside(tables..self.tables.len(), AsideKind::Outer, joined)?;
        for (value, is_count) in found.iter().zip(is_count) {
            outputs.push(match is_count {
                true => when(value.clone().is_null(), lit(0_i64))
                    .otherwise(value.clone())
                    .map_err(|_| Refused::Expression)?,
                false => value.clone(),
            });
        }
        Ok(outputs)
    }
}

/// The name of an aggregate function.
fn function(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::AggregateFunction(AggregateFunction { func, .. }) => Some(func.name()),
        _ => None,
    }
}

/// Whether an expression is an aggregate of one column without its NULLs.
fn leaves_out_nulls(expr: &Expr) -> bool {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else { return false };
    WITHOUT_NULLS.contains(&func.name())
        && matches!(params.args.as_slice(), [Expr::Column(_)])
        && !params.distinct
        && params.filter.is_none()
        && params.order_by.is_empty()
}
