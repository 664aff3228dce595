//! Filters as `push_down_filter` takes them right.
//!
//! - Those over an aggregate of all rows, or over grouping sets, stay where they are. The rule
//!   would push what refers to no column below, `false` above all; but such an aggregate has a row
//!   where its input has none. Filters over filters become one first, as the rule would make them
//!   within itself.
//! - Comparisons have the column on the left. The rule compares the conditions on a column as they
//!   are written: it takes `x = 1.5 AND 1.5 = x`, and `x = 0.0 AND x = -0.0`, for contradictions.
//!   The engine turns sides only where the literal was one from the start, and not the result of a
//!   cast.

use super::careful_rules::Prepared;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, Operator};
use std::sync::Arc;

/// Prepares a filter; see the [module](self).
pub(super) fn prepare(plan: LogicalPlan) -> Result<Prepared> {
    let LogicalPlan::Filter(filter) = plan else {
        return Ok(Prepared::Apply(Transformed::no(plan)));
    };
    let (filter, is_merged) = merged(filter)?;
    let transformed = |filter, is_new| {
        let plan = LogicalPlan::Filter(filter);
        if is_new { Transformed::yes(plan) } else { Transformed::no(plan) }
    };
    if has_a_row_of_none(&filter.input) {
        return Ok(Prepared::Leave(transformed(filter, is_merged)));
    }
    let predicate = filter.predicate.transform_up(|expr| Ok(turned(expr)))?;
    let is_new = predicate.transformed || is_merged;
    let filter = Filter::try_new(predicate.data, filter.input)?;
    Ok(Prepared::Apply(transformed(filter, is_new)))
}

/// One filter of those that stand upon each other, and whether there were several.
fn merged(mut filter: Filter) -> Result<(Filter, bool)> {
    let mut is_merged = false;
    while let LogicalPlan::Filter(below) = filter.input.as_ref() {
        let predicate = below.predicate.clone().and(filter.predicate);
        filter = Filter::try_new(predicate, Arc::clone(&below.input))?;
        is_merged = true;
    }
    Ok((filter, is_merged))
}

/// Whether the plan groups in a way that makes a row of no rows.
fn has_a_row_of_none(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Aggregate(aggregate) = plan else { return false };
    let groups = &aggregate.group_expr;
    groups.is_empty() || groups.iter().any(|group| matches!(group, Expr::GroupingSet(_)))
}

fn turned(expr: Expr) -> Transformed<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return Transformed::no(expr);
    };
    let swapped = op.swap().filter(|_| is_comparison(op));
    let (left, op, right, is_turned) = match (left.as_literal(), right.as_literal(), swapped) {
        (Some(_), None, Some(swapped)) => (right, swapped, left, true),
        _ => (left, op, right, false),
    };
    match right.as_ref() {
        Expr::Literal(value, metadata) if is_comparison(op) && is_negative_zero(value) => {
            let zero = match value {
                ScalarValue::Float32(_) => ScalarValue::Float32(Some(0.0)),
                _ => ScalarValue::Float64(Some(0.0)),
            };
            let right = Box::new(Expr::Literal(zero, metadata.clone()));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        _ => {
            let expr = Expr::BinaryExpr(BinaryExpr { left, op, right });
            if is_turned { Transformed::yes(expr) } else { Transformed::no(expr) }
        }
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn is_negative_zero(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float32(Some(value)) => *value == 0.0 && value.is_sign_negative(),
        ScalarValue::Float64(Some(value)) => *value == 0.0 && value.is_sign_negative(),
        _ => false,
    }
}
