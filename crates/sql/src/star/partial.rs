//! The operator of a partial aggregation of a star block.

use super::aggregate::Aggregation;
use super::exec::{StarExec, properties};
use super::groups::{Coded, GroupedRows, Prepared};
use super::plan::{StarPlan, misplaced};
use crate::operators::{Turn, without_inputs};
use crate::scan::Partition;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use starfact_exec::Given;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Rows for each thread that shares them: with fewer, one is done before another has begun.
const ROWS_PER_THREAD: u64 = 1 << 17;

/// Aggregates the rows of a star block; gives out states.
#[derive(Clone, Debug)]
pub(super) struct StarAggregateExec {
    aggregation: Arc<Aggregation>,
    key_names: String,
    shown: String,
    properties: Arc<PlanProperties>,
    prepared: Arc<OnceCell<Arc<Prepared>>>,
    metrics: ExecutionPlanMetricsSet,
    /// What threads have found already.
    handed: Option<Handed>,
}

/// What threads have found before an operator begins.
#[derive(Clone)]
pub(super) struct Handed(Arc<Mutex<Vec<Option<Running>>>>);

impl Handed {
    pub(super) fn of(threads: Vec<Running>) -> Self {
        Self(Arc::new(Mutex::new(threads.into_iter().map(Some).collect())))
    }

    fn take(&self, partition: usize) -> Result<Running> {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.get_mut(partition).and_then(Option::take).ok_or_else(misplaced)
    }
}

impl fmt::Debug for Handed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Handed").finish_non_exhaustive()
    }
}

impl StarAggregateExec {
    pub(super) fn new(
        star: &StarExec,
        aggregate: &AggregateExec,
        schema: SchemaRef,
    ) -> Result<Self> {
        let partitions = star.properties().output_partitioning().partition_count();
        let keys = aggregate.group_expr().expr().iter().map(|(_, name)| name.as_str());
        let functions = aggregate.aggr_expr().iter().map(|function| function.name());
        let key_names = keys.collect::<Vec<_>>().join(", ");
        let shown =
            format!("gby=[{key_names}], aggr=[{}]", functions.collect::<Vec<_>>().join(", "));
        let properties = properties(&schema, partitions);
        Ok(Self {
            aggregation: Arc::new(Aggregation::new(star, aggregate, schema)?),
            key_names,
            shown,
            properties,
            prepared: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
            handed: None,
        })
    }

    pub(super) fn aggregation(&self) -> &Arc<Aggregation> {
        &self.aggregation
    }

