//! BEGIN, COMMIT and ROLLBACK: what is seen when, and what is kept.

use super::dml::count;
use super::{answer, check, check_failures, execute, failure, run, session, warehouse};
use crate::{ErrorKind, OpenOptions, Outcome, Warehouse};

const TABLES: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)",
    "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)",
];

const ABORTED: &str = "the transaction is aborted: ROLLBACK ends it";

#[test]
fn statements_see_what_those_before_them_did() {
    let session = session(TABLES);
    assert!(!session.is_in_transaction());
    run(&session, &["BEGIN"]);
    assert!(session.is_in_transaction());
    assert_eq!(count(&session, "INSERT INTO t VALUES (4, 40)"), "INSERT 1");
    assert_eq!(count(&session, "UPDATE t SET a = a + 1 WHERE id > 2"), "UPDATE 2");
    assert_eq!(count(&session, "DELETE FROM t WHERE a = 41"), "DELETE 1");
    assert_eq!(count(&session, "UPDATE t SET id = 5 WHERE id = 3"), "UPDATE 1");
    assert_eq!(count(&session, "UPDATE t SET a = 0 WHERE id = 5"), "UPDATE 1");
    check(
        &session,
        &[
            ("SELECT * FROM t ORDER BY id", "1|10; 2|20; 5|0"),
            ("SELECT count(*) FROM t WHERE a < 15", "2"),
        ],
    );
    assert!(answer(&session, "SHOW TABLES").starts_with("t|3|"));
    run(&session, &["COMMIT"]);
    assert!(!session.is_in_transaction());
    check(&session, &[("SELECT * FROM t ORDER BY id", "1|10; 2|20; 5|0")]);
    run(&session, &["CHECK TABLE t"]);
}

#[test]
fn rollback_undoes_everything() {
    let session = session(TABLES);
    for end in ["ROLLBACK", "ABORT", "ROLLBACK TRANSACTION", "ROLLBACK WORK"] {
        run(
            &session,
            &[
                "BEGIN TRANSACTION",
                "DELETE FROM t",
                "INSERT INTO t VALUES (9, 9)",
                "CREATE TABLE u AS SELECT * FROM t",
                "DROP TABLE t",
                end,
            ],
        );
        check(&session, &[("SELECT * FROM t ORDER BY id", "1|10; 2|20; 3|30")]);
        check_failures(&session, &[("SELECT * FROM u", "there is no table")]);
    }
}

#[test]
fn tables_are_created_loaded_and_dropped_within_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    std::fs::write(&file, "id,a\n7,70\n8,80\n").unwrap();
    let file = file.display();
    let session = session(TABLES);
    run(
        &session,
        &[
            "START TRANSACTION",
            "CREATE TABLE u (id INTEGER PRIMARY KEY, r INTEGER REFERENCES t)",
            "INSERT INTO u VALUES (1, 3)",
            &format!("COPY t FROM '{file}'"),
            "INSERT INTO u VALUES (2, 8)",
            "CREATE TABLE w AS SELECT t.id, u.id AS u FROM t JOIN u ON u.r = t.id",
            "CHECK TABLE t, u, w",
        ],
    );
    check(
        &session,
        &[
            ("SELECT count(*) FROM t", "5"),
            ("SELECT * FROM w ORDER BY id", "3|1; 8|2"),
            (
                "SELECT string_agg(name, ' ') FROM (SELECT table_name AS name
                FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1)",
                "t u w",
            ),
            ("DESCRIBE w", "id|INTEGER|YES|NULL|NULL; u|INTEGER|YES|NULL|NULL"),
            ("SELECT count(*) FROM (SELECT DISTINCT table_name FROM sys.columns)", "3"),
        ],
    );
    run(&session, &["DROP TABLE w", "COMMIT"]);
    check(&session, &[("SELECT * FROM u ORDER BY id", "1|3; 2|8")]);
    check_failures(&session, &[("SELECT * FROM w", "there is no table \"w\"")]);
}

