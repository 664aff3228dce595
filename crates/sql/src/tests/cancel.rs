//! Statements end when they are told to, and results when nobody wants them any more.

use super::{failure, run, session};
use crate::{ErrorKind, Outcome};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A query that takes far longer than any test may.
const ENDLESS: &str = "SELECT count(*) FROM range(1000) a, range(1000000000000) b
    WHERE a.value * 7 % 11 = b.value % 13";

#[test]
fn a_running_statement_can_be_cancelled_from_elsewhere() {
    let session = session(&["CREATE TABLE t (a BIGINT)"]);
    for sql in
        [ENDLESS, &format!("INSERT INTO t {ENDLESS}"), &format!("CREATE TABLE u AS {ENDLESS}")]
    {
        let cancel = session.cancel_handle();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            // The handle works on the statement that runs, so it is used until one was hit.
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    cancel.cancel();
                    thread::sleep(Duration::from_millis(5));
                }
            });
            let error = failure(&session, sql);
            over.store(true, Ordering::Relaxed);
            assert_eq!(error.kind, ErrorKind::Interrupted, "{sql}");
        });
    }
    assert_eq!(super::answer(&session, "SELECT count(*) FROM t"), "0");
    super::check_failures(&session, &[("SELECT * FROM u", "there is no table")]);
}

#[test]
fn cancelling_when_nothing_runs_does_not_hurt_the_next_statement() {
    let session = session(&[]);
    session.cancel_handle().cancel();
    assert_eq!(super::answer(&session, "SELECT 1"), "1");
}

#[test]
fn statements_end_when_their_time_is_over() {
    let session = session(&["CREATE TABLE t (a BIGINT)", "SET statement_timeout = '20ms'"]);
    let told = "the statement took longer than statement_timeout = 20ms";
    for sql in
        [ENDLESS, &format!("INSERT INTO t {ENDLESS}"), &format!("CREATE TABLE u AS {ENDLESS}")]
    {
        let error = failure(&session, sql);
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Sql, told), "{sql}");
        assert!(error.hint.is_some_and(|hint| hint.contains("statement_timeout = 0")));
    }
    run(&session, &["BEGIN"]);
    assert_eq!(failure(&session, ENDLESS).message, told);
    super::check_failures(&session, &[("SELECT 1", "aborted")]);
    run(&session, &["ROLLBACK", "SET statement_timeout = '1h'"]);
    assert_eq!(super::answer(&session, "SELECT count(*) FROM t"), "0");
    let log = "SELECT count(*) FROM sys.query_log WHERE status = 'failed'
        AND error LIKE '%took longer than statement_timeout = 20ms%'";
    assert_eq!(super::answer(&session, log), "4");
}

#[test]
fn the_time_of_a_statement_does_not_end_the_next_one() {
    let session = session(&["SET statement_timeout = '1s'"]);
    for _ in 0..20 {
        assert_eq!(super::answer(&session, "SELECT 1"), "1");
        thread::sleep(Duration::from_millis(60));
    }
}

#[test]
fn a_limit_stops_the_scan() {
    let session = session(&["CREATE TABLE t AS SELECT value AS a FROM range(400000)"]);
    let plan = super::answer(&session, "EXPLAIN ANALYZE SELECT a FROM t LIMIT 10");
    let scan = plan.split("; ").find(|line| line.contains("StarfactScan")).expect("a scan");
    let rows = scan.split("output_rows=").nth(1).unwrap();
    let rows = rows.split([',', ' ']).next().unwrap();
    let rows: usize = rows.parse().unwrap_or_else(|_| panic!("{scan}"));
    assert!(rows <= 20, "{scan}");
    // An endless query behind a limit ends as well.
    let sql = "SELECT a.value FROM range(1000) a, range(1000000000000) b LIMIT 3";
    assert_eq!(super::answer(&session, sql).split("; ").count(), 3);
}

#[test]
fn dropping_a_result_stops_its_threads() {
    let session = session(&[]);
    for _ in 0..20 {
        let sql = "SELECT a.value FROM range(1000) a, range(1000000000000) b ORDER BY a.value % 7";
        drop(session.execute(sql).unwrap());
    }
    let sql = "SELECT a.value FROM range(1000) a, range(1000000000000) b";
    let Outcome::Rows(mut rows) = session.execute(sql).unwrap() else { panic!("rows") };
    assert!(rows.next().is_some());
    drop(rows);
    // The threads are free again: this would wait for ever otherwise.
    run(&session, &["SELECT sum(value) FROM range(1000)"]);
}
