//! Physical filter push-down where names are clear.
//!
//! The query engine passes filters down its physical plans by the names of columns. Where the rows
//! of an operator have two columns of one name it takes one for the other, and drops rows. Such
//! plans go without; the filters of scans are there already, so only those are lost that joins and
//! top-k find while they run.

use crate::restored_order::{RestoredOrder, SanityCheck};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashSet;
use std::sync::Arc;

/// The engine's rules, with push-down made careful, and orders restored before plans are checked.
pub(crate) fn physical_optimizer_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let careful = |rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>| match rule
        .name()
        .starts_with("FilterPushdown")
    {
        true => Arc::new(Careful { rule }) as _,
        false => rule,
    };
    let mut rules: Vec<_> = PhysicalOptimizer::new().rules.into_iter().map(careful).collect();
    let check = rules.iter().position(|rule| rule.name() == "SanityCheckPlan");
    if let Some(rule) = check.and_then(|place| rules.get_mut(place)) {
        *rule = Arc::new(SanityCheck { rule: Arc::clone(rule) });
    }
    rules.insert(check.unwrap_or(rules.len()), Arc::new(RestoredOrder));
    rules
}

/// See the [module](self).
#[derive(Debug)]
struct Careful {
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
}

impl PhysicalOptimizerRule for Careful {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if plan.exists(|node| Ok(repeats_a_name(node)))? {
            return Ok(plan);
        }
        self.rule.optimize(plan, config)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

fn repeats_a_name(node: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = node.schema();
    let names: HashSet<&String> = schema.fields().iter().map(|field| field.name()).collect();
    names.len() < schema.fields().len()
}
