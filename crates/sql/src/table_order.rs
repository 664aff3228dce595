//! Rows in the order of the table where nothing else gives them an order.
//!
//! ```text
//!  Projection, Filter, Limit                        Projection, Filter, Limit
//!    CoalescePartitions   whoever comes first  ─►     InOrder     partition after partition
//!      Projection, Filter                               Projection, Filter
//!        Scan             morsels as they come            Scan    a range of morsels each
//! ```
//!
//! A query without ORDER BY may give its rows in any order, but people expect that of the table,
//! and the same one tomorrow: LIMIT 5 is then the first five rows, and a file that is exported
//! again is the same file. All partitions are read at a time; those whose turn has not come yet
//! wait when they are a few batches ahead. Who sorts, groups or joins gets no order from here.

use crate::scan::ScanExec;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType,
};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;

/// Batches that a partition may be ahead.
const BATCHES_AHEAD: usize = 16;

/// Gives results the order of the table that they are read from, if it is nothing else.
#[derive(Debug)]
pub(crate) struct TableOrder;

impl PhysicalOptimizerRule for TableOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match in_order(&plan)? {
            None => Ok(plan),
            Some(plan) if plan.output_partitioning().partition_count() == 1 => Ok(plan),
            Some(plan) => Ok(Arc::new(InOrderExec::new(plan, None))),
        }
    }

    fn name(&self) -> &str {
        "TableOrder"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A plan whose partitions, one after the other, are the rows in the order of the table; `None` if
/// there is no such order.
fn in_order(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(scan) = plan.downcast_ref::<ScanExec>() {
        return Ok(Some(Arc::new(scan.in_order())));
    }
    let mut inputs = Vec::new();
    for input in plan.children() {
        match in_order(input)? {
            Some(input) => inputs.push(input),
            None => return Ok(None),
        }
    }
    let Some(first) = inputs.first() else { return Ok(None) };
    if let Some(merge) = plan.downcast_ref::<CoalescePartitionsExec>() {
        return Ok(Some(Arc::new(InOrderExec::new(Arc::clone(first), merge.fetch()))));
    }
    if let Some(repartition) = plan.downcast_ref::<RepartitionExec>() {
        // Batches are dealt out in turn: more threads for what is above, at the price of the order.
        let is_dealt_out = matches!(repartition.partitioning(), Partitioning::RoundRobinBatch(_));
        return Ok(is_dealt_out.then(|| Arc::clone(first)));
    }
    let keeps_order = plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<UnionExec>();
    if !keeps_order {
        return Ok(None);
    }
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(inputs, options).map(Some)
}

/// The rows of each partition, one partition after the other.
#[derive(Debug)]
struct InOrderExec {
    input: Arc<dyn ExecutionPlan>,
    /// Rows after which it ends.
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl InOrderExec {
    fn new(input: Arc<dyn ExecutionPlan>, fetch: Option<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { input, fetch, properties: Arc::new(properties) }
    }

    /// Reads a partition on another thread, a few batches ahead.
    fn read(
        &self,
        partition: usize,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut rows = self.input.execute(partition, Arc::clone(context))?;
        let mut builder = RecordBatchReceiverStream::builder(self.schema(), BATCHES_AHEAD);
        let sender = builder.tx();
        builder.spawn(async move {
            while let Some(batch) = rows.next().await {
                let is_last = batch.is_err();
                if sender.send(batch).await.is_err() || is_last {
                    break;
                }
            }
            Ok(())
        });
        Ok(builder.build())
    }
}

impl DisplayAs for InOrderExec {
    fn fmt_as(&self, _format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StarfactInOrder")?;
        match self.fetch {
            Some(fetch) => write!(out, ": fetch={fetch}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for InOrderExec {
    fn name(&self) -> &'static str {
        "StarfactInOrder"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.as_slice() {
            [input] => Ok(Arc::new(Self::new(Arc::clone(input), self.fetch))),
            _ => internal_err!("rows in order come from one input"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let count = self.input.output_partitioning().partition_count();
        // All begin now; dropping the stream ends those that are not done.
        let partitions = (0..count).map(|partition| self.read(partition, &context));
        let partitions = partitions.collect::<Result<Vec<_>>>()?;
        let all = stream::iter(partitions).flatten();
        let rest = self.fetch.unwrap_or(usize::MAX);
        let rows = stream::unfold((all, rest), |(mut all, rest)| async move {
            if rest == 0 {
                return None;
            }
            let batch = all.next().await?;
            let batch = batch.map(|batch| batch.slice(0, rest.min(batch.num_rows())));
            let rest = batch.as_ref().map_or(0, |batch| rest - batch.num_rows());
            Some((batch, (all, rest)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let Some(input) = inputs.first() else {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema())));
        };
        let mut statistics = input.as_ref().clone().with_fetch(self.fetch, 0, 1)?;
        if self.fetch.is_some() {
            statistics.total_byte_size = Precision::Absent;
        }
        Ok(Arc::new(statistics))
    }
}
