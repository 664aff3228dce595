//! Which rows of dimensions a commit has changed, and which rows of the fact refer to them.

use super::Step;
use crate::error::Result;
use crate::scan::StarfactTable;
use crate::star::Path;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, in_list};
use starfact_base::TableId;
use starfact_store::{Snapshot, Table};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// Changed rows of a dimension, above which cells are built anew.
const CHANGED_ROWS_MAX: usize = 10_000;

/// Values of the columns of a key, column by column.
pub(super) type Keys = Vec<Vec<ScalarValue>>;

/// Columns of a fact, and values of them.
pub(super) type References = (TableId, Vec<String>, Keys);

/// Changed rows of a dimension: what tells that a row of the fact refers to one of them.
pub(super) struct Changed {
    /// The scan that has the columns: that of the dimension, or of the table that references it.
    pub(super) place: usize,
    /// Columns, and the values that they have for changed rows.
    columns: Vec<(String, Vec<ScalarValue>)>,
}

impl Changed {
    /// The condition on a scan of this name, or the opposite.
    pub(super) fn condition(&self, name: &TableReference, is_negated: bool) -> Option<Expr> {
        let columns = self.columns.iter().map(|(column, values)| {
            let column = Column::new(Some(name.clone()), column);
            let values = values.iter().map(|value| Expr::Literal(value.clone(), None)).collect();
            in_list(Expr::Column(column), values, false)
        });
        let condition = conjunction(columns)?;
        Some(if is_negated { condition.is_not_true() } else { condition })
    }
}

