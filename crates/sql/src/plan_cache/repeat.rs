//! Physical plans that may be executed again, on the snapshot that they were made for.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::DynamicFilterTracking;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use std::sync::Arc;

/// Operators that have no state but what [`ExecutionPlan::reset_state`] renews. Joins are not among
/// them: they leave filters with other operators.
const RENEWABLE: &[&str] = &[
    "AggregateExec",
    "CoalesceBatchesExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "FilterExec",
    "GlobalLimitExec",
    "LocalLimitExec",
    "ProjectionExec",
    "RepartitionExec",
    "SortExec",
    "SortExec(TopK)",
    "SortPreservingMergeExec",
    "StarfactScan",
    "StarfactStar",
    "StarfactStarAggregate",
    "StarfactTotals",
    "UnionExec",
];

/// Whether a plan answers the same query as often as it is executed.
pub(super) fn is_repeatable(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut is_repeatable = true;
    let visited = plan.apply(|node| {
        is_repeatable &= RENEWABLE.contains(&node.name()) && !leaves_change(node)?;
        Ok(if is_repeatable { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.is_ok() && is_repeatable
}

/// Whether an operator has a filter that another one changes while they run.
fn leaves_change(node: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    // A sort with a limit has a filter of its own, which it renews.
    if node.is::<SortExec>() {
        return Ok(false);
    }
    let mut is_found = false;
    node.apply_expressions(&mut |expr| {
        is_found |= DynamicFilterTracking::classify(expr).contains_dynamic_filter();
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(is_found)
}
