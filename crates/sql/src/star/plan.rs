//! What there is to do for a star block: scans of its tables, and where each column comes from.

use super::block::{Asked, BlockPlan, ordinals_at, references_end};
use super::dimension::{Built, DimensionPlan, Origin};
use super::flatten::{Leaf, relation, table_of};
use super::keyed::{Keyed, value_name, value_of};
use super::shape::{Reference, Star, StarTable};
use crate::scan::{
    ScanExec, ScanSettings, ordinal_position, reference_position, schema_with_numbers,
};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{filter_record_batch, take};
use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Column, DFSchema, Result, internal_datafusion_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use starfact_base::ColumnId;
use starfact_exec::ColumnFilter;
use starfact_store::Table;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Makes a physical expression of a logical one.
type Create<'a> = dyn Fn(&Expr, &DFSchema) -> Result<Arc<dyn PhysicalExpr>> + 'a;

/// Rows of dimensions that are read without a question.
const FREE_ROWS: u64 = 100_000;
/// Rows of dimensions that may be read for a row of the root.
const ROWS_PER_ROW: u64 = 4;

/// Where a column of joined rows comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A place in the batches of the root.
    Root(usize),
    /// A dimension that the root refers to, and a place among its columns.
    Dimension(usize, usize),
}

/// A star block, planned.
#[derive(Clone, Debug)]
pub(super) struct StarPlan {
    /// Gives out the columns that are asked for, and behind them the references to dimensions.
    pub(super) root: ScanExec,
    /// The dimensions that the root refers to.
    pub(super) dimensions: Vec<DimensionPlan>,
    /// Where in the batches of the root the references to each dimension are, if they are needed.
    pub(super) references: Vec<Option<usize>>,
    /// The columns of joined rows.
    pub(super) sources: Vec<Source>,
    pub(super) schema: SchemaRef,
    /// Conditions on joined rows.
    pub(super) residuals: Vec<Arc<dyn PhysicalExpr>>,
    /// The foreign key of the root that rows are grouped by, and where in the batches of the root
    /// its references are.
    pub(super) grouping: Option<(usize, usize)>,
    /// Rows of the root that were left to read after the dimensions, the last time.
    left: Arc<OnceLock<u64>>,
}

