//! RETURNING: what statements tell of the rows that they change.

use super::super::{answer, check, check_failures, failure, session};
use super::TABLES;
use crate::Outcome;

#[test]
fn the_changed_rows_are_given_back() {
    for (sql, rows) in [
        ("DELETE FROM t WHERE id < 3 RETURNING id, name", "1|one; 2|two"),
        ("DELETE FROM t WHERE id = 1 RETURNING *", "1|one|10|2020-01-01"),
        (
            "DELETE FROM t AS x WHERE id = 1 RETURNING x.*, x.a + 1 AS more",
            "1|one|10|2020-01-01|11",
        ),
        ("DELETE FROM t WHERE id = 9 RETURNING id", ""),
        ("DELETE FROM t RETURNING id", "1; 2; 3; 4; 5"),
        ("UPDATE t SET a = 0 WHERE id = 1 RETURNING t.a, id", "0|1"),
        ("UPDATE t SET a = a + 1 WHERE id < 4 RETURNING id, a", "1|11; 2|21; 3|NULL"),
        ("UPDATE t SET a = '7' WHERE id = 2 RETURNING * EXCLUDE (name, d)", "2|7"),
        (
            "UPDATE t SET a = b FROM u WHERE u.id = t.id AND b = 100 RETURNING t.id, u.id, a, b + 1",
            "1|1|100|101",
        ),
        ("UPDATE t SET a = b FROM u x WHERE x.id = t.id AND b = 100 RETURNING x.b AS \"B\"", "100"),
        (
            "UPDATE t SET a = b FROM u WHERE u.id = t.id AND b = 100 RETURNING *",
            "1|one|100|2020-01-01|1|100",
        ),
        ("UPDATE t SET a = b FROM u WHERE u.id = t.id AND b = 100 RETURNING u.*, t.id", "1|100|1"),
        ("UPDATE t SET a = 1 FROM u WHERE false RETURNING u.b, t.id", ""),
        ("DELETE FROM t USING u WHERE u.id = t.id AND b < 201 RETURNING t.id, b", "1|100; 2|200"),
        (
            "DELETE FROM t USING u, u v WHERE u.id = t.id AND u.b = 100 AND v.b = 900
            RETURNING u.b + v.b, v.id",
            "1000|9",
        ),
        (
            "INSERT INTO t VALUES (7, 'x', 1, NULL), (6, 'y', 2, DEFAULT) RETURNING id, d",
            "7|NULL; 6|2024-01-01",
        ),
        ("INSERT INTO t (name, id) SELECT 'z', 8 RETURNING *", "8|z|NULL|2024-01-01"),
        ("INSERT INTO t AS n (id, name) VALUES (8, 'z') RETURNING n.id + 1", "9"),
        ("INSERT INTO t (id, name) SELECT id, 'q' FROM t WHERE false RETURNING id", ""),
        ("DELETE FROM t WHERE id = 1 RETURNING (SELECT count(*) FROM t)", "5"),
        ("DELETE FROM t WHERE id = 1 RETURNING (SELECT max(b) FROM u WHERE u.id = t.id)", "100"),
        (
            "WITH x AS (SELECT 2 AS k) DELETE FROM t WHERE id IN (SELECT k FROM x)
            RETURNING id, (SELECT k FROM x)",
            "2|2",
        ),
    ] {
        let session = session(TABLES);
        assert_eq!(answer(&session, sql), rows, "{sql}");
    }
}

#[test]
fn columns_are_called_as_they_were_written() {
    let session = session(TABLES);
    for (sql, names) in [
        (
            "UPDATE t SET a = 1 RETURNING id, t.name, a + 1, COUNT(*) OVER ()",
            "id name a + 1 count(*) OVER ()",
        ),
        (
            "UPDATE t SET a = 1 FROM u WHERE u.id = t.id RETURNING u.id, u.b + 1, b AS x",
            "id u.b + 1 x",
        ),
        ("DELETE FROM t USING u WHERE false RETURNING *", "id name a d id b"),
    ] {
        let Outcome::Rows(rows) = session.execute(sql).unwrap() else { panic!("{sql}") };
        let schema = rows.schema();
        let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(found.join(" "), names, "{sql}");
    }
}

#[test]
fn a_list_that_fails_undoes_the_statement() {
    let session = session(TABLES);
    check_failures(
        &session,
        &[
            ("DELETE FROM t RETURNING 1 / (id - 3)", "division by zero"),
            ("UPDATE t SET a = 0 RETURNING nothing", "there is no column \"nothing\""),
            ("INSERT INTO t VALUES (9, 'x', 1, NULL) RETURNING id / 0", "division by zero"),
            ("DELETE FROM t RETURNING count(*), id", "must be in GROUP BY"),
            ("DELETE FROM t USING u RETURNING v.*", "there is no table \"v\""),
            ("INSERT INTO t VALUES (1, 'x', 1, NULL) RETURNING id", "key (id) = (1)"),
        ],
    );
    check(&session, &[("SELECT count(*), sum(a) FROM t", "5|120")]);
    let error = failure(&session, "DELETE FROM t RETURNING 1, nme");
    assert_eq!(error.position.map(|place| place.column), Some(28));
    assert_eq!(error.hint.as_deref(), Some("did you mean \"name\"?"));
}

#[test]
fn rows_are_committed_before_they_are_given_out() {
    let session = session(TABLES);
    let Outcome::Rows(rows) = session.execute("DELETE FROM t RETURNING id").unwrap() else {
        panic!("rows");
    };
    check(&session, &[("SELECT count(*) FROM t", "0")]);
    drop(rows);
    check(&session, &[("SELECT count(*) FROM t", "0")]);
}
