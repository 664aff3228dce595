//! Groups of one table by texts of which there are few, and sums of short numbers: with the
//! operator for star blocks and without, the answers are the same.

use super::{answer, check, failure, run, session, sorted_rows};
use crate::Session;

const TABLE: &[&str] = &[
    "SET starfact.background_merges = off",
    "CREATE TABLE line (id INTEGER, flag VARCHAR, mode VARCHAR NOT NULL, note VARCHAR,
         quantity DECIMAL(15, 2), price DECIMAL(15, 2) NOT NULL, discount DECIMAL(5, 4) NOT NULL,
         small SMALLINT, count INTEGER NOT NULL, big BIGINT NOT NULL, wide DECIMAL(30, 3) NOT NULL,
         ratio DOUBLE NOT NULL) SORTED BY (id)",
    "INSERT INTO line SELECT value,
         CASE value % 5 WHEN 0 THEN NULL WHEN 1 THEN 'A' WHEN 2 THEN 'größer als zwölf Bytes' ELSE 'R' END,
         'mode ' || value % 7, 'note ' || value % 60000,
         CASE WHEN value % 11 = 0 THEN NULL ELSE value * 0.25 - 9000 END,
         value * 1.37 - 40000, value % 100 * 0.0001, CASE WHEN value % 3 = 0 THEN NULL ELSE value % 200 - 100 END,
         value % 1000, value * 1000003, value * 0.125, value / 7.0
     FROM range(140000)",
];

const QUERIES: &[&str] = &[
    "SELECT flag, mode, sum(quantity), sum(price), sum(price * (1 - discount)), \
     sum(price * (1 - discount) * (1 + discount)), avg(quantity), avg(price), avg(discount), count(*) \
     FROM line WHERE id < 120000 GROUP BY flag, mode",
    "SELECT mode, count(quantity), count(flag), count(*), sum(small), avg(small), sum(small + count) \
     FROM line GROUP BY mode",
    "SELECT flag, sum(count * big), sum(big - count), avg(big), sum(-count), min(price), max(quantity) \
     FROM line GROUP BY flag",
    "SELECT flag, sum(quantity) FILTER (WHERE count > 500), sum(quantity), count(DISTINCT mode), \
     round(stddev(ratio), 4), sum(wide), max(note) FROM line GROUP BY flag",
    "SELECT mode, sum(CAST(count AS DECIMAL(20, 4)) * price), sum(quantity * quantity) FROM line \
     WHERE note LIKE '%7' GROUP BY mode",
    "SELECT mode, flag, mode || 'x', sum(price) FROM line GROUP BY 1, 2, 3",
    "SELECT mode, min(mode), max(flag), sum(price * 2) FROM line GROUP BY mode",
    "SELECT upper(flag), sum(price + 0.5) FROM line GROUP BY upper(flag)",
    "SELECT flag, id % 3, sum(price * discount) FROM line GROUP BY 1, 2",
    "SELECT DISTINCT flag, mode FROM line",
    "SELECT mode FROM line WHERE id < 0 GROUP BY mode",
    "SELECT sum(price * discount), sum(quantity), count(small), avg(price - quantity), count(*) FROM line",
    "SELECT sum(price * discount), count(*) FROM line WHERE id < 0",
    "SELECT sum(price * discount) FROM line WHERE note = 'note 77'",
    "SELECT flag, sum(2), avg(count * 1), count(1), sum(small * small - count) FROM line GROUP BY flag",
    "SELECT small, sum(price), count(*), avg(quantity), min(note) FROM line GROUP BY small",
    "SELECT count, sum(quantity), max(flag) FROM line WHERE id % 3 = 0 GROUP BY count",
    "SELECT mode, small, sum(price * discount) FROM line GROUP BY mode, small",
    "SELECT small, flag, count, sum(big) FROM line WHERE id < 5000 GROUP BY small, flag, count",
    "SELECT small, sum(small), count(small) FROM line WHERE small > 50 OR small IS NULL GROUP BY small",
    "SELECT count, count(DISTINCT small) FROM line GROUP BY count",
    "SELECT DISTINCT small FROM line",
    "SELECT big, count(*) FROM line WHERE id % 9 = 1 GROUP BY big",
    "SELECT mode, sum(price) FROM line GROUP BY mode HAVING sum(price) > 0 ORDER BY 2 DESC LIMIT 3",
];