impl StarPlan {
    /// Plans a star block whose joined rows have the columns that `outputs` name, and the
    /// references of a foreign key of the root if `grouping` says so; returns the schema of joined
    /// rows, too.
    pub(super) fn new(
        star: &Star,
        outputs: &[Expr],
        grouping: Option<usize>,
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<(Self, DFSchema)> {
        let create: &Create<'_> =
            &|expr, schema| create_physical_expr(expr, schema, session.execution_props(), context);
        let mut asked = vec![BTreeSet::new(); star.tables.len()];
        for expr in outputs.iter().chain(&star.residuals) {
            for column in expr.column_refs() {
                let (table, place) = locate(star, column)?;
                if let Some(asked) = asked.get_mut(table) {
                    asked.insert(place);
                }
            }
        }
        let planner = Planner { star, create, session, context, asked };
        let mut sources = Vec::new();
        let mut columns: Vec<(usize, usize)> = Vec::new();
        let of_root = planner.columns_of(0);
        for (place, position) in of_root.iter().enumerate() {
            sources.push(Source::Root(place));
            columns.push((0, *position));
        }
        let (mut dimensions, mut references) = (Vec::new(), Vec::new());
        let mut projection = of_root;
        for child in planner.children(0) {
            let (dimension, given) = planner.dimension(child)?;
            let mut needed = None;
            if !given.is_empty() {
                needed = Some(projection.len());
                projection.push(planner.reference(child)?);
            }
            references.push(needed);
            for (place, column) in given.into_iter().enumerate() {
                sources.push(Source::Dimension(dimensions.len(), place));
                columns.push(column);
            }
            dimensions.push(dimension);
        }
        let table = planner.table_of(0)?;
        let grouping = grouping.map(|key| {
            projection.push(reference_position(table, key));
            (key, projection.len() - 1)
        });
        let root = planner.scan(0)?.with_projection(projection)?;
        let joined = planner.joined(&columns)?;
        let compile = |expr: &Expr| create(expr, &joined);
        let residuals = star.residuals.iter().map(compile).collect::<Result<_>>()?;
        let (schema, left) = (Arc::clone(joined.inner()), Arc::default());
        let plan =
            Self { root, dimensions, references, sources, schema, residuals, grouping, left };
        Ok((plan, joined))
    }

    /// A table without dimensions.
    pub(super) fn of_table(root: ScanExec) -> Self {
        let schema = root.schema();
        Self {
            sources: (0..schema.fields().len()).map(Source::Root).collect(),
            root,
            dimensions: Vec::new(),
            references: Vec::new(),
            schema,
            residuals: Vec::new(),
            grouping: None,
            left: Arc::default(),
        }
    }

    /// The same with more filters of the root.
    pub(super) fn narrowed(&self, filters: Vec<ColumnFilter>) -> Result<Self> {
        Ok(Self { root: self.root.with_column_filters(filters)?, ..self.clone() })
    }

    /// The column of the references that rows are grouped by.
    pub(super) fn grouping_column(&self) -> Option<ColumnId> {
        let (key, _) = self.grouping?;
        self.root.table().foreign_keys().get(key).map(|key| key.ordinal_column)
    }

    /// The references that the rows of a batch are grouped by.
    pub(super) fn groups<'a>(&self, batch: &'a RecordBatch) -> Result<&'a Int64Array> {
        let (_, place) = self.grouping.ok_or_else(misplaced)?;
        Ok(ordinals_at(batch, place))
    }

    /// The tables and filters, for EXPLAIN.
    pub(super) fn shown(&self) -> String {
        let mut shown = self.root.table().name().to_owned();
        if !self.root.shown().is_empty() {
            shown.push_str(&format!(" where {}", self.root.shown().join(" AND ")));
        }
        if !self.dimensions.is_empty() {
            let names: Vec<String> = self.dimensions.iter().map(ToString::to_string).collect();
            shown.push_str(&format!(" with [{}]", names.join(", ")));
        }
        shown
    }

    /// Whether it should be read so. Dimensions are read whole, as far as their own filters leave
    /// blocks, which is too much where the filters of the root leave few rows: hash tables of these
    /// are small, and filter the other tables in turn.
    pub(super) fn pays(&self) -> bool {
        self.extra_rows() <= FREE_ROWS + ROWS_PER_ROW.saturating_mul(self.root.rows_to_read())
    }

    /// How many rows of dimensions are read that another plan might not read.
    pub(super) fn extra_rows(&self) -> u64 {
        self.dimensions.iter().map(DimensionPlan::extra_rows).sum()
    }

    /// Reads the dimensions.
    pub(super) async fn built(
        &self,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Built> {
        let built = Built::new(&self.root, &self.dimensions, context, metrics).await?;
        self.left.get_or_init(|| built.root.rows_to_read());
        Ok(built)
    }

    /// How many rows of all tables are read, as far as it is known.
    pub(super) fn rows_to_read(&self) -> u64 {
        let left = self.left.get().copied().unwrap_or_else(|| self.root.rows_to_read());
        left + self.dimension_rows()
    }

    /// How many rows of dimensions are read.
    fn dimension_rows(&self) -> u64 {
        self.dimensions.iter().map(DimensionPlan::rows).sum()
    }

    /// The same with some of its columns only.
    pub(super) fn with_columns(&self, kept: &[usize]) -> Result<Self> {
        let at = |place: &usize| self.sources.get(*place).copied();
        let sources: Vec<Source> = kept.iter().filter_map(at).collect();
        Ok(Self { sources, schema: Arc::new(self.schema.project(kept)?), ..self.clone() })
    }

    /// The rows of the root that a batch has, with the columns of dimensions beside them, as far as
    /// the conditions leave them.
    pub(super) fn joined(&self, built: &Built, batch: &RecordBatch) -> Result<Joined> {
        let mut places: Vec<Option<UInt32Array>> = vec![None; self.dimensions.len()];
        let mut columns = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            columns.push(match *source {
                Source::Root(place) => Arc::clone(batch.column(place)),
                Source::Dimension(dimension, place) => {
                    let known = places.get_mut(dimension).ok_or_else(misplaced)?;
                    let rows = match known {
                        Some(rows) => rows,
                        None => known.insert(self.rows_of(built, dimension, batch)?),
                    };
                    take(built.column(dimension, place)?, rows, None)?
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let mut joined = Joined { rows, root: batch.clone() };
        for residual in &self.residuals {
            joined = joined.narrowed(residual)?;
        }
        Ok(joined)
    }

    /// The rows of a dimension that the rows of a batch refer to.
    fn rows_of(&self, built: &Built, dimension: usize, batch: &RecordBatch) -> Result<UInt32Array> {
        let is_outer = self.is_outer(dimension);
        built.index(dimension)?.rows(self.ordinals(dimension, batch)?, is_outer)
    }

    /// The ordinals of a dimension that the rows of a batch refer to.
    pub(super) fn ordinals<'a>(
        &self,
        dimension: usize,
        batch: &'a RecordBatch,
    ) -> Result<&'a Int64Array> {
        Ok(ordinals_at(batch, self.reference(dimension).ok_or_else(misplaced)?))
    }

    /// Whether the rows of the root are so few that they are sooner grouped by keys of a dimension
    /// one by one than the keys of all its rows are numbered.
    pub(super) fn reads_few_rows_for(&self, dimension: usize) -> bool {
        let rows = self.dimensions.get(dimension).map_or(0, DimensionPlan::rows);
        rows > FREE_ROWS && rows > self.root.rows_to_read().saturating_mul(ROWS_PER_ROW)
    }

    /// Where in the batches of the root the references to a dimension are.
    pub(super) fn reference(&self, dimension: usize) -> Option<usize> {
        self.references.get(dimension).copied().flatten()
    }

    /// Whether the root may give out codes of the rows of a dimension instead of references to
    /// them: each row has one, and nothing else needs the references.
    pub(super) fn gives_codes(&self, dimension: usize) -> bool {
        let is_read =
            |source: &Source| matches!(source, Source::Dimension(of, _) if *of == dimension);
        let is_stored = self.dimensions.get(dimension).is_some_and(|it| it.reference.is_some());
        self.root.has_hierarchy_codes()
            && is_stored
            && !self.is_outer(dimension)
            && !self.sources.iter().any(is_read)
    }

    /// Whether rows stay for which a dimension has none.
    pub(super) fn is_outer(&self, dimension: usize) -> bool {
        self.dimensions.get(dimension).is_some_and(DimensionPlan::is_outer)
    }
}

/// Rows of the root and the same rows with columns of dimensions.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) rows: RecordBatch,
    pub(super) root: RecordBatch,
}

