//! Rows on their way into a table: matched to its columns, completed by defaults, cast, checked,
//! and handed to a transaction.
//!
//! A few rows go into the log, and stay in memory until they are merged; many are loaded, which
//! writes files at once. How many come is seen when they do.

use super::assign::assign;
use super::kept::one_batch;
use super::transaction::change;
use super::{Context, expression, names};
use crate::error::{Error, Result};
use crate::parse::parse_expression;
use crate::scan::arrow_schema;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use starfact_base::{DataType, TableId};
use starfact_encoding::arrow_type;
use starfact_store::{Check, Table, Transaction};
use std::sync::Arc;

/// Rows that are not loaded but logged, at most.
const LOGGED_ROWS: usize = 65_536;
/// Bytes of such rows, at most.
const LOGGED_BYTES: usize = 32 << 20;

/// How rows of a source become rows of a table.
pub(super) struct Target {
    table: Arc<Table>,
    /// One a column of the table.
    columns: Vec<TargetColumn>,
    checks: Vec<TargetCheck>,
    schema: SchemaRef,
    /// Columns that a row of the source has.
    width: usize,
    /// Rows that have come so far.
    rows: u64,
    /// Whether they are new versions of rows: a number says nothing of those.
    are_updates: bool,
}

struct TargetColumn {
    name: String,
    data_type: DataType,
    source: Source,
}

/// Where the values of a column come from.
enum Source {
    /// This column of the source.
    Input(usize),
    /// The DEFAULT of the column.
    Default(Arc<dyn PhysicalExpr>),
    /// Nowhere: it has no DEFAULT either.
    Null,
}

pub(super) struct TargetCheck {
    /// As it is called in messages.
    shown: String,
    expr: Arc<dyn PhysicalExpr>,
}

impl Target {
    /// A target for rows whose columns are called `names`, in this order.
    ///
    /// # Errors
    /// A name that the table does not have, or one that occurs twice.
    pub(super) fn new(context: &Context, table: &Arc<Table>, names: &[String]) -> Result<Self> {
        let mut inputs: Vec<Option<usize>> = vec![None; table.columns().len()];
        for (input, name) in names.iter().enumerate() {
            let columns = table.columns().iter().map(|column| column.name.as_str());
            let place = names::place(columns.clone(), name).ok_or_else(|| {
                Error::sql(format!("table \"{}\" has no column \"{name}\"", table.name()))
                    .with_suggestion(name, columns, "columns")
            })?;
            if inputs[place].replace(input).is_some() {
                return Err(Error::sql(format!("column \"{name}\" is given twice")));
            }
        }
        let mut columns = Vec::with_capacity(inputs.len());
        for (column, input) in table.columns().iter().zip(inputs) {
            let source = match (input, &column.default) {
                (Some(input), _) => Source::Input(input),
                (None, Some(sql)) => Source::Default(default(context, &column.name, sql)?),
                (None, None) => Source::Null,
            };
            let (name, data_type) = (column.name.clone(), column.data_type);
            columns.push(TargetColumn { name, data_type, source });
        }
        let schema = nullable(&arrow_schema(table));
        let checks = table.checks().iter().map(|check| TargetCheck::new(context, check, &schema));
        let checks = checks.collect::<Result<_>>()?;
        let schema = Arc::new(schema);
        let table = Arc::clone(table);
        let width = names.len();
        Ok(Self { table, columns, checks, schema, width, rows: 0, are_updates: false })
    }

    /// A target for new versions of rows of the table, with all its columns.
    ///
    /// # Errors
    /// None but those of a table that makes no sense.
    pub(super) fn for_updates(context: &Context, table: &Arc<Table>) -> Result<Self> {
        let names: Vec<String> = table.columns().iter().map(|column| column.name.clone()).collect();
        Ok(Self { are_updates: true, ..Self::new(context, table, &names)? })
    }

