//! PREPARE, EXECUTE and DEALLOCATE, and the same for programs.

use super::dml::count;
use super::{answer, check, check_failures, failure, lines, run, session, warehouse};
use crate::{Outcome, Result, ScalarValue, Session};

const TABLES: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a DECIMAL(9, 2), b VARCHAR, d DATE)",
    "INSERT INTO t VALUES (1, 1.50, 'x', '2024-01-01'), (2, 2.50, 'it''s', '2024-02-01'),
        (3, NULL, NULL, NULL)",
];

#[test]
fn parameters_stand_for_values() {
    let session = session(TABLES);
    run(
        &session,
        &[
            "PREPARE one AS SELECT id FROM t WHERE id = $1",
            "PREPARE two (INTEGER, VARCHAR) AS SELECT id FROM t WHERE id >= $1 AND b <> $2 ORDER BY 1",
            "PREPARE marks AS SELECT id FROM t WHERE a > ? AND d < ? ORDER BY id LIMIT ?",
            "PREPARE twice AS SELECT $2 || $1 || $2",
            "PREPARE none AS VALUES (1)",
            "PREPARE \"Quoted\" AS SELECT $1 + 1",
            "PREPARE pattern AS SELECT id FROM t WHERE b LIKE $1 OR b SIMILAR TO $1",
            "PREPARE unit AS SELECT date_trunc($1, d) FROM t WHERE id = 2",
            "PREPARE typed (SMALLINT, DATE, DOUBLE, TIMESTAMP) AS
                SELECT typeof($1), typeof($2), typeof($3), typeof($4)",
            "PREPARE cte AS WITH x AS (SELECT $1 AS a) SELECT a, -a, a ^ 2 FROM x",
        ],
    );
    check(
        &session,
        &[
            ("EXECUTE one(2)", "2"),
            ("EXECUTE one(1 + 2)", "3"),
            ("EXECUTE ONE('1')", "1"),
            ("EXECUTE one(NULL)", ""),
            ("EXECUTE two(1, 'x')", "2"),
            ("EXECUTE two(1.4, 'it''s')", "1"),
            ("EXECUTE marks(0.5, '2024-01-15', 5)", "1"),
            ("EXECUTE marks(0.5, DATE '2024-03-01', 1)", "1"),
            ("EXECUTE marks(-0.5, DATE '2024-01-31' + INTERVAL '1 month', 2 - 1)", "1"),
            ("EXECUTE twice('a', 'b')", "bab"),
            ("EXECUTE twice('''; DROP TABLE t; --', '$1')", "$1'; DROP TABLE t; --$1"),
            ("EXECUTE none", "1"),
            ("EXECUTE none()", "1"),
            ("EXECUTE \"Quoted\"(-9)", "-8"),
            ("EXECUTE \"Quoted\"(length('abc'))", "4"),
            ("EXECUTE pattern('it%')", "2"),
            ("EXECUTE unit('month')", "2024-02-01T00:00:00"),
            ("EXECUTE typed(1, '2024-01-01', 1, '2024-01-01')", "SMALLINT|DATE|DOUBLE|TIMESTAMP"),
            ("EXECUTE typed(NULL, NULL, NULL, NULL)", "SMALLINT|DATE|DOUBLE|TIMESTAMP"),
            ("EXECUTE cte(-3)", "-3|3|9.0"),
        ],
    );
}

