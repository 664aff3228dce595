//! The keys of grouping sets.
//!
//! Rows of ROLLUP, CUBE and GROUPING SETS have NULL where a key is not part of their group. The
//! query engine forgets that, and takes a key that is constant or sorted before grouping for
//! constant or sorted behind it. So these keys are values of which it knows nothing.

use crate::functions::hidden;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// See the [module](self). It must run after type coercion.
#[derive(Debug)]
pub(crate) struct GroupingKeys;

impl AnalyzerRule for GroupingKeys {
    fn name(&self) -> &'static str {
        "grouping_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(hide_keys)?.data)
    }
}

fn hide_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(Transformed::no(plan)) };
    let [Expr::GroupingSet(set)] = aggregate.group_expr.as_slice() else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let hide = |keys: &Vec<Expr>| -> Vec<Expr> {
        let hide = |key: &Expr| {
            let (table, name) = key.qualified_name();
            hidden(key.clone().unalias()).alias_qualified(table, name)
        };
        keys.iter().map(hide).collect()
    };
    let set = match set {
        GroupingSet::Rollup(keys) => GroupingSet::Rollup(hide(keys)),
        GroupingSet::Cube(keys) => GroupingSet::Cube(hide(keys)),
        GroupingSet::GroupingSets(sets) => {
            GroupingSet::GroupingSets(sets.iter().map(hide).collect())
        }
    };
    let group = vec![Expr::GroupingSet(set)];
    let aggregate = Aggregate::try_new(aggregate.input, group, aggregate.aggr_expr)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
}
