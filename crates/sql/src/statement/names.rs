//! Names of tables and columns: how they fold, how they are looked up, what to say if there is
//! none.
//!
//! Names without quotes fold to lower case, as in PostgreSQL. A name that is not found is looked up
//! again without regard to case, which is never ambiguous: names of tables, and of columns of one
//! table, differ in more than case.

use super::{Context, functions};
use crate::catalog::{CATALOG, SCHEMA};
use crate::error::{Error, Position, Result, no_schema};
use crate::information_schema::INFORMATION_SCHEMA;
use crate::sys::SYS;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use starfact_store::{Column, Snapshot, Table};
use std::sync::Arc;

/// A name as it is looked up.
pub(super) fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// The name of a table without its schema, which must be ours if it is given.
pub(super) fn table_name(name: &ObjectName) -> Result<String> {
    let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(fold)).collect();
    match parts.as_deref() {
        Some([table]) => Ok(table.clone()),
        Some([schema, table]) if schema == SCHEMA => Ok(table.clone()),
        Some([catalog, schema, table]) if catalog == CATALOG && schema == SCHEMA => {
            Ok(table.clone())
        }
        Some([.., schema, view]) if [SYS, INFORMATION_SCHEMA].contains(&schema.as_str()) => {
            Err(Error::sql(format!("{schema}.{view} is a view, and this takes a table"))
                .with_hint(format!("only queries read it: SELECT * FROM {schema}.{view}"))
                .at(position(name)))
        }
        Some([.., schema, _]) => Err(no_schema(schema).at(position(name))),
        _ => Err(Error::sql(format!("{name} is no name of a table"))
            .with_hint("write table or main.table")
            .at(position(name))),
    }
}

/// The table that a name means.
pub(super) fn find_table<'a>(snapshot: &'a Snapshot, name: &ObjectName) -> Result<&'a Arc<Table>> {
    let wanted = table_name(name)?;
    table(snapshot, &wanted)
        .ok_or_else(|| unknown_table(snapshot, Error::sql(no_table(&wanted))).at(position(name)))
}

/// The table of this name, or of the one that differs in case only.
pub(crate) fn table<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Arc<Table>> {
    snapshot.table(name).or_else(|| {
        let folded = name.to_lowercase();
        snapshot.tables().find(|table| table.name().to_lowercase() == folded)
    })
}

/// The place of a column in a table.
pub(super) fn find_column(table: &Table, ident: &Ident) -> Result<usize> {
    let wanted = fold(ident);
    place(table.columns().iter().map(|column| column.name.as_str()), &wanted).ok_or_else(|| {
        let names = table.columns().iter().map(|column: &Column| column.name.as_str());
        let message = format!("table \"{}\" has no column \"{wanted}\"", table.name());
        Error::sql(message).with_suggestion(&wanted, names, "columns").at(start(ident))
    })
}

/// The place of a name among others, if need be without regard to case.
pub(super) fn place<'a>(
    mut names: impl Iterator<Item = &'a str> + Clone,
    wanted: &str,
) -> Option<usize> {
    let folded = wanted.to_lowercase();
    let exact = names.clone().position(|name| name == wanted);
    exact.or_else(|| names.position(|name| name.to_lowercase() == folded))
}

/// Says what may have been meant by a table or function that does not exist.
pub(super) fn explain_unknown(context: &Context, error: Error) -> Error {
    if error.hint.is_some() {
        return error;
    }
    if error.message.starts_with(NO_TABLE) && error.message.ends_with('"') {
        return unknown_table(&context.snapshot, error);
    }
    match error.message.strip_prefix("there is no function \"") {
        Some(name) => functions::suggest(context, name.trim_end_matches('"'), error.clone()),
        None => error,
    }
}

const NO_TABLE: &str = "there is no table \"";

fn no_table(name: &str) -> String {
    format!("{NO_TABLE}{name}\"")
}

fn unknown_table(snapshot: &Snapshot, error: Error) -> Error {
    let name = error.message.trim_start_matches(NO_TABLE).trim_end_matches('"').to_owned();
    let names = snapshot.tables().map(|table| table.name());
    error.with_suggestion(&name, names, "tables")
}

fn position(name: &ObjectName) -> Option<Position> {
    name.0.first().and_then(|part| part.as_ident()).and_then(start)
}

/// Where a name stands in the statement.
pub(super) fn start(ident: &Ident) -> Option<Position> {
    let start = ident.span.start;
    let (line, column) = (start.line as usize, start.column as usize);
    (line > 0 && column > 0).then_some(Position { line, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_match_wins_over_one_that_differs_in_case() {
        let names = ["A", "a", "b"];
        assert_eq!(place(names.into_iter(), "a"), Some(1));
        assert_eq!(place(names.into_iter(), "B"), Some(2));
        assert_eq!(place(names.into_iter(), "c"), None);
    }

    #[test]
    fn only_our_schema_may_be_named() {
        let name = |parts: &[&str]| {
            ObjectName::from(parts.iter().map(|part| Ident::new(*part)).collect::<Vec<_>>())
        };
        assert_eq!(table_name(&name(&["Warehouse", "MAIN", "T"])).unwrap(), "t");
        let error = table_name(&name(&["other", "t"])).unwrap_err();
        assert!(error.message.contains("no schema \"other\""), "{}", error.message);
    }
}