#[test]
fn rows_are_changed_by_prepared_statements() {
    let session = session(TABLES);
    run(
        &session,
        &[
            "PREPARE new AS INSERT INTO t (id, a, b, d) VALUES ($1, $2, $3, $4)",
            "PREPARE upsert AS INSERT INTO t AS o (id, a) VALUES (?, ?) ON CONFLICT (id)
                DO UPDATE SET a = excluded.a + ?",
            "PREPARE change AS UPDATE t SET b = $2 WHERE id = $1",
            "PREPARE gone AS WITH x AS (SELECT $1 AS id) DELETE FROM t USING x WHERE t.id = x.id RETURNING b",
            "PREPARE merged AS MERGE INTO t USING (VALUES ($1, $2)) s (id, b) ON t.id = s.id
                WHEN MATCHED THEN UPDATE SET b = s.b WHEN NOT MATCHED THEN INSERT (id, b) VALUES (s.id, s.b)",
        ],
    );
    assert_eq!(count(&session, "EXECUTE new(4, -1.25, 'new', '2024-03-01')"), "INSERT 1");
    assert_eq!(count(&session, "EXECUTE new(5, NULL, NULL, NULL)"), "INSERT 1");
    assert_eq!(count(&session, "EXECUTE upsert(5, 1.00, 0.25)"), "INSERT 1");
    assert_eq!(count(&session, "EXECUTE change(1, 'changed')"), "UPDATE 1");
    check(&session, &[("EXECUTE gone(2)", "it's")]);
    assert_eq!(count(&session, "EXECUTE merged(3, 'three')"), "MERGE 1");
    assert_eq!(count(&session, "EXECUTE merged(6, 'six')"), "MERGE 1");
    check(
        &session,
        &[(
            "SELECT id, a, b FROM t ORDER BY id",
            "1|1.50|changed; 3|NULL|three; 4|-1.25|new; 5|1.25|NULL; 6|NULL|six",
        )],
    );
}

#[test]
fn errors_tell_what_is_wrong() {
    let session = session(TABLES);
    run(
        &session,
        &[
            "PREPARE p (INTEGER) AS SELECT id FROM t WHERE id = $1",
            "PREPARE q AS SELECT $1, $3",
            "PREPARE broken AS SELECT nothing FROM t",
        ],
    );
    check_failures(
        &session,
        &[
            ("PREPARE p AS SELECT 1", "there is a prepared statement \"p\" already"),
            ("EXECUTE other(1)", "there is no prepared statement \"other\""),
            ("DEALLOCATE other", "there is no prepared statement \"other\""),
            ("EXECUTE p", "the statement has 1 parameter and is given 0 values"),
            ("EXECUTE p(1, 2)", "the statement has 1 parameter and is given 2 values"),
            ("EXECUTE q(1, 2)", "the statement has 3 parameters and is given 2 values"),
            ("EXECUTE p('x')", "parameter $1: "),
            ("EXECUTE p(99999999999)", "parameter $1: "),
            ("EXECUTE p(id)", "parameter $1: there is no column \"id\""),
            ("EXECUTE p((SELECT 1))", "parameter $1: EXECUTE cannot contain queries"),
            ("EXECUTE p(sum(1))", "parameter $1: EXECUTE cannot contain aggregate"),
            ("EXECUTE broken", "there is no column \"nothing\""),
            ("PREPARE r (NONSENSE) AS SELECT $1", "there is no type"),
            ("PREPARE r AS DROP TABLE t", "this statement cannot be prepared"),
            ("PREPARE r AS SELECT $x", "$x is no parameter"),
            ("SELECT $1", "parameter $1"),
        ],
    );
    let error = failure(&session, "EXECUTE brokn(1)");
    assert_eq!(error.hint.as_deref(), Some("did you mean \"broken\"?"));
    let error = failure(&session, "PREPARE s AS SELECT 1 +");
    assert!(error.position.is_some(), "{error:?}");
}

#[test]
fn statements_are_of_a_session_until_they_are_deallocated() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, &["PREPARE p AS SELECT 1", "PREPARE q AS SELECT 2", "PREPARE r AS SELECT 3"]);
    check_failures(&other, &[("EXECUTE p", "there is no prepared statement")]);
    run(&one, &["DEALLOCATE p", "PREPARE p AS SELECT 4", "DEALLOCATE PREPARE q"]);
    check(&one, &[("EXECUTE p", "4"), ("EXECUTE r", "3")]);
    check_failures(&one, &[("EXECUTE q", "there is no prepared statement")]);
    run(&one, &["DEALLOCATE ALL"]);
    check_failures(&one, &[("EXECUTE r", "there is no prepared statement")]);
}

