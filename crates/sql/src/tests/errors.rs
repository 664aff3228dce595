//! What users read when something is wrong.

use super::{failure, session};
use crate::{ErrorKind, Position};

mod golden;

const TABLES: &[&str] = &[
    "CREATE TABLE customer (c_custkey INTEGER PRIMARY KEY, c_name VARCHAR NOT NULL, \
     c_city VARCHAR, c_region VARCHAR)",
    "CREATE TABLE orders (o_orderkey BIGINT PRIMARY KEY, \
     o_custkey INTEGER REFERENCES customer(c_custkey), o_date DATE, o_price DECIMAL(9,2), \
     o_small SMALLINT, o_flag BOOLEAN, o_ts TIMESTAMP, o_d DOUBLE, CHECK (o_price >= 0))",
    "INSERT INTO customer VALUES (1, 'Anna', 'Bern', 'EUROPE'), (2, 'Bob', 'Oslo', 'EUROPE'), \
     (3, 'Çelik', 'Ankara', 'ASIA')",
    "INSERT INTO orders VALUES \
     (1, 1, '2024-01-01', 10.50, 1, true, '2024-01-01 10:00:00', 1.5), \
     (2, 2, '2024-02-01', 20.25, 2, false, '2024-02-01 11:00:00', 2.5)",
];

#[test]
fn errors_have_a_place_and_a_hint() {
    let session = session(TABLES);
    for (sql, message, place, hint) in [
        (
            "SELECT o_custke FROM orders",
            "there is no column \"o_custke\"",
            Some((1, 8)),
            Some("did you mean \"o_custkey\"?"),
        ),
        (
            "SELECT l.zzz\nFROM orders l",
            "there is no column \"l.zzz\"",
            Some((1, 8)),
            Some("columns: o_orderkey, o_custkey, o_date, o_price, o_small, o_flag, o_ts, o_d"),
        ),
        (
            "SELECT 1 FROM\n  ordrs",
            "there is no table \"ordrs\"",
            Some((2, 3)),
            Some("did you mean \"orders\"?"),
        ),
        (
            "SELECT cuont(*) FROM orders",
            "there is no function \"cuont\"",
            Some((1, 8)),
            Some("did you mean count?"),
        ),
        (
            "SELECT c_custkey FROM customer a, customer b",
            "column \"c_custkey\" is ambiguous: several tables have it",
            Some((1, 8)),
            Some("write table.c_custkey with the table that you mean"),
        ),
        (
            "SELECT c_city, count(*) FROM customer",
            "column \"customer.c_city\" must be in GROUP BY or in an aggregate function",
            Some((1, 8)),
            Some("add it to GROUP BY, or aggregate it, as in min(a) or first_value(a)"),
        ),
        (
            "SELECT 1 FORM t",
            "syntax error at or near \"FORM\"",
            Some((1, 10)),
            Some("did you mean FROM?"),
        ),
        (
            "SELECT 1; SELECT 2",
            "syntax error at or near \"SELECT\"",
            Some((1, 11)),
            Some("run one statement at a time"),
        ),
        ("SELECT (1", "syntax error: ( is never closed", Some((1, 8)), Some("close it with )")),
        ("", "there is no statement", None, Some("write one, as in SELECT 1")),
    ] {
        let error = failure(&session, sql);
        assert_eq!(error.kind, ErrorKind::Sql, "{sql}");
        assert_eq!(error.message, message, "{sql}");
        let place = place.map(|(line, column)| Position { line, column });
        assert_eq!(error.position, place, "{sql}");
        assert_eq!(error.hint.as_deref(), hint, "{sql}");
    }
}

#[test]
fn messages_are_in_our_words() {
    let session = session(TABLES);
    for sql in [
        "SELECT sum(c_city) FROM customer",
        "SELECT c_city + 1 FROM customer",
        "SELECT substr(1) FROM customer",
        "SELECT upper(c_city, 1) FROM customer",
        "SELECT c_city AND true FROM customer",
        "SELECT (SELECT c_custkey FROM customer)",
        "SELECT c_city::int FROM customer",
        "SELECT date_trunc('nonsense', now())",
        "SELECT 1 UNION SELECT 1, 2",
        "SELECT c_city FROM customer WHERE c_city > 5 + 'x'",
        "SELECT * FROM customer ORDER BY 9",
        "SELECT * FROM customer LIMIT -1",
        "SELECT count(*) FROM customer WHERE count(*) > 1",
        "SELECT row_number() FROM customer",
        "SELECT sum(c_custkey) OVER (ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM customer",
        "SELECT array_length(c_city) FROM customer",
        "SELECT interval '1 fortnightly'",
        "SELECT timestamp '2020-01-01 25:00:00'",
        "SELECT to_timestamp('soon')",
        "SELECT regexp_like(c_city, '(') FROM customer",
        "SELECT unnest(c_city) FROM customer",
    ] {
        let error = failure(&session, sql);
        let text = format!("{error}");
        for foreign in [
            "DataFusion",
            "Arrow error",
            "External error",
            "Execution error",
            "Error during planning",
            "Field {",
            "Utf8",
            "Int64",
            "Value(",
            "Span",
            "backtrace",
            "Internal",
            "\n",
        ] {
            assert!(!text.contains(foreign), "{sql}\n{text}");
        }
        assert_eq!(error.kind, ErrorKind::Sql, "{sql}\n{text}");
        assert!(!text.is_empty() && !text.starts_with(|ch: char| ch.is_whitespace()), "{sql}");
    }
}

#[test]
fn deep_statements_are_refused_and_do_not_crash() {
    let session = session(TABLES);
    for sql in [
        format!("SELECT 1{}", " + 1".repeat(100_000)),
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SELECT 1 WHERE {}true", "NOT ".repeat(100_000)),
        format!("SELECT 1 WHERE true{}", " AND true".repeat(100_000)),
        format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(100_000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(50_000), " END".repeat(50_000)),
        format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(200), " END".repeat(200)),
        format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200)),
    ] {
        let error = failure(&session, &sql);
        assert!(error.message.contains("nested too deeply"), "{}", error.message);
        assert!(error.position.is_some() && error.hint.is_some(), "{}", error.message);
    }
}
