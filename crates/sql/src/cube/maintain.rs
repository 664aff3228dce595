//! Keeps cells in step: what a commit has to change in them.
//!
//! ```text
//!   cells after = cells before
//!     ⊖ rows of the fact that go                             by the tables before the commit
//!     ⊖ rows that stay, whose dimension row is changed       by the tables before
//!     ⊕ the same rows                                        by the tables after
//!     ⊕ rows of the fact that come                           by the tables after
//! ```
//!
//! Each line is the query for cells over tables that have those rows only, so cells are right
//! whatever the query is made of; of few rows that go or come, dimensions are looked up (see
//! [`super::lookups`]). Rows that stay and refer to changed rows of several dimensions
//! count once: with the first, then with the second and not the first, and so on.
//!
//! A least or greatest value cannot be taken off again: the groups of rows that go are computed
//! again, and replaced. What is not worth the trouble is built anew: dimensions of which much has
//! changed, and those behind the inner side of an outer join.
//!
//! Which rows refer to changed ones need not be known exactly: what is taken off and added for
//! others is the same.

use super::cells::Cells;
use super::lookups::{KEPT_ROWS_MAX, Lookups, can_be_looked_up};
use super::part::Part;
use crate::error::{Error, ErrorKind, Result};
use crate::plan_cache::bind_places;
use crate::scan::StarfactTable;
use crate::star::Path;
use crate::warehouse::Inner;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, in_list};
use starfact_base::TableId;
use starfact_store::{Maintenance, PartChange, Snapshot, Table};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// Changed rows of a dimension, above which cells are built anew.
const CHANGED_ROWS_MAX: usize = 10_000;
/// Distinct values of a key up to which groups are looked for by it.
const VALUES_MAX: usize = 1_000;
/// Keeps the cubes of a warehouse.
pub(crate) struct Keeper {
    inner: Weak<Inner>,
}

impl Keeper {
    pub(crate) fn new(inner: &Arc<Inner>) -> Self {
        Self { inner: Arc::downgrade(inner) }
    }
}

impl Maintenance for Keeper {
    fn changes(
        &self,
        before: &Arc<Snapshot>,
        after: &Arc<Snapshot>,
        parts: &[Arc<Table>],
    ) -> starfact_base::Result<Vec<PartChange>> {
        let closed = || starfact_base::Error::Internal("the warehouse is closed".into());
        let inner = self.inner.upgrade().ok_or_else(closed)?;
        let mut changes = Vec::new();
        let lookups = Shared::default();
        for table in parts {
            let Some(declared) = table.cube() else { continue };
            let change = inner.cubes.part(&inner, after, table, declared).and_then(|part| {
                let lookups = &lookups;
                Step { inner: &inner, before, after, table, part: &part, lookups }.change()
            });
            let is_new = before.table_by_id(table.id()).is_none();
            changes.extend(change.map_err(|error| of_cube(&declared.cube, is_new, &error))?);
        }
        Ok(changes)
    }
}

/// The error of a commit whose cells cannot be computed.
fn of_cube(cube: &str, is_new: bool, error: &Error) -> starfact_base::Error {
    if error.kind == ErrorKind::Corrupt {
        return starfact_base::Error::Internal(error.message.clone());
    }
    if is_new {
        let message = format!("cube \"{cube}\" cannot be built: {}", error.message);
        return starfact_base::Error::Constraint(message);
    }
    starfact_base::Error::Constraint(format!(
        "cube \"{cube}\" cannot follow the change: {}; DROP CUBE {cube}, or change other rows",
        error.message
    ))
}

/// One commit, as one part sees it.
struct Step<'a> {
    inner: &'a Arc<Inner>,
    before: &'a Arc<Snapshot>,
    after: &'a Arc<Snapshot>,
    table: &'a Arc<Table>,
    part: &'a Part,
    lookups: &'a Shared,
}

/// Values of the columns of a key, column by column.
type Keys = Vec<Vec<ScalarValue>>;

