//! COPY … TO files.

use super::Lab;
use crate::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn csv_files_read_as_csv_mode_prints() {
    let lab = Lab::with(&["CREATE TABLE t (a INTEGER, b VARCHAR)"]);
    lab.run("INSERT INTO t VALUES (1, ''), (NULL, NULL), (3, 'x, \"y\"')");
    assert_eq!(lab.run("COPY t TO '@/t.csv'"), "COPY 3");
    assert_eq!(lab.read("t.csv"), "a,b\n1,\"\"\n,\n3,\"x, \"\"y\"\"\"\n");
    lab.run("COPY (SELECT b, a AS \"A b\" FROM t WHERE a = 1) TO '@/t.tsv'");
    assert_eq!(lab.read("t.tsv"), "b\tA b\n\"\"\t1\n");
    lab.run("COPY t (b) TO '@/u' (FORMAT csv, HEADER false, NULL '-', DELIMITER ';')");
    assert_eq!(lab.read("u"), "\"\"\n-\n\"x, \"\"y\"\"\"\n");
    lab.run("COPY (SELECT sum(a), sum(a) FROM t) TO '@/v.csv'");
    assert_eq!(lab.read("v.csv"), "sum(a),sum(a)\n4,4\n");
}

#[test]
fn an_ending_that_says_nothing_is_no_csv() {
    let lab = Lab::new();
    let error = lab.error("COPY (SELECT 1 AS a) TO '@/t.foo'");
    assert!(error.contains("the ending .foo does not tell the format"), "{error}");
    assert_eq!(lab.names(), [""; 0]);
    assert_eq!(lab.run("COPY (SELECT 1 AS a) TO '@/t.foo' (FORMAT csv)"), "COPY 1");
    assert_eq!(lab.run("COPY (SELECT 1 AS a) TO '@/t'"), "COPY 1");
    assert_eq!((lab.read("t.foo"), lab.read("t")), ("a\n1\n".into(), "a\n1\n".into()));
}

#[test]
fn a_statement_that_fails_leaves_what_was_there() {
    let lab = Lab::with(&["CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1), (0)"]);
    for name in ["t.csv", "t.parquet"] {
        lab.write(name, "old");
        let error = lab.error(&format!("COPY (SELECT 1 / a FROM t) TO '@/{name}'"));
        assert!(error.contains("division by zero"), "{error}");
        assert_eq!(lab.read(name), "old");
    }
    assert_eq!(lab.names(), ["t.csv", "t.parquet"]);
}

#[test]
fn a_file_may_be_replaced_by_a_query_over_it() {
    let lab = Lab::new();
    lab.run("COPY (SELECT 1 AS a UNION ALL SELECT 2) TO '@/t.parquet'");
    lab.run("COPY (SELECT a + 1 AS a FROM '@/t.parquet') TO '@/t.parquet'");
    assert_eq!(lab.run("FROM '@/t.parquet' ORDER BY a"), "[2][3]");
}

#[test]
fn row_groups_have_the_wanted_size_and_all_columns() {
    let lab = Lab::with(&["CREATE TABLE t (a INTEGER, b VARCHAR)"]);
    let rows: String = (0..25_000).map(|row| format!("{row},row {row}\n")).collect();
    lab.write("t.csv", &rows);
    lab.run("COPY t FROM '@/t.csv'");
    lab.run(
        "COPY (SELECT *, [a, a + 1] AS l, NULL AS n FROM t ORDER BY a) TO '@/t.parquet'
         (ROW_GROUP_SIZE 10000)",
    );
    let file = std::fs::File::open(lab.path("t.parquet")).unwrap();
    let metadata = parquet::arrow::arrow_reader::ArrowReaderMetadata::load(
        &file,
        parquet::arrow::arrow_reader::ArrowReaderOptions::new(),
    );
    let groups = metadata.unwrap().metadata().row_groups().to_vec();
    let rows: Vec<i64> = groups.iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [10_000, 10_000, 5_000]);
    assert_eq!(
        lab.run("SELECT sum(a), min(b), max(l[2]), count(n) FROM '@/t.parquet' WHERE a < 20000"),
        "[199990000|row 0|20000|0]"
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    let lab = Lab::with(&["CREATE TABLE t (a INTEGER)"]);
    for (sql, expected) in [
        ("COPY t TO '@'", "it is a folder"),
        ("COPY t TO '@/x/t.csv'", "there is no folder '@/x'"),
        ("COPY t TO '@/t.csv' (COMPRESSION zstd)", "no option \"compression\""),
        ("COPY t TO '@/t.parquet' (COMPRESSION lzma)", "COMPRESSION lzma is not known"),
        ("COPY t TO '@/t.json'", ".json files are not supported"),
        ("COPY (SELECT 1 AS a, 2 AS a) TO '@/t.parquet'", "two columns are called \"a\""),
        (
            "COPY (SELECT INTERVAL '1 day' AS a) TO '@/t.parquet'",
            "column \"a\" has the type INTERVAL",
        ),
        ("COPY (SELECT INTERVAL '1 day' AS a) TO '@/t.csv'", "column \"a\" has the type INTERVAL"),
        ("COPY (SELECT 'a|b' AS a) TO '@/t.csv' (QUOTE '', DELIMITER '|')", "must be in quotes"),
        ("COPY t (b) TO '@/t.csv'", "no column \"b\""),
    ] {
        let error = lab.error(sql);
        assert!(error.contains(expected), "{sql}: {error}");
    }
    assert!(lab.names().is_empty(), "{:?}", lab.names());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let lab = Lab::with(&["CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)"]);
    for format in ["csv", "parquet"] {
        let error = lab.error(&format!("COPY t TO '/dev/full' (FORMAT {format})"));
        assert!(error.contains("/dev/full: the disk is full"), "{error}");
    }
}

#[test]
fn a_cancelled_export_leaves_nothing() {
    let lab = Lab::with(&["CREATE TABLE t (a INTEGER)"]);
    lab.write("t.csv", "1\n".repeat(20_000));
    lab.run("COPY t FROM '@/t.csv'");
    let is_over = AtomicBool::new(false);
    for name in ["u.csv", "u.parquet"] {
        is_over.store(false, Ordering::Relaxed);
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                // The statement would take months; it may begin only after the first attempts.
                while !is_over.load(Ordering::Relaxed) {
                    lab.session.cancel_handle().cancel();
                    std::thread::yield_now();
                }
            });
            let endless = "SELECT x.a FROM t AS x, t AS y, t AS z";
            let error = lab.try_run(&format!("COPY ({endless}) TO '@/{name}'")).unwrap_err();
            is_over.store(true, Ordering::Relaxed);
            error
        });
        assert_eq!(error.kind, ErrorKind::Interrupted);
        assert_eq!(lab.names(), ["t.csv"]);
    }
}
