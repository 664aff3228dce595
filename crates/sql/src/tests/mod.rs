//! Statements on a temporary warehouse, in process: what they answer and how they fail.

mod alter;
mod bitmaps;
mod blocks;
mod cancel;
mod common;
mod constants;
mod constraints;
mod cubes;
mod differential;
mod dml;
mod epochs;
mod errors;
mod exact;
mod faults;
mod functions;
mod groups;
mod late_keys;
mod limits;
mod merge;
mod merged;
mod order;
mod ordered;
mod plan_cache;
mod prepared;
mod progress;
mod queries;
mod scalars;
mod semantics;
mod stars;
mod statements;
mod storage;
mod temporal;
mod texts;
mod totals;
mod transactions;
mod unnest;
mod upsert;

use crate::{Error, OpenOptions, Outcome, Result, Session, Warehouse};
use arrow::array::{Array, RecordBatch};
use arrow::util::display::array_value_to_string;

/// A temporary warehouse with two threads.
fn warehouse() -> Warehouse {
    let options = OpenOptions { threads: Some(2), ..OpenOptions::default() };
    Warehouse::open(options).expect("a temporary warehouse opens")
}

/// A session on a temporary warehouse on which these statements have run.
fn session(setup: &[&str]) -> Session {
    let session = warehouse().session();
    run(&session, setup);
    session
}

fn run(session: &Session, statements: &[&str]) {
    for sql in statements {
        if let Err(error) = execute(session, sql) {
            panic!("{sql}\n{error}");
        }
    }
}

/// Executes a statement to its end.
fn execute(session: &Session, sql: &str) -> Result<Vec<RecordBatch>> {
    match session.execute(sql)? {
        Outcome::Rows(rows) => rows.collect(),
        _ => Ok(Vec::new()),
    }
}

/// The rows of a query: values separated by `|`, rows by `;`.
fn answer(session: &Session, sql: &str) -> String {
    match execute(session, sql) {
        Ok(batches) => batches.iter().flat_map(lines).collect::<Vec<_>>().join("; "),
        Err(error) => panic!("{sql}\n{error}"),
    }
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let value = |column: usize, row: usize| {
        let array = batch.column(column);
        match array.is_null(row) {
            true => "NULL".to_owned(),
            false => array_value_to_string(array, row).expect("every value can be shown"),
        }
    };
    let line = |row| {
        let values = (0..batch.num_columns()).map(|column| value(column, row));
        values.collect::<Vec<_>>().join("|")
    };
    (0..batch.num_rows()).map(line).collect()
}

/// The rows of a query, sorted.
fn sorted_rows(session: &Session, sql: &str) -> Vec<String> {
    sorted(&execute(session, sql).unwrap_or_else(|error| panic!("{sql}\n{error}")))
}

/// The rows of batches, sorted.
fn sorted(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows: Vec<String> = batches.iter().flat_map(lines).collect();
    rows.sort();
    rows
}

/// The error of a statement that must fail, now or while its rows are read.
fn failure(session: &Session, sql: &str) -> Error {
    match execute(session, sql) {
        Ok(batches) => {
            let rows = batches.iter().flat_map(lines).collect::<Vec<_>>();
            panic!("{sql}\nsucceeded: {}", rows.join("; "))
        }
        Err(error) => error,
    }
}

/// Checks queries against their answers.
fn check(session: &Session, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(sql, expected)| {
            let found = answer(session, sql);
            (found != *expected)
                .then(|| format!("{sql}\n  expected {expected}\n  found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Checks that statements fail with these messages, of which a part is given.
fn check_failures(session: &Session, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(sql, expected)| {
            let found = failure(session, sql).message;
            (!found.contains(expected))
                .then(|| format!("{sql}\n  expected {expected}\n  found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
