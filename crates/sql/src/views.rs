//! Schemas of views that show what is in the warehouse: each is made anew when a query names it.

use crate::catalog::WarehouseSchema;
use crate::error::Result;
use crate::warehouse::Inner;
use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::common::Result as DataFusionResult;
use starfact_store::Snapshot;
use std::sync::Arc;

/// A view: its name and how it is made.
pub(crate) type View = (&'static str, fn(&Snapshot, &Inner) -> Result<RecordBatch>);

/// A schema of views.
#[derive(Debug)]
pub(crate) struct Views {
    pub(crate) main: Arc<WarehouseSchema>,
    pub(crate) views: &'static [View],
}

#[async_trait]
impl SchemaProvider for Views {
    fn table_names(&self) -> Vec<String> {
        self.views.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let Some((_, view)) = self.views.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        let Some(snapshot) = self.main.snapshot() else { return Ok(None) };
        let Some(inner) = self.main.warehouse() else { return Ok(None) };
        let rows = view(&snapshot, &inner)?;
        Ok(Some(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.views.iter().any(|(known, _)| *known == name)
    }
}

/// The rows of a view: these columns, all of one length.
pub(crate) fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let fields =
        columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, values)| values).collect();
    Ok(RecordBatch::try_new(Arc::new(schema), arrays)?)
}

pub(crate) fn texts(values: impl IntoIterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

pub(crate) fn integers(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int32Array>())
}

/// Counts, as BIGINT; those that do not fit are the largest that does.
pub(crate) fn counts(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    let count = |value| i64::try_from(value).unwrap_or(i64::MAX);
    Arc::new(Int64Array::from_iter_values(values.into_iter().map(count)))
}