    pub(super) fn metrics_set(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    /// The same without what an execution leaves.
    pub(super) fn renewed(&self) -> Self {
        let (prepared, metrics) = (Arc::default(), ExecutionPlanMetricsSet::new());
        Self { prepared, metrics, ..self.clone() }
    }

    /// The same, which reads its rows beside this one.
    pub(super) fn with_own_state(&self) -> Self {
        Self { prepared: Arc::default(), ..self.clone() }
    }

    /// The same for threads that have begun.
    pub(super) fn handed_over(&self, handed: Handed) -> Self {
        Self { handed: Some(handed), ..self.clone() }
    }

    /// A partition before its first row.
    pub(super) fn running(&self, partition: usize, context: &Arc<TaskContext>) -> Running {
        Running {
            exec: self.clone(),
            partition,
            context: Arc::clone(context),
            rows: None,
            given: VecDeque::new(),
            baseline: BaselineMetrics::new(&self.metrics, partition),
            group_time: MetricBuilder::new(&self.metrics).subset_time("group_time", partition),
            turn: Turn::new(),
            is_over: false,
        }
    }

    /// How many threads should share the rows, once the dimensions have been read.
    pub(super) async fn threads(&self, context: &Arc<TaskContext>) -> Result<usize> {
        let root = &self.prepared(context).await?.built.root;
        let most = root.rows_to_read() / ROWS_PER_THREAD;
        let partitions = self.properties.output_partitioning().partition_count();
        Ok(match root.is_shared() {
            true => partitions.min(usize::try_from(most).unwrap_or(usize::MAX)).max(1),
            false => partitions,
        })
    }

    /// The names of its keys.
    pub(super) fn key_names(&self) -> &str {
        &self.key_names
    }

    /// See [`Aggregation::pays_for_a_table`].
    pub(super) fn pays_for_a_table(&self) -> bool {
        self.aggregation.pays_for_a_table()
    }

    pub(super) fn star(&self) -> &StarPlan {
        &self.aggregation.star
    }

    async fn prepared(&self, context: &Arc<TaskContext>) -> Result<Arc<Prepared>> {
        let star = &self.aggregation.star;
        let prepare = || async {
            let built = star.built(context, &self.metrics).await?;
            let coded = self.aggregation.dimensions.iter();
            let coded = coded.map(|(dimension, places)| {
                let is_given = star.gives_codes(*dimension);
                Coded::new(&built, *dimension, places, star.is_outer(*dimension), is_given)
            });
            let coded = coded.collect::<Result<_>>()?;
            Ok(Arc::new(Prepared { built, coded }))
        };
        self.prepared.get_or_try_init(prepare).await.cloned()
    }
}

impl DisplayAs for StarAggregateExec {
    fn fmt_as(&self, format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StarfactStarAggregate: {}, ", self.shown)?;
        self.aggregation.star.fmt_as(format, out)
    }
}

impl ExecutionPlan for StarAggregateExec {
    fn name(&self) -> &'static str {
        "StarfactStarAggregate"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    without_inputs!();

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let of = &self.aggregation;
        let mut recursion = TreeNodeRecursion::Continue;
        let all = of.row_keys.iter().chain(of.functions.expressions());
        for expr in all.chain(&of.star.residuals) {
            recursion = recursion.visit_sibling(|| visit(expr))?;
        }
        Ok(recursion)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.renewed()))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let running = match &self.handed {
            Some(handed) => handed.take(partition)?,
            None => self.running(partition, &context),
        };
        let stream = futures::stream::try_unfold(running, |mut running| async {
            let next = running.next().await?;
            Ok(next.map(|next| (next, running)))
        });
        let schema = Arc::clone(&self.aggregation.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// A partition that is being aggregated.
pub(super) struct Running {
    exec: StarAggregateExec,
    partition: usize,
    context: Arc<TaskContext>,
    rows: Option<(Partition, GroupedRows)>,
    /// States that are to leave.
    given: VecDeque<RecordBatch>,
    baseline: BaselineMetrics,
    group_time: Time,
    turn: Turn,
    is_over: bool,
}

impl Running {
    /// The next states.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.given.pop_front() {
                self.baseline.record_output(batch.num_rows());
                return Ok(Some(batch));
            }
            if self.is_over {
                // What was found before it was handed over.
                if self.total() == 0 {
                    return Ok(None);
                }
                self.emit()?;
                continue;
            }
            self.advance().await?;
            if self.is_over {
                self.emit()?;
            }
        }
    }

    /// Finds all groups, unless it or another thread gives up, of which the others hear.
    pub(super) async fn groups(mut self, gives_up: Arc<AtomicBool>) -> Result<Self> {
        while !self.is_over && self.given.is_empty() {
            if gives_up.load(Ordering::Relaxed) {
                return Ok(self);
            }
            self.advance().await?;
        }
        if !self.given.is_empty() {
            gives_up.store(true, Ordering::Relaxed);
        }
        if let Some((_, groups)) = &mut self.rows {
            let _timer = self.group_time.timer();
            groups.cells.settle();
        }
        Ok(self)
    }

    /// Adds the next rows; groups that there is no more room for are given out.
    async fn advance(&mut self) -> Result<()> {
        if self.rows.is_none() {
            let (exec, context) = (self.exec.clone(), Arc::clone(&self.context));
            self.rows = Some(start(exec, self.partition, context).await?);
        }
        let timer = self.baseline.elapsed_compute().timer();
        let Some((rows, groups)) = &mut self.rows else { return Ok(()) };
        let mut is_full = false;
        match rows.next_batch()? {
            Some(batch) => {
                let _timer = self.group_time.timer();
                if !groups.add(&batch)? {
                    // With more texts than it had room for, it begins again.
                    let batch_rows = self.context.session_config().batch_size();
                    self.given = groups.emit(batch_rows, rows)?;
                    groups.make_room(rows)?;
                    groups.add(&batch)?;
                }
                is_full = groups.is_full(rows);
            }
            None => self.is_over = true,
        }
        timer.done();
        if is_full {
            self.emit()?;
        }
        self.turn.give_way().await;
        Ok(())
    }

    /// Gives out what it has found.
    fn emit(&mut self) -> Result<()> {
        let batch_rows = self.context.session_config().batch_size();
        if let Some((rows, groups)) = &mut self.rows {
            self.given.extend(groups.emit(batch_rows, rows)?);
        }
        Ok(())
    }

    /// How many groups it has.
    pub(super) fn total(&self) -> usize {
        self.rows.as_ref().map_or(0, |(_, groups)| groups.total())
    }

    /// How many of them were looked up in a hash table.
    pub(super) fn hashed(&self) -> usize {
        self.rows.as_ref().map_or(0, |(_, groups)| groups.hashed())
    }

    /// Whether it has found all groups and none has left.
    pub(super) fn is_all_here(&self) -> bool {
        self.is_over && self.given.is_empty()
    }

    pub(super) fn take_groups(&mut self) -> Option<(Partition, GroupedRows)> {
        self.rows.take()
    }

    pub(super) fn put_back(&mut self, groups: (Partition, GroupedRows)) {
        self.rows = Some(groups);
    }

    /// The time that goes into groups.
    pub(super) fn group_time(&self) -> &Time {
        &self.group_time
    }
}

/// Begins with a partition, when the dimensions have been read.
async fn start(
    exec: StarAggregateExec,
    partition: usize,
    context: Arc<TaskContext>,
) -> Result<(Partition, GroupedRows)> {
    let prepared = exec.prepared(&context).await?;
    let mut rows = prepared.built.root.partition(partition, &context, &exec.metrics, "");
    for ((dimension, _), coded) in exec.aggregation.dimensions.iter().zip(&prepared.coded) {
        if let (Some(codes), Some(place)) = (&coded.given, exec.star().reference(*dimension)) {
            rows.give(place, Given::Codes(Arc::clone(codes)));
        }
    }
    exec.aggregation.functions.ask(&mut rows);
    for (place, _) in &exec.aggregation.texts {
        rows.give_numbers(*place);
    }
    let memory = MemoryConsumer::new(format!("StarfactStarAggregate[{partition}]"))
        .register(context.memory_pool());
    Ok((rows, GroupedRows::new(Arc::clone(&exec.aggregation), prepared, memory)?))
}