impl Step<'_> {
    /// The keys of the rows, in a table that the fact references, that lead to rows with some keys
    /// of another; `None` if they are many. It is enough to look at the tables after: a row between
    /// that refers to another one than before is changed itself.
    pub(super) fn at_root(&self, path: &Path, keys: Keys) -> Result<Option<(&Path, Keys)>> {
        let (mut path, mut keys) = (self.part.shape.path(&path.name), keys);
        while let Some(below) = path {
            let Some(parent) = below.parent() else { return Ok(Some((below, keys))) };
            let Some(above) = self.part.shape.path(parent) else { return Ok(None) };
            let Some(table) = self.after.table_by_id(above.table) else { return Ok(None) };
            let provider = StarfactTable::of_epoch(Arc::clone(table), self.after.epoch());
            let of_keys = above.key.iter().map(|name| column_of_rows(name)).collect();
            let found = self.rows_where(provider, below, &keys, of_keys)?;
            let count: usize = found.iter().map(RecordBatch::num_rows).sum();
            if count > CHANGED_ROWS_MAX {
                return Ok(None);
            }
            keys = vec![Vec::new(); above.key.len()];
            for batch in &found {
                for (values, column) in keys.iter_mut().zip(batch.columns()) {
                    for row in 0..column.len() {
                        values.push(ScalarValue::try_from_array(column, row)?);
                    }
                }
            }
            path = Some(above);
        }
        Ok(None)
    }

    /// The ids of the rows of the fact that refer along a path to rows with some keys.
    pub(super) fn referring(
        &self,
        kept: &Arc<Table>,
        path: &Path,
        keys: Keys,
    ) -> Result<Rc<Vec<u64>>> {
        if keys.first().is_none_or(Vec::is_empty) {
            return Ok(Rc::default());
        }
        let at = (kept.id(), path.reference.clone(), keys);
        if let Some(known) = self.lookups.referring.borrow().get(&at) {
            return Ok(Rc::clone(known));
        }
        let provider = StarfactTable::with_row_ids(Arc::clone(kept));
        let row_id = provider.schema().fields().last().map(|field| field.name().clone());
        let row_id = column_of_rows(&row_id.unwrap_or_default());
        let mut rows = Vec::new();
        for batch in self.rows_where(provider, path, &at.2, vec![row_id])? {
            let ids = arrow::compute::cast(batch.column(0), &DataType::Int64)?;
            rows.extend(ids.as_primitive::<Int64Type>().values().iter().map(|id| *id as u64));
        }
        let rows = Rc::new(rows);
        self.lookups.referring.borrow_mut().insert(at, Rc::clone(&rows));
        Ok(rows)
    }

    /// Some columns of the rows of a table that refer along a path to rows with some keys.
    fn rows_where(
        &self,
        provider: StarfactTable,
        path: &Path,
        keys: &Keys,
        columns: Vec<Expr>,
    ) -> Result<Vec<RecordBatch>> {
        let schema = provider.schema();
        let mut conditions = Vec::new();
        for (name, values) in path.reference.iter().zip(keys) {
            let data_type = schema.field_with_name(name)?.data_type();
            let values =
                values.iter().map(|value| Ok(Expr::Literal(value.cast_to(data_type)?, None)));
            let values = values.collect::<Result<Vec<Expr>>>()?;
            conditions.push(in_list(column_of_rows(name), values, false));
        }
        let source = provider_as_source(Arc::new(provider));
        let mut plan = LogicalPlanBuilder::scan("rows", source, None)?;
        if let Some(condition) = conjunction(conditions) {
            plan = plan.filter(condition)?;
        }
        let plan = self.inner.cubes.optimized(self.inner, &plan.project(columns)?.build()?)?;
        self.inner.cubes.rows(self.inner, self.after, &plan)
    }

    /// The keys of changed rows of dimensions of which cells depend. `None` if cells had better be
    /// built anew.
    pub(super) fn changed_paths(&self) -> Result<Option<Vec<(&Path, Keys)>>> {
        let mut changed = Vec::new();
        for path in &self.part.shape.paths {
            let (Some(before), Some(after)) =
                (self.before.table_by_id(path.table), self.after.table_by_id(path.table))
            else {
                return Ok(None);
            };
            let (removed, added) = (after.removed_since(before), after.added_since(before));
            if removed.row_count() == 0 {
                continue;
            }
            let used = self.used_columns(path, after);
            let keys = self.changed_keys(&path.key, &used, removed, added)?;
            let count = keys.first().map_or(0, Vec::len);
            if count > CHANGED_ROWS_MAX {
                return Ok(None);
            }
            if count > 0 {
                changed.push((path, keys));
            }
        }
        Ok(Some(changed))
    }

    /// Where it is seen that a row of the fact refers to changed rows; `None` if that is not seen
    /// of some.
    pub(super) fn all_located(&self, changed: Vec<(&Path, Keys)>) -> Result<Option<Vec<Changed>>> {
        changed.into_iter().map(|(path, keys)| self.located(path, keys)).collect()
    }

    /// Where it is seen that a row of the fact refers to rows of a dimension with some keys; `None`
    /// if it is in no place.
    fn located(&self, path: &Path, keys: Keys) -> Result<Option<Changed>> {
        let shape = &self.part.shape;
        if !path.is_outer {
            let Some(&place) = path.places.first() else { return Ok(None) };
            let columns = path.key.iter().cloned().zip(keys).collect();
            return Ok(Some(Changed { place, columns }));
        }
        // A condition on the inner side of an outer join takes no row of the other one out.
        let (place, table) = match path.parent() {
            None => (Some(shape.root_place), shape.root),
            Some(parent) => match shape.path(parent) {
                Some(parent) if !parent.is_outer => (parent.places.first().copied(), parent.table),
                _ => return Ok(None),
            },
        };
        let (Some(place), Some(table)) = (place, self.after.table_by_id(table)) else {
            return Ok(None);
        };
        let schema = crate::scan::arrow_schema(table);
        let mut columns = Vec::new();
        for (name, values) in path.reference.iter().zip(keys) {
            let data_type = schema.field_with_name(name)?.data_type();
            let values = values.iter().map(|value| Ok(value.cast_to(data_type)?));
            columns.push((name.clone(), values.collect::<Result<_>>()?));
        }
        Ok(Some(Changed { place, columns }))
    }

    /// The columns of a dimension on which cells depend: those that are asked for, and references
    /// to others.
    fn used_columns(&self, path: &Path, table: &Table) -> Vec<String> {
        let shape = &self.part.shape;
        let asked = shape.conditions.iter().chain(&shape.groups).chain(&shape.functions);
        let asked = asked.flat_map(|expr| expr.column_refs());
        let is_here =
            |column: &&Column| column.relation.as_ref().is_some_and(|it| it.table() == path.name);
        let asked = asked.filter(is_here).map(|column| column.name.clone());
        let references = table.foreign_keys().iter().flat_map(|key| &key.columns);
        let references = references.filter_map(|id| table.column(*id));
        let references = references.map(|column| column.name.clone());
        asked.chain(references).collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// The keys of rows that are not the same after, column by column.
    fn changed_keys(
        &self,
        key: &[String],
        used: &[String],
        removed: Table,
        added: Table,
    ) -> Result<Vec<Vec<ScalarValue>>> {
        let before = self.columns_of(self.before, removed, key, used)?;
        let after = self.columns_of(self.after, added, key, used)?;
        let Some(first) = before.first() else { return Ok(Vec::new()) };
        let fields = first.schema();
        let field = |place: usize| SortField::new(fields.field(place).data_type().clone());
        let of_key = RowConverter::new((0..key.len()).map(field).collect())?;
        let of_rows = RowConverter::new((0..fields.fields().len()).map(field).collect())?;
        let mut known: HashMap<OwnedRow, OwnedRow> = HashMap::new();
        for batch in &after {
            let keys =
                of_key.convert_columns(batch.columns().get(..key.len()).unwrap_or_default())?;
            let rows = of_rows.convert_columns(batch.columns())?;
            known
                .extend(keys.iter().map(|key| key.owned()).zip(rows.iter().map(|row| row.owned())));
        }
        let mut changed = vec![Vec::new(); key.len()];
        for batch in &before {
            let keys =
                of_key.convert_columns(batch.columns().get(..key.len()).unwrap_or_default())?;
            let rows = of_rows.convert_columns(batch.columns())?;
            for (place, (of, row)) in keys.iter().zip(rows.iter()).enumerate() {
                let is_same = known.get(&of.owned()).is_some_and(|known| known.row() == row);
                if is_same {
                    continue;
                }
                let values = batch.columns().iter().take(key.len());
                let values = values.map(|column| ScalarValue::try_from_array(column, place));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                // Nothing refers to a row without a key.
                if !values.iter().any(ScalarValue::is_null) {
                    changed.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
                }
            }
        }
        Ok(changed)
    }

    /// The key of all rows of a table, and other columns.
    fn columns_of(
        &self,
        snapshot: &Arc<Snapshot>,
        table: Table,
        key: &[String],
        others: &[String],
    ) -> Result<Vec<RecordBatch>> {
        let provider = StarfactTable::of_epoch(Arc::new(table), snapshot.epoch());
        let columns = key.iter().chain(others).enumerate();
        let columns =
            columns.map(|(place, name)| column_of_rows(name).alias(format!("column {place}")));
        let source = provider_as_source(Arc::new(provider));
        let rows = LogicalPlanBuilder::scan("rows", source, None)?;
        let plan = rows.project(columns.collect::<Vec<Expr>>())?.build()?;
        self.inner.cubes.rows(self.inner, snapshot, &plan)
    }
}

/// A column of the rows that are looked for.
fn column_of_rows(name: &str) -> Expr {
    Expr::Column(Column::new(Some("rows"), name))
}