#[test]
fn others_see_a_transaction_when_it_is_committed_and_not_before() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, TABLES);
    run(&one, &["BEGIN", "UPDATE t SET a = 0", "INSERT INTO t VALUES (4, 40)"]);
    check(&other, &[("SELECT count(*), sum(a) FROM t", "3|60")]);
    check(&one, &[("SELECT count(*), sum(a) FROM t", "4|40")]);
    run(&one, &["COMMIT"]);
    check(&other, &[("SELECT count(*), sum(a) FROM t", "4|40")]);
}

#[test]
fn a_transaction_sees_the_state_at_its_beginning() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, TABLES);
    for begin in ["BEGIN", "BEGIN READ ONLY", "START TRANSACTION ISOLATION LEVEL SERIALIZABLE"] {
        run(&other, &["UPDATE t SET a = 10"]);
        run(&one, &[begin]);
        check(&one, &[("SELECT sum(a) FROM t", "30")]);
        run(&other, &["UPDATE t SET a = a + 1"]);
        check(&one, &[("SELECT sum(a) FROM t", "30")]);
        run(&one, &["COMMIT"]);
        check(&one, &[("SELECT sum(a) FROM t", "33")]);
    }
}

#[test]
fn of_two_that_change_a_row_the_second_to_commit_fails() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, TABLES);
    for (first, second) in [
        ("UPDATE t SET a = 1 WHERE id = 1", "UPDATE t SET a = 2 WHERE id = 1"),
        ("DELETE FROM t WHERE id = 2", "UPDATE t SET a = 2 WHERE id = 2"),
        ("UPDATE t SET a = 3 WHERE id = 3", "DELETE FROM t"),
        ("INSERT INTO t VALUES (7, 1)", "INSERT INTO t VALUES (7, 2)"),
    ] {
        run(&one, &["BEGIN", first]);
        run(&other, &["BEGIN", second]);
        run(&one, &["COMMIT"]);
        let error = failure(&other, "COMMIT");
        assert_eq!(error.kind, ErrorKind::Sql, "{second}");
        assert!(!other.is_in_transaction(), "{second}");
        check_failures(&other, &[("COMMIT", "no transaction is open")]);
    }
    check(&one, &[("SELECT * FROM t ORDER BY id", "1|1; 3|3; 7|1")]);
}

#[test]
fn transactions_that_change_different_rows_both_succeed() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, TABLES);
    run(&one, &["BEGIN", "UPDATE t SET a = 1 WHERE id = 1", "INSERT INTO t VALUES (4, 4)"]);
    run(&other, &["BEGIN", "UPDATE t SET a = 2 WHERE id = 2", "DELETE FROM t WHERE id = 3"]);
    run(&other, &["COMMIT"]);
    run(&one, &["COMMIT"]);
    check(&one, &[("SELECT * FROM t ORDER BY id", "1|1; 2|2; 4|4")]);
    run(&one, &["CHECK TABLE t"]);
}

#[test]
fn an_error_aborts_the_transaction() {
    let session = session(TABLES);
    for wrong in [
        "SELECT nothing FROM t",
        "INSERT INTO t VALUES (4, 1), (5, 1 / 0)",
        "SELEC 1",
        "SAVEPOINT a",
        "SELECT 1 / (id - 2) FROM t",
        "SET nonsense = 1",
    ] {
        run(&session, &["BEGIN", "DELETE FROM t WHERE id = 1"]);
        failure(&session, wrong);
        check_failures(
            &session,
            &[
                ("SELECT 1", ABORTED),
                ("INSERT INTO t VALUES (8, 8)", ABORTED),
                ("BEGIN", ABORTED),
                ("SHOW TABLES", ABORTED),
            ],
        );
        let error = session.append("t", &mut std::iter::empty()).unwrap_err();
        assert_eq!(error.message, ABORTED);
        assert!(session.is_in_transaction());
        run(&session, &["ROLLBACK"]);
        check(&session, &[("SELECT count(*) FROM t", "3")]);
    }
    run(&session, &["BEGIN", "DELETE FROM t"]);
    failure(&session, "SELECT nothing");
    check_failures(&session, &[("COMMIT", "was aborted by an error: it is rolled back")]);
    assert!(!session.is_in_transaction());
    check(&session, &[("SELECT count(*) FROM t", "3")]);
}

