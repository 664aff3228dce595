//! The list of SET: `a = 1, (b, c) = (2, DEFAULT)`.

use super::{insert, names};
use crate::error::{Error, Result};
use crate::parse::parse_expression;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, ObjectName, Query, SetExpr, TableFactor,
};
use starfact_store::Table;

/// The value of each column that is set, by the column's place in the table.
///
/// # Errors
/// Columns that the table does not have or that are set twice; rows of another width.
pub(super) fn resolve(
    table: &Table,
    name: &Ident,
    assignments: Vec<Assignment>,
) -> Result<Vec<(usize, Expr)>> {
    let mut resolved: Vec<(usize, Expr)> = Vec::with_capacity(assignments.len());
    for Assignment { target, value } in assignments {
        let (targets, values) = match target {
            AssignmentTarget::ColumnName(column) => (vec![column], vec![value]),
            AssignmentTarget::Tuple(columns) => {
                let values = row(value, columns.len())?;
                (columns, values)
            }
        };
        for (column, value) in targets.iter().zip(values) {
            let place = column_of(table, name, column)?;
            let shown = &table.columns()[place].name;
            if resolved.iter().any(|(other, _)| *other == place) {
                return Err(Error::sql(format!("column \"{shown}\" is given twice"))
                    .with_hint("set each column once"));
            }
            let value = match insert::is_default(&value) {
                true => insert::default_of(table, shown)?,
                false => value,
            };
            resolved.push((place, value));
        }
    }
    Ok(resolved)
}

/// The column that is set; the table may stand before it.
fn column_of(table: &Table, name: &Ident, column: &ObjectName) -> Result<usize> {
    let parts: Option<Vec<&Ident>> = column.0.iter().map(|part| part.as_ident()).collect();
    let is_table = |qualifier: &Ident| {
        let qualifier = names::fold(qualifier);
        qualifier == names::fold(name) || qualifier == table.name()
    };
    match parts.as_deref() {
        Some([column]) => names::find_column(table, column),
        Some([qualifier, column]) if is_table(qualifier) => names::find_column(table, column),
        _ => Err(Error::sql(format!("{column} is no column of table \"{}\"", table.name()))
            .with_hint("write SET column = value")),
    }
}

/// The values that a row gives to `width` columns.
fn row(value: Expr, width: usize) -> Result<Vec<Expr>> {
    let values = match value {
        Expr::Tuple(values) => values,
        Expr::Nested(value) => vec![*value],
        Expr::Function(Function { ref name, args: FunctionArguments::List(ref list), .. })
            if name.to_string().eq_ignore_ascii_case("row") =>
        {
            let expr = |arg: &FunctionArg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                _ => None,
            };
            list.args.iter().filter_map(expr).collect()
        }
        Expr::Subquery(query) => {
            (0..width).map(|place| column_of_query(&query, place, width)).collect::<Result<_>>()?
        }
        value if width == 1 => vec![value],
        value => {
            let message = format!("{value} is not a row of {width} values");
            return Err(Error::sql(message).with_hint("write (a, b) = (1, 2)"));
        }
    };
    if values.len() != width {
        let message = format!("SET gives {width} columns {} values", values.len());
        return Err(Error::sql(message).with_hint("give one value for each column"));
    }
    Ok(values)
}

/// One column of the only row of a query, as a value.
fn column_of_query(query: &Query, place: usize, width: usize) -> Result<Expr> {
    let names: Vec<String> = (0..width).map(|place| format!("\"{place}\"")).collect();
    let names = names.join(", ");
    let sql = format!("(SELECT \"{place}\" FROM (SELECT 1) AS \"set\" ({names}))");
    let mut value = parse_expression(&sql)?;
    // The query itself is put in, not its text, so that errors keep their places.
    if let Expr::Subquery(outer) = &mut value
        && let SetExpr::Select(select) = outer.body.as_mut()
        && let Some(TableFactor::Derived { subquery, .. }) =
            select.from.first_mut().map(|table| &mut table.relation)
    {
        **subquery = query.clone();
    }
    Ok(value)
}