/// What the parts that a commit changes have in common.
#[derive(Default)]
struct Shared {
    /// Of rows that go, and of rows that come.
    all: RefCell<HashMap<(TableId, Side), Option<Lookups>>>,
    /// Of rows that stay, as what they are of goes and comes.
    kept: RefCell<HashMap<KeptRows, Lookups>>,
    /// Rows of a fact that refer to rows with some keys, by the columns that do.
    referring: RefCell<HashMap<References, Rc<Vec<u64>>>>,
}

/// Rows of a fact by their ids.
type KeptRows = (TableId, Side, Vec<u64>);
/// Columns of a fact, and values of them.
type References = (TableId, Vec<String>, Keys);

/// Whether something is taken off, by the tables before, or added, by those after.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Removed,
    Added,
}

/// Changed rows of a dimension: what tells that a row of the fact refers to one of them.
struct Changed {
    /// The scan that has the columns: that of the dimension, or of the table that references it.
    place: usize,
    /// Columns, and the values that they have for changed rows.
    columns: Vec<(String, Vec<ScalarValue>)>,
}

impl Changed {
    /// The condition on a scan of this name, or the opposite.
    fn condition(&self, name: &TableReference, is_negated: bool) -> Option<Expr> {
        let columns = self.columns.iter().map(|(column, values)| {
            let column = Column::new(Some(name.clone()), column);
            let values = values.iter().map(|value| Expr::Literal(value.clone(), None)).collect();
            in_list(Expr::Column(column), values, false)
        });
        let condition = conjunction(columns)?;
        Some(if is_negated { condition.is_not_true() } else { condition })
    }
}

/// Rows of the fact, by those of dimensions.
struct Rows<'a> {
    snapshot: &'a Arc<Snapshot>,
    /// All of the snapshot if it is not given.
    fact: Option<Arc<Table>>,
    /// Only those that refer to these.
    only: Option<&'a Changed>,
    /// And to none of these.
    without: &'a [Changed],
}

impl<'a> Rows<'a> {
    fn of(snapshot: &'a Arc<Snapshot>, fact: Option<Arc<Table>>) -> Self {
        Self { snapshot, fact, only: None, without: &[] }
    }

    /// The conditions on the scan of a path.
    fn conditions(&self, place: usize, name: &TableReference) -> Vec<Expr> {
        let only = self.only.iter().map(|changed| (*changed, false));
        let all = only.chain(self.without.iter().map(|changed| (changed, true)));
        let here = all.filter(|(changed, _)| changed.place == place);
        here.filter_map(|(changed, is_negated)| changed.condition(name, is_negated)).collect()
    }
}

