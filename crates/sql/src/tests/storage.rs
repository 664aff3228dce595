//! How tables are stored, as `sys` and EXPLAIN STORAGE show it.

use super::{answer, check, check_failures, session};

const FACTS: &[&str] = &[
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL)",
    "CREATE TABLE sale (day DATE, city INTEGER REFERENCES city, note VARCHAR ENCODING zstd,
        amount DECIMAL(9,2) ENCODING 'bit-packed') SORTED BY (day)",
    "INSERT INTO city SELECT value, 'city ' || value FROM range(10)",
    "INSERT INTO sale SELECT DATE '2020-01-01' + CAST(value / 1000 AS INTEGER), value % 10,
        CASE WHEN value % 7 = 0 THEN NULL ELSE 'note ' || value END, value FROM range(100000)",
];

#[test]
fn columns_segments_and_blocks_are_views() {
    check(
        &session(FACTS),
        &[
            (
                "SELECT table_name, sum(rows), sum(blocks) FROM sys.segments GROUP BY 1 ORDER BY 1",
                "city|10|1; sale|100000|2",
            ),
            (
                "SELECT column_name, data_type, is_hidden, rows, nulls FROM sys.columns WHERE table_name = 'sale'",
                "day|DATE|NO|100000|0; city|INTEGER|NO|100000|0; note|VARCHAR|NO|100000|14286; \
                 amount|DECIMAL(9,2)|NO|100000|0; ordinal(city)|BIGINT|YES|100000|0",
            ),
            (
                "SELECT count(*), min(min), max(max), sum(CAST(sum AS DECIMAL(20,2))) FROM sys.blocks WHERE column_name = 'amount'",
                "2|0.00|99999.00|4999950000.00",
            ),
            (
                "SELECT min, max, nulls, sum FROM sys.blocks WHERE column_name = 'day' ORDER BY block LIMIT 1",
                "2020-01-01|2020-03-06|0|NULL",
            ),
            (
                "SELECT b.bytes < c.bytes FROM sys.columns c JOIN (SELECT table_name, column_name, sum(bytes) bytes
                 FROM sys.blocks GROUP BY 1, 2) b ON b.table_name = c.table_name AND b.column_name = c.column_name
                 GROUP BY 1",
                "true",
            ),
            ("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'sys'", "3"),
        ],
    );
}

#[test]
fn an_encoding_may_be_asked_for() {
    let session = session(FACTS);
    let encodings = "SELECT encodings FROM sys.columns WHERE column_name = ";
    assert!(answer(&session, &format!("{encodings}'note'")).starts_with("zstd("));
    assert_eq!(answer(&session, &format!("{encodings}'amount'")), "bit-packed");
    let sql = answer(&session, "SHOW CREATE TABLE sale");
    assert!(sql.contains("ENCODING 'zstd'") && sql.contains("ENCODING 'bit-packed'"), "{sql}");
    check_failures(
        &session,
        &[
            ("CREATE TABLE u (a INTEGER ENCODING tape)", "cannot be encoded as tape"),
            ("CREATE TABLE u (a INTEGER ENCODING 5)", "the name of an encoding"),
        ],
    );
}

#[test]
fn storage_is_explained() {
    let session = session(FACTS);
    let report = answer(&session, "EXPLAIN STORAGE sale");
    let columns: Vec<&str> = report.split("; ").filter_map(|row| row.split('|').next()).collect();
    assert_eq!(columns, ["day", "city", "note", "amount", "ordinal(city)"]);
    let amount: Vec<&str> = report.split("; ").nth(3).unwrap().split('|').collect();
    let [_, data_type, bytes, bits, ratio, encoding, runner_up, runner_up_bytes, speed, bitmaps] =
        amount.as_slice()
    else {
        panic!("{amount:?}")
    };
    assert_eq!((*data_type, *encoding), ("DECIMAL(9,2)", "bit-packed 23"));
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert!(number(bits) > 20.0 && number(bits) < 30.0 && number(ratio) > 2.0, "{amount:?}");
    assert!(!runner_up.is_empty() && *runner_up != "bit-packed", "{amount:?}");
    assert_eq!(*bitmaps, "0");
    assert!(number(runner_up_bytes) > 0.0 && number(speed) > 0.0 && number(bytes) > 0.0);
    check_failures(&session, &[("EXPLAIN STORAGE nowhere", "there is no table")]);
    assert_eq!(answer(&session, "EXPLAIN STORAGE city").split("; ").count(), 2);
}
