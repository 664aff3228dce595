//! Keys, references and checks that are declared in SQL.

use super::{check, check_failures, failure, run, session};

#[test]
fn keys_and_references_are_enforced_at_every_insert() {
    let session = session(&[
        "CREATE TABLE part (no INTEGER, rev SMALLINT, name VARCHAR UNIQUE, PRIMARY KEY (no, rev))",
        "CREATE TABLE line (id BIGINT PRIMARY KEY, no INTEGER, rev SMALLINT,
            FOREIGN KEY (no, rev) REFERENCES part)",
        "INSERT INTO part VALUES (1, 1, 'bolt'), (1, 2, 'nut'), (2, 1, NULL), (3, 1, NULL)",
        "INSERT INTO line VALUES (1, 1, 2), (2, NULL, 9), (3, 2, 1)",
    ]);
    check_failures(
        &session,
        &[
            ("INSERT INTO part VALUES (1, 2, 'x')", "key (no, rev) = (1, 2)"),
            ("INSERT INTO part VALUES (1, 3, 'bolt')", "key (name) = ('bolt')"),
            ("INSERT INTO part VALUES (1, NULL, 'x')", "\"rev\" is NULL"),
            ("INSERT INTO line VALUES (4, 1, 1), (5, 1, 9)", "(no, rev) = (1, 9) of row 2"),
            ("INSERT INTO line VALUES (1, 1, 1)", "key (id) = (1)"),
        ],
    );
    check(
        &session,
        &[
            ("SELECT count(*) FROM line", "3"),
            ("SELECT id, name FROM line JOIN part USING (no, rev) ORDER BY 1", "1|nut; 3|NULL"),
        ],
    );
}

#[test]
fn a_table_may_reference_itself() {
    let session = session(&[
        "CREATE TABLE staff (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES staff (id))",
        "INSERT INTO staff VALUES (1, 2), (2, NULL)",
        "INSERT INTO staff VALUES (3, 1)",
    ]);
    check_failures(&session, &[("INSERT INTO staff VALUES (4, 5)", "(boss) = (5)")]);
    check(&session, &[("SELECT count(*) FROM staff", "3")]);
}

#[test]
fn checks_are_evaluated_on_every_row() {
    let session = session(&[
        "CREATE TABLE c (a INTEGER CHECK (a > 0), b INTEGER, CONSTRAINT ordered CHECK (a < b OR b IS NULL))",
        "INSERT INTO c VALUES (1, 2), (NULL, 5), (3, NULL)",
    ]);
    let error = failure(&session, "INSERT INTO c VALUES (1, 2), (0, 2)");
    assert_eq!(error.message, "table \"c\": CHECK (a > 0) fails in row 2: a = 0");
    let error = failure(&session, "INSERT INTO c (b, a) SELECT 1, value + 1 FROM range(3)");
    assert_eq!(
        error.message,
        "table \"c\": CHECK \"ordered\" (a < b OR b IS NULL) fails in row 1: a = 1, b = 1"
    );
    check_failures(&session, &[("INSERT INTO c VALUES (2147483647, 1 / 0)", "division by zero")]);
    check(&session, &[("SELECT count(*) FROM c", "3")]);
}

#[test]
fn a_declaration_that_makes_no_sense_is_refused() {
    let session = session(&["CREATE TABLE p (id INTEGER PRIMARY KEY, name VARCHAR)"]);
    check_failures(
        &session,
        &[
            ("CREATE TABLE x (a INTEGER, A INTEGER)", "occurs twice"),
            ("CREATE TABLE x (a BLOB)", "columns cannot have the type BLOB"),
            ("CREATE TABLE x (a DECIMAL(39,1))", "out of bounds"),
            ("CREATE TABLE x (a TIMESTAMP(9))", "microseconds"),
            ("CREATE TABLE x (a INTEGER DEFAULT 'x')", "DEFAULT of column \"a\": cannot cast 'x'"),
            ("CREATE TABLE x (a SMALLINT DEFAULT 40000)", "SMALLINT out of range"),
            ("CREATE TABLE x (a INTEGER DEFAULT b)", "there is no column \"b\""),
            ("CREATE TABLE x (a INTEGER DEFAULT (SELECT 1))", "cannot contain queries"),
            ("CREATE TABLE x (a INTEGER CHECK (a + 1))", "must be BOOLEAN"),
            ("CREATE TABLE x (a INTEGER CHECK (b > 1))", "there is no column \"b\""),
            ("CREATE TABLE x (a INTEGER CHECK (sum(a) > 1))", "aggregate"),
            ("CREATE TABLE x (a INTEGER PRIMARY KEY, b INTEGER PRIMARY KEY)", "two primary keys"),
            ("CREATE TABLE x (a INTEGER, PRIMARY KEY (b))", "no column \"b\""),
            ("CREATE TABLE x (a INTEGER) SORTED BY (b)", "no column \"b\""),
            ("CREATE TABLE x (a INTEGER REFERENCES nope)", "there is no table \"nope\""),
            ("CREATE TABLE x (a INTEGER REFERENCES p (name))", "no PRIMARY KEY or UNIQUE key"),
            ("CREATE TABLE x (a VARCHAR REFERENCES p)", "is VARCHAR, and column \"id\""),
            (
                "CREATE TABLE x (a INTEGER REFERENCES p ON DELETE CASCADE)",
                "CASCADE is not supported",
            ),
            ("CREATE TABLE x (a INTEGER UNIQUE DEFERRABLE)", "DEFERRABLE"),
            ("CREATE TABLE x ()", "at least one column"),
        ],
    );
    check(
        &session,
        &[("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'", "p")],
    );
}

#[test]
fn names_fold_and_quotes_keep_them() {
    let session = session(&[
        "CREATE TABLE Mixed (\"colA\" INTEGER, ColB INTEGER, \"select\" VARCHAR, PRIMARY KEY (cola))",
        "INSERT INTO MIXED (COLA, colb, \"select\") VALUES (1, 2, 'x')",
    ]);
    check(
        &session,
        &[
            (
                "SELECT colA, m.COLB, mixed.cola + m.\"colA\" FROM mixed JOIN Mixed m USING (COLA)",
                "1|2|2",
            ),
            (
                "SELECT max(cola) AS colmax, \"select\" FROM mixed GROUP BY \"select\" HAVING max(COLA) > 0 ORDER BY COLMAX",
                "1|x",
            ),
            ("SELECT s.cola FROM (SELECT cola FROM mixed) s WHERE s.colA = 1", "1"),
            ("WITH w AS (SELECT colA AS n FROM mixed) SELECT N FROM W", "1"),
        ],
    );
    check_failures(&session, &[("SELECT \"COLA\" FROM mixed", "there is no column \"COLA\"")]);
    run(&session, &["DROP TABLE \"MIXED\""]);
}
