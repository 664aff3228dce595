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

mod changed;

use self::changed::{Changed, Keys, References};
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
use datafusion::common::{ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use starfact_base::TableId;
use starfact_store::{Maintenance, PartChange, Snapshot, Table};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Weak};

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
type KeptRows = (TableId, Side, Rc<Vec<u64>>);

/// Whether something is taken off, by the tables before, or added, by those after.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Removed,
    Added,
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
        if !self.look_up_kept(&kept, &changed, (&mut gone, &mut come))? {
            let Some(dimensions) = self.all_located(changed)? else {
                return self.anew().map(Some);
            };
            self.join_kept(&kept, &dimensions, (&mut gone, &mut come))?;
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
        let Ok(Some(rows)) = self.rows_to_look_up(kept, changed) else { return Ok(false) };
        let mut found = Vec::new();
        for side in [Side::Removed, Side::Added] {
            let mut lookups = self.lookups.kept.borrow_mut();
            let known = lookups.entry((kept.id(), side, Rc::clone(&rows)));
            let known = known
                .or_insert_with(|| Lookups::of_rows(self.snapshot(side), Arc::clone(kept), &rows));
            let Ok(cells) = known.cells(self.part) else { return Ok(false) };
            found.push(cells);
        }
        for (cells, found) in [gone, come].into_iter().zip(found) {
            cells.add(&[found])?;
        }
        self.inner.cubes.note_lookup();
        Ok(true)
    }

    /// The rows that stay and refer to any changed row; `None` if they are too many.
    fn rows_to_look_up(
        &self,
        kept: &Arc<Table>,
        changed: &[(&Path, Keys)],
    ) -> Result<Option<Rc<Vec<u64>>>> {
        let mut rows = BTreeSet::new();
        for (path, keys) in changed {
            let Some((path, keys)) = self.at_root(path, keys.clone())? else { return Ok(None) };
            rows.extend(self.referring(kept, path, keys)?.iter());
            if rows.len() > KEPT_ROWS_MAX {
                return Ok(None);
            }
        }
        Ok(Some(Rc::new(rows.into_iter().collect())))
    }
}
