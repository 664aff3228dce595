//! Wrong statements of all kinds, and what is said about each.
//!
//! `statements.txt` holds a block for each: the statement, the first line of the error, its place
//! and whether there is a hint. A line of a statement ends with `\n`, and `@` is a folder of files.
//! With `ERRORS_OUT=file`, what is said now is written there: read it before it becomes the golden
//! text.

use super::super::execute;
use super::{TABLES, session};
use crate::error::{Error, ErrorKind};
use std::fmt::Write as _;
use std::fs;

const GOLDEN: &str = include_str!("statements.txt");

/// Files of the folder that is called `@`.
const FILES: &[(&str, &str)] = &[
    ("bad.csv", "o_orderkey,o_custkey\n5,1\n6,x\n"),
    ("dup.csv", "o_orderkey,o_custkey\n5,1\n5,1\n"),
    ("fk.csv", "o_orderkey,o_custkey\n5,99\n"),
    ("good.csv", "c_custkey,c_name\n5,a\n"),
    ("head.csv", "c_custkey,c_nam\n5,a\n"),
    ("no.parquet", "hello"),
    ("null.csv", "c_custkey,c_name\n5,\n"),
    ("quote.csv", "c_custkey,c_name\n5,\"a\n"),
    ("wide.csv", "c_custkey,c_name\n5,a,b\n"),
    ("x.foo", "hello"),
];

/// Words of the engine, of Rust and of nobody's SQL.
const FOREIGN: &[&str] = &[
    "Arrow",
    "Binary(",
    "Boolean",
    "Column {",
    "Date32",
    "DataFusion",
    "Decimal128",
    "EOF",
    "Execution error",
    "Expected:",
    "External error",
    "Float64",
    "Int32",
    "Int64",
    "Internal",
    "internal",
    "List(",
    "LogicalPlan",
    "MonthDayNano",
    "None",
    "SanityCheckPlan",
    "Schema error",
    "Some(",
    "Span",
    "Struct(",
    "Timestamp(",
    "Utf8",
    "Value(",
    "coerc",
    "not implemented",
    "panic",
    "sqltorel",
    "unwrap",
];

/// The lines of a block behind the statement.
fn shown(error: &Error, folder: &str) -> String {
    let mut text = format!("  {}\n", error.message.replace(folder, "@"));
    if let Some(place) = error.position {
        let _ = writeln!(text, "  at {}:{}", place.line, place.column);
    }
    if error.hint.is_some() {
        text.push_str("  hint\n");
    }
    text
}

#[test]
fn wrong_statements_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::create_dir(folder.path().join("dir")).unwrap();
    let folder = folder.path().to_str().unwrap();
    let session = session(TABLES);
    let (mut actual, mut wrong) = (String::new(), String::new());
    for sql in GOLDEN.lines().filter(|line| !line.starts_with("  ") && !line.is_empty()) {
        let statement = sql.replace("\\n", "\n").replace("'@", &format!("'{folder}"));
        let Err(error) = execute(&session, &statement) else {
            let _ = writeln!(wrong, "no error:\n{sql}");
            continue;
        };
        let said = format!("{}\n{}", error.message, error.hint.clone().unwrap_or_default());
        for foreign in FOREIGN {
            if said.contains(foreign) {
                let _ = writeln!(wrong, "{foreign:?} in\n{sql}\n{said}");
            }
        }
        assert_eq!(error.kind, ErrorKind::Sql, "{sql}\n{said}");
        assert!(!error.message.contains('\n') && !error.message.trim().is_empty(), "{sql}");
        // The folder's name is longer than its sign.
        let place = error.position.map(|place| crate::Position {
            column: match statement.chars().take(place.column).collect::<String>().contains(folder)
            {
                true => place.column + 1 - folder.chars().count(),
                false => place.column,
            },
            ..place
        });
        let _ = write!(actual, "{sql}\n{}\n", shown(&Error { position: place, ..error }, folder));
    }
    assert!(wrong.is_empty(), "{wrong}");
    if actual != GOLDEN
        && let Ok(path) = std::env::var("ERRORS_OUT")
    {
        fs::write(path, &actual).unwrap();
    }
    for (ours, golden) in actual.split("\n\n").zip(GOLDEN.split("\n\n")) {
        assert_eq!(ours, golden);
    }
    assert_eq!(actual, GOLDEN);
}

#[test]
fn nearly_every_error_has_a_hint_and_a_place() {
    let blocks: Vec<&str> = GOLDEN.trim().split("\n\n").collect();
    let without_hint = blocks.iter().filter(|block| !block.contains("\n  hint")).count();
    let without_place = blocks.iter().filter(|block| !block.contains("\n  at ")).count();
    assert!(blocks.len() > 550, "{}", blocks.len());
    assert_eq!(without_hint, 0);
    assert!(without_place < 40, "{without_place}");
}