    /// What the rows that it converts look like.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of a batch as rows of the table.
    ///
    /// # Errors
    /// Values that do not fit their column, and rows that do not satisfy a CHECK.
    pub(super) fn convert(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.num_columns() != self.width {
            let (expected, found) = (self.width, batch.num_columns());
            let table = self.table.name();
            let message = format!("table \"{table}\" takes {expected} columns, and got {found}");
            return Err(Error::sql(message));
        }
        let row_count = batch.num_rows();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            arrays.push(column.values(batch)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        let schema = Arc::clone(&self.schema);
        let rows = RecordBatch::try_new_with_options(schema, arrays, &options)?;
        for check in &self.checks {
            let before = (!self.are_updates).then_some(self.rows);
            check.test(&rows, before, self.table.name())?;
        }
        self.rows += row_count as u64;
        Ok(rows)
    }
}

impl TargetColumn {
    fn values(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let values = match &self.source {
            Source::Input(input) => Arc::clone(batch.column(*input)),
            Source::Default(expr) => expr.evaluate(batch)?.into_array(batch.num_rows())?,
            Source::Null => new_null_array(&arrow_type(self.data_type), batch.num_rows()),
        };
        assign(&values, &self.name, self.data_type)
    }
}

impl TargetCheck {
    pub(super) fn new(context: &Context, check: &Check, schema: &Schema) -> Result<Self> {
        Ok(Self { shown: shown_check(check), expr: bind_check(context, &check.sql, schema)? })
    }

    /// NULL satisfies a CHECK, as the standard wants it.
    pub(super) fn test(&self, rows: &RecordBatch, before: Option<u64>, table: &str) -> Result<()> {
        let result = self.expr.evaluate(rows)?.into_array(rows.num_rows())?;
        let result = result.as_boolean();
        let Some(row) = result.iter().position(|holds| holds == Some(false)) else {
            return Ok(());
        };
        let mut used: Vec<usize> =
            collect_columns(&self.expr).iter().map(|column| column.index()).collect();
        used.sort_unstable();
        let schema = rows.schema();
        let mut values = Vec::with_capacity(used.len());
        for index in used {
            let value = array_value_to_string(rows.column(index), row)?;
            let value = if rows.column(index).is_null(row) { "NULL".to_owned() } else { value };
            values.push(format!("{} = {value}", schema.field(index).name()));
        }
        let (shown, values) = (&self.shown, values.join(", "));
        let place = match before {
            Some(before) => format!("in row {}", before + row as u64 + 1),
            None => "for a changed row".to_owned(),
        };
        Err(Error::sql(format!("table \"{table}\": {shown} fails {place}: {values}")))
    }
}

/// A CHECK as messages call it.
pub(super) fn shown_check(check: &Check) -> String {
    match &check.name {
        Some(name) => format!("CHECK \"{name}\" ({})", check.sql),
        None => format!("CHECK ({})", check.sql),
    }
}

/// A CHECK as an expression over the columns of `schema`.
///
/// # Errors
/// What does not make sense as a condition on one row.
pub(super) fn bind_check(
    context: &Context,
    sql: &str,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let bound = parse_expression(sql).and_then(|expr| expression::bind(context, expr, schema));
    let expr = bound.map_err(|error| named(format!("CHECK ({sql})"), error))?;
    match expr.data_type(schema)? {
        ArrowType::Boolean | ArrowType::Null => Ok(expr),
        other => {
            let shown = crate::types::sql_name(&other);
            Err(Error::sql(format!("CHECK ({sql}) is {shown}, and must be BOOLEAN")))
        }
    }
}

/// A DEFAULT as an expression without columns.
fn default(context: &Context, column: &str, sql: &str) -> Result<Arc<dyn PhysicalExpr>> {
    let bound =
        parse_expression(sql).and_then(|expr| expression::bind(context, expr, &Schema::empty()));
    bound.map_err(|error| named(format!("DEFAULT of column \"{column}\""), error))
}

/// What a DEFAULT is now, as one value of the column's type.
///
/// # Errors
/// What does not make sense as a DEFAULT, and values that the column cannot hold.
pub(super) fn default_value(
    context: &Context,
    column: &str,
    sql: &str,
    data_type: DataType,
) -> Result<ArrayRef> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    let value = default(context, column, sql)?.evaluate(&row)?.into_array(1)?;
    assign(&value, column, data_type)
        .map_err(|error| Error { message: format!("DEFAULT of {}", error.message), ..error })
}

