//! Single expressions outside of queries: DEFAULT, CHECK, and what ON CONFLICT sets.
//!
//! They take the same way as expressions of a query do: types are coerced, arithmetic is made
//! exact, constants are folded.

use super::{Context, spellings};
use crate::arithmetic::exact;
use crate::error::{Error, Result};
use crate::literals;
use crate::temporal::common_timestamps;
use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::sql::sqlparser::ast::{self, ExprWithAlias};
use std::sync::Arc;

/// Binds an expression to the columns of `schema`.
///
/// # Errors
/// Unknown columns and functions, types that do not fit, subqueries, aggregate functions.
pub(super) fn bind(
    context: &Context,
    sql: ast::Expr,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let schema = Arc::new(DFSchema::try_from(schema.clone())?);
    bind_qualified(context, sql, &schema, "DEFAULT and CHECK")
}

/// Binds an expression to columns of several tables; `place` is where it stands.
///
/// # Errors
/// As [`bind`].
pub(super) fn bind_qualified(
    context: &Context,
    mut sql: ast::Expr,
    schema: &Arc<DFSchema>,
    place: &str,
) -> Result<Arc<dyn PhysicalExpr>> {
    spellings::spell_out_expression(&mut sql)?;
    literals::approximate(&mut sql);
    refuse_subqueries(&sql, place)?;
    let state = &context.state;
    let sql = ExprWithAlias { expr: sql, alias: None };
    let expr = state.create_logical_expr_from_sql_expr(sql, schema)?;
    refuse_aggregates(&expr, place)?;
    let simplify = SimplifyContext::builder()
        .with_schema(Arc::clone(schema))
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(state.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(simplify);
    let expr = common_timestamps(expr, schema)?;
    let expr = exact(simplifier.coerce(expr, schema)?, schema)?;
    let expr = simplifier.simplify(expr)?;
    let planning = PhysicalPlanningContext::default();
    Ok(create_physical_expr(&expr, schema, state.execution_props(), &planning)?)
}

fn refuse_subqueries(sql: &ast::Expr, place: &str) -> Result<()> {
    let found = ast::visit_expressions(sql, |expr| match expr {
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
            std::ops::ControlFlow::Break(())
        }
        _ => std::ops::ControlFlow::Continue(()),
    });
    if found.is_break() {
        return Err(Error::sql(format!("{place} cannot contain queries")));
    }
    Ok(())
}

fn refuse_aggregates(expr: &Expr, place: &str) -> Result<()> {
    let mut found = false;
    expr.apply(|node| {
        found |= matches!(node, Expr::AggregateFunction(_) | Expr::WindowFunction(_));
        Ok(TreeNodeRecursion::Continue)
    })?;
    if found {
        let message = format!("{place} cannot contain aggregate or window functions");
        return Err(Error::sql(message));
    }
    Ok(())
}
