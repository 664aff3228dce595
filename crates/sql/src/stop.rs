//! Conditions of nested loops that fail once nobody wants the result any more.
//!
//! A nested loop compares every row of one side with a batch of the other before it comes back to
//! the runtime, which may be billions of pairs without a match. The one thing that it calls
//! meanwhile is its condition; so that is where it is stopped.

use crate::error::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Makes the nested loops of a finished plan end soon after `token` is cancelled.
pub(crate) fn stoppable(
    plan: Arc<dyn ExecutionPlan>,
    token: &CancellationToken,
) -> Result<Arc<dyn ExecutionPlan>> {
    let stoppable = plan.transform_up(|node| {
        let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() else {
            return Ok(Transformed::no(node));
        };
        let Some(filter) = join.filter() else { return Ok(Transformed::no(node)) };
        let condition = Stoppable { inner: Arc::clone(filter.expression()), token: token.clone() };
        let (columns, schema) = (filter.column_indices().to_vec(), Arc::clone(filter.schema()));
        let filter = JoinFilter::new(Arc::new(condition), columns, schema);
        let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
        let join = NestedLoopJoinExecBuilder::new(left, right, *join.join_type())
            .with_projection_ref(join.projection().clone())
            .with_filter(Some(filter))
            .build()?;
        Ok(Transformed::yes(Arc::new(join) as Arc<dyn ExecutionPlan>))
    });
    Ok(stoppable?.data)
}

/// An expression that fails after its statement.
#[derive(Clone, Debug)]
struct Stoppable {
    inner: Arc<dyn PhysicalExpr>,
    token: CancellationToken,
}

impl PartialEq for Stoppable {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Stoppable {}

impl Hash for Stoppable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Stoppable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(out)
    }
}

impl PhysicalExpr for Stoppable {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.token.is_cancelled() {
            return Err(Error::interrupted().into());
        }
        self.inner.evaluate(batch)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let [inner] = children.as_slice() else {
            return internal_err!("a condition has one expression in it");
        };
        Ok(Arc::new(Self { inner: Arc::clone(inner), token: self.token.clone() }))
    }

    fn fmt_sql(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(out)
    }
}
