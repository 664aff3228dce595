//! What an answer is made of: cells, with rows of dimensions beside them where a query asks for
//! columns that are no keys.
//!
//! ```text
//!   cube   customer, sum(price)              keys have the references of a dimension
//!   query  sum(price) BY customer.region     cells ⋈ customer
//! ```
//!
//! A row of the fact refers to one row of a dimension, or to none; so does a cell that has the
//! reference for a key, and joining it neither repeats nor loses what the fact would not.

use super::answer::Usable;
use super::failing::is_safe;
use super::part::{CellColumn, Part, Role, cell};
use crate::functions::{exact_sum, greatest, least};
use crate::scan::{StarfactTable, stands_alone};
use crate::star::{Path, ROOT, Shape};
use datafusion::common::{Column, JoinType, Result, ScalarValue, TableReference, internal_err};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, TableScan,
    TableScanBuilder, cast, lit, when,
};
use starfact_store::Table;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The schema of the names that dimensions beside cells have in plans.
const SCHEMA: &str = "beside cells";
/// Cells up to which it does not matter what a join costs.
const FEW_CELLS: u64 = 1 << 16;
/// A cell that is joined takes as long as so many that are not, or rows of the fact.
const JOINED: u64 = 16;

/// Whether a scan is of a dimension beside cells.
pub(crate) fn is_beside_cells(scan: &TableScan) -> bool {
    scan.table_name.schema() == Some(SCHEMA)
}