#[test]
fn beginning_twice_and_ending_nothing_are_errors() {
    let session = session(TABLES);
    check_failures(
        &session,
        &[
            ("COMMIT", "no transaction is open"),
            ("END", "no transaction is open"),
            ("ROLLBACK", "no transaction is open"),
        ],
    );
    run(&session, &["BEGIN", "DELETE FROM t WHERE id = 1"]);
    check_failures(&session, &[("BEGIN", "a transaction is open already")]);
    // That has done no harm.
    check(&session, &[("SELECT count(*) FROM t", "2")]);
    run(&session, &["COMMIT"]);
    check(&session, &[("SELECT count(*) FROM t", "2")]);
    check_failures(
        &session,
        &[
            ("SAVEPOINT a", "SAVEPOINT is not supported"),
            ("ROLLBACK TO SAVEPOINT a", "ROLLBACK TO SAVEPOINT is not supported"),
            ("RELEASE SAVEPOINT a", "RELEASE SAVEPOINT is not supported"),
            ("COMMIT AND CHAIN", "COMMIT AND CHAIN is not supported"),
        ],
    );
}

#[test]
fn a_transaction_to_read_takes_no_changes() {
    let session = session(TABLES);
    for sql in [
        "INSERT INTO t VALUES (4, 4)",
        "UPDATE t SET a = 1",
        "DELETE FROM t WHERE false",
        "TRUNCATE t",
        "CREATE TABLE u (a INTEGER)",
        "DROP TABLE t",
        "MERGE INTO t USING t s ON true WHEN MATCHED THEN DELETE",
    ] {
        run(&session, &["BEGIN READ ONLY", "SELECT * FROM t"]);
        check_failures(&session, &[(sql, "the transaction is READ ONLY")]);
        check_failures(&session, &[("SELECT 1", ABORTED)]);
        run(&session, &["ROLLBACK"]);
    }
    run(&session, &["BEGIN READ ONLY", "COMMIT", "DELETE FROM t"]);
}

#[test]
fn a_warehouse_that_is_open_for_reading_has_transactions_too() {
    let folder = tempfile::tempdir().unwrap();
    let open = |read_only| {
        let path = Some(folder.path().join("w"));
        Warehouse::open(OpenOptions { path, read_only, ..OpenOptions::default() }).unwrap()
    };
    let writer = open(false).session();
    run(&writer, TABLES);
    let reader = open(true).session();
    run(&reader, &["BEGIN"]);
    run(&writer, &["DELETE FROM t WHERE id = 1"]);
    check(&reader, &[("SELECT count(*) FROM t", "3")]);
    let error = failure(&reader, "DELETE FROM t");
    assert!(error.message.contains("opened for reading only"), "{}", error.message);
    run(&reader, &["ROLLBACK"]);
    check(&reader, &[("SELECT count(*) FROM t", "2")]);
}

#[test]
fn the_end_of_a_session_undoes_its_transaction() {
    let warehouse = warehouse();
    let session = warehouse.session();
    run(&session, TABLES);
    run(&session, &["BEGIN", "DELETE FROM t", "CREATE TABLE u (a INTEGER)"]);
    drop(session);
    let session = warehouse.session();
    check(&session, &[("SELECT count(*) FROM t", "3")]);
    run(&session, &["CREATE TABLE u (a INTEGER)"]);
}

#[test]
fn rows_that_fail_while_they_are_read_abort_their_transaction() {
    let session = session(TABLES);
    run(&session, &["BEGIN"]);
    let Outcome::Rows(mut rows) = session.execute("SELECT 1 / (id - 2) FROM t").unwrap() else {
        panic!("rows");
    };
    assert!(rows.any(|batch| batch.is_err()));
    check_failures(&session, &[("SELECT 1", ABORTED)]);
    run(&session, &["ROLLBACK", "BEGIN"]);
    // Those of an earlier transaction do not concern this one.
    drop(rows);
    check(&session, &[("SELECT count(*) FROM t", "3")]);
    run(&session, &["COMMIT"]);
}

#[test]
fn rows_keep_the_state_that_they_were_asked_of() {
    let session = session(TABLES);
    run(&session, &["BEGIN"]);
    let Outcome::Rows(rows) = session.execute("SELECT id FROM t").unwrap() else { panic!("rows") };
    run(&session, &["DELETE FROM t", "COMMIT"]);
    let count: usize = rows.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(count, 3);
}

