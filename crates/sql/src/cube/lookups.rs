//! The cells of few rows, whose dimensions are looked up instead of joined.
//!
//! ```text
//!   rows of the fact ──ordinals──► rows of dimensions ──ordinals──► rows of theirs
//!     values of the columns that are asked for, row by row
//!     conditions · keys · the value of each sum for one row        ─►  one cell for each row
//! ```
//!
//! What that costs depends on the rows and not on the size of dimensions, but for those whose rows
//! have been put in another order since: their ordinals are all read. No query is planned. The
//! expressions are those of the query for cells. Whatever cannot be done so, or fails, is left to
//! that query: it says what is wrong, if anything is.

use super::part::{CellColumn, Part, Role};
use crate::error::{Error, Result};
use crate::star::{Path, ROOT, Shape};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::array::{RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch, is_not_null, take};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;
use starfact_base::ColumnId;
use starfact_store::{Snapshot, Table};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// Rows that go or come up to which their dimensions are looked up.
const ROWS_MAX: u64 = 1 << 16;
/// Rows that stay, whose dimensions have changed, up to which they are.
pub(super) const KEPT_ROWS_MAX: usize = 1 << 18;

/// Rows of a fact, and what was looked up for them so far.
pub(super) struct Lookups {
    snapshot: Arc<Snapshot>,
    fact: Arc<Table>,
    /// By path, the row of its table for each row of the fact.
    rows: HashMap<String, Rc<Vec<Option<u64>>>>,
    /// By path and name, the values of a column for each row of the fact.
    columns: HashMap<(String, String), ArrayRef>,
}

impl Lookups {
    /// `None` if there are more rows than had better be looked up.
    pub(super) fn new(snapshot: &Arc<Snapshot>, fact: Table) -> Option<Self> {
        if fact.row_count() > ROWS_MAX {
            return None;
        }
        let rows = fact.row_ids();
        Some(Self::of_rows(snapshot, Arc::new(fact), &rows))
    }

    pub(super) fn of_rows(snapshot: &Arc<Snapshot>, fact: Arc<Table>, own: &[u64]) -> Self {
        let own = Rc::new(own.iter().copied().map(Some).collect());
        let rows = HashMap::from([(ROOT.to_owned(), own)]);
        Self { snapshot: Arc::clone(snapshot), fact, rows, columns: HashMap::new() }
    }

