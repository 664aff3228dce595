//! `row_number()`, `rank()` and their like as BIGINT.
//!
//! The query engine counts rows in unsigned numbers, for which tables have no type. A projection
//! above the window casts them. This rule runs before type coercion, and before `grouping(a)` is
//! resolved: the number of the grouping set, of which it is made, is no column above a window.

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{
    Aggregate, Cast, Expr, LogicalPlan, Projection, WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct SignedRanks;

impl AnalyzerRule for SignedRanks {
    fn name(&self) -> &str {
        "signed_ranks"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let mut has_window = false;
        plan.apply_with_subqueries(|node| {
            has_window |= matches!(node, LogicalPlan::Window(_));
            Ok(if has_window { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !has_window {
            return Ok(plan);
        }
        let plan = plan.transform_up_with_subqueries(|plan| {
            let plan = plan.recompute_schema()?;
            match plan {
                LogicalPlan::Window(_) => with_signed(plan),
                other => Ok(Transformed::no(other)),
            }
        });
        Ok(plan?.data)
    }
}

/// Whether a window expression is a number of rows or groups, which fits BIGINT.
fn counts_rows(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => counts_rows(&alias.expr),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::WindowUDF(function) => {
                ["row_number", "rank", "dense_rank", "ntile"].contains(&function.name())
            }
            WindowFunctionDefinition::AggregateUDF(_) => false,
        },
        _ => false,
    }
}

fn with_signed(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Window(window) = &plan else { return Ok(Transformed::no(plan)) };
    let inputs = window.input.schema().fields().len();
    let fields = window.schema.iter().enumerate();
    let is_rank = |place: usize, data_type: &DataType| {
        let expr = place.checked_sub(inputs).and_then(|place| window.window_expr.get(place));
        *data_type == DataType::UInt64 && expr.is_some_and(counts_rows)
    };
    let mut changed = false;
    let columns: Vec<Expr> = fields
        .filter(|(_, (_, field))| field.name() != Aggregate::INTERNAL_GROUPING_ID)
        .map(|(place, (qualifier, field))| {
            let column = Expr::Column(Column::from((qualifier, field)));
            if !is_rank(place, field.data_type()) {
                return column;
            }
            changed = true;
            let cast = Expr::Cast(Cast::new(Box::new(column), DataType::Int64));
            cast.alias_qualified(qualifier.cloned(), field.name())
        })
        .collect();
    if !changed {
        return Ok(Transformed::no(plan));
    }
    let projection = Projection::try_new(columns, Arc::new(plan))?;
    Ok(Transformed::yes(LogicalPlan::Projection(projection)))
}