/// The rows of a query in order, with the operator or without.
fn rows(session: &Session, sql: &str, is_on: bool) -> Vec<String> {
    let switch = if is_on { "on" } else { "off" };
    run(session, &[&format!("SET starfact.star_executor = {switch}")]);
    sorted_rows(session, sql)
}

fn assert_same(session: &Session) {
    for sql in QUERIES {
        assert_eq!(rows(session, sql, true), rows(session, sql, false), "{sql}");
    }
}

fn plan(session: &Session, sql: &str) -> String {
    run(session, &["SET starfact.star_executor = on"]);
    answer(session, &format!("EXPLAIN {sql}"))
}

#[test]
fn groups_are_those_of_the_query_engine_while_rows_change() {
    let session = session(TABLE);
    assert_same(&session);
    for sql in [
        // More texts than the files have, in rows that are in no file.
        "INSERT INTO line SELECT 200000 + value, 'flag ' || value, 'more ' || value % 90, NULL, 1.5,
             -0.01, 0.5, NULL, -5, -1, 0.001, 0.5 FROM range(300)",
        "UPDATE line SET quantity = NULL, flag = 'changed' WHERE id % 1000 = 7",
        "DELETE FROM line WHERE mode = 'mode 3' AND id > 1000",
        "OPTIMIZE line",
        "INSERT INTO line SELECT 300000, '', '', '', 9999999999999.99, -9999999999999.99, 9.9999,
             181, -1147483647, 9223372036854775807, 0, 0",
        "DELETE FROM line WHERE flag IS NULL",
        "ALTER TABLE line ALTER COLUMN count TYPE BIGINT",
    ] {
        run(&session, &[sql]);
        if sql.contains("9223372036854775807") {
            let query = "SELECT flag, sum(count * big) FROM line GROUP BY flag";
            assert!(failure(&session, query).message.contains("out of range"));
            run(&session, &["UPDATE line SET big = 5 WHERE id = 300000"]);
        }
        assert_same(&session);
    }
    run(&session, &["TRUNCATE line"]);
    assert_same(&session);
}

#[test]
fn plans_show_which_tables_are_grouped_by_texts() {
    let session = session(TABLE);
    for (sql, is_ours) in [
        (QUERIES[0], true),
        (QUERIES[11], true),
        ("SELECT note, count(*) FROM line GROUP BY note", false),
        ("SELECT flag, count, sum(price) FROM line GROUP BY flag, count", true),
        ("SELECT small, avg(ratio) FROM line GROUP BY small", true),
        ("SELECT small, count, sum(price) FROM line GROUP BY small, count", false),
        ("SELECT big, sum(price) FROM line GROUP BY big", false),
        ("SELECT sum(wide) FROM line WHERE id % 2 = 0", false),
    ] {
        let shown = plan(&session, sql);
        assert_eq!(
            shown.contains("StarfactStarAggregate") && shown.contains("table=line"),
            is_ours,
            "{shown}"
        );
    }
    run(&session, &["SET starfact.star_executor = off"]);
    assert!(!answer(&session, &format!("EXPLAIN {}", QUERIES[0])).contains("StarAggregate"));
}

#[test]
fn bounds_of_groups_of_floats_know_nan() {
    let session = session(&[
        "CREATE TABLE f (g INTEGER, t VARCHAR, d DOUBLE, r REAL)",
        "INSERT INTO f VALUES (1, 'a', 5, 5), (1, 'a', 'NaN', 'NaN'), (1, 'a', '-inf', '-inf'),
             (2, 'b', 1, 1), (2, 'b', 'NaN', 'NaN'), (2, 'b', 0.5, 0.5), (3, 'c', NULL, NULL),
             (4, 'd', 'inf', 'inf'), (4, 'd', -3, -3), (5, 'e', 'NaN', 'NaN')",
    ]);
    let expected = "1|-inf|NaN|-inf|NaN; 2|0.5|NaN|0.5|NaN; 3|NULL|NULL|NULL|NULL; \
         4|-3.0|inf|-3.0|inf; 5|NaN|NaN|NaN|NaN";
    for key in ["g", "ascii(t) - 96"] {
        let sql =
            format!("SELECT {key}, min(d), max(d), min(r), max(r) FROM f GROUP BY 1 ORDER BY 1");
        check(&session, &[(&sql, expected)]);
    }
    check(
        &session,
        &[
            ("SELECT min(d), max(d), min(r), max(r) FROM f", "-inf|NaN|-inf|NaN"),
            ("SELECT max(d) OVER (PARTITION BY g) FROM f WHERE g = 4", "inf; inf"),
        ],
    );
}
