//! A table of the warehouse at one snapshot, as DataFusion's planner sees it.

use super::ScanSettings;
use super::column::{arrow_schema, schema_with_row_ids};
use super::plan::ScanExec;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result, Statistics};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use starfact_base::{Epoch, TableId};
use starfact_store::{Snapshot, Table};
use std::sync::Arc;

/// See the [module](self).
///
/// Keys are not declared to the planner: it takes the key of one table for the key of a join, and
/// then leaves out columns of GROUP BY and ORDER BY that count.
#[derive(Debug)]
pub(crate) struct StarfactTable {
    table: Arc<Table>,
    schema: SchemaRef,
    /// The epoch of its snapshot, if this has nothing else.
    epoch: Option<Epoch>,
}

impl StarfactTable {
    pub(crate) fn new(snapshot: &Snapshot, table: &Arc<Table>) -> Self {
        let schema = Arc::new(arrow_schema(table));
        let epoch = snapshot.is_committed().then(|| snapshot.epoch());
        Self { table: Arc::clone(table), schema, epoch }
    }

    /// The table and its epoch, unless it has changes that are not committed, whose references
    /// need not lead anywhere yet, or its row ids are among the columns.
    pub(crate) fn committed(&self) -> Option<(&Arc<Table>, Epoch)> {
        Some((&self.table, self.epoch?))
    }

    /// A table that is not as a snapshot has it, and holds for one of this epoch.
    pub(crate) fn of_epoch(table: Arc<Table>, epoch: Epoch) -> Self {
        let schema = Arc::new(arrow_schema(&table));
        Self { table, schema, epoch: Some(epoch) }
    }

    /// Whether row ids are among its columns: rows that a statement is to change.
    pub(crate) fn gives_row_ids(&self) -> bool {
        self.schema.fields().len() > self.table.columns().len()
    }

    /// Whether it has the cells of a cube.
    pub(crate) fn has_cells(&self) -> bool {
        self.table.cube().is_some()
    }

    /// Which table it is.
    pub(crate) fn id(&self) -> TableId {
        self.table.id()
    }

    /// The same table with its row ids as one more column.
    pub(crate) fn with_row_ids(table: Arc<Table>) -> Self {
        let schema = Arc::new(schema_with_row_ids(&table));
        Self { table, schema, epoch: None }
    }
}

/// Whether a row is all that is needed to evaluate an expression.
pub(crate) fn stands_alone(filter: &Expr) -> bool {
    stands_beside_scalars(filter)
        && filter
            .exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(_))))
            .is_ok_and(|found| !found)
}

/// Whether a row is all that is needed to evaluate an expression, beside the values of subqueries
/// that are the same for all rows.
pub(crate) fn stands_beside_scalars(filter: &Expr) -> bool {
    let needs_more = |expr: &Expr| {
        if let Expr::ScalarSubquery(subquery) = expr {
            return !subquery.outer_ref_columns.is_empty();
        }
        matches!(
            expr,
            Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        )
    };
    filter.exists(|expr| Ok(needs_more(expr))).is_ok_and(|found| !found)
}

#[async_trait]
impl TableProvider for StarfactTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        None
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let settings = state.config().get_extension::<ScanSettings>();
        let settings = settings.as_deref().copied().unwrap_or_default();
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let partitions = state.config().target_partitions();
        let scan = |projection, limit| {
            let table = Arc::clone(&self.table);
            ScanExec::new(table, &self.schema, projection, partitions, limit, settings)
        };
        if filters.is_empty() {
            return Ok(Arc::new(scan(projection, limit)?));
        }
        let everything = scan((0..self.schema.fields().len()).collect(), None)?;
        let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
        let filters: Vec<Arc<dyn PhysicalExpr>> = filters
            .iter()
            .map(|filter| state.create_physical_expr(filter.clone(), &schema))
            .collect::<Result<_>>()?;
        if settings.encoded_filters {
            let conjuncts: Vec<Arc<dyn PhysicalExpr>> =
                filters.iter().flat_map(split_conjunction).cloned().collect();
            let filtered = everything.with_filters(&conjuncts)?.with_projection(projection)?;
            return Ok(Arc::new(filtered.with_limit(limit)));
        }
        let filter = FilterExecBuilder::new(conjunction(filters), Arc::new(everything)).build()?;
        // Not within the filter: where another projection is moved below it, its own is forgotten.
        let columns = projection.iter().map(|place| {
            let name = self.schema.field(*place).name();
            ProjectionExpr::new(Arc::new(ColumnExpr::new(name, *place)), name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns, Arc::new(filter))?))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match stands_alone(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }
}
