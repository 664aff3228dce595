//! Orders that the query engine has lost.
//!
//! The engine sorts the inputs of a UNION ALL instead of its rows, each by what is left of the
//! order once columns that are equal in that input are left out. It cannot see any more then that
//! the rows of all inputs together are in order, and would refuse its own plan. Here such rows are
//! sorted once more, by the whole order.
//!
//! And it does not always see that rows that were just sorted by some expressions are in the order
//! of these, if there are a CASE and its operands among them. What it then finds wrong with a plan
//! is looked at again, with the order that operators say they give.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::{
    LexOrdering, LexRequirement, PhysicalSortExpr, PhysicalSortRequirement,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, InvariantLevel,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    ChildSatisfactionOptions, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};
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

/// Whether an operator says in so many words that it gives this order.
fn is_declared(input: &Arc<dyn ExecutionPlan>, order: &LexRequirement) -> bool {
    let Some(known) = input.output_ordering() else { return false };
    let is_same = |(wanted, known): (&PhysicalSortRequirement, &PhysicalSortExpr)| {
        let fits = wanted.options.is_none_or(|options| options == known.options);
        fits && wanted.expr.eq(&known.expr)
    };
    order.len() <= known.len() && order.iter().zip(known.iter()).all(is_same)
}

/// The last check of a plan, which believes what operators say of their order.
#[derive(Debug)]
pub(crate) struct SanityCheck {
    pub(crate) rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
}

impl PhysicalOptimizerRule for SanityCheck {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let refused = match self.rule.optimize(Arc::clone(&plan), config) {
            Ok(plan) => return Ok(plan),
            Err(refused) => refused,
        };
        // What else the check looks at is looked at here, too.
        let mut is_sane = plan.boundedness() == Boundedness::Bounded;
        plan.apply(|node| {
            is_sane &= gets_what_it_needs(node)?;
            Ok(if is_sane { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        })?;
        if is_sane { Ok(plan) } else { Err(refused) }
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

/// Whether the inputs of an operator have the order and the distribution that it needs.
fn gets_what_it_needs(node: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let distributions = node.input_distribution_requirements();
    let inputs = node.children().into_iter().zip(node.required_input_ordering());
    for (place, (input, order)) in inputs.enumerate() {
        if let Some(order) = order.map(|order| order.into_single())
            && !is_declared(input, &order)
            && !input.equivalence_properties().ordering_satisfy_requirement(order)?
        {
            return Ok(false);
        }
        let options = ChildSatisfactionOptions::new().with_allow_subset(true);
        if !distributions.child_satisfaction(place, input.as_ref(), options)?.is_satisfied() {
            return Ok(false);
        }
    }
    Ok(node.check_invariants(InvariantLevel::Executable).is_ok())
}

fn with_sorted_inputs(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let mut is_changed = false;
    let mut inputs = Vec::new();
    for (input, order) in node.children().into_iter().zip(node.required_input_ordering()) {
        let order = order.map(|order| order.into_single());
        let known = input.equivalence_properties();
        match order {
            Some(order)
                if !is_declared(input, &order)
                    && !known.ordering_satisfy_requirement(order.clone())? =>
            {
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