impl Step<'_> {
    fn change(&self) -> Result<Option<PartChange>> {
        let Some((before, after)) = self.facts() else { return self.anew().map(Some) };
        if after.row_count() == 0 {
            return self.anew().map(Some);
        }
        let Some(changed) = self.changed_paths()? else { return self.anew().map(Some) };
        let (removed, added) = (after.removed_since(before), after.added_since(before));
        let kept = Arc::new(after.kept_since(before));
        let mut gone = Cells::new(self.part)?;
        let mut come = gone.beside();
        if removed.row_count() > 0 {
            gone.add(&self.cells_of(Side::Removed, removed)?)?;
        }
        let (before, after) = (&mut gone, &mut come);
        if !self.look_up_kept(&kept, &changed, (before, after))? {
            let Some(dimensions) = self.all_located(changed)? else {
                return self.anew().map(Some);
            };
            self.join_kept(&kept, &dimensions, (before, after))?;
        }
        if added.row_count() > 0 {
            come.add(&self.cells_of(Side::Added, added)?)?;
        }
        self.put_together(gone, come)
    }

    /// The fact before and after, if both and all other tables are declared alike.
    fn facts(&self) -> Option<(&Arc<Table>, &Arc<Table>)> {
        self.before.table_by_id(self.table.id())?;
        let declared = self.table.cube()?;
        for id in &declared.tables {
            let (before, after) = (self.before.table_by_id(*id)?, self.after.table_by_id(*id)?);
            if before.definition() != after.definition() {
                return None;
            }
        }
        let root = self.part.shape.root;
        Some((self.before.table_by_id(root)?, self.after.table_by_id(root)?))
    }

    /// All cells, built from all rows.
    fn anew(&self) -> Result<PartChange> {
        let rows = Rows::of(self.after, None);
        let added = self.cells(&rows)?;
        let added: Vec<RecordBatch> =
            added.iter().map(|batch| self.as_stored(batch)).collect::<Result<_>>()?;
        Ok(PartChange { table: self.table.id(), deleted: self.table.row_ids(), added })
    }

    fn as_stored(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let schema = Arc::new(crate::scan::arrow_schema(self.table));
        let columns = batch.columns().iter().zip(schema.fields());
        let columns =
            columns.map(|(column, field)| Ok(arrow::compute::cast(column, field.data_type())?));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(schema, columns)?)
    }

    fn put_together<'a>(
        &'a self,
        gone: Cells<'a>,
        mut come: Cells<'a>,
    ) -> Result<Option<PartChange>> {
        let table = self.table.id();
        if self.part.columns.iter().all(|column| column.role.is_invertible()) {
            come.subtract(&gone)?;
            come.settle();
            if come.is_empty() {
                return Ok(None);
            }
            return Ok(Some(PartChange { table, deleted: Vec::new(), added: vec![come.batch()?] }));
        }
        if gone.is_empty() && come.is_empty() {
            return Ok(None);
        }
        let mut deleted = Vec::new();
        let mut added = Vec::new();
        if !gone.is_empty() {
            let filters = gone.filters(VALUES_MAX)?;
            let mut again = gone.beside();
            let rows = Rows::of(self.after, None);
            again.add(&self.cells_where(&rows, &filters)?)?;
            again.retain(|key| gone.contains(key));
            if !again.is_empty() {
                added.push(again.batch()?);
            }
            deleted = self.rows_with(&gone)?;
        }
        come.retain(|key| !gone.contains(key));
        if !come.is_empty() {
            added.push(come.batch()?);
        }
        Ok(Some(PartChange { table, deleted, added }))
    }

    /// The ids of the rows of the part with some keys.
    fn rows_with(&self, keys: &Cells<'_>) -> Result<Vec<u64>> {
        let provider = StarfactTable::with_row_ids(Arc::clone(self.table));
        let scan = LogicalPlanBuilder::scan("cells", provider_as_source(Arc::new(provider)), None)?;
        let mut ids = Vec::new();
        for batch in self.inner.cubes.rows(self.inner, self.after, &scan.build()?)? {
            let rows = batch.column(batch.num_columns() - 1);
            let rows = arrow::compute::cast(rows, &DataType::Int64)?;
            let rows = rows.as_primitive::<Int64Type>();
            for (row, key) in keys.keys_of(&batch)?.iter().enumerate() {
                if keys.contains(key) {
                    ids.push(rows.value(row) as u64);
                }
            }
        }
        Ok(ids)
    }

    fn snapshot(&self, side: Side) -> &Arc<Snapshot> {
        match side {
            Side::Removed => self.before,
            Side::Added => self.after,
        }
    }

    /// The cells of rows that go or come; of few, one for each row.
    fn cells_of(&self, side: Side, fact: Table) -> Result<Vec<RecordBatch>> {
        let snapshot = self.snapshot(side);
        if self.inner.cubes.looks_up() {
            let mut lookups = self.lookups.all.borrow_mut();
            let known = lookups.entry((fact.id(), side));
            let known = known.or_insert_with(|| Lookups::new(snapshot, fact.clone()));
            if let Some(Ok(cells)) = known.as_mut().map(|lookups| lookups.cells(self.part)) {
                self.inner.cubes.note_lookup();
                return Ok(vec![cells]);
            }
        }
        self.cells(&Rows::of(snapshot, Some(Arc::new(fact))))
    }

    /// The cells of some rows.
    fn cells(&self, rows: &Rows<'_>) -> Result<Vec<RecordBatch>> {
        self.cells_where(rows, &[])
    }

    /// The same with conditions on the keys, by their places.
    fn cells_where(
        &self,
        rows: &Rows<'_>,
        filters: &[(usize, Vec<ScalarValue>)],
    ) -> Result<Vec<RecordBatch>> {
        let shape = &self.part.shape;
        let plan = bind_places(self.part.plan.clone(), |place, id, name| {
            let table = match &rows.fact {
                Some(fact) if place == shape.root_place => Arc::clone(fact),
                _ => Arc::clone(rows.snapshot.table_by_id(id)?),
            };
            let provider = StarfactTable::of_epoch(table, rows.snapshot.epoch());
            Some((provider_as_source(Arc::new(provider)), rows.conditions(place, name)))
        })?;
        let plan = self.inner.cubes.filtered(self.inner, plan, filters)?;
        self.inner.cubes.rows(self.inner, rows.snapshot, &plan)
    }

    /// Takes the cells of rows that stay, whose dimension rows are changed, off by the tables
    /// before, and adds them by the tables after.
    fn join_kept<'c>(
        &self,
        kept: &Arc<Table>,
        dimensions: &[Changed],
        (gone, come): (&mut Cells<'c>, &mut Cells<'c>),
    ) -> Result<()> {
        for (place, changed) in dimensions.iter().enumerate() {
            let without = dimensions.get(..place).unwrap_or_default();
            for (cells, snapshot) in [(&mut *gone, self.before), (&mut *come, self.after)] {
                let fact = Some(Arc::clone(kept));
                let rows = Rows { snapshot, fact, only: Some(changed), without };
                cells.add(&self.cells(&rows)?)?;
            }
        }
        Ok(())
    }

    /// The same by looking dimensions up, of the rows that refer to any changed row. Says whether
    /// it was done; if not, nothing was.
    fn look_up_kept<'c>(
        &self,
        kept: &Arc<Table>,
        changed: &[(&Path, Keys)],
        (gone, come): (&mut Cells<'c>, &mut Cells<'c>),
    ) -> Result<bool> {
        if changed.is_empty() {
            return Ok(true);
        }
        let shape = &self.part.shape;
        if !self.inner.cubes.looks_up() || !can_be_looked_up(shape) {
            return Ok(false);
        }
        let mut rows = BTreeSet::new();
        for (path, keys) in changed {
            let Some((path, keys)) = self.at_root(path, keys.clone())? else { return Ok(false) };
            rows.extend(self.referring(kept, path, keys)?.iter());
            if rows.len() > KEPT_ROWS_MAX {
                return Ok(false);
            }
        }
        let rows: Vec<u64> = rows.into_iter().collect();
        let mut found = Vec::new();
        for side in [Side::Removed, Side::Added] {
            let mut lookups = self.lookups.kept.borrow_mut();
            let known = lookups.entry((kept.id(), side, rows.clone())).or_insert_with(|| {
                Lookups::of_rows(self.snapshot(side), Arc::clone(kept), rows.clone())
            });
            let Ok(cells) = known.cells(self.part) else { return Ok(false) };
            found.push(cells);
        }
        for (cells, found) in [gone, come].into_iter().zip(found) {
            cells.add(&[found])?;
        }
        self.inner.cubes.note_lookup();
        Ok(true)
    }

    /// The keys of the rows, in a table that the fact references, that lead to rows with some keys
    /// of another; `None` if they are many.
    fn at_root(&self, path: &'_ Path, keys: Keys) -> Result<Option<(&Path, Keys)>> {
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
    fn referring(&self, kept: &Arc<Table>, path: &Path, keys: Keys) -> Result<Rc<Vec<u64>>> {
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
    fn changed_paths(&self) -> Result<Option<Vec<(&Path, Keys)>>> {
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
    fn all_located(&self, changed: Vec<(&Path, Keys)>) -> Result<Option<Vec<Changed>>> {
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