/// The cells of a part, for a query.
pub(super) struct Source<'a> {
    part: &'a Part,
    table: &'a Arc<Table>,
    query: &'a Shape,
    usable: &'a Usable,
    /// The paths of the query whose dimensions are joined, by their places.
    joined: RefCell<BTreeSet<usize>>,
    /// Whether cells without rows are left out before anything is computed of keys.
    are_living: Cell<bool>,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        part: &'a Part,
        table: &'a Arc<Table>,
        query: &'a Shape,
        usable: &'a Usable,
    ) -> Self {
        let (joined, are_living) = (RefCell::default(), Cell::default());
        Self { part, table, query, usable, joined, are_living }
    }

    /// A column of the cells, of the type that the query for them gives.
    pub(super) fn of_role(&self, role: &Role) -> Option<Expr> {
        let column = self.part.columns.get(self.part.find(role)?)?;
        let expr = cell(self.table.name(), &column.name);
        let (wanted, own) = &column.types;
        Some(if wanted == own { expr } else { cast(expr, wanted.clone()) })
    }

    /// A column of a dimension that cells can be joined with.
    pub(super) fn of_dimension(&self, column: &Column) -> Option<Expr> {
        let place = self.place(column.relation.as_ref()?.table())?;
        self.join(place).then(|| beside(self.query.paths.get(place), &column.name))?
    }

    /// Sees to it that cells are joined along a path; false if they cannot.
    pub(super) fn join_along(&self, path: &Path) -> bool {
        self.place(&path.name).is_some_and(|place| self.join(place))
    }

    /// Says that something that may fail is computed of keys.
    pub(super) fn read_living(&self) {
        self.are_living.set(true);
    }

    /// What it costs to read the cells, in rows of the fact.
    pub(super) fn cost(&self) -> u64 {
        let cells = self.table.row_count();
        match self.joined.borrow().is_empty() {
            false if cells > FEW_CELLS => cells.saturating_mul(JOINED),
            _ => cells,
        }
    }

    fn place(&self, path: &str) -> Option<usize> {
        self.query.paths.iter().position(|known| known.name == path)
    }

    fn join(&self, place: usize) -> bool {
        let Some(path) = self.query.paths.get(place) else { return false };
        // Without a row here, a row of the table before it would be none, too.
        let is_possible = !path.is_nullable || path.is_outer || !self.is_within_outer(path);
        let is_possible = is_possible && self.references(path).is_some();
        if is_possible {
            self.joined.borrow_mut().insert(place);
        }
        is_possible
    }

    /// Whether the table before the end of a path may have no row.
    fn is_within_outer(&self, path: &Path) -> bool {
        let parent = path.parent().and_then(|parent| self.query.path(parent));
        parent.is_some_and(|parent| parent.is_outer || self.is_within_outer(parent))
    }

    /// What references a dimension: keys of the cells, or columns of one that they are joined with.
    fn references(&self, path: &Path) -> Option<Vec<Expr>> {
        let before = path.parent().unwrap_or(ROOT);
        let reference = |name: &String| {
            let column = Column::new(Some(TableReference::bare(before)), name);
            let key = Role::Key(Expr::Column(self.query.called(column.clone())));
            self.of_role(&key).or_else(|| self.of_dimension(&column))
        };
        path.reference.iter().map(reference).collect()
    }

    /// The cells that satisfy some conditions, joined with dimensions, with the columns that some
    /// expressions need.
    pub(super) fn plan<'b>(
        &self,
        conditions: Vec<Expr>,
        read: impl Iterator<Item = &'b Expr>,
    ) -> Result<LogicalPlan> {
        let joined: Vec<&Path> =
            self.joined.borrow().iter().filter_map(|place| self.query.paths.get(*place)).collect();
        let references = joined.iter().map(|path| self.references(path));
        let Some(references) = references.collect::<Option<Vec<_>>>() else {
            return internal_err!("a dimension that cells cannot be joined with");
        };
        let mut needed: HashSet<Column> = read.flat_map(Expr::column_refs).cloned().collect();
        needed.extend(references.iter().flatten().flat_map(Expr::column_refs).cloned());
        let (mut conditions, known) = (conditions, &self.query.columns);
        let are_living = self.are_living.get();
        let mut take = |relation: &TableReference| -> Vec<Expr> {
            let is_here = |expr: &Expr| {
                let columns = expr.column_refs();
                !columns.is_empty()
                    && stands_alone(expr)
                    && (!are_living || is_safe(expr, known))
                    && columns.iter().all(|column| column.relation.as_ref() == Some(relation))
            };
            conditions.extract_if(.., |expr| is_here(expr)).collect()
        };
        let cells = TableReference::bare(self.table.name());
        let of_cells = take(&cells);
        let mut of_dimensions = Vec::new();
        for path in &joined {
            // Conditions on a row that may not be there are for what is joined.
            let is_outer = path.is_outer || self.is_within_outer(path);
            of_dimensions.push(if is_outer { Vec::new() } else { take(&relation(path)) });
        }
        needed.extend(conditions.iter().flat_map(Expr::column_refs).cloned());
        let mut plan = match are_living {
            true => self.living(&cells, &needed, of_cells)?,
            false => self.scan(self.table, &cells, &needed, of_cells)?,
        };
        for ((path, references), filters) in joined.into_iter().zip(references).zip(of_dimensions) {
            plan = self.joined(plan, path, references, &needed, filters)?;
        }
        if are_living {
            // The optimiser would ask them of cells before it is known whether these have rows.
            let is_there = self.has_rows(&cells)?;
            let guarded = |condition| when(is_there.clone(), condition).otherwise(lit(false));
            conditions = conditions.into_iter().map(guarded).collect::<Result<_>>()?;
        }
        match conjunction(conditions) {
            None => Ok(plan),
            Some(others) => Ok(LogicalPlan::Filter(Filter::try_new(others, Arc::new(plan))?)),
        }
    }

    /// Rows with those of a dimension that they refer to.
    fn joined(
        &self,
        plan: LogicalPlan,
        path: &Path,
        references: Vec<Expr>,
        needed: &HashSet<Column>,
        filters: Vec<Expr>,
    ) -> Result<LogicalPlan> {
        let table = self.usable.snapshot.table_by_id(path.table);
        let Some(table) = table else { return internal_err!("a dimension that is not there") };
        let keys = path.key.iter().map(|key| Column::new(Some(relation(path)), key));
        let keys: Vec<Column> = keys.collect();
        let needed = needed.iter().chain(&keys).cloned().collect();
        let dimension = self.scan(table, &relation(path), &needed, filters)?;
        let mut pairs = (Vec::new(), Vec::new());
        for (reference, key) in references.into_iter().zip(keys) {
            let key = Expr::Column(key);
            let wanted = key.get_type(dimension.schema())?;
            let is_alike = reference.get_type(plan.schema())? == wanted;
            pairs.0.push(if is_alike { reference } else { cast(reference, wanted) });
            pairs.1.push(key);
        }
        let kind = match path.is_outer || self.is_within_outer(path) {
            true => JoinType::Left,
            false => JoinType::Inner,
        };
        let plan = LogicalPlanBuilder::from(plan);
        plan.join_with_expr_keys(dimension, kind, pairs, None)?.build()
    }

    /// The columns of cells that are needed, one row for each of their keys that has rows.
    fn living(
        &self,
        name: &TableReference,
        needed: &HashSet<Column>,
        filters: Vec<Expr>,
    ) -> Result<LogicalPlan> {
        let called = |name: &TableReference, column: &CellColumn| {
            Column::new(Some(name.clone()), &column.name)
        };
        let has_rows = self.has_rows(name)?;
        let mut all = needed.clone();
        all.extend(has_rows.column_refs().into_iter().cloned());
        let scan = self.scan(self.table, name, &all, filters)?;
        let (mut keys, mut sums, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for column in self.part.columns.iter().filter(|column| all.contains(&called(name, column)))
        {
            let own = Expr::Column(called(name, column));
            let sum = match column.role {
                Role::Key(_) => {
                    keys.push(own.clone());
                    outputs.push(own);
                    continue;
                }
                Role::Min(_) => least(own),
                Role::Max(_) => greatest(own),
                Role::Rows | Role::Count(_) | Role::Sum(_) => exact_sum(own),
            };
            outputs.push(
                Expr::Column(Column::new_unqualified(&column.name))
                    .alias_qualified(Some(name.clone()), &column.name),
            );
            sums.push(sum.alias(&column.name));
        }
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(scan), keys, sums)?);
        LogicalPlanBuilder::from(plan).project(outputs)?.filter(has_rows)?.build()
    }

    /// Whether a living cell has rows.
    fn has_rows(&self, cells: &TableReference) -> Result<Expr> {
        let column = self.part.find(&Role::Rows).and_then(|it| self.part.columns.get(it));
        let Some(column) = column else { return internal_err!("cells without a number of rows") };
        let rows = Expr::Column(Column::new(Some(cells.clone()), &column.name));
        Ok(rows.gt(lit(ScalarValue::Decimal128(Some(0), 38, 0))))
    }

    /// A table with the columns of it that are needed.
    fn scan(
        &self,
        table: &Arc<Table>,
        name: &TableReference,
        needed: &HashSet<Column>,
        filters: Vec<Expr>,
    ) -> Result<LogicalPlan> {
        let source = provider_as_source(Arc::new(StarfactTable::new(&self.usable.snapshot, table)));
        let is_needed = |column: &str| needed.contains(&Column::new(Some(name.clone()), column));
        let columns = table.columns().iter().enumerate();
        let read = columns.filter(|(_, column)| is_needed(&column.name)).map(|(place, _)| place);
        let scan = TableScanBuilder::new(name.clone(), source);
        Ok(LogicalPlan::TableScan(
            scan.with_projection(Some(read.collect())).with_filters(filters).build()?,
        ))
    }
}

/// The name of a dimension beside cells.
fn relation(path: &Path) -> TableReference {
    TableReference::partial(SCHEMA, path.name.as_str())
}

/// A column of a dimension beside cells.
fn beside(path: Option<&Path>, column: &str) -> Option<Expr> {
    Some(Expr::Column(Column::new(Some(relation(path?)), column)))
}
