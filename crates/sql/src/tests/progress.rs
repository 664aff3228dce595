//! What a session tells of how far its statement is.

use super::{execute, run, session};
use starfact_base::limits::BLOCK_ROWS;

#[test]
fn rows_bytes_and_skipped_blocks_are_counted() {
    let session = session(&[
        "CREATE TABLE t (a BIGINT, b BIGINT) SORTED BY (a)",
        "INSERT INTO t SELECT value, value * 7 FROM generate_series(1, 140000)",
    ]);
    assert_eq!(session.progress().report().rows_written, 140_000);
    execute(&session, "SELECT sum(b) FROM t WHERE a > 139000").unwrap();
    let report = session.progress().report();
    assert_eq!((report.blocks_read, report.blocks_skipped), (1, 2));
    assert_eq!(report.rows_read, 140_000 - 2 * BLOCK_ROWS as u64);
    assert!(report.bytes_read > 0 && report.rows_written == 0, "{report:?}");
    execute(&session, "SELECT sum(b + 1) FROM t").unwrap();
    let whole = session.progress().report();
    assert_eq!((whole.rows_read, whole.blocks_skipped), (140_000, 0));
    assert!(whole.bytes_read > 0);
    // Zone maps answer this one.
    execute(&session, "SELECT sum(b) FROM t").unwrap();
    let covered = session.progress().report();
    assert_eq!((covered.rows_read, covered.blocks_skipped), (0, 3));
    execute(&session, "SELECT 1").unwrap();
    assert_eq!(session.progress().report(), Default::default());
}

#[test]
fn files_are_counted_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv").display().to_string();
    let session = session(&["CREATE TABLE t (a BIGINT)", "INSERT INTO t VALUES (1), (2), (3)"]);
    run(&session, &[&format!("COPY t TO '{path}'")]);
    let report = session.progress().report();
    assert_eq!((report.rows_read, report.rows_written), (3, 3));
    run(&session, &[&format!("COPY t FROM '{path}'")]);
    let report = session.progress().report();
    assert_eq!((report.rows_written, report.bytes_read), (3, "a\n1\n2\n3\n".len() as u64));
}
