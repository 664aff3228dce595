//! `INSERT INTO t [(columns)] VALUES … | query | DEFAULT VALUES`.

use super::write::{self, Target};
use super::{Context, names, query};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::parse::parse_expression;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::{
    Expr, Insert, Query, SetExpr, TableObject, UnaryOperator, Value,
};
use starfact_base::DataType;
use starfact_store::Table;
use std::sync::Arc;

/// Inserts rows in one commit.
pub(super) fn insert(context: &mut Context, insert: Insert) -> Result<Outcome> {
    refuse_unsupported(&insert)?;
    let TableObject::TableName(name) = &insert.table else {
        return Err(Error::sql("INSERT INTO takes the name of a table"));
    };
    let table = Arc::clone(names::find_table(&context.snapshot, name)?);
    let mut columns = Vec::with_capacity(insert.columns.len());
    for column in &insert.columns {
        let ident = match column.0.as_slice() {
            [part] => part.as_ident(),
            _ => None,
        };
        let ident = ident.ok_or_else(|| Error::sql(format!("{column} is no name of a column")))?;
        columns.push(table.columns()[names::find_column(&table, ident)?].name.clone());
    }
    let rows = match insert.source {
        None => insert_defaults(context, &table, &columns)?,
        Some(source) => insert_query(context, &table, columns, *source)?,
    };
    Ok(Outcome::Count { verb: "INSERT", rows })
}

fn refuse_unsupported(insert: &Insert) -> Result<()> {
    let unsupported = [
        (insert.or.is_some() || insert.ignore || insert.replace_into, "INSERT OR …"),
        (insert.overwrite, "INSERT OVERWRITE"),
        (insert.on.is_some(), "INSERT … ON CONFLICT"),
        (insert.returning.is_some() || insert.output.is_some(), "INSERT … RETURNING"),
        (!insert.assignments.is_empty(), "INSERT … SET"),
        (insert.partitioned.is_some(), "INSERT … PARTITION"),
    ];
    match unsupported.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::sql(format!("{what} is not supported"))),
        None => Ok(()),
    }
}

/// One row of defaults.
fn insert_defaults(context: &Context, table: &Arc<Table>, columns: &[String]) -> Result<u64> {
    if !columns.is_empty() {
        return Err(Error::sql("INSERT has columns but no values")
            .with_hint("write INSERT INTO t DEFAULT VALUES for a row of defaults"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    load(context, table, &[], &mut std::iter::once(Ok(row)))
}

fn insert_query(
    context: &mut Context,
    table: &Arc<Table>,
    columns: Vec<String>,
    mut source: Query,
) -> Result<u64> {
    let columns = match columns.is_empty() {
        true => table.columns().iter().map(|column| column.name.clone()).collect(),
        false => columns,
    };
    if let SetExpr::Values(values) = source.body.as_mut() {
        for (number, row) in values.rows.iter_mut().enumerate() {
            check_width(table, &columns, row.content.len(), || format!("row {}", number + 1))?;
            for (value, column) in row.content.iter_mut().zip(&columns) {
                if is_default(value) {
                    *value = default_of(table, column)?;
                }
            }
        }
        for (place, column) in columns.iter().enumerate() {
            let Some(column) = table.column_named(column) else { continue };
            let cells = values.rows.iter_mut().filter_map(|row| row.content.get_mut(place));
            make_uniform(cells.collect(), column.data_type)?;
        }
    }
    let (schema, stream) = query::open(context, source)?;
    check_width(table, &columns, schema.fields().len(), || "the query".into())?;
    let mut batches = query::batches(context, stream);
    load(context, table, &columns, &mut batches)
}

fn check_width(
    table: &Table,
    columns: &[String],
    found: usize,
    what: impl Fn() -> String,
) -> Result<()> {
    if found == columns.len() {
        return Ok(());
    }
    let (what, expected, name) = (what(), columns.len(), table.name());
    let message =
        format!("INSERT INTO \"{name}\": {what} has {found} values for {expected} columns");
    Err(Error::sql(message).with_hint(format!("columns: {}", columns.join(", "))))
}

/// The keyword DEFAULT in place of a value.
fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

fn default_of(table: &Table, column: &str) -> Result<Expr> {
    match table.column_named(column).and_then(|column| column.default.as_deref()) {
        Some(sql) => Ok(Expr::Nested(Box::new(parse_expression(sql)?))),
        None => Ok(Expr::Value(Value::Null.into())),
    }
}

/// What sort of value stands in a cell.
#[derive(PartialEq)]
enum Cell {
    Null,
    Integer,
    Decimal,
    Text,
    Other,
}

fn sort_of(cell: &Expr) -> Cell {
    match cell {
        Expr::Value(value) => match &value.value {
            Value::Null => Cell::Null,
            Value::Number(digits, _) if digits.contains(['e', 'E']) => Cell::Other,
            Value::Number(digits, _) if digits.contains('.') => Cell::Decimal,
            Value::Number(..) => Cell::Integer,
            Value::SingleQuotedString(_) => Cell::Text,
            _ => Cell::Other,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => sort_of(expr),
        _ => Cell::Other,
    }
}

/// The query engine wants one type a column of VALUES: where the cells are of several sorts, each
/// is cast to the type that it goes into anyway.
fn make_uniform(cells: Vec<&mut Expr>, data_type: DataType) -> Result<()> {
    let sorts: Vec<Cell> = cells.iter().map(|cell| sort_of(cell)).collect();
    let mut values = sorts.iter().filter(|sort| **sort != Cell::Null);
    let Some(first) = values.next() else { return Ok(()) };
    if values.all(|sort| sort == first && *sort != Cell::Other) {
        return Ok(());
    }
    let cast = parse_expression(&format!("CAST(NULL AS {data_type})"))?;
    for (cell, sort) in cells.into_iter().zip(&sorts) {
        if *sort == Cell::Null {
            continue;
        }
        let value = std::mem::replace(cell, cast.clone());
        if let Expr::Cast { expr, .. } = cell {
            **expr = value;
        }
    }
    Ok(())
}

/// Loads batches whose columns are called `columns` into a table, in one commit.
pub(super) fn load(
    context: &Context,
    table: &Arc<Table>,
    columns: &[String],
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<u64> {
    let mut transaction = context.inner.store.begin()?;
    let snapshot = transaction.snapshot()?;
    // The table may have changed since the statement was planned.
    let Some(table) = snapshot.table_by_id(table.id()) else {
        return Err(Error::sql(format!("table \"{}\" was dropped meanwhile", table.name())));
    };
    let target = Target::new(context, table, columns)?;
    let rows = write::load(context, &mut transaction, target, batches)?;
    transaction.commit()?;
    Ok(rows)
}
