//! Plans that the thread that asks for their rows executes itself: those that are so short that it
//! does it sooner than it hands them over, and those that are little more than the groups of one
//! star block, of which it finds a part beside other threads.
//!
//! How many rows of the root are left when the dimensions have been read is known when a plan was
//! executed once; plans that are kept remember it.

use super::exec::StarExec;
use super::partial::StarAggregateExec;
use super::whole::StarWholeExec;
use crate::scan::ScanExec;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Rows of all tables together that are read before another thread would have done its part.
const ROWS_MAX: u64 = 1 << 18;

/// Operators that do little for a row, and give out no more rows than they get.
pub(super) const PLAIN: &[&str] = &[
    "AggregateExec",
    "CooperativeExec",
    "FilterExec",
    "GlobalLimitExec",
    "LocalLimitExec",
    "ProjectionExec",
    "SortExec",
];

/// Operators that hand rows from thread to thread.
pub(super) const EXCHANGES: &[&str] =
    &["CoalescePartitionsExec", "RepartitionExec", "SortPreservingMergeExec"];

/// Whether a plan reads few rows, of one star block or one table, in one partition.
pub(crate) fn is_brief(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_undivided = |plan: &dyn ExecutionPlan| PLAIN.contains(&plan.name());
    partitions_of_few_rows(plan, &is_undivided) == Some(1)
}

/// Whether a plan is the groups of one star block, and what is done with groups.
pub(crate) fn is_led(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.children().as_slice() {
        [] => plan.is::<StarWholeExec>(),
        [input] => {
            (PLAIN.contains(&plan.name()) || EXCHANGES.contains(&plan.name())) && is_led(input)
        }
        _ => false,
    }
}

/// Whether a plan divides among threads what would be brief for one.
pub(crate) fn is_divided_in_vain(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_known =
        |plan: &dyn ExecutionPlan| PLAIN.contains(&plan.name()) || EXCHANGES.contains(&plan.name());
    partitions_of_few_rows(plan, &is_known).is_some_and(|partitions| partitions > 1)
}

/// In how many partitions the only operator without inputs reads its rows, if these are few and all
/// other operators are known.
fn partitions_of_few_rows(
    plan: &Arc<dyn ExecutionPlan>,
    is_known: &dyn Fn(&dyn ExecutionPlan) -> bool,
) -> Option<usize> {
    match plan.children().as_slice() {
        [] => {
            rows_to_read(plan.as_ref()).filter(|rows| *rows <= ROWS_MAX)?;
            let read = match plan.downcast_ref::<StarWholeExec>() {
                Some(whole) => whole.states().properties(),
                None => plan.properties(),
            };
            Some(read.output_partitioning().partition_count())
        }
        [input] if is_known(plan.as_ref()) => partitions_of_few_rows(input, is_known),
        _ => None,
    }
}

/// The rows that an operator of ours reads, as far as that is known.
fn rows_to_read(plan: &dyn ExecutionPlan) -> Option<u64> {
    if let Some(scan) = plan.downcast_ref::<ScanExec>() {
        return Some(scan.rows_to_read());
    }
    if let Some(star) = plan.downcast_ref::<StarExec>() {
        return Some(star.star.rows_to_read());
    }
    let states = match plan.downcast_ref::<StarWholeExec>() {
        Some(whole) => whole.states(),
        None => plan.downcast_ref::<StarAggregateExec>()?,
    };
    Some(states.star().rows_to_read())
}
