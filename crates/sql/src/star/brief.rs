//! Plans that are so short that one thread executes them sooner than it hands them over.

use super::exec::StarExec;
use super::partial::StarAggregateExec;
use crate::scan::ScanExec;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Rows of all tables together that are read before another thread would have begun.
const ROWS_MAX: u64 = 1 << 16;

/// Operators that do little for a row, and give out no more rows than they get.
const PLAIN: &[&str] = &[
    "AggregateExec",
    "CooperativeExec",
    "FilterExec",
    "GlobalLimitExec",
    "LocalLimitExec",
    "ProjectionExec",
    "SortExec",
];

/// Whether a plan reads few rows, of one star block or one table, in one partition.
pub(crate) fn is_brief(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if plan.properties().output_partitioning().partition_count() != 1 {
        return false;
    }
    match plan.children().as_slice() {
        [] => rows_to_read(plan.as_ref()).is_some_and(|rows| rows <= ROWS_MAX),
        [input] => PLAIN.contains(&plan.name()) && is_brief(input),
        _ => false,
    }
}

/// The rows that an operator of ours reads.
fn rows_to_read(plan: &dyn ExecutionPlan) -> Option<u64> {
    if let Some(scan) = plan.downcast_ref::<ScanExec>() {
        return Some(scan.rows_to_read());
    }
    let star = match plan.downcast_ref::<StarExec>() {
        Some(star) => star.star.as_ref(),
        None => plan.downcast_ref::<StarAggregateExec>()?.star(),
    };
    Some(star.root.rows_to_read() + star.dimension_rows())
}
