//! Rows without ORDER BY come in the order of the table, each time.

use super::{answer, check, run, session};
use crate::session::Session;

/// Many segments, some of several blocks, and more than one partition.
fn numbers() -> Session {
    let session = session(&["CREATE TABLE t (a INTEGER, b VARCHAR)"]);
    let ranges = ["0, 3", "3, 4", "4, 5", "5, 150000", "150000, 150001", "150001, 290000"];
    for range in ranges {
        run(&session, &[&format!("INSERT INTO t SELECT value, 'x' FROM range({range})")]);
    }
    session
}

/// Whether the numbers of a query ascend by one from `first` on, `count` of them.
fn ascends(session: &Session, query: &str, first: usize, count: usize) {
    for _ in 0..4 {
        let found = answer(session, query);
        let expected = (first..first + count).map(|number| number.to_string());
        let is_same = found.split("; ").map(str::to_owned).eq(expected);
        assert!(is_same, "{query}\n{}", found.chars().take(400).collect::<String>());
    }
}

#[test]
fn rows_come_in_the_order_of_the_table() {
    let session = numbers();
    for query in [
        "SELECT a FROM t",
        "FROM (SELECT a + 1 - 1 AS a FROM t WHERE b = 'x')",
        "WITH u AS (SELECT a, upper(b) AS b FROM t) SELECT a FROM u WHERE b = 'X'",
        "SELECT a FROM t WHERE a < 100000 UNION ALL SELECT a FROM t WHERE a >= 100000",
    ] {
        ascends(&session, query, 0, 290_000);
    }
    ascends(&session, "SELECT a FROM t WHERE length(b) = 1 LIMIT 7", 0, 7);
    ascends(&session, "SELECT a FROM t LIMIT 200000", 0, 200_000);
    ascends(&session, "SELECT a FROM t WHERE a >= 3 LIMIT 10 OFFSET 160000", 160_003, 10);
    ascends(&session, "SELECT a FROM (SELECT a FROM t LIMIT 5) LIMIT 3", 0, 3);
    run(&session, &["SET starfact.encoded_filters = off"]);
    ascends(&session, "SELECT a FROM t WHERE a > 9 AND b = 'x'", 10, 289_990);
}

#[test]
fn rows_are_copied_in_the_order_of_the_table() {
    let session = numbers();
    run(&session, &["CREATE TABLE u AS SELECT a FROM t", "INSERT INTO u SELECT a + 290000 FROM t"]);
    ascends(&session, "SELECT a FROM u", 0, 580_000);
}

#[test]
fn what_has_another_order_keeps_it() {
    let session = numbers();
    check(
        &session,
        &[
            ("SELECT a FROM t ORDER BY a DESC LIMIT 3", "289999; 289998; 289997"),
            // Which rows the limit of a subquery leaves, nothing promises.
            ("SELECT count(a) FROM (SELECT a FROM t LIMIT 150001)", "150001"),
            ("SELECT a FROM t LIMIT 0", ""),
            ("SELECT count(*) FROM t WHERE a IN (SELECT a FROM t LIMIT 150001)", "150001"),
        ],
    );
}

#[test]
fn an_error_of_a_later_partition_is_told() {
    let session = numbers();
    let error = super::failure(&session, "SELECT 1 / (a - 289999) FROM t");
    assert!(error.message.contains("division by zero"), "{error}");
    // Rows that nobody wants do no harm.
    assert_eq!(answer(&session, "SELECT 1 / (a - 289999) FROM t LIMIT 2"), "0; 0");
}

#[test]
fn rows_of_a_union_with_equal_columns_are_sorted() {
    let session = session(&[
        "CREATE TABLE t (x INTEGER, y INTEGER)",
        "INSERT INTO t VALUES (3, 1), (1, 2), (NULL, 3), (2, 3)",
    ]);
    let twice = "SELECT x AS a, x AS b FROM t UNION ALL";
    check(
        &session,
        &[
            (
                &format!("{twice} SELECT x, x FROM t ORDER BY b DESC, a"),
                "3|3; 3|3; 2|2; 2|2; 1|1; 1|1; NULL|NULL; NULL|NULL",
            ),
            (
                &format!("{twice} SELECT x, y FROM t ORDER BY b DESC, a LIMIT 5"),
                "2|3; 3|3; NULL|3; 1|2; 2|2",
            ),
            (
                &format!("{twice} SELECT y, x FROM t ORDER BY a, b DESC LIMIT 4 OFFSET 1"),
                "1|1; 2|2; 2|1; 3|3",
            ),
            (
                &format!(
                    "SELECT a, b, row_number() OVER (ORDER BY b, a DESC) AS n \
                     FROM ({twice} SELECT 7, 7 FROM t) u ORDER BY n LIMIT 4"
                ),
                "1|1|1; 2|2|2; 3|3|3; 7|7|4",
            ),
        ],
    );
}
