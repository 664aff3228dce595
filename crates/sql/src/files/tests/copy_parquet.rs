//! COPY … FROM Parquet files.

use super::{EVERY_TYPE, Lab};
use std::fs;

#[test]
fn every_type_goes_out_and_comes_back() {
    let lab = Lab::with(&EVERY_TYPE);
    for options in ["", "(COMPRESSION snappy, ROW_GROUP_SIZE 1)", "(CODEC 'none')"] {
        lab.run(&format!("COPY every TO '@/e.parquet' {options}"));
        lab.run("CREATE TABLE back AS SELECT * FROM every LIMIT 0");
        assert_eq!(lab.run("COPY back FROM '@/e.parquet'"), "COPY 3");
        assert_eq!(lab.run("FROM back"), lab.run("FROM every"), "{options}");
        assert_eq!(lab.run("FROM '@/e.parquet' ORDER BY i4"), lab.run("FROM every ORDER BY i4"));
        lab.run("DROP TABLE back");
    }
}

#[test]
fn columns_are_matched_by_name() {
    let lab = Lab::with(&[
        "CREATE TABLE t (id INTEGER, name VARCHAR DEFAULT 'none', price DECIMAL(9,2))",
    ]);
    lab.run("COPY (SELECT 1.255 AS PRICE, 7 AS Id) TO '@/t.parquet'");
    lab.run("COPY t FROM '@/t.parquet'");
    assert_eq!(lab.run("FROM t"), "[7|none|1.26]");
    lab.run("COPY (SELECT 8 AS id, 'x' AS nam, 'more' AS other) TO '@/u.parquet'");
    let error = lab.error("COPY t FROM '@/u.parquet'");
    assert!(
        error.contains("\"nam\" is no column of table \"t\" (did you mean \"name\"?"),
        "{error}"
    );
    lab.run("COPY t (id) FROM '@/u.parquet'");
    assert_eq!(lab.run("SELECT id FROM t"), "[7][8]");
    let error = lab.error("COPY t (name) FROM '@/u.parquet'");
    assert!(error.starts_with("@/u.parquet: there is no column \"name\""), "{error}");
}

#[test]
fn a_value_that_does_not_fit_is_named_with_its_row() {
    let lab = Lab::with(&["CREATE TABLE t (id SMALLINT)", "CREATE TABLE n (id BIGINT)"]);
    let rows: String = (0..200_000).map(|row| format!("{}\n", row % 30_000)).collect();
    lab.write("n.csv", rows + "40000\n");
    lab.run("COPY n FROM '@/n.csv'");
    lab.run("COPY (SELECT * FROM n ORDER BY id) TO '@/n.parquet' (ROW_GROUP_SIZE 70000)");
    let error = lab.error("COPY t FROM '@/n.parquet'");
    assert!(
        error.starts_with("@/n.parquet, row 200001: column \"id\"") && error.contains("40000"),
        "{error}"
    );
    assert_eq!(lab.run("SELECT count(*) FROM t"), "[0]");
}

#[test]
fn types_that_never_fit_are_refused_before_anything_is_read() {
    let lab = Lab::with(&["CREATE TABLE t (d DATE)"]);
    lab.run("COPY (SELECT 1 AS d WHERE false) TO '@/t.parquet'");
    let error = lab.error("COPY t FROM '@/t.parquet'");
    assert!(error.starts_with("@/t.parquet: column \"d\" is DATE"), "{error}");
}

#[test]
fn many_rows_come_through() {
    let lab = Lab::with(&["CREATE TABLE n (id BIGINT, s VARCHAR)"]);
    let rows: String = (0..150_000).map(|row| format!("{row},row {row}\n")).collect();
    lab.write("n.csv", &rows);
    lab.run("COPY n FROM '@/n.csv'");
    lab.run("COPY (SELECT * FROM n ORDER BY id) TO '@/n.parquet' (ROW_GROUP_SIZE 10000)");
    lab.run("CREATE TABLE m (id BIGINT, s VARCHAR)");
    assert_eq!(lab.run("COPY m FROM '@/n.parquet'"), "COPY 150000");
    lab.run("COPY (SELECT * FROM m ORDER BY id) TO '@/m.csv' (HEADER false)");
    assert!(lab.read("m.csv") == rows, "the rows changed");
}

#[test]
fn a_damaged_file_is_an_error_or_gives_the_same_rows() {
    let lab = Lab::with(&["CREATE TABLE t (id INTEGER, s VARCHAR)"]);
    lab.run("COPY (SELECT 1 AS id, 'one' AS s UNION ALL SELECT 2, NULL) TO '@/t.parquet'");
    let whole = fs::read(lab.path("t.parquet")).unwrap();
    for end in 0..whole.len() {
        lab.write("cut.parquet", &whole[..end]);
        let error = lab.error("COPY t FROM '@/cut.parquet'");
        assert!(error.contains("@/cut.parquet"), "cut at {end}: {error}");
        let error = lab.error("FROM '@/cut.parquet'");
        assert!(error.contains("@/cut.parquet"), "cut at {end}: {error}");
    }
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x55;
        lab.write("flip.parquet", &flipped);
        // Parquet files have no checksums here: wrong values may come, but never a panic.
        for sql in ["COPY t FROM '@/flip.parquet'", "FROM '@/flip.parquet'"] {
            if let Err(error) = lab.try_run(sql) {
                assert!(!error.message.contains("internal error"), "byte {place}: {error}");
            }
        }
    }
}

#[test]
fn other_files_are_no_parquet_files() {
    let lab = Lab::with(&["CREATE TABLE t (id INTEGER)"]);
    lab.write("t.parquet", "id\n1\n");
    let error = lab.error("COPY t FROM '@/t.parquet'");
    assert!(
        error.starts_with("cannot read '@/t.parquet': it is damaged or no Parquet file"),
        "{error}"
    );
}
