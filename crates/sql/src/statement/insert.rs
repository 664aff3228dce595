//! `INSERT INTO t [AS a] [(columns)] VALUES … | query | DEFAULT VALUES [RETURNING …]`; what
//! ON CONFLICT does is in `upsert`.

use super::changed::Changed;
use super::returning::Returning;
use super::upsert::Upsert;
use super::write::{self, Target};
use super::{Context, constants, names, query, transaction};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::parse::parse_expression;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::ast::{
    Expr, Insert, OnInsert, Query, SetExpr, TableObject, UnaryOperator, Value,
};
use starfact_base::DataType;
use starfact_store::{Table, Transaction};
use std::sync::Arc;

/// Inserts rows: all or none.
pub(super) fn insert(context: &mut Context, insert: Insert) -> Result<Outcome> {
    refuse_unsupported(&insert)?;
    transaction::change(context, |context, transaction| run(context, transaction, insert))
}

fn refuse_unsupported(insert: &Insert) -> Result<()> {
    let unsupported = [
        (insert.or.is_some() || insert.ignore || insert.replace_into, "INSERT OR …"),
        (insert.overwrite, "INSERT OVERWRITE"),
        (matches!(insert.on, Some(OnInsert::DuplicateKeyUpdate(_))), "ON DUPLICATE KEY UPDATE"),
        (insert.insert_alias.is_some(), "INSERT … VALUES … AS"),
        (insert.output.is_some(), "INSERT … OUTPUT"),
        (!insert.assignments.is_empty(), "INSERT … SET"),
        (insert.partitioned.is_some(), "INSERT … PARTITION"),
    ];
    match unsupported.into_iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::sql(format!("{what} is not supported"))),
        None => Ok(()),
    }
}

fn run(context: &mut Context, transaction: &mut Transaction, insert: Insert) -> Result<Outcome> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(Error::sql("INSERT INTO takes the name of a table"));
    };
    let changed = Changed::new(context, name, insert.table_alias.map(|alias| alias.alias))?;
    let table = Arc::clone(&changed.table);
    let mut columns = Vec::with_capacity(insert.columns.len());
    for column in &insert.columns {
        let ident = match column.0.as_slice() {
            [part] => part.as_ident(),
            _ => None,
        };
        let ident = ident.ok_or_else(|| Error::sql(format!("{column} is no name of a column")))?;
        columns.push(table.columns()[names::find_column(&table, ident)?].name.clone());
    }
    let mut returning = match insert.returning {
        Some(items) => Some(Returning::new(context, items, &changed, &[], None)?),
        None => None,
    };
    let upsert = match insert.on {
        Some(OnInsert::OnConflict(on)) => Some(Upsert::new(context, &changed, on)?),
        _ => None,
    };
    let source = match insert.source {
        None => defaults(&columns)?,
        Some(source) => query_of(context, &table, columns, *source)?,
    };
    let mut target = Target::new(context, &table, &source.columns)?;
    let mut batches = source.batches(context);
    let rows = match (upsert, &mut returning) {
        (Some(upsert), returning) => {
            upsert.run(context, transaction, target, &mut batches, returning.as_mut())?
        }
        (None, None) => write::add(context, transaction, target, &mut batches)?,
        (None, Some(returning)) => {
            let schema = Arc::clone(target.schema());
            let mut rows = batches.by_ref().map(|batch| {
                let rows = target.convert(&batch?)?;
                returning.push(&rows, &[], None)?;
                Ok(rows)
            });
            write::add_converted(context, transaction, (table.id(), &schema), &mut rows)?
        }
    };
    drop(batches);
    match returning {
        Some(returning) => returning.finish(context, &changed),
        None => Ok(Outcome::Count { verb: "INSERT", rows }),
    }
}

/// Where rows come from, and which columns of the table they have.
struct Source {
    columns: Vec<String>,
    rows: SourceRows,
}

enum SourceRows {
    Ready(RecordBatch),
    Query(SendableRecordBatchStream),
}

impl Source {
    fn batches(self, context: &Context) -> Box<dyn Iterator<Item = Result<RecordBatch>> + '_> {
        match self.rows {
            SourceRows::Ready(batch) => Box::new(std::iter::once(Ok(batch))),
            SourceRows::Query(stream) => Box::new(query::batches(context, stream)),
        }
    }
}

/// One row of defaults.
fn defaults(columns: &[String]) -> Result<Source> {
    if !columns.is_empty() {
        return Err(Error::sql("INSERT has columns but no values")
            .with_hint("write INSERT INTO t DEFAULT VALUES for a row of defaults"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    Ok(Source { columns: Vec::new(), rows: SourceRows::Ready(row) })
}

fn query_of(
    context: &mut Context,
    table: &Table,
    columns: Vec<String>,
    mut source: Query,
) -> Result<Source> {
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
        if let Some(rows) = constants::rows(&source, &columns) {
            return Ok(Source { columns, rows: SourceRows::Ready(rows) });
        }
        let SetExpr::Values(values) = source.body.as_mut() else {
            return Err(Error::internal("VALUES are gone"));
        };
        for (place, column) in columns.iter().enumerate() {
            let Some(column) = table.column_named(column) else { continue };
            let cells = values.rows.iter_mut().filter_map(|row| row.content.get_mut(place));
            make_uniform(cells.collect(), column.data_type)?;
        }
    }
    let (schema, stream) = query::open(context, source)?;
    check_width(table, &columns, schema.fields().len(), || "the query".into())?;
    Ok(Source { columns, rows: SourceRows::Query(stream) })
}

pub(super) fn check_width(
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
pub(super) fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// The DEFAULT of a column, as an expression.
pub(super) fn default_of(table: &Table, column: &str) -> Result<Expr> {
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
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } | Expr::Nested(expr) => sort_of(expr),
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
