//! CHECK constraints of a table that changes: which columns they name, how they read when a column
//! is called differently, and whether all rows satisfy them.
//!
//! DEFAULT names no columns, so its text never changes.

use crate::error::{Error, Result};
use crate::parse::{Statement, parse, parse_expression};
use crate::scan::arrow_schema;
use crate::statement::show::quoted;
use crate::statement::write::{self, TargetCheck};
use crate::statement::{Context, names, query};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::sql::sqlparser::ast::{self, Expr, Ident};
use starfact_store::{Check, Column, Table};
use std::ops::ControlFlow;

/// Whether an expression names a column.
pub(super) fn uses(sql: &str, table: &Table, column: &Column) -> Result<bool> {
    let found = ast::visit_expressions(&parse_expression(sql)?, |expr| match expr {
        Expr::Identifier(ident) if is_it(ident, table, column) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    Ok(found.is_break())
}

/// The expression after a column got another name.
pub(super) fn renamed(sql: &str, table: &Table, column: &Column, name: &str) -> Result<String> {
    let mut expr = parse_expression(sql)?;
    let new = match quoted(name) == name {
        true => Ident::new(name),
        false => Ident::with_quote('"', name),
    };
    let mut is_changed = false;
    let _ = ast::visit_expressions_mut(&mut expr, |expr| {
        if let Expr::Identifier(ident) = expr
            && is_it(ident, table, column)
        {
            *ident = new.clone();
            is_changed = true;
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(if is_changed { expr.to_string() } else { sql.to_owned() })
}

/// Whether a name means a column.
fn is_it(ident: &Ident, table: &Table, column: &Column) -> bool {
    let columns = table.columns().iter();
    let place = names::place(columns.map(|column| column.name.as_str()), &names::fold(ident));
    place.and_then(|place| table.columns().get(place)).is_some_and(|found| found.id == column.id)
}

/// Evaluates a CHECK on all rows of a table that the planner sees; only its columns are read.
///
/// # Errors
/// The first row that does not satisfy it, by number and values.
pub(super) fn prove(context: &mut Context, table: &Table, check: &Check) -> Result<()> {
    let all = write::nullable(&arrow_schema(table));
    let expr = write::bind_check(context, &check.sql, &all)?;
    let mut used: Vec<usize> = collect_columns(&expr).iter().map(|it| it.index()).collect();
    used.sort_unstable();
    if used.is_empty() {
        used.push(0);
    }
    let check = TargetCheck::new(context, check, &all.project(&used)?)?;
    let name = |name: &str| Ident::with_quote('"', name).to_string();
    let columns: Vec<String> = used.iter().map(|place| name(all.field(*place).name())).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), name(table.name()));
    let Statement::Query(reading) = parse(&sql)? else {
        return Err(Error::internal("internal error: a query that is none"));
    };
    let (_, stream) = query::open(context, *reading)?;
    let mut rows = 0;
    for batch in query::batches(context, stream) {
        let batch = batch?;
        check.test(&batch, Some(rows), table.name())?;
        rows += batch.num_rows() as u64;
    }
    Ok(())
}
