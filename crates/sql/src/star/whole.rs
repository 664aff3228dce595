//! The operator of a whole aggregation of a star block: threads that have found groups are merged
//! by the codes of these, and nothing is hashed again.
//!
//! ```text
//!   before   rows ─ states of each thread ─ divided by hashes of the keys ─ values
//!   here     rows ─ groups of each thread ─ values
//! ```
//!
//! Where another aggregation groups these groups by some of the same keys, as for
//! `count(DISTINCT x)`, which is a count of the groups by the keys and `x`, it is done by codes,
//! too.
//!
//! Conditions: an aggregation is the final one of a partial one over a star block. If there are
//! very many groups, or no memory for them, what the threads have found goes to the operators of
//! the query engine that it would have gone to, and they divide the work or spill it.

use super::brief::{EXCHANGES, PLAIN};
use super::common::Part;
use super::merge::Whole;
use super::partial::{Handed, Running, StarAggregateExec};
use super::plan::batch_of;
use super::regroup::Regrouping;
use super::top_groups::{First, with_first};
use crate::helpers::Helpers;
use crate::operators::without_inputs;
use arrow::array::RecordBatch;
use arrow::compute::filter;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, MetricBuilder, MetricsSet, Time};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, replace_children_if_necessary,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Groups of all threads together up to which one thread merges them.
const MERGED_MAX: usize = 1 << 26;

/// Other operators that do not rely on how rows are divided, unless those above them do.
const UNDIVIDED: &[&str] =
    &["BoundedWindowAggExec", "ScalarSubqueryExec", "SortExec(TopK)", "UnionExec", "WindowAggExec"];

/// Aggregates the rows of a star block; gives out values.
#[derive(Clone, Debug)]
pub(super) struct StarWholeExec {
    states: StarAggregateExec,
    /// What the query engine does with the states.
    last: Arc<dyn ExecutionPlan>,
    /// An aggregation of the groups.
    then: Option<Arc<Regrouping>>,
    /// What of the groups of several aggregations it has.
    part: Option<Part>,
    /// The groups that are asked for, if these are not all.
    first: Option<First>,
    properties: Arc<PlanProperties>,
}

impl StarWholeExec {
    /// The operator for an aggregation, and perhaps another one over it, if their input is a star
    /// block.
    fn of(last: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let Some(outer) = last.downcast_ref::<AggregateExec>() else { return Ok(None) };
        let new = |states: &StarAggregateExec, then| Self {
            // What an execution leaves is not to stay with the other operators.
            states: states.renewed(),
            last: Arc::clone(last),
            then,
            part: None,
            first: None,
            properties: super::exec::properties(&last.schema(), 1),
        };
        if let Some(states) = states_below(outer) {
            return Ok(Some(new(states, None)));
        }
        let Some((functions, between)) = functions_of(outer) else { return Ok(None) };
        let (outputs, inner) = match between.downcast_ref::<ProjectionExec>() {
            Some(projection) => (Some(projection.expr()), undivided(projection.input())),
            None => (None, between),
        };
        let Some(inner) = inner.downcast_ref::<AggregateExec>() else { return Ok(None) };
        let Some(states) = states_below(inner) else { return Ok(None) };
        let then = Regrouping::new(states.aggregation(), inner, outputs, functions, last.schema())?;
        Ok(then.map(|then| new(states, Some(Arc::new(then)))))
    }

    pub(super) fn states(&self) -> &StarAggregateExec {
        &self.states
    }

    pub(super) fn key_count(&self) -> usize {
        self.states.aggregation().keys.len()
    }

    /// Whether it may be made of the groups of others, or others of its own.
    pub(super) fn may_be_common(&self) -> bool {
        self.then.is_none()
            && self.first.is_none()
            && self.states.star().root.settings().common_blocks
    }

    /// The same, which reads its rows beside this one.
    pub(super) fn with_own_state(&self) -> Self {
        Self { states: self.states.with_own_state(), ..self.clone() }
    }

    /// The same as a part of common groups.
    pub(super) fn with_part(&self, part: Part) -> Self {
        Self { part: Some(part), ..self.clone() }
    }

    /// The function whose value is at a place of the output.
    pub(super) fn value_at(&self, place: usize) -> Option<usize> {
        let is_plain = self.then.is_none() && self.part.is_none();
        place.checked_sub(self.key_count()).filter(|_| is_plain)
    }

    /// The same for the first groups alone.
    pub(super) fn with_first(&self, first: First) -> Self {
        Self { first: Some(first), ..self.clone() }
    }

