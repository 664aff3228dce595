//! Keeps a rule of the query engine off sums whose type it would change.
//!
//! The rule turns `count(DISTINCT a), sum(b)` into a sum of sums per value of `a`. A sum of
//! INTEGER is BIGINT, but a sum of BIGINT is DECIMAL, so the column would change its type.

use super::is_sum;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// Name of the rule that is kept off.
const RULE: &str = "single_distinct_aggregation_to_group_by";

/// The rule itself, or a careful version of it.
pub(crate) fn adapt_rule(
    rule: Arc<dyn OptimizerRule + Send + Sync>,
) -> Arc<dyn OptimizerRule + Send + Sync> {
    if rule.name() == RULE { Arc::new(Careful { rule }) } else { rule }
}

#[derive(Debug)]
struct Careful {
    rule: Arc<dyn OptimizerRule + Send + Sync>,
}

impl OptimizerRule for Careful {
    fn name(&self) -> &str {
        RULE
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
        match &plan {
            LogicalPlan::Aggregate(aggregate) if sums_twice(aggregate)? => {
                Ok(Transformed::no(plan))
            }
            _ => self.rule.rewrite(plan, config),
        }
    }
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
