//! Tables and columns of the warehouse, asked for in SQL.

use crate::identifier::quoted;
use crate::output::row_of;
use starfact::{Error, Outcome, Session};

/// A table and its columns, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<String>,
}

/// The names of all tables, in order.
///
/// # Errors
/// When the warehouse cannot be read.
pub fn tables(session: &Session) -> Result<Vec<String>, Error> {
    let sql = "SELECT table_name FROM information_schema.tables \
               WHERE table_schema = 'main' ORDER BY table_name";
    Ok(texts(session, sql)?.into_iter().flatten().collect())
}

/// All tables with their columns.
///
/// # Errors
/// When the warehouse cannot be read.
pub fn columns(session: &Session) -> Result<Vec<Table>, Error> {
    let sql = "SELECT table_name, column_name FROM information_schema.columns \
               WHERE table_schema = 'main' ORDER BY table_name, ordinal_position";
    let mut tables: Vec<Table> = Vec::new();
    for row in texts(session, sql)? {
        let [name, column] = row.as_slice() else { continue };
        match tables.last_mut().filter(|table| table.name == *name) {
            Some(table) => table.columns.push(column.clone()),
            None => tables.push(Table { name: name.clone(), columns: vec![column.clone()] }),
        }
    }
    Ok(tables)
}

/// The statement that creates a table, without a semicolon.
///
/// # Errors
/// When there is no such table.
pub fn creation(session: &Session, table: &str) -> Result<String, Error> {
    let rows = texts(session, &format!("SHOW CREATE TABLE {}", quoted(table)))?;
    let text = rows.into_iter().next().and_then(|mut row| row.pop()).unwrap_or_default();
    Ok(text.trim_end_matches([';', '\n']).to_owned())
}

/// The statements that create the cubes.
///
/// # Errors
/// When the warehouse cannot be read.
pub fn cubes(session: &Session) -> Result<Vec<String>, Error> {
    let rows = texts(session, "SELECT name, sql FROM sys.cubes ORDER BY name")?;
    let creation = |row: Vec<String>| match row.as_slice() {
        [name, sql] => Some(format!("CREATE CUBE {} AS {sql}", quoted(name))),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(creation).collect())
}

/// The names of all settings.
///
/// # Errors
/// When the warehouse cannot be read.
pub fn settings(session: &Session) -> Result<Vec<String>, Error> {
    Ok(texts(session, "SHOW ALL")?.into_iter().filter_map(|row| row.into_iter().next()).collect())
}

/// The rows of a query as text; NULL is the empty text.
pub fn texts(session: &Session, sql: &str) -> Result<Vec<Vec<String>>, Error> {
    let mut texts = Vec::new();
    if let Outcome::Rows(rows) = session.execute(sql)? {
        for batch in rows {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                texts
                    .push(row_of(&batch, row).into_iter().map(Option::unwrap_or_default).collect());
            }
        }
    }
    Ok(texts)
}
