//! COPY … FROM CSV files.

use super::{EVERY_TYPE, Lab};
use crate::ErrorKind;
use std::io::Write;

const TABLE: &str = "CREATE TABLE t (id INTEGER, name VARCHAR DEFAULT 'none', price DECIMAL(9,2))";

#[test]
fn every_type_goes_out_and_comes_back() {
    let lab = Lab::with(&EVERY_TYPE);
    lab.run("CREATE TABLE back AS SELECT * FROM every LIMIT 0");
    for options in ["", "(HEADER false)", "(DELIMITER '|', NULL 'x')", "(QUOTE '''')"] {
        assert_eq!(lab.run(&format!("COPY every TO '@/e.csv' {options}")), "COPY 3");
        lab.run("DROP TABLE back");
        lab.run("CREATE TABLE back AS SELECT * FROM every LIMIT 0");
        assert_eq!(lab.run(&format!("COPY back FROM '@/e.csv' {options}")), "COPY 3");
        assert_eq!(lab.run("SELECT * FROM back"), lab.run("SELECT * FROM every"), "{options}");
    }
}

#[test]
fn files_of_the_reference_generator_have_a_trailing_delimiter() {
    let lab = Lab::with(&[TABLE]);
    lab.write("t.tbl", "1|one|1.00|\n2|two|2|\n");
    lab.run("COPY t FROM '@/t.tbl' (FORMAT csv, DELIMITER '|', HEADER false)");
    lab.run("COPY t FROM '@/t.tbl'");
    assert_eq!(lab.run("FROM t"), "[1|one|1.00][2|two|2.00][1|one|1.00][2|two|2.00]");
}

#[test]
fn a_header_names_columns_in_any_order_and_defaults_fill_the_rest() {
    let lab = Lab::with(&[TABLE]);
    lab.write("t.csv", "price,ID\n1.5,7\n");
    assert_eq!(lab.run("COPY t FROM '@/t.csv'"), "COPY 1");
    assert_eq!(lab.run("FROM t"), "[7|none|1.50]");
    lab.write("u.csv", "prise,id\n1.5,7\n");
    assert_eq!(
        lab.error("COPY t FROM '@/u.csv' (HEADER)"),
        "@/u.csv: the header has \"prise\", which is no column of \"t\" (did you mean \"price\"?)"
    );
}

#[test]
fn listed_columns_take_fields_in_their_order() {
    let lab = Lab::with(&[TABLE]);
    lab.write("t.csv", "1.5,7\n");
    lab.run("COPY t (price, id) FROM '@/t.csv'");
    assert_eq!(lab.run("FROM t"), "[7|none|1.50]");
    assert!(lab.error("COPY t (id, id) FROM '@/t.csv'").contains("listed twice"));
    assert!(lab.error("COPY t (prise) FROM '@/t.csv'").contains("did you mean \"price\""));
}

#[test]
fn a_mistake_names_its_place_and_leaves_the_table_as_it_was() {
    let lab = Lab::with(&[TABLE, "INSERT INTO t VALUES (0, 'zero', 0)"]);
    let mut rows: String = (0..200_000).map(|row| format!("{row},x,1.25\n")).collect();
    rows.push_str("oops,x,1.25\n");
    lab.write("t.csv", rows);
    let error = lab.error("COPY t FROM '@/t.csv'");
    assert_eq!(
        error,
        "@/t.csv, line 200001, column \"id\": 'oops' is not of type INTEGER \
         (correct the value in the file, or give the column another type)"
    );
    assert_eq!(lab.run("FROM t"), "[0|zero|0.00]");
}

#[test]
fn many_rows_come_through() {
    let lab = Lab::with(&["CREATE TABLE t (id INTEGER, name VARCHAR)"]);
    let rows: String = (0..300_000).map(|row| format!("{row},name {row}\n")).collect();
    lab.write("t.csv", rows);
    assert_eq!(lab.run("COPY t FROM '@/t.csv'"), "COPY 300000");
    lab.run("COPY (SELECT * FROM t ORDER BY id) TO '@/u.csv' (HEADER false)");
    assert!(lab.read("t.csv") == lab.read("u.csv"), "the rows changed");
}

