//! Aggregates of a whole scan, without rows: `count`, `sum`, `avg`, `min` and `max` of columns.
//!
//! ```text
//!   AggregateExec: mode=Final                      merges the states of the partitions
//!     CoalescePartitionsExec
//!       StarfactTotals                             in place of a partial aggregation and its scan
//!         blocks that the filters cover            their zone maps
//!         other blocks                             the filters, then sums on encoded values
//! ```
//!
//! One row of states leaves each partition, in the form in which the functions exchange them, so
//! whatever they say of overflow or of no rows at all stays their business. Floats are missing:
//! their sums depend on the order of rows, and their bounds on what is made of NaN.

use super::plan::ScanExec;
use super::statistics::scalar_value;
use crate::functions::{DIGITS_IN_128_BITS, is_exact_total, is_max};
use crate::operators::{StatesSchema, Turn, with_states, without_inputs};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions_aggregate::count::Count;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{Column as ColumnExpr, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use starfact_base::{DataType, Scalar};
use starfact_encoding::arrow_type;
use starfact_exec::{Totals, TotalsAsked};
use std::fmt;
use std::sync::Arc;

/// Puts [`TotalsExec`] in the place of aggregations that it can do.
#[derive(Debug)]
pub(crate) struct EncodedTotals;

impl PhysicalOptimizerRule for EncodedTotals {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        with_states(plan, &states)
    }

    fn name(&self) -> &str {
        "EncodedTotals"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The operator for an aggregation over a scan.
fn states(
    aggregate: &AggregateExec,
    schema: &StatesSchema<'_>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let group_by = aggregate.group_expr();
    let has_filters = aggregate.filter_expr().iter().any(Option::is_some);
    if !group_by.is_single() || !group_by.expr().is_empty() || has_filters {
        return Ok(None);
    }
    let Some(scan) = aggregate.input().downcast_ref::<ScanExec>() else { return Ok(None) };
    let functions = aggregate.aggr_expr();
    let states = functions.iter().map(|function| States::of(function, scan));
    let Some(states) = states.collect::<Option<Vec<States>>>() else { return Ok(None) };
    if states.is_empty() || !scan.settings().encoded_aggregates || scan.fetch().is_some() {
        return Ok(None);
    }
    Ok(Some(Arc::new(TotalsExec::new(scan.clone(), functions, states, schema()?))))
}

/// The states of one aggregate; columns are places in the output of the scan.
#[derive(Clone, Copy, Debug)]
enum States {
    /// All rows.
    Rows,
    /// Rows that are not NULL.
    Count(usize),
    Min(usize),
    Max(usize),
    /// The exact sum and the number of values in it, for `sum` and for `avg`.
    Sum(usize),
}

impl States {
    /// What a function exchanges; `None` if it cannot be told from totals.
    fn of(function: &AggregateFunctionExpr, scan: &ScanExec) -> Option<Self> {
        if function.is_distinct() || !function.order_bys().is_empty() {
            return None;
        }
        let [argument] = function.expressions().try_into().ok()?;
        let inner = function.fun().inner();
        if let Some(literal) = argument.downcast_ref::<Literal>() {
            let is_rows = inner.is::<Count>() && !literal.value().is_null();
            return is_rows.then_some(Self::Rows);
        }
        let place = argument.downcast_ref::<ColumnExpr>()?.index();
        let data_type = scan.output_column(place)?.1;
        let is_float = matches!(data_type, DataType::Real | DataType::Double);
        if inner.is::<Count>() {
            return Some(Self::Count(place));
        }
        if is_exact_total(function.fun()) {
            let is_narrow = match data_type {
                DataType::SmallInt | DataType::Integer | DataType::BigInt => true,
                DataType::Decimal { precision, .. } => precision <= DIGITS_IN_128_BITS,
                _ => false,
            };
            return is_narrow.then_some(Self::Sum(place));
        }
        match is_max(function.fun()) {
            Some(false) if !is_float => Some(Self::Min(place)),
            Some(true) if !is_float => Some(Self::Max(place)),
            _ => None,
        }
    }

    fn ask(self, of: &mut TotalsAsked) {
        match self {
            Self::Min(_) => of.min = true,
            Self::Max(_) => of.max = true,
            Self::Sum(_) => of.sum = true,
            Self::Rows | Self::Count(_) => {}
        }
    }

    /// The column that it looks at.
    fn place(self) -> Option<usize> {
        match self {
            Self::Rows => None,
            Self::Count(place) | Self::Min(place) | Self::Max(place) | Self::Sum(place) => {
                Some(place)
            }
        }
    }
}

/// What the row of states consists of.
#[derive(Debug)]
struct Shape {
    states: Vec<States>,
    /// The columns that are asked, each once, with their places in the scan and their types.
    columns: Vec<(usize, DataType)>,
    asked: Vec<TotalsAsked>,
    schema: SchemaRef,
}

impl Shape {
    fn new(scan: &ScanExec, states: Vec<States>, schema: SchemaRef) -> Self {
        let (mut columns, mut asked) = (Vec::new(), Vec::<TotalsAsked>::new());
        for state in &states {
            let Some(place) = state.place() else { continue };
            let Some((column, data_type)) = scan.output_column(place) else { continue };
            let known = columns.iter().position(|(known, _)| *known == place);
            let at = known.unwrap_or_else(|| {
                columns.push((place, data_type));
                asked.push(TotalsAsked { column, min: false, max: false, sum: false });
                asked.len() - 1
            });
            state.ask(&mut asked[at]);
        }
        Self { states, columns, asked, schema }
    }

    /// The row of states for some totals.
    fn batch(&self, totals: &Totals) -> Result<RecordBatch> {
        let mut values: Vec<ScalarValue> = Vec::with_capacity(self.schema.fields().len());
        for state in &self.states {
            let at = |place| self.columns.iter().position(|(known, _)| *known == place);
            let of = state
                .place()
                .and_then(at)
                .and_then(|at| Some((totals.columns.get(at)?, self.columns.get(at)?.1)));
            match (state, of) {
                (States::Rows, _) => values.push(count(totals.rows)?),
                (States::Count(_), Some((of, _))) => values.push(count(of.count)?),
                (States::Min(_), Some((of, data_type))) => {
                    values.push(bound(of.min.as_ref(), data_type)?);
                }
                (States::Max(_), Some((of, data_type))) => {
                    values.push(bound(of.max.as_ref(), data_type)?);
                }
                (States::Sum(_), Some((of, _))) => {
                    values.push(ScalarValue::Decimal128(Some(of.sum), 38, 0));
                    values.push(ScalarValue::UInt64(Some(of.count)));
                }
                (_, None) => return internal_err!("totals of a column that was not asked"),
            }
        }
        let arrays = values.iter().map(ScalarValue::to_array).collect::<Result<Vec<ArrayRef>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays)?)
    }
}

