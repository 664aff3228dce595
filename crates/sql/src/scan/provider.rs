//! A table of the warehouse at one snapshot, as DataFusion's planner sees it.

use super::ScanSettings;
use super::plan::ScanExec;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, Statistics};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use starfact_encoding::arrow_type;
use starfact_store::Table;
use std::sync::Arc;

/// See the [module](self).
///
/// Keys are not declared to the planner: it takes the key of one table for the key of a join, and
/// then leaves out columns of GROUP BY and ORDER BY that count.
#[derive(Debug)]
pub(crate) struct StarfactTable {
    table: Arc<Table>,
    schema: SchemaRef,
}

impl StarfactTable {
    pub(crate) fn new(table: Arc<Table>) -> Self {
        let schema = Arc::new(arrow_schema(&table));
        Self { table, schema }
    }
}

/// The visible columns of a table as an Arrow schema.
pub(crate) fn arrow_schema(table: &Table) -> Schema {
    let fields = table
        .columns()
        .iter()
        .map(|column| Field::new(&column.name, arrow_type(column.data_type), column.nullable));
    Schema::new(fields.collect::<Vec<_>>())
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
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let settings = state.config().get_extension::<ScanSettings>();
        let settings = settings.as_deref().copied().unwrap_or_default();
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let partitions = state.config().target_partitions();
        let plan = ScanExec::new(
            Arc::clone(&self.table),
            &self.schema,
            projection,
            partitions,
            limit,
            settings,
        )?;
        Ok(Arc::new(plan))
    }
}