#[test]
fn each_execution_sees_the_tables_of_its_moment() {
    let session = session(TABLES);
    run(&session, &["PREPARE p AS SELECT * FROM t WHERE id = $1", "DELETE FROM t WHERE id = 3"]);
    check(&session, &[("EXECUTE p(1)", "1|1.50|x|2024-01-01"), ("EXECUTE p(3)", "")]);
    run(&session, &["ALTER TABLE t DROP COLUMN d", "ALTER TABLE t ADD COLUMN e INTEGER DEFAULT 7"]);
    check(&session, &[("EXECUTE p(1)", "1|1.50|x|7")]);
    run(&session, &["DROP TABLE t"]);
    check_failures(&session, &[("EXECUTE p(1)", "there is no table \"t\"")]);
    run(&session, &["CREATE TABLE t AS SELECT 'one' AS id", "BEGIN", "INSERT INTO t VALUES ('1')"]);
    check(&session, &[("EXECUTE p('one')", "one"), ("EXECUTE p('1')", "1")]);
    check_failures(&session, &[("EXECUTE p", "is given 0 values")]);
    check_failures(&session, &[("EXECUTE p('1')", "the transaction is aborted")]);
    run(&session, &["ROLLBACK"]);
    check(&session, &[("EXECUTE p('1')", "")]);
}

#[test]
fn the_plan_of_equal_values_is_found_again() {
    let session = session(TABLES);
    run(&session, &["PREPARE p AS SELECT id FROM t WHERE id = $1"]);
    check(&session, &[("EXECUTE p(1)", "1"), ("EXECUTE p(2)", "2")]);
    assert_eq!(session.plans.counts().1, 0);
    check(&session, &[("EXECUTE p(1)", "1"), ("SELECT id FROM t WHERE id = 2", "2")]);
    assert_eq!(session.plans.counts().1, 2);
}

fn executed(session: &Session, sql: &str, values: &[ScalarValue]) -> Result<String> {
    let prepared = session.prepare(sql)?;
    assert_eq!(prepared.sql(), sql);
    match session.execute_prepared(&prepared, values)? {
        Outcome::Rows(rows) => {
            let batches = rows.collect::<Result<Vec<_>>>()?;
            Ok(batches.iter().flat_map(lines).collect::<Vec<_>>().join("; "))
        }
        Outcome::Count { verb, rows } => Ok(format!("{verb} {rows}")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn programs_execute_with_values_of_their_own() {
    let session = session(TABLES);
    let found = executed(&session, "SELECT id FROM t WHERE b = ?", &["it's".into()]);
    assert_eq!(found.unwrap(), "2");
    let date = ScalarValue::Date32(Some(19_783));
    let insert = "INSERT INTO t VALUES ($1, $2, $3, $4)";
    let decimal = ScalarValue::Decimal128(Some(-325), 9, 2);
    let values = [4_i32.into(), decimal, ScalarValue::Utf8(None), date.clone()];
    assert_eq!(executed(&session, insert, &values).unwrap(), "INSERT 1");
    assert_eq!(answer(&session, "SELECT * FROM t WHERE id = 4"), "4|-3.25|NULL|2024-03-01");
    let found = executed(&session, "SELECT id FROM t WHERE d = $1 AND $2", &[date, true.into()]);
    assert_eq!(found.unwrap(), "4");
    let values = [
        i64::MIN.into(),
        u64::MAX.into(),
        0.1_f64.into(),
        f64::INFINITY.into(),
        ScalarValue::TimestampMicrosecond(Some(1_700_000_000_123_456), None),
        ScalarValue::TimestampMicrosecond(Some(0), Some("UTC".into())),
        ScalarValue::Time64Microsecond(Some(1_500_000)),
    ];
    let found = executed(&session, "SELECT $1, $2, $3, $4, $5, $6, $7", &values).unwrap();
    assert_eq!(
        found,
        "-9223372036854775808|18446744073709551615|0.1|inf|2023-11-14T22:13:20.123456|\
         1970-01-01T00:00:00Z|00:00:01.500"
    );
    let error = executed(&session, "SELECT ?", &[]).unwrap_err();
    assert!(error.message.contains("has 1 parameter and is given 0 values"), "{error}");
    let error = executed(&session, "SELECT $1 + nothing", &[1_i64.into()]).unwrap_err();
    assert_eq!(error.position.map(|place| place.column), Some(13));
    assert!(session.prepare("DROP TABLE t").is_err());
}
