//! What users read when something is wrong.

use super::{failure, session};
use crate::{ErrorKind, Position};

const TABLES: &[&str] = &[
    "CREATE TABLE lineorder (lo_custkey INTEGER, lo_revenue INTEGER)",
    "CREATE TABLE customer (c_custkey INTEGER PRIMARY KEY, c_city VARCHAR)",
    "INSERT INTO customer VALUES (1, 'a'), (2, 'b')",
];

#[test]
fn errors_have_a_place_and_a_hint() {
    let session = session(TABLES);
    for (sql, message, place, hint) in [
        (
            "SELECT lo_custke FROM lineorder",
            "there is no column \"lo_custke\"",
            Some((1, 8)),
            Some("did you mean \"lo_custkey\"?"),
        ),
        (
            "SELECT l.zzz\nFROM lineorder l",
            "there is no column \"l.zzz\"",
            Some((1, 8)),
            Some("columns: lo_custkey, lo_revenue"),
        ),
        (
            "SELECT 1 FROM\n  lineordr",
            "there is no table \"lineordr\"",
            Some((2, 3)),
            Some("did you mean \"lineorder\"?"),
        ),
        (
            "SELECT cuont(*) FROM lineorder",
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
            None,
        ),
        ("SELECT 1 FORM t", "syntax error at or near \"t\"", Some((1, 15)), None),
        ("SELECT 1; SELECT 2", "syntax error at or near \"SELECT\"", Some((1, 11)), None),
        ("SELECT (1", "syntax error: Expected: ), found: EOF", None, None),
        ("", "there is no statement", None, None),
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
    ] {
        let error = failure(&session, &sql);
        assert!(error.message.contains("nested too deeply"), "{}", error.message);
    }
}
