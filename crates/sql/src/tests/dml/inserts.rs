//! INSERT of few rows and of many, which take different ways into the table.

use super::super::{check, check_failures, failure, run, session};
use super::count;

#[test]
fn few_rows_and_many_rows_are_inserted_alike() {
    let session = session(&[
        "CREATE TABLE n (id BIGINT PRIMARY KEY, s VARCHAR DEFAULT 'd', CHECK (id < 1000000))",
    ]);
    let insert = |from: u32, to: u32| {
        let sql = format!("INSERT INTO n (id) SELECT value FROM range({from}, {to})");
        count(&session, &sql)
    };
    assert_eq!(insert(0, 1), "INSERT 1");
    assert_eq!(insert(1, 65_537), "INSERT 65536");
    assert_eq!(insert(65_537, 131_074), "INSERT 65537");
    assert_eq!(insert(131_074, 331_074), "INSERT 200000");
    assert_eq!(insert(0, 0), "INSERT 0");
    check(
        &session,
        &[
            ("SELECT count(*), min(id), max(id), min(s) FROM n", "331074|0|331073|d"),
            ("SELECT count(DISTINCT id) FROM n", "331074"),
        ],
    );
    run(&session, &["CHECK TABLE n"]);
    check_failures(
        &session,
        &[
            ("INSERT INTO n SELECT value, 'x' FROM range(331073, 331080)", "key (id) = (331073)"),
            ("INSERT INTO n SELECT value, 'x' FROM range(331073, 531080)", "key (id) = (331073)"),
            (
                "INSERT INTO n SELECT value, 'x' FROM range(800000, 1000001)",
                "fails in row 200001: id = 1000000",
            ),
        ],
    );
    check(&session, &[("SELECT count(*) FROM n", "331074")]);
}

#[test]
fn the_offending_row_is_named_by_its_number() {
    let session = session(&[
        "CREATE TABLE n (id BIGINT PRIMARY KEY, a INTEGER NOT NULL, CHECK (a < 10))",
        "INSERT INTO n VALUES (1, 1)",
    ]);
    check_failures(
        &session,
        &[
            ("INSERT INTO n VALUES (2, 2), (3, 10)", "CHECK (a < 10) fails in row 2: a = 10"),
            ("INSERT INTO n VALUES (2, 2), (3, NULL)", "\"a\" is NULL in row 2"),
            ("INSERT INTO n VALUES (2, 2), (3, 3), (1, 4)", "of row 3 is in the table already"),
            ("INSERT INTO n VALUES (2, 2), (3, 3), (2, 4)", "in row 1 and again in row 3"),
        ],
    );
    let error = failure(&session, "INSERT INTO n VALUES (2, 2),\n (1, 4)");
    assert_eq!(error.position.map(|place| (place.line, place.column)), Some((2, 2)));
}

#[test]
fn with_and_an_alias_may_stand_in_an_insert() {
    let session = session(&["CREATE TABLE n (id INTEGER, s VARCHAR)"]);
    run(
        &session,
        &[
            "WITH x AS (SELECT 1 AS a) INSERT INTO n SELECT a, 'x' FROM x",
            "INSERT INTO n WITH x AS (SELECT 2 AS a) SELECT a, 'y' FROM x",
            "WITH x AS (SELECT 3 AS a) INSERT INTO n WITH y AS (SELECT a FROM x)
                SELECT a, 'z' FROM y",
            "INSERT INTO n AS m VALUES (4, 'w')",
            "INSERT INTO n FROM (SELECT * FROM n WHERE id = 4) AS o",
        ],
    );
    check(&session, &[("SELECT id, s FROM n ORDER BY 1", "1|x; 2|y; 3|z; 4|w; 4|w")]);
}