#[test]
fn constraints_hold_for_files_too() {
    let lab = Lab::with(&[
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, CHECK (id > 0))",
    ]);
    lab.write("twice.csv", "1,a\n2,b\n1,c\n");
    assert!(lab.error("COPY t FROM '@/twice.csv'").contains("occurs twice"));
    lab.write("null.csv", "1,a\n2,\n");
    assert!(lab.error("COPY t FROM '@/null.csv'").contains("name"));
    lab.write("check.csv", "1,a\n-2,b\n");
    assert!(lab.error("COPY t FROM '@/check.csv'").contains("row 2"));
    assert_eq!(lab.run("SELECT count(*) FROM t"), "[0]");
}

#[test]
fn a_pattern_loads_all_files_in_one_commit() {
    let lab = Lab::with(&[TABLE]);
    lab.write("a1.csv", "id,name\n1,a\n");
    lab.write("a2.csv", "name,id\nb,2\n");
    assert_eq!(lab.run("COPY t FROM '@/a*.csv'"), "COPY 2");
    assert_eq!(lab.run("FROM t"), "[1|a|∅][2|b|∅]");
    lab.write("a0.csv", "");
    assert_eq!(lab.run("COPY t FROM '@/a*.csv'"), "COPY 2");
    lab.write("a3.csv", "id\n3\n");
    let error = lab.error("COPY t FROM '@/a*.csv'");
    assert!(error.starts_with("@/a3.csv: it has the columns id, and the first"), "{error}");
    assert_eq!(lab.run("SELECT count(*) FROM t"), "[4]");
}

#[test]
fn compressed_files_are_decompressed() {
    let lab = Lab::with(&[TABLE]);
    let text = b"1,one,1\n2,two,2\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let gzip = gzip.finish().unwrap();
    // Programs that compress in parallel write several members.
    lab.write("t.csv.gz", [gzip.as_slice(), gzip.as_slice()].concat());
    lab.write("t.csv.zst", zstd::encode_all(text.as_slice(), 1).unwrap());
    assert_eq!(lab.run("COPY t FROM '@/t.csv.gz'"), "COPY 4");
    assert_eq!(lab.run("COPY t FROM '@/t.csv.zst' (FORMAT csv)"), "COPY 2");
    assert_eq!(lab.run("SELECT count(*), sum(id) FROM t"), "[6|9]");
    assert_eq!(lab.run("SELECT column1 FROM '@/t.csv.zst'"), "[one][two]");
    lab.write("cut.csv.gz", &gzip[..gzip.len() - 9]);
    let error = lab.error("COPY t FROM '@/cut.csv.gz'");
    assert!(error.starts_with("cannot read @/cut.csv.gz"), "{error}");
}

#[test]
fn what_cannot_be_loaded_is_refused() {
    let lab = Lab::with(&[TABLE]);
    lab.write("t.csv", "");
    assert_eq!(lab.run("COPY t FROM '@/t.csv'"), "COPY 0", "an empty file has no rows");
    for (sql, expected) in [
        ("COPY t FROM '@/u.csv'", "cannot open '@/u.csv': no such file (did you mean \"t.csv\"?)"),
        ("COPY t FROM '@'", "it is a folder"),
        ("COPY u FROM '@/t.csv'", "there is no table \"u\""),
        ("COPY t FROM '@/t.csv' (HEADR true)", "no option \"headr\""),
        ("COPY t FROM '@/t.csv' (DELIMITER '\"')", "QUOTE and DELIMITER"),
        ("COPY t FROM '@/t.csv.gz'", "no such file"),
        ("COPY t TO '@/t.csv.gz'", "compressed files are read but not written"),
    ] {
        let error = lab.error(sql);
        assert!(error.contains(expected), "{sql}: {error}");
    }
}

#[test]
fn a_cancelled_load_leaves_nothing() {
    let lab = Lab::with(&[TABLE]);
    let pipe = lab.path("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let cancel = lab.session.cancel_handle();
    let (error, _open) = std::thread::scope(|scope| {
        let load = scope.spawn(|| lab.try_run("COPY t FROM '@/pipe.csv'").unwrap_err());
        let mut writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        // More than the pipe and a chunk hold, so that the load has begun when this is written.
        writer.write_all("1,a,1\n".repeat(500_000).as_bytes()).unwrap();
        cancel.cancel();
        (load.join().unwrap(), writer)
    });
    assert_eq!(error.kind, ErrorKind::Interrupted);
    assert_eq!(lab.run("SELECT count(*) FROM t"), "[0]");
}