#[test]
fn appended_batches_belong_to_the_transaction() {
    let session = session(TABLES);
    let batches = execute(&session, "SELECT 9 AS id, 90 AS a").unwrap();
    run(&session, &["BEGIN"]);
    let rows = session.append("t", &mut batches.clone().into_iter().map(Ok)).unwrap();
    assert_eq!(rows, 1);
    check(&session, &[("SELECT a FROM t WHERE id = 9", "90")]);
    run(&session, &["ROLLBACK"]);
    check(&session, &[("SELECT count(*) FROM t", "3")]);
}

#[test]
fn constraints_hold_at_the_end_and_not_in_between() {
    let session = session(TABLES);
    run(
        &session,
        &[
            "CREATE TABLE child (id INTEGER, p INTEGER REFERENCES t)",
            "INSERT INTO child VALUES (1, 1)",
            "BEGIN",
            "DELETE FROM t WHERE id = 1",
            "DELETE FROM child",
            "COMMIT",
            "BEGIN",
            "INSERT INTO t VALUES (2, 0)",
            "DELETE FROM t WHERE id = 2 AND a = 20",
            "COMMIT",
        ],
    );
    check(&session, &[("SELECT * FROM t ORDER BY id", "2|0; 3|30")]);
    run(&session, &["BEGIN", "INSERT INTO child VALUES (2, 7)"]);
    let error = failure(&session, "COMMIT");
    assert!(error.message.contains("(p) = (7)"), "{}", error.message);
    assert!(!session.is_in_transaction());
    check(&session, &[("SELECT count(*) FROM child", "0")]);
}

#[test]
fn commits_may_be_durable_soon_after() {
    let session = session(TABLES);
    run(&session, &["SET starfact.durability = 'async'", "INSERT INTO t VALUES (4, 40)"]);
    run(&session, &["BEGIN", "DELETE FROM t WHERE id = 1", "COMMIT"]);
    check(&session, &[("SHOW durability", "async"), ("SELECT count(*) FROM t", "3")]);
    check_failures(&session, &[("SET durability = later", "expected sync or async")]);
}

#[test]
fn a_statement_waits_for_its_turn_and_can_be_cancelled_meanwhile() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, TABLES);
    // Whoever has changed the catalog keeps the turn until the end.
    run(&one, &["BEGIN", "CREATE TABLE u (a INTEGER)"]);
    let cancel = other.cancel_handle();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| failure(&other, "DELETE FROM t"));
        while !waiting.is_finished() {
            cancel.cancel();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(waiting.join().unwrap().kind, ErrorKind::Interrupted);
    });
    run(&one, &["COMMIT"]);
    run(&other, &["DELETE FROM t WHERE id = 1", "INSERT INTO u VALUES (1)"]);
    check(&one, &[("SELECT count(*) FROM t, u", "2")]);
}

#[test]
fn tables_are_altered_within_a_transaction() {
    let session = session(TABLES);
    run(
        &session,
        &[
            "BEGIN",
            "UPDATE t SET a = 15 WHERE id = 1",
            "ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 7",
            "UPDATE t SET b = 8 WHERE id = 2",
            "INSERT INTO t VALUES (4, 40, 9)",
            "DELETE FROM t WHERE b = 7 AND id = 3",
        ],
    );
    let rows = "1|15|7; 2|20|8; 4|40|9";
    check(&session, &[("SELECT * FROM t ORDER BY id", rows)]);
    run(&session, &["COMMIT", "CHECK TABLE t"]);
    check(&session, &[("SELECT * FROM t ORDER BY id", rows)]);
    run(
        &session,
        &["BEGIN", "ALTER TABLE t RENAME COLUMN b TO c", "INSERT INTO t VALUES (5, 5, 5)"],
    );
    check(&session, &[("SELECT sum(c) FROM t", "29")]);
    run(&session, &["ROLLBACK"]);
    check(&session, &[("SELECT * FROM t ORDER BY id", rows), ("SELECT sum(b) FROM t", "24")]);
}
