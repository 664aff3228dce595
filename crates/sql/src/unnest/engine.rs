//! The query engine's planning, with rewritten subqueries where it refuses a query.

use super::{Scope, any_expression, unnest};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// The physical plan of a query.
///
/// # Errors
/// What is wrong with the query, or why it cannot be answered.
pub(crate) async fn physical_plan(
    state: &SessionState,
    plan: LogicalPlan,
) -> Result<Arc<dyn ExecutionPlan>> {
    if !has_subquery(&plan)? {
        return state.create_physical_plan(&plan).await;
    }
    let original = plan.clone();
    let plan = unnest(plan, Scope::Misplanned)?;
    // EXPLAIN shows an error instead of failing.
    let refused = match &plan {
        LogicalPlan::Explain(explain) => state.create_physical_plan(&explain.plan).await.err(),
        plan => match state.create_physical_plan(plan).await {
            Ok(physical) => return Ok(physical),
            Err(error) => Some(error),
        },
    };
    let Some(refused) = refused else { return state.create_physical_plan(&plan).await };
    match unnest(original, Scope::All) {
        Ok(plan) => state.create_physical_plan(&plan).await.map_err(|_| refused),
        Err(reason @ DataFusionError::NotImplemented(_)) => Err(reason),
        Err(_) => Err(refused),
    }
}

fn has_subquery(plan: &LogicalPlan) -> Result<bool> {
    any_expression(plan, |expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    })
}
