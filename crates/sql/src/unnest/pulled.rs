//! Names for the columns that get out of a subquery with its conditions.
//!
//! The query engine joins a subquery to the query around it by taking those conditions out of it
//! that depend on both. The columns of the subquery in them become columns of its rows, and all of
//! them get one qualifier. In
//!
//! ```text
//!   x IN (SELECT t3.a FROM t2 FULL JOIN t3 ON … WHERE t2.a <= outer.b)
//! ```
//!
//! `t2.a` and `t3.a` are one column from then on. Here such a column gets a name of its own first.

use super::project;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, TableReference};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use datafusion::optimizer::OptimizerConfig;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Renames what is not clear in the subqueries of an operator: those in its expressions, and those
/// that it joins.
pub(crate) fn name_pulled_columns(
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let is_join = matches!(plan, LogicalPlan::Join(_));
    plan.map_subqueries(|subquery| in_subquery(subquery, config))?.transform_data(|plan| {
        if !is_join {
            return Ok(Transformed::no(plan));
        }
        plan.map_children(|side| match is_lateral(&side) {
            true => in_subquery(side, config),
            false => Ok(Transformed::no(side)),
        })
    })
}

fn is_lateral(side: &LogicalPlan) -> bool {
    match side {
        LogicalPlan::SubqueryAlias(alias) => is_lateral(&alias.input),
        other => matches!(other, LogicalPlan::Subquery(_)),
    }
}

fn in_subquery(
    subquery: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let ambiguous = ambiguous_names(&subquery)?;
    if ambiguous.is_empty() {
        return Ok(Transformed::no(subquery));
    }
    subquery.transform_down_with_subqueries(|node| match node {
        LogicalPlan::Filter(filter) => rename(filter, &ambiguous, config),
        other => Ok(Transformed::no(other)),
    })
}

/// The names that columns of several qualifiers have, wherever they are in the plan.
fn ambiguous_names(plan: &LogicalPlan) -> Result<HashSet<String>> {
    let mut qualifiers: HashMap<String, Option<TableReference>> = HashMap::new();
    let mut ambiguous = HashSet::new();
    plan.apply_with_subqueries(|node| {
        for Column { relation, name, .. } in node.schema().columns() {
            if qualifiers.entry(name.clone()).or_insert_with(|| relation.clone()) != &relation {
                ambiguous.insert(name);
            }
        }
        // What depends on nothing around it gives its columns under its own name alone.
        let is_closed = matches!(node, LogicalPlan::SubqueryAlias(alias)
            if alias.input.all_out_ref_exprs().is_empty());
        Ok(if is_closed { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
    })?;
    Ok(ambiguous)
}

/// The rows of a filter, by conditions in which no column that gets out has one of the names.
fn rename(
    filter: Filter,
    ambiguous: &HashSet<String>,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let mut names: Vec<(Column, String)> = Vec::new();
    let mut conditions = Vec::new();
    for condition in split_conjunction_owned(filter.predicate.clone()) {
        if !condition.contains_outer() {
            conditions.push(condition);
            continue;
        }
        let renamed = condition.transform(|expr| match expr {
            Expr::Column(column) if ambiguous.contains(&column.name) => {
                let known = names.iter().find(|(known, _)| *known == column);
                let name = known.map(|(_, name)| name.clone()).unwrap_or_else(|| {
                    let name = config.alias_generator().next("__pulled");
                    names.push((column, name.clone()));
                    name
                });
                Ok(Transformed::yes(Expr::Column(Column::new_unqualified(name))))
            }
            other => Ok(Transformed::no(other)),
        })?;
        conditions.push(renamed.data);
    }
    let Some(condition) = conjunction(conditions).filter(|_| !names.is_empty()) else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let as_before = || filter.input.schema().columns().into_iter().map(Expr::Column);
    let renamed = names.into_iter().map(|(column, name)| Expr::Column(column).alias(name));
    let rows = project(filter.input.as_ref().clone(), as_before().chain(renamed).collect())?;
    let rows = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(rows))?);
    Ok(Transformed::yes(project(rows, as_before().collect())?))
}
