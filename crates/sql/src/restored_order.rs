//! Orders that the query engine has lost.
//!
//! The engine sorts the inputs of a UNION ALL instead of its rows, each by what is left of the
//! order once columns that are equal in that input are left out. It cannot see any more then that
//! the rows of all inputs together are in order, and would refuse its own plan. Here such rows are
//! sorted once more, by the whole order.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions};
use std::sync::Arc;

/// Sorts what an operator needs in an order that it is not known to have; runs just before plans
/// are checked.
#[derive(Debug)]
pub(crate) struct RestoredOrder;

impl PhysicalOptimizerRule for RestoredOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(with_sorted_inputs)?.data)
    }

    fn name(&self) -> &str {
        "RestoredOrder"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn with_sorted_inputs(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let mut is_changed = false;
    let mut inputs = Vec::new();
    for (input, order) in node.children().into_iter().zip(node.required_input_ordering()) {
        let order = order.map(|order| order.into_single());
        let known = input.equivalence_properties();
        match order {
            Some(order) if !known.ordering_satisfy_requirement(order.clone())? => {
                let sort = SortExec::new(LexOrdering::from(order), Arc::clone(input));
                inputs.push(Arc::new(sort.with_preserve_partitioning(true)) as _);
                is_changed = true;
            }
            _ => inputs.push(Arc::clone(input)),
        }
    }
    if !is_changed {
        return Ok(Transformed::no(node));
    }
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Ok(Transformed::yes(node.replace_children(inputs, options)?))
}