/// Gives out the states of aggregates over all rows of a scan, a row a partition.
#[derive(Clone, Debug)]
pub(super) struct TotalsExec {
    scan: ScanExec,
    shown: Vec<String>,
    shape: Arc<Shape>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TotalsExec {
    fn new(
        scan: ScanExec,
        functions: &[Arc<AggregateFunctionExpr>],
        states: Vec<States>,
        schema: SchemaRef,
    ) -> Self {
        let partitions = scan.properties().output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            shown: functions.iter().map(|function| function.name().to_owned()).collect(),
            shape: Arc::new(Shape::new(&scan, states, schema)),
            scan,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

fn count(rows: u64) -> Result<ScalarValue> {
    match i64::try_from(rows) {
        Ok(rows) => Ok(ScalarValue::Int64(Some(rows))),
        Err(_) => internal_err!("{rows} rows"),
    }
}

/// A bound of the type that the column has in Arrow; NULL if there is none.
fn bound(bound: Option<&Scalar>, data_type: DataType) -> Result<ScalarValue> {
    match bound {
        None => ScalarValue::try_from(&arrow_type(data_type)),
        Some(bound) => match scalar_value(bound, data_type) {
            Some(value) => Ok(value),
            None => internal_err!("a bound that is no value of its column"),
        },
    }
}

impl DisplayAs for TotalsExec {
    fn fmt_as(&self, format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StarfactTotals: aggr=[{}], of ", self.shown.join(", "))?;
        self.scan.fmt_as(format, out)
    }
}

impl ExecutionPlan for TotalsExec {
    fn name(&self) -> &'static str {
        "StarfactTotals"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    without_inputs!();

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.scan.apply_expressions(visit)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let scan = self.scan.fresh();
        Ok(Arc::new(Self { scan, metrics: ExecutionPlanMetricsSet::new(), ..Self::clone(&self) }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut state = self.scan.partition(partition, &context, &self.metrics, "");
        let shape = Arc::clone(&self.shape);
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let covered = MetricBuilder::new(&self.metrics).counter("blocks_from_zone_maps", partition);
        let stream = futures::stream::once(async move {
            let mut totals = Totals::of(shape.asked.len());
            let mut turn = Turn::new();
            loop {
                let timer = baseline.elapsed_compute().timer();
                let added = state.add_totals(&shape.asked, &mut totals)?;
                timer.done();
                match added {
                    Some(is_covered) => covered.add(usize::from(is_covered)),
                    None => break,
                }
                turn.give_way().await;
            }
            baseline.record_output(1);
            shape.batch(&totals)
        });
        let schema = Arc::clone(&self.shape.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
