//! Aggregates of whole tables on encoded blocks: the same answers as from rows, and EXPLAIN tells.

use super::{answer, execute, run, session};
use crate::Session;

/// A table of several segments and blocks, of every type that has totals, with NULLs and extremes.
fn totals() -> Session {
    let session = session(&[
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s SMALLINT, i INTEGER, b BIGINT, d DECIMAL(18, 2), \
         w DECIMAL(38, 0), f DOUBLE, v VARCHAR, k DATE, z TIMESTAMP, y BOOLEAN, n INTEGER) \
         SORTED BY (id)",
        "INSERT INTO t SELECT x, x % 100, x * 3, x * 1000000007, x / 4.0, x, x, \
         'text number ' || (x % 1000), DATE '2000-01-01' + CAST(x / 100 AS INTEGER), \
         TIMESTAMP '2000-01-01 00:00:00', x % 2 = 0, NULL FROM generate_series(1, 150000) AS s(x)",
        "INSERT INTO t VALUES (-1, -32768, -2147483648, -9223372036854775808, \
         -9999999999999999.99, -99999999999999999999999999999999999999, 'NaN', '', \
         DATE '0001-01-01', TIMESTAMP '9999-12-31 23:59:59', true, 7)",
        "INSERT INTO t VALUES (-2, 32767, 2147483647, 9223372036854775807, 9999999999999999.99, \
         99999999999999999999999999999999999999, '-inf', 'Ärger ' || repeat('x', 200), \
         DATE '9999-12-31', TIMESTAMP '0001-01-01 00:00:00', false, NULL)",
        "INSERT INTO t (id) VALUES (-3)",
        "CREATE TABLE empty (i INTEGER, b BIGINT, v VARCHAR)",
    ]);
    run(&session, &["SET threads = 2"]);
    session
}

const FILTERS: [&str; 8] = [
    "",
    "WHERE id > 0",
    "WHERE id BETWEEN 70000 AND 140000",
    "WHERE id % 7 = 3",
    "WHERE id < 0 AND s IS NULL",
    "WHERE v LIKE 'text number 9%' OR k > DATE '2003-01-01'",
    "WHERE y AND id >= 65537",
    "WHERE id > 1000000",
];

#[test]
fn totals_are_those_of_the_rows() {
    let session = totals();
    let columns = ["s", "i", "b", "d", "w", "v", "k", "z", "y", "n", "f"];
    for filter in FILTERS {
        let mut queries = vec![format!(
            "SELECT count(*), count(n), sum(n), avg(n), min(n), max(n) FROM t {filter}"
        )];
        for column in columns {
            queries.push(format!(
                "SELECT count(*), count({column}), min({column}), max({column}) FROM t {filter}"
            ));
        }
        for column in ["s", "i", "d"] {
            queries.push(format!(
                "SELECT sum({column}), avg({column}), sum({column}) FILTER (WHERE id > 5), \
                 sum(DISTINCT {column}) FROM t {filter}"
            ));
            queries.push(format!("SELECT sum({column}), avg({column}), max(s) FROM t {filter}"));
        }
        for sql in queries {
            run(&session, &["SET encoded_aggregates = off"]);
            let expected = answer(&session, &sql);
            for (threads, zone_maps) in [(1, "on"), (2, "on"), (2, "off")] {
                run(
                    &session,
                    &[
                        "SET encoded_aggregates = on",
                        &format!("SET threads = {threads}"),
                        &format!("SET zone_maps = {zone_maps}"),
                    ],
                );
                assert_eq!(answer(&session, &sql), expected, "{sql}");
            }
        }
    }
    for (sql, expected) in [
        (
            "SELECT count(*), count(i), sum(b), avg(i), min(v), max(i) FROM empty",
            "0|0|NULL|NULL|NULL|NULL",
        ),
        ("SELECT sum(b), sum(s) + 1 FROM t WHERE id IN (-1, -2)", "-1|0"),
        ("SELECT count(*) FROM t WHERE id > 0 HAVING sum(i) > 5", "150000"),
    ] {
        assert_eq!(answer(&session, sql), expected, "{sql}");
    }
}

#[test]
fn a_total_out_of_range_is_an_error() {
    let session = session(&[
        "CREATE TABLE t (i INTEGER, w DECIMAL(19, 0))",
        "INSERT INTO t SELECT 2147483647, 9999999999999999999 FROM generate_series(1, 100000)",
    ]);
    assert_eq!(
        answer(&session, "SELECT sum(i), sum(w) FROM t"),
        "214748364700000|999999999999999999900000"
    );
    run(
        &session,
        &[
            "CREATE TABLE big (b DECIMAL(38, 0))",
            "INSERT INTO big VALUES (99999999999999999999999999999999999999), (1)",
        ],
    );
    let error = execute(&session, "SELECT sum(b) FROM big").unwrap_err();
    assert!(error.message.contains("out of range"), "{}", error.message);
}

#[test]
fn explain_tells_what_the_zone_maps_answered() {
    let session = totals();
    let plan = |sql: &str| answer(&session, &format!("EXPLAIN ANALYZE {sql}"));
    let sql = "SELECT count(*), sum(i), min(k) FROM t WHERE id BETWEEN 10 AND 140000";
    let shown = plan(sql);
    for part in ["StarfactTotals: aggr=[count(", "blocks_from_zone_maps=1", "blocks_read=3"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    run(&session, &["SET starfact.encoded_aggregates = off"]);
    assert!(!plan(sql).contains("StarfactTotals"));
    run(&session, &["SET starfact.encoded_aggregates = on"]);
    for sql in [
        "SELECT sum(f) FROM t",
        "SELECT min(f) FROM t",
        "SELECT sum(w) FROM t",
        "SELECT sum(i + 1) FROM t",
        "SELECT count(DISTINCT i) FROM t",
        "SELECT s, sum(i) FROM t GROUP BY s",
        "SELECT sum(i) FROM (SELECT i FROM t LIMIT 5)",
    ] {
        assert!(!plan(sql).contains("StarfactTotals"), "{sql}");
    }
}
