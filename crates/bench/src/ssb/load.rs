//! Brings the tables into a warehouse, straight from the generator.
//!
//! The generator's threads make batches while the warehouse takes them, so no file lies between and
//! a few batches are in memory. A table that is there already, with its columns and rows, is left
//! as it is: a load that was interrupted goes on where it stopped, and a second run loads nothing.

use super::generator::Generator;
use super::table::{Table, tables};
use crate::engine::{Engine, quoted};
use crate::error::{Error, Result};
use crate::progress::{Event, Listener};
use crate::report::{LoadReport, TableLoad};
use std::time::Instant;

/// The statements that create the tables, with their keys and sort order.
const SCHEMA: &str = include_str!("../../../../datasets/ssb/schema.sql");
/// Rows that are handed to the warehouse at once.
const BATCH_ROWS: usize = 1 << 16;

/// What a warehouse has of a table.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// The table without rows.
    Empty,
    /// The table with all its rows.
    Complete,
}

/// Loads every table that is not there yet. Nothing is written before all tables were looked at.
pub(crate) fn load(
    engine: &Engine<'_>,
    generator: &Generator,
    threads: usize,
    listener: Listener<'_>,
) -> Result<LoadReport> {
    let look = |&table: &Table| {
        let rows = generator.row_count(table);
        Ok((table, rows, look_for(engine, generator, table, rows)?))
    };
    let found = tables().iter().map(look).collect::<Result<Vec<_>>>()?;
    let bring = |(table, rows, found): (Table, u64, Found)| {
        if found == Found::Complete {
            listener(&Event::Reused { table: table.name(), rows });
            return Ok(TableLoad::reused(table.name(), rows));
        }
        if found == Found::Nothing {
            engine.execute(&format!("creating table {table}"), definition(table))?;
        }
        let start = Instant::now();
        append(engine, generator, table, threads, listener)?;
        Ok(TableLoad::loaded(table.name(), rows, start.elapsed().as_secs_f64()))
    };
    Ok(LoadReport::new(found.into_iter().map(bring).collect::<Result<_>>()?))
}

/// The statement that creates `table`.
fn definition(table: Table) -> &'static str {
    let opening = format!("CREATE TABLE {} (", quoted_in_schema(table));
    SCHEMA.split_inclusive(';').find(|sql| sql.contains(&opening)).unwrap_or_default()
}

/// The table's name as the schema writes it: only `date`, the name of a type, is quoted.
fn quoted_in_schema(table: Table) -> String {
    if table == Table::Date { quoted(table.name()) } else { table.name().to_owned() }
}

/// Finds out what the warehouse has of a table, and refuses one that is not the benchmark's.
fn look_for(
    engine: &Engine<'_>,
    generator: &Generator,
    table: Table,
    expected: u64,
) -> Result<Found> {
    let doing = format!("looking for table {table}");
    let name = quoted(table.name());
    let named = format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_name = '{table}' \
         AND table_schema <> 'information_schema'"
    );
    if engine.count(&doing, &named)? == 0 {
        return Ok(Found::Nothing);
    }
    let columns = engine.columns(&doing, &format!("SELECT * FROM {name} LIMIT 0"))?;
    let schema = table.schema();
    if !columns.iter().eq(schema.fields().iter().map(|field| field.name())) {
        return Err(not_ours(generator, table, "has other columns"));
    }
    match engine.count(&doing, &format!("SELECT count(*) FROM {name}"))? {
        0 => Ok(Found::Empty),
        rows if rows == expected => Ok(Found::Complete),
        rows => Err(not_ours(generator, table, &format!("has {rows} rows, not {expected}"))),
    }
}

fn not_ours(generator: &Generator, table: Table, what: &str) -> Error {
    let drops: Vec<String> = tables()
        .iter()
        .rev()
        .map(|table| format!("DROP TABLE {};", quoted(table.name())))
        .collect();
    Error::InvalidInput(format!(
        "the warehouse has a table \"{table}\" that is not the benchmark's at scale factor {}: it \
         {what}. Name another directory, or remove the tables first: {}",
        generator.scale(),
        drops.join(" ")
    ))
}

/// Appends all rows of a table in one commit.
fn append(
    engine: &Engine<'_>,
    generator: &Generator,
    table: Table,
    threads: usize,
    listener: Listener<'_>,
) -> Result<u64> {
    let total = generator.row_count(table);
    let mut rows = 0;
    listener(&Event::Loaded { table: table.name(), rows, total });
    let mut batches = generator.parallel_batches(table, BATCH_ROWS, threads).inspect(|batch| {
        rows += batch.num_rows() as u64;
        listener(&Event::Loaded { table: table.name(), rows, total });
    });
    engine.append(&format!("loading table {table}"), table.name(), &mut batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_creates_every_table_with_the_columns_of_the_generator() {
        for table in tables() {
            let definition = definition(*table);
            assert_eq!(definition.matches("CREATE TABLE").count(), 1, "{table}");
            let names = definition.lines().filter_map(|line| {
                let name = line.strip_prefix("    ")?.split(' ').next()?;
                name.starts_with(|first: char| first.is_ascii_lowercase()).then_some(name)
            });
            let schema = table.schema();
            let expected: Vec<&str> =
                schema.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(names.collect::<Vec<_>>(), expected);
        }
    }
}