impl Joined {
    /// Some of the rows.
    pub(super) fn slice(&self, rows: &Range<usize>) -> Self {
        let slice = |batch: &RecordBatch| batch.slice(rows.start, rows.len());
        Self { rows: slice(&self.rows), root: slice(&self.root) }
    }

    fn narrowed(self, condition: &Arc<dyn PhysicalExpr>) -> Result<Self> {
        let count = self.rows.num_rows();
        let mask = condition.evaluate(&self.rows)?.into_array(count)?;
        let mask = as_boolean_array(&mask)?;
        if mask.true_count() == count {
            return Ok(self);
        }
        Ok(Self {
            rows: filter_record_batch(&self.rows, mask)?,
            root: filter_record_batch(&self.root, mask)?,
        })
    }
}

pub(super) fn misplaced() -> datafusion::common::DataFusionError {
    internal_datafusion_err!("a column or row of a star that is not there")
}

/// The table of a column among those of a star, and its position in it.
fn locate(star: &Star, column: &Column) -> Result<(usize, usize)> {
    let place = table_of(column);
    let table = star.tables.iter().position(|table| Some(table.place) == place);
    let table = table.ok_or_else(misplaced)?;
    let position = match &star.tables[table].leaf {
        Leaf::Table(of) => of.columns().iter().position(|known| known.name == column.name),
        Leaf::Block(_) => value_of(&column.name),
    };
    Ok((table, position.ok_or_else(misplaced)?))
}

