//! Subqueries as joins, wherever they stand and whatever they depend on.
//!
//! The query engine plans subqueries in a few places and forms, and refuses the others. This is
//! the general method of Neumann and Kemper, "Unnesting Arbitrary Queries" (BTW 2015): a subquery
//! that depends on columns of the query around it is evaluated once for all the values that those
//! columns have, and joined to the query by them.
//!
//! ```text
//!   SELECT i, (SELECT max(x) FROM m WHERE x < i) FROM n
//!
//!              n ⟕ key is i          NULL is NULL here
//!             /  \
//!            n    max(x) GROUP BY key
//!                   │
//!                 x < key
//!                   │
//!                   m × (SELECT DISTINCT i AS key FROM n)
//! ```
//!
//! - `place`: which subqueries are rewritten, and the operators around them.
//! - `value`: a subquery as a value: scalar, EXISTS, IN, ANY, ALL.
//! - `domain`: the values on which it depends. `push`: how they get down into it.
//! - `pulled`, `equal_nulls`: what the engine's own rules have to be told.
//!
//! It does not touch what the engine plans right: see [`Scope`].

mod distinct_names;
mod domain;
mod engine;
mod equal_nulls;
mod joins;
mod limit;
mod place;
mod pulled;
mod push;
mod single_row;
mod value;

pub(crate) use distinct_names::distinguish;
pub(crate) use engine::{Planned, optimized_plans, physical_plan};
pub(crate) use equal_nulls::guard_equalities;
pub(crate) use pulled::name_pulled_columns;

use crate::functions::nullable;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, not_impl_err};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use std::sync::Arc;

/// Which subqueries are rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that the engine plans with two truth values where three make a difference.
    Misplanned,
    /// All but those that every plan of the engine answers: for queries that it refuses.
    All,
}

/// Rewrites the subqueries of a plan that was not analyzed yet.
///
/// # Errors
/// A subquery of the scope that cannot be written as a join.
pub(crate) fn unnest(plan: LogicalPlan, scope: Scope) -> Result<LogicalPlan> {
    let plan = Unnest { scope, count: 0, around: Vec::new() }.plan(plan)?;
    if scope == Scope::All && !domain::outer_references(&plan)?.is_empty() {
        return not_impl_err!("a subquery that depends on the query around it in this way");
    }
    Ok(plan)
}

/// A rewrite under way.
struct Unnest {
    scope: Scope,
    /// Numbers the columns that are made up.
    count: usize,
    /// The columns of the queries around the one that is being rewritten.
    around: Vec<DFSchema>,
}

impl Unnest {
    /// A name that no other column has: the engine's rules go by names.
    fn name(&mut self, what: &str) -> String {
        self.count += 1;
        format!("subquery {what} {}", self.count)
    }

    /// Rewrites a plan from the leaves up, and inner subqueries before those around them.
    fn plan(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let plan = plan.map_children(|child| Ok(Transformed::yes(self.plan(child)?)))?.data;
        self.around.push(merge_schema(&plan.inputs()));
        let plan = plan
            .map_subqueries(|inner| match inner {
                LogicalPlan::Subquery(mut subquery) => {
                    let inner = Arc::unwrap_or_clone(subquery.subquery);
                    subquery.subquery = Arc::new(self.plan(inner)?);
                    Ok(Transformed::yes(LogicalPlan::Subquery(subquery)))
                }
                other => Ok(Transformed::no(other)),
            })?
            .data;
        self.around.pop();
        let plan = match plan {
            // Their schemas do not follow from their inputs alone.
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::TableScan(_) => {
                return Ok(plan);
            }
            plan => plan.recompute_schema()?,
        };
        match self.scope {
            Scope::All => self.place(plan),
            // What cannot be rewritten stays as it was.
            Scope::Misplanned => Ok(self.place(plan.clone()).unwrap_or(plan)),
        }
    }
}

/// The rows of a plan with these columns.
fn project(plan: LogicalPlan, columns: Vec<Expr>) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

/// The rows of a plan with these of its columns.
fn select(plan: LogicalPlan, columns: Vec<Column>) -> Result<LogicalPlan> {
    if plan.schema().columns() == columns {
        return Ok(plan);
    }
    project(plan, columns.into_iter().map(Expr::Column).collect())
}

/// The rows of a plan with one more column.
fn extend(plan: LogicalPlan, value: Expr, name: &str) -> Result<(LogicalPlan, Column)> {
    let mut columns: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    columns.push(value.alias(name));
    Ok((project(plan, columns)?, Column::new_unqualified(name)))
}

/// `new` under the name that `old` has as a column.
fn named_like(old: &Expr, new: Expr) -> Expr {
    let (qualifier, name) = old.qualified_name();
    match new.qualified_name() == (qualifier.clone(), name.clone()) {
        true => new,
        false => new.unalias().alias_qualified(qualifier, name),
    }
}

/// Whether an expression of the plan gives another value whenever it is evaluated.
fn is_volatile(plan: &LogicalPlan) -> Result<bool> {
    any_expression(plan, |expr| {
        // One of ours only pretends.
        let pretends = matches!(expr, Expr::ScalarFunction(function)
            if function.func == nullable());
        Ok(expr.is_volatile_node() && !pretends)
    })
}

/// Whether any expression of the plan, or one within it, is of a kind.
pub(crate) fn any_expression(
    plan: &LogicalPlan,
    mut is_wanted: impl FnMut(&Expr) -> Result<bool>,
) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found = is_wanted(expr)?;
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    Ok(found)
}
