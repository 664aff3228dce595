//! Equalities in joins that take NULL for equal to NULL.
//!
//! The query engine makes keys of a join of all equalities in its condition, also where its keys
//! match if they are NULL on both sides. One that is not to match then has to say so.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::logical_expr::utils::{
    conjunction, find_valid_equijoin_key_pair, split_conjunction,
};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, LogicalPlan, Operator};

/// The condition of such a join with `b IS NOT NULL` beside each `a = b` that may become a key.
pub(crate) fn guard_equalities(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
    let guards = match join.null_equality {
        NullEquality::NullEqualsNull => guards(&join)?,
        NullEquality::NullEqualsNothing => Vec::new(),
    };
    if guards.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    join.filter = conjunction(join.filter.into_iter().chain(guards));
    Ok(Transformed::yes(LogicalPlan::Join(join)))
}

/// What the condition of a join does not say yet.
fn guards(join: &Join) -> Result<Vec<Expr>> {
    let (left_schema, right_schema) = (join.left.schema(), join.right.schema());
    let conditions = join.filter.as_ref().map(split_conjunction).unwrap_or_default();
    let mut guards = Vec::new();
    for condition in &conditions {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
            continue;
        };
        let pair = find_valid_equijoin_key_pair(left, right, left_schema, right_schema)?;
        let Some((left, right)) = pair else { continue };
        if !left.nullable(left_schema)? || !right.nullable(right_schema)? {
            continue;
        }
        // Of the side whose rows the condition may drop: it can be asked there.
        let guard = match join.join_type {
            JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
                left.is_not_null()
            }
            _ => right.is_not_null(),
        };
        if !conditions.contains(&&guard) && !guards.contains(&guard) {
            guards.push(guard);
        }
    }
    Ok(guards)
}