/// The error with its place as part of the message: positions count from the expression's start.
fn named(place: String, error: Error) -> Error {
    Error { message: format!("{place}: {}", error.message), position: None, ..error }
}

/// A schema of the same names and types in which every column may hold NULL: the store checks.
pub(super) fn nullable(schema: &Schema) -> Schema {
    let fields = schema.fields().iter();
    let fields = fields.map(|field| Field::new(field.name(), field.data_type().clone(), true));
    Schema::new(fields.collect::<Vec<_>>())
}

/// Adds the rows of a source to a table; returns how many came.
pub(super) fn add(
    context: &Context,
    transaction: &mut Transaction,
    mut target: Target,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let (table, schema) = (target.table.id(), Arc::clone(&target.schema));
    let mut rows = batches.map(|batch| {
        context.check_cancelled()?;
        target.convert(&batch?)
    });
    add_converted(context, transaction, (table, &schema), &mut rows)
}

/// Adds rows of a table to it, few or many.
pub(super) fn add_converted(
    context: &Context,
    transaction: &mut Transaction,
    (table, schema): (TableId, &SchemaRef),
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let (mut first, mut row_count, mut byte_count) = (Vec::new(), 0, 0);
    while row_count <= LOGGED_ROWS && byte_count <= LOGGED_BYTES {
        let Some(batch) = batches.next() else {
            let rows = one_batch(schema, &first)?;
            if row_count > 0 {
                transaction.insert(table, &rows)?;
            }
            context.progress.set_rows_written(row_count as u64);
            return Ok(row_count as u64);
        };
        let batch = batch?;
        row_count += batch.num_rows();
        byte_count += batch.get_array_memory_size();
        first.push(batch);
    }
    let mut all = first.into_iter().map(Ok).chain(batches);
    load_converted(context, transaction, table, &mut all)
}

/// Loads the rows of a source into a table, be they few or many; returns how many came.
pub(super) fn load(
    context: &Context,
    transaction: &mut Transaction,
    mut target: Target,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let table = target.table.id();
    let mut rows = batches.map(|batch| target.convert(&batch?));
    load_converted(context, transaction, table, &mut rows)
}

fn load_converted(
    context: &Context,
    transaction: &mut Transaction,
    table: TableId,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    // The store knows nothing of SQL errors, so what went wrong up here is kept aside.
    let mut failure: Option<Error> = None;
    let mut rows = batches.map(|batch| {
        context.check_cancelled().and(batch).map_err(|error| {
            let message = error.message.clone();
            failure = Some(error);
            starfact_base::Error::invalid(message)
        })
    });
    let loaded = transaction.load(table, &mut rows, &context.load_options());
    drop(rows);
    match (loaded, failure) {
        (Ok(rows), _) => Ok(rows),
        (Err(_), Some(failure)) => Err(failure),
        (Err(error), None) => Err(error.into()),
    }
}

/// Appends rows; their columns are matched to the table's by name.
pub(crate) fn append(
    context: &mut Context,
    table: &str,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    change(context, |context, transaction| {
        let Some(table) = names::table(&context.snapshot, table) else {
            let names = context.snapshot.tables().map(|table| table.name());
            return Err(Error::sql(format!("there is no table \"{table}\""))
                .with_suggestion(table, names, "tables"));
        };
        let Some(first) = batches.next() else { return Ok(0) };
        let first = first?;
        let schema = first.schema();
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let target = Target::new(context, table, &names)?;
        let mut batches = std::iter::once(Ok(first)).chain(batches).map(|batch| {
            let batch = batch?;
            let same = batch.schema().fields().iter().map(|field| field.name()).eq(&names);
            if same { Ok(batch) } else { Err(Error::sql("all batches must have the same columns")) }
        });
        add(context, transaction, target, &mut batches)
    })
}
