//! `.dump`: the SQL that makes the tables and their rows anew.
//!
//! Tables come after those that they reference. Values are texts in quotes, except for integers,
//! decimals and booleans, because every type reads its own text exactly; so NaN and infinities need
//! no words of their own. Rows come in the order of the table, several thousand a statement,
//! all of them at once where a table references itself.

use super::CommandResult;
use super::arguments::Arguments;
use super::catalog::find;
use crate::catalog;
use crate::identifier::{literal, quoted};
use crate::output::{Failure, row_of};
use crate::runner::Runner;
use arrow::datatypes::{DataType, Schema};
use starfact::{Error, Outcome};
use std::io::Write;

/// Rows of an INSERT.
const STATEMENT_ROWS: usize = 5_000;

/// `.dump [TABLE]`
pub fn dump(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let wanted = arguments.optional_word()?;
    let is_whole = wanted.is_none();
    let names = match wanted {
        Some(table) => vec![find(&runner.session, &table)?],
        None => catalog::tables(&runner.session)?,
    };
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let creation = catalog::creation(&runner.session, &name)?;
        tables.push((name, creation));
    }
    for (name, creation) in parents_first(tables) {
        writeln!(runner.sink, "{creation};")?;
        let is_own_parent = references(&creation, &name);
        rows(runner, &name, if is_own_parent { usize::MAX } else { STATEMENT_ROWS })?;
    }
    if is_whole {
        for cube in catalog::cubes(&runner.session)? {
            writeln!(runner.sink, "{cube};")?;
        }
    }
    Ok(runner.sink.flush()?)
}

/// The tables in an order in which each comes after those that it references.
fn parents_first(mut tables: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let is_free = |(name, creation): &(String, String)| {
            tables.iter().all(|(other, _)| other == name || !references(creation, other))
        };
        // Tables never reference each other in a ring; a text that looks so changes the order only.
        let next = tables.iter().position(is_free).unwrap_or(0);
        ordered.push(tables.remove(next));
    }
    ordered
}

/// Whether a CREATE TABLE has a FOREIGN KEY to this table.
fn references(creation: &str, table: &str) -> bool {
    [table.to_owned(), quoted(table)]
        .iter()
        .any(|name| creation.contains(&format!(") REFERENCES {name} (")))
}

/// Writes the rows of a table.
fn rows(runner: &mut Runner, table: &str, statement_rows: usize) -> Result<(), Failure> {
    let table = quoted(table);
    let outcome = runner.session.execute(&format!("SELECT * FROM {table}"))?;
    let Outcome::Rows(rows) = outcome else {
        return Err(Error::internal("a query without rows").into());
    };
    let is_bare = bare_columns(&rows.schema());
    let mut count = 0;
    let mut text = String::new();
    for batch in rows {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            text.clear();
            text.push_str(&match count % statement_rows {
                0 if count == 0 => format!("INSERT INTO {table} VALUES\n"),
                0 => format!(";\nINSERT INTO {table} VALUES\n"),
                _ => ",\n".to_owned(),
            });
            let cells = row_of(&batch, row);
            let values = cells.into_iter().zip(&is_bare).map(|(cell, is_bare)| match cell {
                None => "NULL".to_owned(),
                Some(cell) if *is_bare => cell,
                Some(cell) => literal(&cell),
            });
            text.push_str(&format!("({})", values.collect::<Vec<_>>().join(", ")));
            runner.sink.write_all(text.as_bytes())?;
            count += 1;
        }
    }
    if count > 0 {
        runner.sink.write_all(b";\n")?;
    }
    Ok(())
}

/// For each column, whether its values need no quotes.
fn bare_columns(schema: &Schema) -> Vec<bool> {
    let is_bare =
        |kind: &DataType| kind.is_integer() || kind.is_decimal() || *kind == DataType::Boolean;
    schema.fields().iter().map(|field| is_bare(field.data_type())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first() {
        let table = |name: &str, creation: &str| (name.to_owned(), creation.to_owned());
        let tables = vec![
            table("a", "CREATE TABLE a (FOREIGN KEY (x) REFERENCES \"B c\" (x))"),
            table("B c", "CREATE TABLE \"B c\" (FOREIGN KEY (x) REFERENCES d (x))"),
            table("d", "CREATE TABLE d (FOREIGN KEY (y) REFERENCES d (x))"),
        ];
        let names: Vec<String> = parents_first(tables).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["d", "B c", "a"]);
    }
}
