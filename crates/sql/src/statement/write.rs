//! Rows on their way into a table: matched to its columns, completed by defaults, cast, checked,
//! and loaded in one transaction.

use super::assign::assign;
use super::{Context, expression, names};
use crate::error::{Error, Result};
use crate::parse::parse_expression;
use crate::scan::arrow_schema;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use starfact_base::DataType;
use starfact_encoding::arrow_type;
use starfact_store::{Check, Table, Transaction};
use std::sync::Arc;

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
        Ok(Self { table, columns, checks, schema, width: names.len(), rows: 0 })
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
            check.test(&rows, self.rows, self.table.name())?;
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
    pub(super) fn test(&self, rows: &RecordBatch, before: u64, table: &str) -> Result<()> {
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
        let (shown, number, values) = (&self.shown, before + row as u64 + 1, values.join(", "));
        Err(Error::sql(format!("table \"{table}\": {shown} fails in row {number}: {values}")))
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

/// Loads batches of a source into a table; returns how many rows came.
pub(super) fn load(
    context: &Context,
    transaction: &mut Transaction,
    mut target: Target,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let table = target.table.id();
    // The store knows nothing of SQL errors, so what went wrong up here is kept aside.
    let mut failure: Option<Error> = None;
    let mut rows = batches.map(|batch| {
        let converted =
            context.check_cancelled().and(batch).and_then(|batch| target.convert(&batch));
        converted.map_err(|error| {
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

/// Appends rows in one commit; their columns are matched to the table's by name.
pub(crate) fn append(
    context: &Context,
    table: &str,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let mut transaction = context.inner.store.begin()?;
    let snapshot = transaction.snapshot()?;
    let Some(table) = names::table(&snapshot, table) else {
        let names = snapshot.tables().map(|table| table.name());
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
    let rows = load(context, &mut transaction, target, &mut batches)?;
    drop(batches);
    transaction.commit()?;
    Ok(rows)
}
