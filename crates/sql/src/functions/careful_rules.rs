//! Keeps rules of the query engine off plans that they would make wrong.
//!
//! - `single_distinct_aggregation_to_group_by` turns `count(DISTINCT a), sum(b)` into a sum of sums
//!   per value of `a`. A sum of INTEGER is BIGINT, but a sum of BIGINT is DECIMAL, so the column
//!   would change its type.
//! - `eliminate_cross_join` puts several joins in another order and forgets which of them take NULL
//!   for equal to NULL.

use super::is_sum;
use super::sided_filters::SidedFilters;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// Whether a rule must keep off a plan.
type KeepOff = fn(&LogicalPlan) -> Result<bool>;

/// The rules, and what they keep off.
const CAREFUL: [(&str, KeepOff); 2] = [
    ("single_distinct_aggregation_to_group_by", |plan| match plan {
        LogicalPlan::Aggregate(aggregate) => sums_twice(aggregate),
        _ => Ok(false),
    }),
    ("eliminate_cross_join", takes_null_for_equal),
];

/// The rule itself, or a careful version of it.
pub(crate) fn adapt_rule(
    rule: Arc<dyn OptimizerRule + Send + Sync>,
) -> Arc<dyn OptimizerRule + Send + Sync> {
    match CAREFUL.iter().find(|(name, _)| *name == rule.name()) {
        Some((_, keeps_off)) => Arc::new(Careful { rule, keeps_off: *keeps_off }),
        None if rule.name() == "push_down_filter" => Arc::new(SidedFilters { rule }),
        None => rule,
    }
}

#[derive(Debug)]
struct Careful {
    rule: Arc<dyn OptimizerRule + Send + Sync>,
    keeps_off: KeepOff,
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
        if (self.keeps_off)(&plan)? {
            return Ok(Transformed::no(plan));
        }
        self.rule.rewrite(plan, config)
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
