//! The rows of a star block: a scan of the root with columns of dimensions beside its own.

use super::dimension::Built;
use super::plan::{StarPlan, batch_of};
use super::shape::Star;
use crate::operators::without_inputs;
use crate::scan::ScanExec;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Gives out the rows of a star block.
#[derive(Clone, Debug)]
pub(super) struct StarExec {
    pub(super) star: Arc<StarPlan>,
    /// What it gives out, in columns of joined rows.
    pub(super) outputs: Arc<[Arc<dyn PhysicalExpr>]>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    /// The dimensions, which the first partition reads.
    built: Arc<OnceCell<Built>>,
    metrics: ExecutionPlanMetricsSet,
}

impl StarExec {
    /// Plans a star block whose output has a schema.
    pub(super) fn plan(
        star: &Star,
        outputs: &[Expr],
        schema: &DFSchema,
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Self> {
        let (star, joined) = StarPlan::new(star, outputs, None, session, context)?;
        let props = session.execution_props();
        let compile = |expr: &Expr| create_physical_expr(expr, &joined, props, context);
        let outputs = outputs.iter().map(compile).collect::<Result<Vec<_>>>()?;
        let schema = Arc::clone(schema.inner());
        let properties = properties(&schema, star.root.partition_count());
        Ok(Self {
            star: Arc::new(star),
            outputs: outputs.into(),
            schema,
            properties,
            built: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl StarExec {
    /// A table that is read without dimensions, of which `outputs` are over the columns.
    pub(super) fn of_table(
        scan: ScanExec,
        outputs: Vec<Arc<dyn PhysicalExpr>>,
        schema: SchemaRef,
    ) -> Self {
        let properties = properties(&schema, scan.partition_count());
        Self {
            star: Arc::new(StarPlan::of_table(scan)),
            outputs: outputs.into(),
            schema,
            properties,
            built: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

/// Rows in no order.
pub(super) fn properties(schema: &SchemaRef, partitions: usize) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

impl DisplayAs for StarPlan {
    fn fmt_as(&self, _format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.dimensions.iter().map(ToString::to_string).collect::<Vec<_>>();
        match names.as_slice() {
            [] => write!(out, "table={}", self.root.table().name())?,
            names => {
                let (fact, names) = (self.root.table().name(), names.join(", "));
                write!(out, "fact={fact}, dimensions=[{names}]")?;
            }
        }
        if !self.root.shown().is_empty() {
            write!(out, ", filters=[{}]", self.root.shown().join(" AND "))?;
        }
        if !self.residuals.is_empty() {
            let shown: Vec<String> = self.residuals.iter().map(ToString::to_string).collect();
            write!(out, ", then=[{}]", shown.join(" AND "))?;
        }
        Ok(())
    }
}

impl DisplayAs for StarExec {
    fn fmt_as(&self, format: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StarfactStar: ")?;
        self.star.fmt_as(format, out)
    }
}

impl ExecutionPlan for StarExec {
    fn name(&self) -> &'static str {
        "StarfactStar"
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
        for expr in self.outputs.iter().chain(&self.star.residuals) {
            recursion = recursion.visit_sibling(|| visit(expr))?;
        }
        Ok(recursion)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let (built, metrics) = (Arc::default(), ExecutionPlanMetricsSet::new());
        Ok(Arc::new(Self { built, metrics, ..Self::clone(&self) }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let this = self.clone();
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let start = async move {
            let read = this.star.built(&context, &this.metrics);
            this.built.get_or_try_init(|| read).await?;
            let Some(built) = this.built.get() else { return internal_err!("no dimensions") };
            let rows = built.root.partition(partition, &context, &this.metrics, "");
            Ok((this.clone(), rows, baseline))
        };
        let stream = futures::stream::try_unfold(None, {
            let mut start = Some(Box::pin(start));
            move |state| {
                let start = start.take();
                async move {
                    let (this, mut rows, baseline) = match (state, start) {
                        (Some(state), _) => state,
                        (None, Some(start)) => start.await?,
                        (None, None) => return Ok(None),
                    };
                    let timer = baseline.elapsed_compute().timer();
                    let Some(built) = this.built.get() else { return Ok(None) };
                    let Some(batch) = rows.next_batch()? else { return Ok(None) };
                    let joined = this.star.joined(built, &batch)?.rows;
                    let batch = evaluated(&this.outputs, &joined, &this.schema)?;
                    timer.done();
                    baseline.record_output(batch.num_rows());
                    Ok(Some((batch, Some((this, rows, baseline)))))
                }
            }
        });
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    /// Each row of the root is joined with one of each dimension at most.
    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let root = self.star.root.statistics_from_inputs(&[], args)?;
        let rows = root.num_rows.to_inexact();
        Ok(Arc::new(Statistics { num_rows: rows, ..Statistics::new_unknown(&self.schema) }))
    }
}

/// Expressions of the rows of a batch.
fn evaluated(
    expressions: &[Arc<dyn PhysicalExpr>],
    rows: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let count = rows.num_rows();
    let columns = expressions.iter().map(|expr| expr.evaluate(rows)?.into_array(count));
    batch_of(schema, columns.collect::<Result<_>>()?, count)
}
