//! Brings the tables into a warehouse, straight from the generator.
//!
//! The generator's threads make batches while the warehouse takes them, so no file lies between and
//! a few batches are in memory. A table that is there already, with its columns and rows, is left
//! as it is: a load that was interrupted goes on where it stopped, and a second run loads nothing.

use crate::engine::{Engine, quoted};
use crate::error::{Error, Result};
use crate::parallel;
use crate::progress::{Event, Listener};
use crate::report::{LoadReport, TableLoad};
use crate::workload::Workload;
use std::time::Instant;

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
pub(crate) fn load<W: Workload>(
    engine: &Engine<'_>,
    workload: &W,
    threads: usize,
    listener: Listener<'_>,
) -> Result<LoadReport> {
    let look = |&table: &W::Table| {
        let rows = workload.row_count(table);
        Ok((table, rows, look_for(engine, workload, table, rows)?))
    };
    let found = W::tables().iter().map(look).collect::<Result<Vec<_>>>()?;
    let bring = |(table, rows, found): (W::Table, u64, Found)| {
        let name = W::name(table);
        if found == Found::Complete {
            listener(&Event::Reused { table: name, rows });
            return Ok(TableLoad::reused(name, rows));
        }
        if found == Found::Nothing {
            engine.execute(&format!("creating table {table}"), definition::<W>(table))?;
        }
        let start = Instant::now();
        append(engine, workload, (table, rows), threads, listener)?;
        Ok(TableLoad::loaded(name, rows, start.elapsed().as_secs_f64()))
    };
    Ok(LoadReport::new(found.into_iter().map(bring).collect::<Result<_>>()?))
}

/// The statement that creates `table`.
fn definition<W: Workload>(table: W::Table) -> &'static str {
    // The schema quotes only names of types, such as `date`.
    let plain = format!("CREATE TABLE {table} (");
    let quoted = format!("CREATE TABLE {} (", quoted(W::name(table)));
    let mut statements = W::SCHEMA.split_inclusive(';');
    statements.find(|sql| sql.contains(&plain) || sql.contains(&quoted)).unwrap_or_default()
}

/// Finds out what the warehouse has of a table, and refuses one that is not the benchmark's.
fn look_for<W: Workload>(
    engine: &Engine<'_>,
    workload: &W,
    table: W::Table,
    expected: u64,
) -> Result<Found> {
    let doing = format!("looking for table {table}");
    let name = quoted(W::name(table));
    let named = format!(
        "SELECT count(*) FROM information_schema.tables WHERE table_name = '{table}' \
         AND table_schema <> 'information_schema'"
    );
    if engine.count(&doing, &named)? == 0 {
        return Ok(Found::Nothing);
    }
    let columns = engine.columns(&doing, &format!("SELECT * FROM {name} LIMIT 0"))?;
    let schema = W::schema(table);
    if !columns.iter().eq(schema.fields().iter().map(|field| field.name())) {
        return Err(not_ours(workload, table, "has other columns"));
    }
    match engine.count(&doing, &format!("SELECT count(*) FROM {name}"))? {
        0 => Ok(Found::Empty),
        rows if rows == expected => Ok(Found::Complete),
        rows => Err(not_ours(workload, table, &format!("has {rows} rows, not {expected}"))),
    }
}

fn not_ours<W: Workload>(workload: &W, table: W::Table, what: &str) -> Error {
    let drops: Vec<String> = W::tables()
        .iter()
        .rev()
        .map(|table| format!("DROP TABLE {};", quoted(W::name(*table))))
        .collect();
    Error::InvalidInput(format!(
        "the warehouse has a table \"{table}\" that is not the benchmark's at scale factor {}: it \
         {what}. Name another directory, or remove the tables first: {}",
        workload.scale(),
        drops.join(" ")
    ))
}

/// Appends all rows of a table in one commit.
fn append<W: Workload>(
    engine: &Engine<'_>,
    workload: &W,
    (table, total): (W::Table, u64),
    threads: usize,
    listener: Listener<'_>,
) -> Result<u64> {
    let (name, mut rows) = (W::name(table), 0);
    listener(&Event::Loaded { table: name, rows, total });
    let pieces = workload.pieces(table, BATCH_ROWS);
    let workload = workload.clone();
    let made = parallel::ordered(pieces, threads, move |piece| {
        workload.batches(table, piece, BATCH_ROWS).collect::<Vec<_>>()
    });
    let mut batches = made.flatten().inspect(|batch| {
        rows += batch.num_rows() as u64;
        listener(&Event::Loaded { table: name, rows, total });
    });
    engine.append(&format!("loading table {table}"), name, &mut batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ssb, tpch};

    #[test]
    fn the_schema_creates_every_table_with_the_columns_of_the_generator() {
        assert_agree::<ssb::Generator>();
        assert_agree::<tpch::Generator>();
    }

    fn assert_agree<W: Workload>() {
        for table in W::tables() {
            let definition = definition::<W>(*table);
            assert_eq!(definition.matches("CREATE TABLE").count(), 1, "{table}");
            let names = definition.lines().filter_map(|line| {
                let name = line.strip_prefix("    ")?.split(' ').next()?;
                name.starts_with(|first: char| first.is_ascii_lowercase()).then_some(name)
            });
            let schema = W::schema(*table);
            let expected: Vec<&str> =
                schema.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(names.collect::<Vec<_>>(), expected);
        }
    }
}
