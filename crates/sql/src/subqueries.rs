//! Subqueries as the query engine plans them right.
//!
//! - A scalar subquery without rows is NULL, whatever its column is declared to be.
//! - NOT IN with a subquery that depends on the row, or of a constant, is NOT EXISTS with all three
//!   truth values written out: the engine's plans forget the NULLs on one side or the other.

use crate::functions::nullable;
use crate::keep_names::map_expressions;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

/// See the [module](self). It must run before type coercion.
#[derive(Debug)]
pub(crate) struct ExactSubqueries;

impl AnalyzerRule for ExactSubqueries {
    fn name(&self) -> &'static str {
        "exact_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let is_filter = matches!(plan, LogicalPlan::Filter(_));
    map_expressions(plan, |expr| {
        expr.transform_up(|expr| match expr {
            Expr::ScalarSubquery(subquery) => scalar(subquery),
            Expr::InSubquery(within) if is_filter && within.negated && needs_exists(&within) => {
                Ok(Transformed::yes(not_exists(within, &schema)?))
            }
            other => Ok(Transformed::no(other)),
        })
    })
}

/// The engine's plan of NOT IN is right for a column and a subquery that stands for itself.
fn needs_exists(within: &InSubquery) -> bool {
    !within.subquery.outer_ref_columns.is_empty() || within.expr.column_refs().is_empty()
}

fn scalar(subquery: Subquery) -> Result<Transformed<Expr>> {
    let plan = &subquery.subquery;
    let [field] = plan.schema().fields().as_ref() else {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    };
    if field.is_nullable() || has_a_row(plan) {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    let (column, name) = (Expr::Column(plan.schema().columns().remove(0)), field.name().clone());
    let value = nullable().call(vec![column]).alias(name);
    let plan = LogicalPlanBuilder::from(Arc::clone(plan)).project([value])?.build()?;
    Ok(Transformed::yes(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..subquery })))
}

/// Whether the plan has a row whatever the tables hold: it is an aggregate of all rows.
fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => has_a_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_a_row(&alias.input),
        LogicalPlan::Sort(sort) => has_a_row(&sort.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}

/// `x NOT IN (q)` as `NOT EXISTS (q WHERE column = x OR column IS NULL OR x IS NULL)`.
fn not_exists(within: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, .. } = within;
    let mut outer = subquery.outer_ref_columns.clone();
    let value = expr
        .transform_up(|expr| {
            let Expr::Column(column) = &expr else { return Ok(Transformed::no(expr)) };
            let Ok((_, field)) = schema.qualified_field_from_column(column) else {
                return Ok(Transformed::no(expr));
            };
            let reference = Expr::OuterReferenceColumn(Arc::clone(field), column.clone());
            if !outer.contains(&reference) {
                outer.push(reference.clone());
            }
            Ok(Transformed::yes(reference))
        })?
        .data;
    let column = Expr::Column(subquery.subquery.schema().columns().remove(0));
    let is_match = column.clone().eq(value.clone()).or(column.is_null()).or(value.is_null());
    let plan =
        LogicalPlanBuilder::from(Arc::clone(&subquery.subquery)).filter(is_match)?.build()?;
    let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns: outer, ..subquery };
    Ok(Expr::Exists(Exists { subquery, negated: true }))
}
