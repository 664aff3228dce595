//! Parquet files that other programs wrote, frozen in `datasets/fixtures/parquet`.

use super::Lab;
use crate::Result;

fn fixture(name: &str) -> String {
    format!("{}/../../datasets/fixtures/parquet/{name}.parquet", env!("CARGO_MANIFEST_DIR"))
}

/// Loads a fixture into a table with these columns, and gives the rows.
fn load(lab: &Lab, name: &str, columns: &str) -> Result<String> {
    lab.run("DROP TABLE IF EXISTS t");
    lab.run(&format!("CREATE TABLE t ({columns})"));
    lab.try_run(&format!("COPY t FROM '{}'", fixture(name)))?;
    lab.try_run("FROM t")
}

#[test]
fn duckdb() {
    let columns =
        "b BOOLEAN, i8 SMALLINT, i16 SMALLINT, i32 INTEGER, i64 BIGINT, i128 DECIMAL(38,0),
        u8 SMALLINT, u16 INTEGER, u32 BIGINT, u64 DECIMAL(20,0), f32 REAL, f64 DOUBLE,
        d4 DECIMAL(4,1), d9 DECIMAL(9,2), d18 DECIMAL(18,3), d38 DECIMAL(38,10), s VARCHAR,
        date DATE, time TIME, ts TIMESTAMP, ts_s TIMESTAMP, ts_ms TIMESTAMP, ts_ns TIMESTAMP,
        tstz TIMESTAMPTZ, e VARCHAR";
    let lab = Lab::new();
    let expected = "[true|1|-2|3|-4|5|255|65535|4294967295|18446744073709551615|1.5|0.1|999.9|\
        1234567.89|-0.001|12345678901234567890.0123456789|zwölf|0001-01-01|23:59:59.999999|\
        9999-12-31T23:59:59.999999|2024-02-29T12:00:00|2024-02-29T12:00:00.123|\
        2024-02-29T12:00:00.123456|2024-02-29T10:00:00Z|b]";
    let nulls = format!("[{}]", ["∅"; 25].join("|"));
    assert_eq!(load(&lab, "duckdb_types", columns).unwrap(), format!("{expected}{nulls}"));
    let narrow = columns.replace("u64 DECIMAL(20,0)", "u64 BIGINT");
    let error = load(&lab, "duckdb_types", &narrow).unwrap_err();
    assert!(error.message.contains("row 1: column \"u64\""), "{}", error.message);
}

#[test]
fn pyarrow() {
    let columns = "dictionary VARCHAR, large VARCHAR, view VARCHAR, date64 DATE, time32 TIME,
        time64 TIME, ts_s TIMESTAMP, ts_ms TIMESTAMP, ts_ns TIMESTAMP, berlin TIMESTAMPTZ,
        half REAL, decimal32 DECIMAL(7,2), decimal256 DECIMAL(38,5), u64 DECIMAL(20,0),
        nothing INTEGER, required INTEGER NOT NULL";
    let lab = Lab::new();
    assert_eq!(
        load(&lab, "pyarrow_types", columns).unwrap(),
        "[x|x|x|2024-02-29|01:02:03|01:02:03.000004|2024-02-29T12:00:00|2024-02-29T12:00:00.123|\
         2024-02-29T12:00:00.123|2024-02-29T12:00:00.123Z|1.5|-1.25|1.50000|1|∅|1]\
         [y||a text of more than twelve bytes|0001-01-01|00:00:00|00:00:00|∅|∅|∅|∅|-0.25|∅|∅|\
         18446744073709551615|∅|2]\
         [∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|3]"
    );
}

#[test]
fn timestamps_of_96_bits_and_decimals_in_every_width() {
    let lab = Lab::new();
    let rows = "[0001-01-01T00:00:00|1.23][1969-12-31T23:59:59.999999|-99999.99][∅|∅]";
    assert_eq!(load(&lab, "pyarrow_spark", "ts TIMESTAMP, d DECIMAL(7,2)").unwrap(), rows);
    assert_eq!(lab.run(&format!("FROM '{}'", fixture("pyarrow_spark"))), rows);
    assert_eq!(
        load(&lab, "pyarrow_integer_decimals", "d DECIMAL(7,2), w DECIMAL(14,3)").unwrap(),
        "[1.23|1.234][-99999.99|-99999999999.999][∅|∅]"
    );
}

#[test]
fn encodings_and_row_groups() {
    let lab = Lab::new();
    load(&lab, "pyarrow_encodings", "id BIGINT, name VARCHAR, value DOUBLE").unwrap();
    let sums = "SELECT count(*), count(name), sum(id), sum(value), min(name), max(name) FROM";
    let expected = "[5000|4545|12497500|3124375.0|name 0|name 6]";
    assert_eq!(lab.run(&format!("{sums} t")), expected);
    assert_eq!(lab.run(&format!("{sums} '{}'", fixture("pyarrow_encodings"))), expected);
}

#[test]
fn pandas_writes_nanoseconds() {
    let lab = Lab::new();
    let error = load(&lab, "pandas_nanoseconds", "id INTEGER, at TIMESTAMP").unwrap_err();
    assert!(error.message.ends_with("row 2: column \"at\": there is more than microseconds"));
    lab.run(&format!("INSERT INTO t SELECT * FROM '{}'", fixture("pandas_nanoseconds")));
    assert_eq!(
        lab.run("FROM t"),
        "[1|2024-02-29T12:00:00.123456][2|2024-02-29T12:00:00.123456][∅|∅]"
    );
}

#[test]
fn datafusion() {
    let lab = Lab::new();
    let columns = "id INTEGER, name VARCHAR, amount DECIMAL(5,2), at TIMESTAMP";
    assert_eq!(
        load(&lab, "datafusion_types", columns).unwrap(),
        "[1|x|1.25|2024-02-29T12:00:00][2|∅|∅|∅]"
    );
}

#[test]
fn what_a_table_cannot_hold_is_named() {
    let lab = Lab::new();
    for column in ["list", "struct", "bytes"] {
        lab.run("DROP TABLE IF EXISTS t");
        lab.run(&format!("CREATE TABLE t (id INTEGER, {column} VARCHAR)"));
        let sql = format!("COPY t (id, {column}) FROM '{}'", fixture("pyarrow_nested"));
        let error = lab.try_run(&sql).unwrap_err();
        assert!(error.message.contains(&format!("column \"{column}\"")), "{}", error.message);
    }
    lab.run(&format!("COPY t (id) FROM '{}'", fixture("pyarrow_nested")));
    assert_eq!(lab.run("SELECT id FROM t"), "[1][2]");
}
