//! Keeps rules of the query engine off plans that they would make wrong.
//!
//! - `single_distinct_aggregation_to_group_by` turns `count(DISTINCT a), sum(b)` into a sum of sums
//!   per value of `a`. A sum of INTEGER is BIGINT, but a sum of BIGINT is DECIMAL, so the column
//!   would change its type.
//! - `eliminate_cross_join` puts several joins in another order and forgets which of them take NULL
//!   for equal to NULL.
//! - `extract_equijoin_predicate`: see [`unnest::guard_equalities`].
//! - The three that take conditions out of subqueries: see [`unnest::name_pulled_columns`].
//! - `push_down_filter`: see [`sided_filters`].

use super::is_sum;
use super::sided_filters;
use crate::unnest;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// What becomes of a plan before a rule sees it; it is transformed if that changed it.
pub(super) enum Prepared {
    /// The rule is applied.
    Apply(Transformed<LogicalPlan>),
    /// The rule keeps off.
    Leave(Transformed<LogicalPlan>),
}

/// Prepares a plan for a rule.
type Prepare = fn(LogicalPlan, &dyn OptimizerConfig) -> Result<Prepared>;

/// The rules that are prepared for.
const CAREFUL: [(&str, Prepare); 7] = [
    ("single_distinct_aggregation_to_group_by", |plan, _| {
        let keeps_off = match &plan {
            LogicalPlan::Aggregate(aggregate) => sums_twice(aggregate)?,
            _ => false,
        };
        Ok(unless(keeps_off, plan))
    }),
    ("eliminate_cross_join", |plan, _| Ok(unless(takes_null_for_equal(&plan)?, plan))),
    ("extract_equijoin_predicate", |plan, _| Ok(Prepared::Apply(unnest::guard_equalities(plan)?))),
    ("decorrelate_predicate_subquery", pull_columns),
    ("scalar_subquery_to_join", pull_columns),
    ("decorrelate_lateral_join", pull_columns),
    ("push_down_filter", |plan, _| sided_filters::prepare(plan)),
];

fn pull_columns(plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Prepared> {
    Ok(Prepared::Apply(unnest::name_pulled_columns(plan, config)?))
}

fn unless(keeps_off: bool, plan: LogicalPlan) -> Prepared {
    let plan = Transformed::no(plan);
    if keeps_off { Prepared::Leave(plan) } else { Prepared::Apply(plan) }
}

/// The rule itself, or a careful version of it.
pub(crate) fn adapt_rule(
    rule: Arc<dyn OptimizerRule + Send + Sync>,
) -> Arc<dyn OptimizerRule + Send + Sync> {
    match CAREFUL.iter().find(|(name, _)| *name == rule.name()) {
        Some((_, prepare)) => Arc::new(Careful { rule, prepare: *prepare }),
        None => rule,
    }
}

#[derive(Debug)]
struct Careful {
    rule: Arc<dyn OptimizerRule + Send + Sync>,
    prepare: Prepare,
}

impl OptimizerRule for Careful {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match (self.prepare)(plan, config)? {
            Prepared::Leave(plan) => Ok(plan),
            Prepared::Apply(plan) => {
                let mut rewritten = self.rule.rewrite(plan.data, config)?;
                rewritten.transformed |= plan.transformed;
                Ok(rewritten)
            }
        }
    }
}

/// Whether there is a join in the plan in which NULL equals NULL.
fn takes_null_for_equal(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        Ok(matches!(node, LogicalPlan::Join(join)
            if join.null_equality == NullEquality::NullEqualsNull))
    })
}

/// Whether a sum of a sum would have another type.
fn sums_twice(aggregate: &Aggregate) -> Result<bool> {
    for expr in &aggregate.aggr_expr {
        let Expr::AggregateFunction(call) = expr.clone().unalias() else { continue };
        if is_sum(&call.func) && !call.params.distinct {
            let data_type = expr.get_type(aggregate.input.schema())?;
            if data_type == DataType::Int64 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
