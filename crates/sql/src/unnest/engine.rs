//! The query engine's planning, with rewritten subqueries where it refuses a query.

use super::{Scope, any_expression, unnest};
use crate::cube::{Usable, with_cubes};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// A planned query.
pub(crate) struct Planned {
    /// The optimised logical plan.
    pub(crate) logical: LogicalPlan,
    pub(crate) physical: Arc<dyn ExecutionPlan>,
    /// What became of each cube.
    pub(crate) cubes: Arc<[String]>,
}

/// The optimised and the physical plan of a query.
///
/// # Errors
/// What is wrong with the query, or why it cannot be answered.
pub(crate) async fn optimized_plans(
    state: &SessionState,
    plan: LogicalPlan,
    cubes: Option<&Usable>,
) -> Result<Planned> {
    if !has_subquery(&plan)? {
        return plan_as_it_is(state, &plan, cubes).await;
    }
    let original = plan.clone();
    let plan = unnest(plan, Scope::Misplanned)?;
    // EXPLAIN shows an error instead of failing.
    let refused = match &plan {
        LogicalPlan::Explain(explain) => plan_as_it_is(state, &explain.plan, cubes).await.err(),
        plan => match plan_as_it_is(state, plan, cubes).await {
            Ok(planned) => return Ok(planned),
            Err(error) => Some(error),
        },
    };
    let Some(refused) = refused else { return plan_as_it_is(state, &plan, cubes).await };
    match unnest(original, Scope::All) {
        Ok(plan) => plan_as_it_is(state, &plan, cubes).await.map_err(|_| refused),
        Err(reason @ DataFusionError::NotImplemented(_)) => Err(reason),
        Err(_) => Err(refused),
    }
}

async fn plan_as_it_is(
    state: &SessionState,
    plan: &LogicalPlan,
    cubes: Option<&Usable>,
) -> Result<Planned> {
    let mut logical = state.optimize(plan)?;
    let mut notes = Vec::new();
    if let Some(cubes) = cubes {
        (logical, notes) = with_cubes(logical, cubes)?;
    }
    let physical = physical_plan(state, &logical).await?;
    Ok(Planned { logical, physical, cubes: notes.into() })
}

/// The physical plan of a logical one that is optimised already.
pub(crate) async fn physical_plan(
    state: &SessionState,
    optimized: &LogicalPlan,
) -> Result<Arc<dyn ExecutionPlan>> {
    state.query_planner().create_physical_plan(optimized, state).await
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
