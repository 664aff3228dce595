//! The memory limit: what can spill does, the rest fails cleanly.

use super::{answer, check, failure, run, session};
use crate::ErrorKind;

const ROWS: &[&str] =
    &["CREATE TABLE t AS SELECT value AS a, 'text of some length ' || value AS s,
    value * 7919 % 300007 AS k FROM range(300000)"];

#[test]
fn sorts_and_groups_spill_beyond_the_limit() {
    let session = session(ROWS);
    run(&session, &["SET memory_limit = '48MB'"]);
    check(
        &session,
        &[
            (
                "SELECT count(*), max(n) FROM (SELECT row_number() OVER (ORDER BY s, k) n FROM t)",
                "300000|300000",
            ),
            (
                "SELECT count(*), sum(n) FROM (SELECT s, count(*) n FROM t GROUP BY s)",
                "300000|300000",
            ),
        ],
    );
}

#[test]
fn a_join_that_does_not_fit_fails_and_nothing_else_does() {
    let session = session(ROWS);
    run(&session, &["SET memory_limit = '8MB'"]);
    let sql = "SELECT count(*) FROM t JOIN t u ON t.s = u.s WHERE t.k <> u.k + 1";
    let error = failure(&session, sql);
    assert_eq!(error.kind, ErrorKind::Sql);
    assert!(error.message.starts_with("out of memory"), "{}", error.message);
    assert!(error.hint.is_some_and(|hint| hint.contains("memory_limit")));
    assert_eq!(answer(&session, "SELECT count(*) FROM t"), "300000");
    run(&session, &["SET memory_limit = '500MB'"]);
    assert_eq!(answer(&session, sql), "300000");
}