    /// A cell for each of the rows that the part has cells of.
    ///
    /// # Errors
    /// What has to be left to the query for cells.
    pub(super) fn cells(&mut self, part: &Part) -> Result<RecordBatch> {
        let shape = &part.shape;
        if !can_be_looked_up(shape) {
            return Err(Error::internal("a shape that is not looked up"));
        }
        let mut is_kept = vec![true; self.rows_of(shape, ROOT)?.len()];
        for path in shape.paths.iter().filter(|path| !path.is_outer) {
            let found = self.rows_of(shape, &path.name)?;
            is_kept.iter_mut().zip(found.iter()).for_each(|(kept, row)| *kept &= row.is_some());
        }
        let (schema, batch) = self.columns_of(shape)?;
        let mut batch = filter_record_batch(&batch, &BooleanArray::from(is_kept))?;
        for condition in &shape.conditions {
            let is_true = evaluated(condition, &schema, &batch)?;
            let is_true = is_true.as_boolean_opt();
            let is_true = is_true.ok_or_else(|| Error::internal("a condition of no truth"))?;
            batch = filter_record_batch(&batch, is_true)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let mut arrays = Vec::with_capacity(part.columns.len());
        for column in &part.columns {
            let values = value(&column.role, &schema, &batch)?;
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            arrays.push(cast_with_options(&values, &column.types.1, &strict)?);
        }
        let field = |column: &CellColumn| Field::new(&column.name, column.types.1.clone(), true);
        let fields = part.columns.iter().map(field);
        let cells = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(RecordBatch::try_new_with_options(cells, arrays, &options)?)
    }

    /// The columns that the shape asks for, named as it names them.
    fn columns_of(&mut self, shape: &Shape) -> Result<(DFSchema, RecordBatch)> {
        let asked = shape.conditions.iter().chain(&shape.groups).chain(&shape.functions);
        let asked: BTreeSet<&Column> = asked.flat_map(Expr::column_refs).collect();
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for column in asked {
            let place = shape.columns.index_of_column(column)?;
            let (relation, field) = shape.columns.qualified_field(place);
            let path = relation.map_or(ROOT, |relation| relation.table());
            let values = self.values(shape, path, &column.name)?;
            if values.data_type() != field.data_type() {
                return Err(Error::internal(format!("{column} is of another type")));
            }
            arrays.push(values);
            let nullable = field.as_ref().clone().with_nullable(true);
            fields.push((relation.cloned(), Arc::new(nullable)));
        }
        let schema = DFSchema::new_with_metadata(fields, HashMap::new())?;
        let row_count = self.rows_of(shape, ROOT)?.len();
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        let of_batch = Arc::clone(schema.inner());
        Ok((schema, RecordBatch::try_new_with_options(of_batch, arrays, &options)?))
    }

    /// The table that a path leads to.
    fn table(&self, shape: &Shape, path: &str) -> Result<Arc<Table>> {
        if path == ROOT {
            return Ok(Arc::clone(&self.fact));
        }
        let table = shape.path(path).and_then(|path| self.snapshot.table_by_id(path.table));
        table.cloned().ok_or_else(|| Error::internal(format!("no path {path}")))
    }

    /// For each row of the fact the row that a path leads to.
    fn rows_of(&mut self, shape: &Shape, path: &str) -> Result<Rc<Vec<Option<u64>>>> {
        if let Some(known) = self.rows.get(path) {
            return Ok(Rc::clone(known));
        }
        let unknown = || Error::internal(format!("no path {path}"));
        let known = shape.path(path).ok_or_else(unknown)?;
        let parent = known.parent().unwrap_or(ROOT);
        let (_, column) = path.rsplit_once('.').ok_or_else(unknown)?;
        let column = ColumnId(column.parse().map_err(|_| unknown())?);
        let ordinals = self.taken(shape, parent, column)?;
        let ordinals = ordinals.as_primitive_opt::<Int64Type>().ok_or_else(unknown)?;
        let found = Rc::new(self.table(shape, path)?.rows_with_ordinals(ordinals)?);
        self.rows.insert(path.to_owned(), Rc::clone(&found));
        Ok(found)
    }

    /// The values of a column for each row of the fact.
    fn values(&mut self, shape: &Shape, path: &str, name: &str) -> Result<ArrayRef> {
        let at = (path.to_owned(), name.to_owned());
        if let Some(known) = self.columns.get(&at) {
            return Ok(Arc::clone(known));
        }
        let table = self.table(shape, path)?;
        let column = table.columns().iter().find(|column| column.name == name);
        let column = column.ok_or_else(|| Error::internal(format!("no column {name}")))?.id;
        let values = self.taken(shape, path, column)?;
        self.columns.insert(at, Arc::clone(&values));
        Ok(values)
    }

    /// The values of a column, by its number, of the rows that a path leads to; NULL where it leads
    /// to none.
    fn taken(&mut self, shape: &Shape, path: &str, column: ColumnId) -> Result<ArrayRef> {
        let rows = self.rows_of(shape, path)?;
        let mut distinct: Vec<u64> = rows.iter().flatten().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let place = |row: &Option<u64>| Some(distinct.binary_search(&(*row)?).ok()? as u32);
        let places: UInt32Array = rows.iter().map(place).collect();
        let taken = self.table(shape, path)?.take(&distinct, &[column])?;
        let values = taken.first().ok_or_else(|| Error::internal("no values"))?;
        if values.is_empty() {
            return Ok(new_null_array(values.data_type(), places.len()));
        }
        Ok(take(values.as_ref(), &places, None)?)
    }
}

/// Whether each row of the fact has its rows of dimensions along the paths of a shape, or is lost.
pub(super) fn can_be_looked_up(shape: &Shape) -> bool {
    let is_above = |path: &Path| path.parent().and_then(|parent| shape.path(parent));
    let type_of = |path: &str, name: &str| {
        let path = TableReference::bare(path);
        let field = shape.columns.field_with_qualified_name(&path, name).ok()?;
        Some(field.data_type().clone())
    };
    shape.paths.iter().all(|path| {
        // Behind an outer join, one that loses rows and one that does not look alike if the
        // reference is never NULL.
        let is_clear = path.is_outer || is_above(path).is_none_or(|above| !above.is_outer);
        // A key is called as the column that references it, so both have to be of one type.
        let parent = path.parent().unwrap_or(ROOT);
        let mut pairs = path.key.iter().zip(&path.reference);
        let are_alike =
            pairs.all(|(key, reference)| type_of(&path.name, key) == type_of(parent, reference));
        is_clear && are_alike
    })
}

/// What a row adds to a column of its cell.
fn value(role: &Role, schema: &DFSchema, batch: &RecordBatch) -> Result<ArrayRef> {
    let flags = |flags: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(flags)) };
    Ok(match role {
        Role::Rows => flags(vec![1; batch.num_rows()]),
        Role::Count(expr) => {
            let is_there = is_not_null(&evaluated(expr, schema, batch)?)?;
            flags(is_there.values().iter().map(i64::from).collect())
        }
        Role::Key(expr) | Role::Min(expr) | Role::Max(expr) => evaluated(expr, schema, batch)?,
        Role::Sum(expr) => {
            let values = evaluated(expr, schema, batch)?;
            match values.data_type() {
                DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal128(..) => {
                    values
                }
                other => return Err(Error::internal(format!("a sum of {other}"))),
            }
        }
    })
}

fn evaluated(expr: &Expr, schema: &DFSchema, batch: &RecordBatch) -> Result<ArrayRef> {
    let planning = PhysicalPlanningContext::default();
    let physical = create_physical_expr(expr, schema, &ExecutionProps::new(), &planning)?;
    Ok(physical.evaluate(batch)?.into_array(batch.num_rows())?)
}
