//! The execution plan of a scan.

use super::ScanSettings;
use super::column::ScanColumn;
use super::filter::{merge_bounds, remap, translate};
use super::statistics::{row_bytes, table_statistics};
use super::stream::{Partition, Queue, Residual, ScanLedger, external, has_scalars};
use crate::operators::without_inputs;
use arrow::compute::SortOptions;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::{
    Column as ColumnExpr, DynamicFilterPhysicalExpr, DynamicFilterTracking,
};
use datafusion::physical_expr::utils::{collect_columns, split_conjunction};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::projection::{ProjectionExec, all_alias_free_columns};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use starfact_base::data_type::Physical;
use starfact_base::{ColumnId, DataType, Scalar};
use starfact_encoding::Members;
use starfact_exec::{ColumnFilter, Scan, column_bounds, distinct_count};
use starfact_store::{ForeignKey, Table};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

/// Texts that zone maps name, of which there are few.
const NAMED_TEXTS_MAX: usize = 256;
/// A filter is taken to leave one row in this many, as the query engine takes it.
const FILTER_SHARE: usize = 5;

/// Reads some columns of one table at one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct ScanExec {
    table: Arc<Table>,
    table_schema: SchemaRef,
    /// Positions of the output columns in the table.
    projection: Vec<usize>,
    schema: SchemaRef,
    filters: Vec<ColumnFilter>,
    residuals: Vec<Residual>,
    /// The filters as written, over the columns of the table.
    conditions: Vec<Arc<dyn PhysicalExpr>>,
    /// The same, for EXPLAIN.
    shown: Vec<String>,
    limit: Option<usize>,
    settings: ScanSettings,
    scan: Arc<Scan>,
    properties: Arc<PlanProperties>,
    partitions: usize,
    /// Whether partitions, one after the other, are to give the rows in the order of the table.
    is_in_order: bool,
    /// Morsels taken so far, when partitions share them.
    taken: Arc<AtomicUsize>,
    statistics: Arc<OnceLock<Statistics>>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    pub(crate) fn new(
        table: Arc<Table>,
        table_schema: &SchemaRef,
        projection: Vec<usize>,
        partitions: usize,
        limit: Option<usize>,
        settings: ScanSettings,
    ) -> Result<Self> {
        let scan = Scan::new(Arc::clone(&table), Vec::new(), settings.options());
        let scan = scan.map_err(external)?;
        let schema = Arc::new(table_schema.project(&projection)?);
        let partitions = partitions.min(scan.morsels().len()).max(1);
        let properties = properties(&table, &projection, &schema, partitions);
        Ok(Self {
            table,
            table_schema: Arc::clone(table_schema),
            projection,
            schema,
            filters: Vec::new(),
            residuals: Vec::new(),
            conditions: Vec::new(),
            shown: Vec::new(),
            limit,
            settings,
            scan: Arc::new(scan),
            properties: Arc::new(properties),
            partitions,
            is_in_order: false,
            taken: Arc::default(),
            statistics: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    fn output_columns(&self) -> Vec<ScanColumn> {
        let at = |position: &usize| ScanColumn::at(&self.table, *position);
        self.projection.iter().map(at).collect()
    }

    pub(crate) fn settings(&self) -> ScanSettings {
        self.settings
    }

    /// About how many texts there are at a place of the output, if these are few: its dictionaries
    /// have so many, or its zone maps name them.
    pub(crate) fn text_count(&self, place: usize) -> Option<usize> {
        let (column, data_type) = self.output_column(place)?;
        if data_type != DataType::Varchar {
            return None;
        }
        let mut count = None;
        for (_, file) in self.table.dictionaries().iter().filter(|(of, _)| *of == column) {
            count = Some(count.unwrap_or(0) + file.values().ok()?.len());
        }
        count.or_else(|| distinct_count(&self.table, column, NAMED_TEXTS_MAX).ok()?)
    }

    /// What the numbers at a place of the output are between, as they are stored; `None` if they
    /// are no numbers of 64 bits, or nobody knows.
    pub(crate) fn word_bounds(&self, place: usize) -> Option<RangeInclusive<i128>> {
        let (column, data_type) = self.output_column(place)?;
        let is_number = match data_type {
            DataType::SmallInt | DataType::Integer | DataType::BigInt => true,
            DataType::Decimal { .. } => data_type.physical() == Physical::Integer,
            _ => false,
        };
        if !is_number {
            return None;
        }
        let bounds = column_bounds(&self.table, column).ok()?;
        match (bounds.min, bounds.max) {
            (Some(Scalar::Integer(min)), Some(Scalar::Integer(max))) => Some(min..=max),
            _ => None,
        }
    }

    /// The column at a place of the output, if it is in files.
    pub(super) fn output_column(&self, place: usize) -> Option<(ColumnId, DataType)> {
        ScanColumn::at(&self.table, *self.projection.get(place)?).stored()
    }

    /// The same scan, not begun yet.
    pub(crate) fn fresh(&self) -> Self {
        let mut fresh = self.clone();
        fresh.taken = Arc::default();
        fresh.metrics = ExecutionPlanMetricsSet::new();
        fresh
    }

    /// The state of a partition that is about to be read. What it tells in `metrics` has names that
    /// begin with `prefix`.
    pub(crate) fn partition(
        &self,
        number: usize,
        context: &TaskContext,
        metrics: &ExecutionPlanMetricsSet,
        prefix: &str,
    ) -> Partition {
        let mut state = Partition::new(
            Arc::clone(&self.scan),
            self.queue(number),
            Arc::clone(&self.schema),
            self.output_columns(),
            self.residuals.clone(),
        );
        state.remaining = self.limit.unwrap_or(usize::MAX);
        state.encoded_filters = self.settings.encoded_filters;
        state.batch_rows = context.session_config().batch_size();
        state.progress = context.session_config().get_extension();
        let count =
            |name: &str| MetricBuilder::new(metrics).counter(format!("{prefix}{name}"), number);
        let time =
            |name: &str| MetricBuilder::new(metrics).subset_time(format!("{prefix}{name}"), number);
        state.ledger = ScanLedger {
            rows_read: count("rows_read"),
            bytes_read: count("bytes_read"),
            removed: self.filter_labels().map(|label| count(&label)).collect(),
            filter_time: time("filter_time"),
            decode_time: time("decode_time"),
        };
        state.bitmap_blocks = count("bitmap_blocks");
        state.bitmap_pruned = count("bitmap_pruned");
        if number == 0 {
            if let Some(progress) = &state.progress {
                progress.skip_blocks(self.scan.pruned_blocks());
            }
            let (segments, read) = (self.table.segments().len(), self.scan.segment_count());
            count("segments_read").add(read);
            count("segments_pruned").add(segments.saturating_sub(read));
            count("blocks_read").add(self.scan.morsels().len());
            count("blocks_pruned").add(self.scan.pruned_blocks());
        }
        state
    }

    /// The same scan with these conjuncts, which refer to its output, taken over from above.
    pub(crate) fn with_filters(&self, conjuncts: &[Arc<dyn PhysicalExpr>]) -> Result<Self> {
        let mut next = self.clone();
        let columns = self.output_columns();
        for conjunct in conjuncts {
            next.shown.push(conjunct.to_string());
            let condition = remap(conjunct, &|place| self.projection.get(place).copied());
            next.conditions.extend(condition);
            match translate(conjunct, &columns) {
                Some(filter) => next.filters.push(filter),
                None => next.residuals.push(self.residual(conjunct)?),
            }
        }
        next.filters = merge_bounds(next.filters);
        next.replan()
    }

    /// The same scan with more filters, which are in its terms already.
    pub(crate) fn with_column_filters(&self, filters: Vec<ColumnFilter>) -> Result<Self> {
        let mut next = self.clone();
        next.filters.extend(filters.iter().cloned());
        Ok(next.with_scan(self.scan.narrowed(filters).map_err(external)?))
    }

    /// The same with its filters and these in the order of their places among them.
    pub(crate) fn with_filters_in_order(
        &self,
        filters: Vec<ColumnFilter>,
        places: &[usize],
    ) -> Result<Self> {
        let mut next = self.clone();
        next.filters.extend(filters.iter().cloned());
        Ok(next.with_scan(self.scan.narrowed(filters).map_err(external)?.asking(places)))
    }

    /// The filters that are asked of encoded blocks.
    pub(crate) fn column_filters(&self) -> &[ColumnFilter] {
        self.scan.filters()
    }

    /// The same scan of the rows with these ordinals alone.
    pub(crate) fn among(&self, members: &Arc<Members>) -> Result<Self> {
        let scan = self.scan.among(Arc::clone(members)).map_err(external)?;
        Ok(self.clone().with_scan(scan))
    }

    /// The table that it reads.
    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Where its output has the columns of the table from.
    pub(crate) fn projection(&self) -> &[usize] {
        &self.projection
    }

    /// Whether another scan, before filters are added while a query runs, has the same rows, as far
    /// as that is known before the values of subqueries are.
    pub(crate) fn has_same_rows(&self, other: &Self) -> bool {
        let is_known = |scan: &Self| {
            scan.limit.is_none()
                && scan.conditions.len() == scan.shown.len()
                && !scan.conditions.iter().any(has_scalars)
        };
        Arc::ptr_eq(&self.table, &other.table)
            && is_known(self)
            && is_known(other)
            && self.conditions == other.conditions
    }

    /// The filters as written.
    pub(crate) fn shown(&self) -> &[String] {
        &self.shown
    }

    /// What the counts of the rows are called that filters take out: each with its place in the
    /// order in which they are asked.
    fn filter_labels(&self) -> impl Iterator<Item = String> {
        (1..).zip(self.scan.filters()).map(|(place, filter)| {
            let is_it = |key: &&ForeignKey| key.ordinal_column == filter.column;
            let reference = self.table.foreign_keys().iter().find(is_it);
            let ids = reference.map_or(vec![filter.column], |key| key.columns.clone());
            let names = ids.iter().filter_map(|id| self.table.column(*id));
            let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
            format!("removed_{place}_by_{}", names.join("_"))
        })
    }

    /// Blocks that the zone maps rule out.
    pub(crate) fn pruned_blocks(&self) -> usize {
        self.scan.pruned_blocks()
    }

    /// Rows of the blocks that are read.
    pub(crate) fn rows_to_read(&self) -> u64 {
        self.scan.morsels().iter().map(|morsel| morsel.rows() as u64).sum()
    }

    /// Whether `starfact.hierarchy_codes` is on.
    pub(crate) fn has_hierarchy_codes(&self) -> bool {
        self.settings.hierarchy_codes
    }

    /// Whether the rows that are read together are in the order of a column, and all rows with one
    /// value of it beside each other, and `starfact.ordered_groups` is on.
    pub(crate) fn is_ordered_by(&self, column: ColumnId) -> bool {
        let is_sorted = self.table.is_sorted() && self.table.sorted_by().first() == Some(&column);
        self.settings.ordered_groups && is_sorted
    }

    /// Whether `starfact.composed_blocks` is on.
    pub(crate) fn composes(&self) -> bool {
        self.settings.composed_blocks
    }

    /// How many threads share the rows.
    pub(crate) fn partition_count(&self) -> usize {
        self.partitions
    }

    /// Whether every row of the table is read.
    pub(crate) fn is_unfiltered(&self) -> bool {
        self.filters.is_empty() && self.residuals.is_empty()
    }

    /// Whether anything keeps it from reading every row of the table.
    pub(crate) fn is_narrowed(&self) -> bool {
        !self.is_unfiltered() || self.scan.is_among()
    }

    /// The same rows, of which other columns are given out.
    pub(crate) fn with_projection(&self, projection: Vec<usize>) -> Result<Self> {
        let mut next = self.clone();
        next.projection = projection;
        next.taken = Arc::default();
        next.schema = Arc::new(self.table_schema.project(&next.projection)?);
        next.statistics = Arc::default();
        next.properties =
            Arc::new(properties(&next.table, &next.projection, &next.schema, next.partitions));
        Ok(next)
    }

    /// The same scan, which ends after this many rows of its filters.
    pub(super) fn with_limit(mut self, limit: Option<usize>) -> Self {
        self.limit = limit;
        self
    }

    /// Whether a partition reads what others leave.
    pub(crate) fn is_shared(&self) -> bool {
        !self.is_in_order
    }

    /// The same scan, of which each partition reads a range of the table.
    pub(crate) fn in_order(&self) -> Self {
        Self { is_in_order: true, ..self.clone() }
    }

    /// The same scan, not begun yet, all of which one partition reads.
    pub(crate) fn undivided(&self) -> Self {
        Self { is_in_order: true, partitions: 1, ..self.fresh() }
    }

    fn residual(&self, conjunct: &Arc<dyn PhysicalExpr>) -> Result<Residual> {
        let mut used: Vec<usize> =
            collect_columns(conjunct).iter().map(ColumnExpr::index).collect();
        used.sort_unstable();
        used.dedup();
        let Some(expr) = remap(conjunct, &|index| used.binary_search(&index).ok()) else {
            return internal_err!("a filter refers to a column that the scan does not have");
        };
        let columns = used.iter().map(|index| ScanColumn::at(&self.table, self.projection[*index]));
        let schema =
            Schema::new(used.iter().map(|i| self.schema.field(*i).clone()).collect::<Vec<_>>());
        let is_dynamic =
            has_scalars(&expr) || DynamicFilterTracking::classify(&expr).contains_dynamic_filter();
        let is_optional = expr.is::<DynamicFilterPhysicalExpr>();
        let (columns, schema) = (columns.collect(), Arc::new(schema));
        Ok(Residual { expr, columns, schema, is_dynamic, is_optional })
    }

    /// Plans again which morsels to read, after the filters have changed.
    fn replan(self) -> Result<Self> {
        let options = self.settings.options();
        let scan = Scan::new(Arc::clone(&self.table), self.filters.clone(), options);
        Ok(self.with_scan(scan.map_err(external)?))
    }

    fn with_scan(mut self, scan: Scan) -> Self {
        self.scan = Arc::new(scan);
        self.statistics = Arc::default();
        self.taken = Arc::default();
        self
    }

    fn queue(&self, partition: usize) -> Queue {
        // What a partition takes ascends, so each has its rows in the order of the table anyway,
        // and none has all the morsels that a filter leaves.
        if !self.is_in_order {
            return Queue::Shared(Arc::clone(&self.taken));
        }
        let count = self.scan.morsels().len();
        let bound = |partition: usize| count * partition / self.partitions;
        Queue::Range(bound(partition)..bound(partition + 1))
    }
}

fn properties(
    table: &Table,
    projection: &[usize],
    schema: &SchemaRef,
    partitions: usize,
) -> PlanProperties {
    let mut equivalence = EquivalenceProperties::new(Arc::clone(schema));
    if table.is_sorted() {
        equivalence.add_orderings([sort_order(table, projection)]);
    }
    PlanProperties::new(
        equivalence,
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    )
}

/// The longest prefix of the table's sort order that the output has.
fn sort_order(table: &Table, projection: &[usize]) -> Vec<PhysicalSortExpr> {
    let mut order = Vec::new();
    for id in table.sorted_by() {
        let is_it = |at: &usize| table.columns().get(*at).is_some_and(|column| column.id == *id);
        let output = projection.iter().position(is_it);
        let Some(output) = output else { break };
        let name = &table.columns()[projection[output]].name;
        let options = SortOptions { descending: false, nulls_first: false };
        order.push(PhysicalSortExpr::new(Arc::new(ColumnExpr::new(name, output)), options));
    }
    order
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        let names: Vec<&str> = names.collect();
        write!(out, "StarfactScan: table={}, columns=[{}]", self.table.name(), names.join(", "))?;
        if !self.shown.is_empty() {
            write!(out, ", filters=[{}]", self.shown.join(" AND "))?;
        }
        let (read, pruned) = (self.scan.morsels().len(), self.scan.pruned_blocks());
        write!(out, ", blocks={read}/{}", read + pruned)?;
        if let Some(limit) = self.limit {
            write!(out, ", limit={limit}")?;
        }
        if let Some(order) = self.properties.output_ordering() {
            write!(out, ", order=[{order}]")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "StarfactScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    without_inputs!();

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for residual in &self.residuals {
            recursion = recursion.visit_sibling(|| visit(&residual.expr))?;
        }
        Ok(recursion)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.fresh()))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let state = self.partition(partition, &context, &self.metrics, "");
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let stream = futures::stream::unfold((state, baseline), |(mut state, baseline)| async {
            let timer = baseline.elapsed_compute().timer();
            let next = state.next_batch().transpose();
            timer.done();
            if let Some(Ok(batch)) = &next {
                baseline.record_output(batch.num_rows());
            }
            next.map(|next| (next, (state, baseline)))
        });
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream);
        Ok(Box::pin(stream))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        if args.partition().is_some() {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema)));
        }
        if let Some(known) = self.statistics.get() {
            return Ok(Arc::new(known.clone()));
        }
        let columns = self.output_columns();
        let mut statistics = table_statistics(&self.table, &columns).map_err(external)?;
        if !self.filters.is_empty() || !self.residuals.is_empty() {
            let mut rows: usize = self.scan.morsels().iter().map(starfact_exec::Morsel::rows).sum();
            let is_left = |it: &Residual| !it.is_dynamic || has_scalars(&it.expr);
            if !self.filters.is_empty() || self.residuals.iter().any(is_left) {
                rows = rows.div_ceil(FILTER_SHARE);
            }
            let row_bytes = row_bytes(&columns);
            statistics.num_rows = Precision::Inexact(rows);
            statistics.total_byte_size = Precision::Inexact(row_bytes.saturating_mul(rows));
            statistics = statistics.to_inexact();
        }
        if self.limit.is_some() {
            statistics = statistics.with_fetch(self.limit, 0, 1)?;
        }
        let _ = self.statistics.set(statistics.clone());
        Ok(Arc::new(statistics))
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let mut next = self.clone();
        next.limit = limit;
        next.taken = Arc::default();
        next.statistics = Arc::default();
        Some(Arc::new(next))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if !all_alias_free_columns(projection.expr()) {
            return Ok(None);
        }
        let kept = projection.expr().iter().filter_map(|projected| {
            let column = projected.expr.downcast_ref::<ColumnExpr>()?;
            self.projection.get(column.index()).copied()
        });
        Ok(Some(Arc::new(self.with_projection(kept.collect())?)))
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters = child_pushdown_result.parent_filters;
        // A limited scan has its rows already; a filter would have to come before the limit.
        if filters.is_empty() || self.limit.is_some() || !self.settings.encoded_filters {
            let refused = vec![PushedDown::No; filters.len()];
            return Ok(FilterPushdownPropagation::with_parent_pushdown_result(refused));
        }
        let conjuncts: Vec<Arc<dyn PhysicalExpr>> = filters
            .iter()
            .flat_map(|filter| split_conjunction(&filter.filter).into_iter().cloned())
            .collect();
        let node = self.with_filters(&conjuncts)?;
        let accepted = vec![PushedDown::Yes; filters.len()];
        Ok(FilterPushdownPropagation::with_parent_pushdown_result(accepted)
            .with_updated_node(Arc::new(node)))
    }
}