    /// Finds the groups; if they cannot be merged, hands them over.
    pub(super) async fn found(self, context: Arc<TaskContext>) -> Result<Found> {
        let partitions = self.states.threads(&context).await?;
        let gives_up = Arc::new(AtomicBool::new(false));
        let work = (0..partitions)
            .map(|number| self.states.running(number, &context).groups(Arc::clone(&gives_up)));
        let mut threads = Helpers::of(&context).sharing(work).await?;
        let time = threads.first().map(|thread| thread.group_time().clone());
        let timer = time.as_ref().map(Time::timer);
        let total: usize = threads.iter().map(Running::total).sum();
        self.count("hashed_groups", threads.iter().map(Running::hashed).sum());
        // Of no rows at all the query engine knows what they come to.
        let is_none = total == 0 && self.states.aggregation().keys.is_empty();
        if !is_none && total <= MERGED_MAX && threads.iter().all(Running::is_all_here) {
            let mut grouped: Vec<_> = threads.iter_mut().filter_map(Running::take_groups).collect();
            if let Some(whole) = Whole::of(&mut grouped)? {
                return Ok(Found::Whole(Box::new(whole)));
            }
            threads.iter_mut().zip(grouped).for_each(|(thread, grouped)| thread.put_back(grouped));
        }
        drop(timer);
        if !is_none {
            self.count("handed_over", 1);
        }
        let all = self.states.properties().output_partitioning().partition_count();
        threads
            .extend((threads.len()..all).map(|partition| self.states.running(partition, &context)));
        self.handed_over(threads).map(Found::HandedOver)
    }

    /// Tells in EXPLAIN ANALYZE of something that there was.
    fn count(&self, name: &'static str, count: usize) {
        if count > 0 {
            MetricBuilder::new(self.states.metrics_set()).global_counter(name).add(count);
        }
    }

    /// The values of all groups.
    pub(super) fn values(&self, mut whole: Whole) -> Result<RecordBatch> {
        let parts = whole.parts();
        let values = match whole.total {
            0 => None,
            _ => Some(whole.values()?),
        };
        if let Some(then) = &self.then {
            return then.run(&whole, &parts, values);
        }
        let Some(values) = values else { return Ok(RecordBatch::new_empty(self.schema())) };
        let keys: Vec<usize> = (0..self.states.aggregation().keys.len()).collect();
        let first = self.first.map(|first| first.of(&values)).transpose()?.flatten();
        let (parts, values) = match first {
            None => (parts, values),
            Some(first) => {
                let values = values.iter().map(|column| Ok(filter(column, &first)?));
                let kept = parts.into_iter().zip(first.values()).filter(|(_, is_first)| *is_first);
                (kept.map(|(part, _)| part).collect(), values.collect::<Result<_>>()?)
            }
        };
        let mut columns = whole.keys(&keys, &parts)?;
        columns.extend(values);
        batch_of(&self.schema(), columns, parts.len())
    }

    /// What the query engine does, with the threads in the place of the operator for states.
    fn handed_over(&self, threads: Vec<Running>) -> Result<Arc<dyn ExecutionPlan>> {
        let states: Arc<dyn ExecutionPlan> = Arc::new(self.states.handed_over(Handed::of(threads)));
        let last = Arc::clone(&self.last).transform_down(|node| {
            Ok(match node.is::<StarAggregateExec>() {
                true => Transformed::new(Arc::clone(&states), true, TreeNodeRecursion::Jump),
                false => Transformed::no(node),
            })
        })?;
        Ok(match last.data.output_partitioning().partition_count() {
            1 => last.data,
            _ => Arc::new(CoalescePartitionsExec::new(last.data)),
        })
    }
}

/// What the threads come to.
pub(super) enum Found {
    Whole(Box<Whole>),
    HandedOver(Arc<dyn ExecutionPlan>),
}

