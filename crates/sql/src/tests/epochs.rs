//! Older epochs, merges on request, and the views that show them.

use super::{answer, check, check_failures, run, session};

const TABLES: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER) SORTED BY (a)",
    "INSERT INTO t VALUES (1, 30), (2, 20), (3, 10)",
    "UPDATE t SET a = 5 WHERE id = 1",
    "DELETE FROM t WHERE id = 2",
];

#[test]
fn tables_are_read_as_they_were() {
    let session = session(TABLES);
    check(
        &session,
        &[
            ("SELECT count(*) FROM t AS OF EPOCH 1", "0"),
            ("SELECT * FROM t AS OF EPOCH 2 ORDER BY id", "1|30; 2|20; 3|10"),
            ("SELECT t.a FROM t as of epoch 3 WHERE t.id = 1", "5"),
            ("SELECT * FROM main.t AS OF EPOCH 4 ORDER BY id", "1|5; 3|10"),
            (
                "SELECT old.id, old.a - new.a FROM t AS OF EPOCH 2 AS old JOIN t new \
                 ON new.id = old.id ORDER BY 1",
                "1|25; 3|0",
            ),
            (
                "SELECT o.id FROM t AS OF EPOCH 2 o LEFT JOIN t ON t.id = o.id WHERE t.id IS NULL",
                "2",
            ),
            ("SELECT count(*) FROM t WHERE a = (SELECT max(a) FROM t AS OF EPOCH 2) - 25", "1"),
            ("SELECT max(last_epoch) FROM sys.snapshots", "4"),
        ],
    );
    check_failures(
        &session,
        &[
            ("SELECT * FROM t AS OF EPOCH 5", "there is no epoch 5"),
            ("SELECT * FROM u AS OF EPOCH 2", "u"),
        ],
    );
    run(&session, &["INSERT INTO t SELECT id, a FROM t AS OF EPOCH 2 WHERE id = 2"]);
    check(&session, &[("SELECT * FROM t ORDER BY id", "1|5; 2|20; 3|10")]);
    run(&session, &["VACUUM", "OPTIMIZE TABLE t", "VACUUM"]);
    check_failures(&session, &[("SELECT * FROM t AS OF EPOCH 2", "there is no epoch 2")]);
}

#[test]
fn what_is_in_memory_becomes_files_when_asked() {
    let session = session(TABLES);
    check(
        &session,
        &[
            ("SELECT table_name, rows, deleted FROM sys.delta", "t|4|2"),
            ("SELECT count(*) FROM sys.merges WHERE reason = 'statement'", "0"),
            ("SELECT count(*) FROM sys.transactions", "0"),
        ],
    );
    run(&session, &["OPTIMIZE TABLE t"]);
    check(
        &session,
        &[
            ("SELECT table_name, rows, deleted FROM sys.delta", "t|0|0"),
            (
                "SELECT table_name, rows_before, rows_after, status FROM sys.merges \
                 WHERE reason = 'statement'",
                "t|4|2|done",
            ),
            ("SELECT rows, deleted FROM sys.segments", "2|0"),
            ("SELECT id FROM t", "1; 3"),
        ],
    );
    run(&session, &["CHECK TABLE t", "BEGIN", "INSERT INTO t VALUES (9, 9)"]);
    assert_eq!(answer(&session, "SELECT epoch, blocks_writers FROM sys.transactions"), "4|false");
    check_failures(&session, &[("OPTIMIZE t", "cannot be part of a transaction")]);
    run(&session, &["ROLLBACK"]);
    check_failures(
        &session,
        &[("OPTIMIZE u", "u"), ("SET starfact.retain_epochs = 'x'", "no count")],
    );
}

#[test]
fn epochs_before_a_table_was_altered_are_read() {
    let session = session(&[
        "CREATE TABLE a (i INTEGER, s SMALLINT)",
        "INSERT INTO a VALUES (1, 1)",
        "CREATE TABLE b (i INTEGER)",
        "INSERT INTO b VALUES (2)",
        "ALTER TABLE a ALTER s TYPE INTEGER",
        "INSERT INTO a VALUES (2, 70000)",
        "ALTER TABLE b ADD COLUMN c INTEGER DEFAULT 5",
        "INSERT INTO b VALUES (3, 3)",
        "INSERT INTO a VALUES (3, 3)",
    ]);
    let counts = |table: &str| -> Vec<String> {
        let sql = |epoch| format!("SELECT count(*) FROM {table} AS OF EPOCH {epoch}");
        (4..=9).map(|epoch| answer(&session, &sql(epoch))).collect()
    };
    assert_eq!(counts("a"), ["1", "1", "2", "2", "2", "3"]);
    assert_eq!(counts("b"), ["1", "1", "1", "1", "2", "2"]);
    check(
        &session,
        &[
            ("SELECT * FROM a AS OF EPOCH 4", "1|1"),
            ("SELECT * FROM a AS OF EPOCH 6", "1|1; 2|70000"),
            ("SELECT * FROM b AS OF EPOCH 6", "2"),
            ("SELECT * FROM b AS OF EPOCH 7", "2|5"),
        ],
    );
}