struct Planner<'a> {
    star: &'a Star,
    create: &'a Create<'a>,
    session: &'a dyn Session,
    /// Where values of subqueries are.
    context: &'a PhysicalPlanningContext,
    /// Positions of the columns of each table that expressions on joined rows need.
    asked: Vec<BTreeSet<usize>>,
}

impl Planner<'_> {
    fn table(&self, table: usize) -> &StarTable {
        &self.star.tables[table]
    }

    /// The table at a place where there is one, and no block.
    fn table_of(&self, table: usize) -> Result<&Arc<Table>> {
        self.table(table).leaf.table().ok_or_else(misplaced)
    }

    /// Whether a table is an aside or refers to a row of one.
    fn is_in_aside(&self, table: usize) -> bool {
        let StarTable { aside, referrer, .. } = self.table(table);
        aside.is_some() || referrer.is_some_and(|(referrer, _)| self.is_in_aside(referrer))
    }

    fn columns_of(&self, table: usize) -> Vec<usize> {
        self.asked.get(table).into_iter().flatten().copied().collect()
    }

    fn children(&self, table: usize) -> Vec<usize> {
        let refers = |child: &usize| self.table(*child).referrer.is_some_and(|it| it.0 == table);
        (0..self.star.tables.len()).filter(refers).collect()
    }

    /// Where a table's referrer has the references to it.
    fn reference(&self, table: usize) -> Result<usize> {
        let (referrer, reference) = self.table(table).referrer.ok_or_else(misplaced)?;
        let referrer = self.table_of(referrer)?;
        Ok(match reference {
            Reference::Foreign(key) => reference_position(referrer, key),
            Reference::Own => ordinal_position(referrer),
        })
    }

    /// A scan of a table with its own filters, which gives out all columns.
    fn scan(&self, table: usize) -> Result<ScanExec> {
        let StarTable { filters, place, .. } = self.table(table);
        let table = self.table_of(table)?;
        let settings = self.session.config().get_extension::<ScanSettings>();
        let settings = settings.as_deref().copied().unwrap_or_default();
        let schema = Arc::new(schema_with_numbers(table));
        let all = (0..schema.fields().len()).collect();
        let partitions = self.session.config().target_partitions();
        let scan = ScanExec::new(Arc::clone(table), &schema, all, partitions, None, settings)?;
        if filters.is_empty() {
            return Ok(scan);
        }
        let schema = DFSchema::try_from_qualified_schema(relation(*place), &schema)?;
        let filters = filters.iter().map(|filter| (self.create)(filter, &schema));
        scan.with_filters(&filters.collect::<Result<Vec<_>>>()?)
    }

    /// A dimension with those that it refers to, and the columns that it gives out.
    fn dimension(&self, table: usize) -> Result<(DimensionPlan, Vec<(usize, usize)>)> {
        if let Leaf::Block(block) = &self.table(table).leaf {
            return self.block(table, block);
        }
        let own = self.columns_of(table);
        let mut given: Vec<(usize, usize)> = own.iter().map(|place| (table, *place)).collect();
        let mut projection = own.clone();
        let mut children = Vec::new();
        for child in self.children(table) {
            let (dimension, columns) = self.dimension(child)?;
            let mut reference = None;
            if !columns.is_empty() {
                reference = Some(projection.len());
                projection.push(self.reference(child)?);
            }
            given.extend(columns);
            children.push((dimension, reference));
        }
        let of = self.table_of(table)?;
        projection.push(ordinal_position(of));
        let scan = self.scan(table)?.with_projection(projection)?;
        let origin = Origin::Table { scan: Box::new(scan), own: own.len(), children };
        let plan = self.referred(table, origin, of.ordinal_end(), !given.is_empty())?;
        Ok((plan, given))
    }

    /// A block of groups, and the values that it gives out.
    fn block(&self, table: usize, block: &Keyed) -> Result<(DimensionPlan, Vec<(usize, usize)>)> {
        let given = self.columns_of(table);
        let StarTable { filters, place, referrer, .. } = self.table(table);
        let asked = Asked { having: filters, place: *place, given: given.clone() };
        let plan = BlockPlan::new(block, asked, self.session, self.context)?;
        // The parent need not be among the tables: other facts refer to it, too.
        let (referrer, reference) = referrer.ok_or_else(misplaced)?;
        let referrer = self.table_of(referrer)?;
        let end = match reference {
            Reference::Own => referrer.ordinal_end(),
            Reference::Foreign(key) => {
                let key = referrer.foreign_keys().get(key).ok_or_else(misplaced)?;
                references_end(referrer, key.ordinal_column)?.max(plan.references_end()?)
            }
        };
        // Places of groups are counted in 32 bits.
        if end > u32::MAX.into() {
            return Err(misplaced());
        }
        let origin = Origin::Block(Box::new(plan));
        let plan = self.referred(table, origin, end, !given.is_empty())?;
        Ok((plan, given.into_iter().map(|value| (table, value)).collect()))
    }

    /// How a table's referrer refers to what is read so.
    fn referred(
        &self,
        table: usize,
        origin: Origin,
        ordinal_end: u64,
        gives_columns: bool,
    ) -> Result<DimensionPlan> {
        let StarTable { aside, referrer, .. } = self.table(table);
        let (referrer, reference) = referrer.ok_or_else(misplaced)?;
        let referrer = self.table_of(referrer)?;
        let key = match reference {
            Reference::Foreign(key) => {
                Some(referrer.foreign_keys().get(key).ok_or_else(misplaced)?)
            }
            Reference::Own => None,
        };
        let is_nullable = |id: &ColumnId| referrer.column(*id).is_none_or(|it| it.nullable);
        Ok(DimensionPlan {
            aside: *aside,
            origin,
            reference: key.map(|key| key.ordinal_column),
            is_nullable: key.is_some_and(|key| key.columns.iter().any(is_nullable)),
            ordinal_end: usize::try_from(ordinal_end).map_err(|_| misplaced())?,
            gives_columns,
        })
    }

    /// The schema of joined rows.
    fn joined(&self, columns: &[(usize, usize)]) -> Result<DFSchema> {
        let mut fields = Vec::with_capacity(columns.len());
        for (table, position) in columns {
            let is_in_aside = self.is_in_aside(*table);
            let StarTable { leaf, place, .. } = self.table(*table);
            let field = match leaf {
                Leaf::Table(table) => {
                    let column = table.columns().get(*position).ok_or_else(misplaced)?;
                    let data_type: DataType = starfact_encoding::arrow_type(column.data_type);
                    Field::new(&column.name, data_type, column.nullable || is_in_aside)
                }
                Leaf::Block(block) => {
                    let field = block.fields.get(*position).ok_or_else(misplaced)?;
                    let name = value_name(*position);
                    Field::new(name, field.data_type().clone(), field.is_nullable() || is_in_aside)
                }
            };
            fields.push((Some(relation(*place)), Arc::new(field)));
        }
        DFSchema::new_with_metadata(fields, Default::default())
    }
}

/// The columns of a batch that has only some of them, as an array each.
pub(super) fn batch_of(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