impl DisplayAs for StarWholeExec {
    fn fmt_as(&self, format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.states.fmt_as(format, out)?;
        self.part.iter().try_for_each(|part| write!(out, "{part}"))?;
        self.first.iter().try_for_each(|first| write!(out, ", first {}", first.count()))?;
        match &self.then {
            Some(then) => write!(out, ", then {}", then.shown),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for StarWholeExec {
    fn name(&self) -> &'static str {
        match self.part {
            // It keeps groups, so plans with it are not kept.
            Some(_) => "StarfactCommonAggregate",
            None => "StarfactStarAggregate",
        }
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    without_inputs!();

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.states.apply_expressions(visit)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { states: self.states.renewed(), part: None, ..Self::clone(&self) }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows_max = context.session_config().batch_size().max(1);
        let baseline = BaselineMetrics::new(self.states.metrics_set(), partition);
        let (this, schema) = (self.clone(), self.schema());
        let given = async move {
            if let Some(part) = &this.part
                && let Some(values) = part.values(&context).await?
            {
                baseline.record_output(values.num_rows());
                return Ok::<_, DataFusionError>(in_batches(values, rows_max));
            }
            Ok(match this.clone().found(Arc::clone(&context)).await? {
                Found::HandedOver(last) => {
                    let stream = last.execute(0, context)?;
                    stream.inspect_ok(move |it| baseline.record_output(it.num_rows())).boxed()
                }
                Found::Whole(whole) => {
                    let values = this.values(*whole)?;
                    baseline.record_output(values.num_rows());
                    in_batches(values, rows_max)
                }
            })
        };
        let stream = futures::stream::once(given).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.states.metrics()
    }
}

/// Rows, so many of them at a time.
fn in_batches(all: RecordBatch, rows_max: usize) -> BoxStream<'static, Result<RecordBatch>> {
    let starts = (0..all.num_rows()).step_by(rows_max);
    let slice = move |start| Ok(all.slice(start, rows_max.min(all.num_rows() - start)));
    futures::stream::iter(starts.map(slice)).boxed()
}

/// The states of a star block that an aggregation makes values of.
fn states_below(aggregate: &AggregateExec) -> Option<&StarAggregateExec> {
    let is_final =
        matches!(aggregate.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned);
    let states: &StarAggregateExec = undivided(aggregate.input()).downcast_ref()?;
    (is_final && states.star().root.settings().merged_groups).then_some(states)
}

/// The aggregation that has the functions of a whole one over its input, and that input.
fn functions_of(outer: &AggregateExec) -> Option<(&AggregateExec, &Arc<dyn ExecutionPlan>)> {
    match outer.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => {
            Some((outer, undivided(outer.input())))
        }
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            let partial: &AggregateExec = undivided(outer.input()).downcast_ref()?;
            let is_partial = *partial.mode() == AggregateMode::Partial;
            is_partial.then_some((partial, undivided(partial.input())))
        }
        _ => None,
    }
}

/// What is below operators that hand rows from thread to thread.
fn undivided(mut plan: &Arc<dyn ExecutionPlan>) -> &Arc<dyn ExecutionPlan> {
    loop {
        let together = plan.downcast_ref::<CoalescePartitionsExec>();
        let together = together.filter(|together| together.fetch().is_none());
        plan = match (plan.downcast_ref::<RepartitionExec>(), together) {
            (Some(divided), _) => divided.input(),
            (None, Some(together)) => together.input(),
            (None, None) => return plan,
        };
    }
}

/// The plan with aggregations that make the first groups alone where no others are asked for.
pub(super) fn with_first_groups(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let transformed = plan.transform_down(|node| {
        Ok(match with_first(&node)? {
            Some(first) => Transformed::new(first, true, TreeNodeRecursion::Jump),
            None => Transformed::no(node),
        })
    });
    Ok(transformed?.data)
}

/// The plan with whole aggregations in the places of final ones over the states of star blocks.
pub(super) fn with_wholes(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    replaced(&plan, false)
}

/// The same for what is below an operator; `divides` tells whether that relies on how rows are
/// divided among partitions.
fn replaced(plan: &Arc<dyn ExecutionPlan>, divides: bool) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(whole) = StarWholeExec::of(plan)? {
        let partitioning = plan.output_partitioning();
        return Ok(match partitioning {
            Partitioning::Hash(..) if divides && partitioning.partition_count() > 1 => {
                Arc::new(RepartitionExec::try_new(Arc::new(whole), partitioning.clone())?)
            }
            _ => Arc::new(whole),
        });
    }
    let divides = match plan.name() {
        name if EXCHANGES.contains(&name) => false,
        name if PLAIN.contains(&name) || UNDIVIDED.contains(&name) => divides,
        _ => true,
    };
    let mut changed = false;
    let mut children = Vec::with_capacity(plan.children().len());
    for child in plan.children() {
        let new = replaced(child, divides)?;
        changed |= !Arc::ptr_eq(&new, child);
        children.push(new);
    }
    match changed {
        true => replace_children_if_necessary(Arc::clone(plan), children),
        false => Ok(Arc::clone(plan)),
    }
}
